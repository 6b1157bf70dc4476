//! What was mailed, for development: a page on loopback alone.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Html;
use keyward_axum::{Failure, loopback};
use keyward_base::{Error, Reason};

use super::html;
use crate::app::App;
use crate::mail::Mail;
use crate::routes::{Routes, get};
use crate::view::{Outbox, Page};

/// The routes, for where mail goes to the outbox.
pub(super) fn routes() -> Routes<App> {
    Routes::new()
        .route("/dev/outbox", get(show))
        .route("/dev/outbox.json", get(list))
}

/// What lies in the outbox, for a browser on this machine alone.
fn sent(app: &App, parts: &Parts) -> Result<Vec<Mail>, Error> {
    let not_found = || Error::rejected(Reason::NOT_FOUND);
    loopback::check(&app.guard, parts).map_err(|_| not_found())?;
    app.post().sent().ok_or_else(not_found)
}

/// The parts of a request.
#[derive(Debug)]
struct Whole(Parts);

impl FromRequestParts<App> for Whole {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(parts.clone()))
    }
}

async fn show(State(app): State<App>, Whole(parts): Whole) -> Result<Html<String>, Failure> {
    let mut mails = sent(&app, &parts)?;
    mails.reverse();
    html(&Outbox {
        page: Page::public("/dev/outbox"),
        mails,
    })
}

async fn list(State(app): State<App>, Whole(parts): Whole) -> Result<Json<Vec<Mail>>, Failure> {
    Ok(Json(sent(&app, &parts)?))
}
