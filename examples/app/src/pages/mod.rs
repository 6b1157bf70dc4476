//! The pages: what each address answers.

mod audit;
mod credentials;
mod home;
mod keys;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use keyward_axum::{Failure, Origins, RoutePolicy, WebGuard};
use keyward_base::Error;
use serde::Deserialize;

use crate::desk::Desk;
use crate::log;
use crate::view::{ErrorPage, Page};

/// All pages, behind their policy.
pub(crate) fn routes(desk: Arc<Desk>) -> Router {
    let guard = WebGuard::new(Origins::loopback())
        .error_page(error_page)
        .report(log::failure);
    Router::new()
        .route("/", get(home::show))
        .route("/audit", get(audit::show))
        .route("/keys", get(keys::show))
        .route("/keys/rotate", post(keys::rotate))
        .route("/keys/rewrap", post(keys::rewrap))
        .route("/keys/{id}/disable", post(keys::disable))
        .route("/keys/{id}/enable", post(keys::enable))
        .route("/keys/{id}/destroy", post(keys::destroy))
        .route(
            "/{section}",
            get(credentials::list).post(credentials::connect),
        )
        .route("/{section}/new", get(credentials::blank))
        .route("/{section}/{id}", get(credentials::show))
        .route("/{section}/{id}/reveal", post(credentials::reveal))
        .route(
            "/{section}/{id}/replace",
            get(credentials::replacing).post(credentials::replace),
        )
        .route("/{section}/{id}/delete", post(credentials::delete))
        .route(
            "/style.css",
            get(|| {
                asset(
                    "text/css; charset=utf-8",
                    include_str!("../../assets/style.css"),
                )
            }),
        )
        .route(
            "/icon.svg",
            get(|| asset("image/svg+xml", include_str!("../../assets/icon.svg"))),
        )
        .with_state(desk)
        .layer(RoutePolicy::pages(&guard))
}

/// A file that is the same for everybody, so that it may be cached.
async fn asset(kind: &'static str, body: &'static str) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")],
        body,
    )
}

/// The page of an error status: the same words each time.
fn error_page(status: StatusCode) -> String {
    let words = keyward_axum::words(status);
    let page = ErrorPage {
        status: status.as_u16(),
        words,
    };
    page.render().unwrap_or_else(|_| words.to_owned())
}

fn html(page: &impl Template) -> Result<Html<String>, Failure> {
    let text = page
        .render()
        .map_err(|e| Error::unavailable("a page cannot be made").with_source(e.to_string()))?;
    Ok(Html(text))
}

/// What a page is told by the one that sent the browser here.
#[derive(Debug, Deserialize)]
struct After {
    done: Option<String>,
}

impl After {
    /// Fixed sentences only: an address cannot put words on the page.
    fn notice(&self) -> Option<&'static str> {
        Some(match self.done.as_deref()? {
            "deleted" => "Deleted.",
            "destroyed" => "The key is destroyed. Its tombstone stays.",
            "disabled" => "The key is disabled. It opens nothing until it is enabled again.",
            "enabled" => "The key opens again.",
            "replaced" => "Replaced. The former value does not open any more.",
            "rewrap" => "Sealing all values anew. This page follows it.",
            "rotated" => "A new key was made.",
            "stored" => "Sealed and stored.",
            _ => return None,
        })
    }
}

fn page(desk: &Desk, current: &'static str, notice: Option<&'static str>) -> Page {
    Page {
        current,
        organisation: desk.organisation().to_owned(),
        notice,
    }
}
