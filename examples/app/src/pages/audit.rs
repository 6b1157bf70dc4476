//! The audit trail.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Html;
use keyward_axum::Failure;
use serde::Deserialize;

use super::{html, page};
use crate::desk::Desk;
use crate::view::Audit;

/// How many events one page shows.
const LIMIT: usize = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Query(Before { before }): Query<Before>,
) -> Result<Html<String>, Failure> {
    let tail = desk.journal().tail(before, LIMIT)?;
    html(&Audit {
        page: page(&desk, "/audit", None),
        events: tail.lines.into_iter().map(Into::into).collect(),
        older: tail.older,
    })
}
