//! The administration of the service.

use axum::extract::Query;
use axum::response::Html;
use keyward_axum::Failure;

use super::{After, admin_page, html};
use crate::desk::Administrator;
use crate::hookview::refused_in_words;
use crate::view::Admin;

/// How many organisations are shown.
const LIMIT: usize = 200;

pub(super) async fn show(
    admin: Administrator,
    Query(after): Query<After>,
) -> Result<Html<String>, Failure> {
    let notice = admin.told("/admin", after.done.as_deref());
    html(&Admin {
        page: admin_page(&admin, "/admin", notice),
        keys: admin.desk().keys_in_short().await?,
        refused: refused_in_words(&admin.desk().refused().sums()),
        organisations: admin.organisations(LIMIT).await?,
    })
}
