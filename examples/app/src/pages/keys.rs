//! The keys: their life, and what can be done with them while the service runs.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use keyward_axum::{Failure, Shown};
use keyward_base::{Error, ErrorKind, KeyId, Reason};

use super::{After, html, page};
use crate::desk::Desk;
use crate::timeline::Sort;
use crate::view::sentence;

fn key(id: &str) -> Result<KeyId, Error> {
    KeyId::parse(id).map_err(|_| Error::rejected(Reason::NOT_FOUND))
}

/// Back to the page, which says what was done; or the page at once, with why it was not. `Misuse`
/// says what to do instead, and is meant to be read.
async fn answer(
    desk: &Desk,
    done: &'static str,
    result: Result<(), Error>,
) -> Result<Response, Failure> {
    match result {
        Ok(()) => Ok(Redirect::to(&desk.notices().tell("/keys", done, &[])).into_response()),
        Err(error) if error.kind() == ErrorKind::Misuse => {
            let problem = Some(sentence(&error));
            let view = desk.timeline(page(desk, "/keys", None), problem).await?;
            Ok(Shown::new(StatusCode::UNPROCESSABLE_ENTITY, html(&view)?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Query(after): Query<After>,
) -> Result<Html<String>, Failure> {
    html(
        &desk
            .timeline(page(&desk, "/keys", after.notice(&desk, "/keys")), None)
            .await?,
    )
}

pub(super) async fn rotate(State(desk): State<Arc<Desk>>) -> Result<Response, Failure> {
    let result = desk.rotate(Sort::Values).await;
    answer(&desk, "A new key was made.", result).await
}

pub(super) async fn rotate_webhooks(State(desk): State<Arc<Desk>>) -> Result<Response, Failure> {
    let result = desk.rotate(Sort::Webhooks).await;
    answer(&desk, "A new key of webhooks was made.", result).await
}

pub(super) async fn rewrap(State(desk): State<Arc<Desk>>) -> Redirect {
    desk.rewrap();
    let said = "Sealing all values anew. This page follows it.";
    Redirect::to(&desk.notices().tell("/keys", said, &[]))
}

pub(super) async fn disable(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let result = desk.disable(key(&id)?).await;
    answer(
        &desk,
        "The key is disabled. It opens nothing until it is enabled again.",
        result,
    )
    .await
}

pub(super) async fn enable(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let result = desk.enable(key(&id)?).await;
    answer(&desk, "The key opens again.", result).await
}

pub(super) async fn destroy(
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let result = desk.destroy(key(&id)?).await;
    answer(
        &desk,
        "The key is destroyed. That it was there stays on record.",
        result,
    )
    .await
}
