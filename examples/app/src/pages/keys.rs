//! The keys: their life, and what can be done with them while the service runs.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::proof::Proved;
use keyward_axum::{Failure, Shown};
use keyward_base::{Error, ErrorKind, KeyId, Reason};

use super::approvals::wish;
use super::{After, admin_page, html};
use crate::app::App;
use crate::desk::{Administrator, ROTATE};
use crate::timeline::Sort;
use crate::view::sentence;

fn key(id: &str) -> Result<KeyId, Error> {
    KeyId::parse(id).map_err(|_| Error::rejected(Reason::NOT_FOUND))
}

/// Back to the page, which says what was done; or the page at once, with why it was not. `Misuse`
/// says what to do instead, and is meant to be read.
async fn answer(
    admin: &Administrator,
    done: &'static str,
    result: Result<(), Error>,
) -> Result<Response, Failure> {
    match result {
        Ok(()) => Ok(Redirect::to(&admin.tell_next("/keys", done)).into_response()),
        Err(error) if error.kind() == ErrorKind::Misuse => {
            let problem = Some(sentence(&error));
            let view = admin
                .desk()
                .timeline(admin_page(admin, "/keys", None), problem)
                .await?;
            Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, html(&view)?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn show(
    Proved(admin): Proved<Administrator>,
    Query(after): Query<After>,
) -> Result<Html<String>, Failure> {
    let notice = admin.told("/keys", after.done.as_deref());
    let page = admin_page(&admin, "/keys", notice);
    html(&admin.desk().timeline(page, None).await?)
}

/// A new key of a sort is made once somebody approved that.
async fn held(app: &App, admin: &Administrator, sort: Sort) -> Result<Response, Failure> {
    match wish(app, admin, (ROTATE, sort.purpose()), Ok).await? {
        Some(answer) => Ok(answer),
        None => answer(admin, "A new key was made.", admin.rotate(sort).await).await,
    }
}

pub(super) async fn rotate(
    State(app): State<App>,
    Proved(admin): Proved<Administrator>,
) -> Result<Response, Failure> {
    held(&app, &admin, Sort::Values).await
}

pub(super) async fn rotate_webhooks(
    State(app): State<App>,
    Proved(admin): Proved<Administrator>,
) -> Result<Response, Failure> {
    held(&app, &admin, Sort::Webhooks).await
}

pub(super) async fn rewrap(Proved(admin): Proved<Administrator>) -> Redirect {
    admin.rewrap();
    let said = "Sealing all values anew. This page follows it.";
    Redirect::to(&admin.tell_next("/keys", said))
}

pub(super) async fn disable(
    Proved(admin): Proved<Administrator>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let result = admin.disable(key(&id)?).await;
    answer(
        &admin,
        "The key is disabled. It opens nothing until it is enabled again.",
        result,
    )
    .await
}

pub(super) async fn enable(
    Proved(admin): Proved<Administrator>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let result = admin.enable(key(&id)?).await;
    answer(&admin, "The key opens again.", result).await
}

pub(super) async fn destroy(
    Proved(admin): Proved<Administrator>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let result = admin.destroy(key(&id)?).await;
    answer(
        &admin,
        "The key is destroyed. That it was there stays on record.",
        result,
    )
    .await
}
