//! The pages: what each address answers.

mod admin;
mod audit;
mod credentials;
mod deployments;
mod home;
mod hooks;
mod keys;
mod webhooks;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use keyward_axum::{Failure, RoutePolicy, WebGuard};
use keyward_base::Error;
use serde::Deserialize;

use crate::app::App;
use crate::desk::{Administrator, Desk, Office};
use crate::log;
use crate::notice::Notice;
use crate::view::{ErrorPage, Page, Whose};

/// All pages, behind their policy.
pub(crate) fn routes(desk: Arc<Desk>) -> keyward_base::Result<Router> {
    let app = App(desk);
    let guard = WebGuard::new(app.settings().origin.origins()?)
        .error_page(error_page)
        .report(log::failure);
    let probe = Router::new()
        .route("/healthz", get(healthy))
        .with_state(app.clone())
        .layer(RoutePolicy::machines(&guard));
    let hooks = hooks::routes(&app, &guard)?;
    let pages = Router::new()
        .route("/", get(home::public))
        .route("/overview", get(home::show))
        .route("/audit", get(audit::show))
        .route("/audit/export", post(audit::export))
        .route("/audit/{seq}", get(audit::entry))
        .route("/admin", get(admin::show))
        .route("/admin/audit", get(audit::show_service))
        .route("/admin/audit/export", post(audit::export_service))
        .route("/admin/audit/{seq}", get(audit::entry_of_service))
        .route("/keys", get(keys::show))
        .route("/keys/rotate", post(keys::rotate))
        .route("/keys/rewrap", post(keys::rewrap))
        .route("/keys/rotate-webhooks", post(keys::rotate_webhooks))
        .route("/keys/{id}/disable", post(keys::disable))
        .route("/keys/{id}/enable", post(keys::enable))
        .route("/keys/{id}/destroy", post(keys::destroy))
        .route(
            "/deployments",
            get(deployments::list).post(deployments::start),
        )
        .route("/deployments/{id}", get(deployments::show))
        .route("/deployments/{id}/stop", post(deployments::stop))
        .route("/deployments/{id}/prompt", post(deployments::ask))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/new", get(webhooks::blank))
        .route("/webhooks/{id}", get(webhooks::show))
        .route(
            "/webhooks/{id}/replace",
            get(webhooks::replacing).post(webhooks::replace),
        )
        .route("/webhooks/{id}/delete", post(webhooks::delete))
        .route("/webhooks/{id}/{row}/replay", post(webhooks::replay))
        .route("/webhooks/{id}/{row}/forget", post(webhooks::forget))
        .route(
            "/{section}",
            get(credentials::list).post(credentials::connect),
        )
        .route("/{section}/new", get(credentials::blank))
        .route("/{section}/{id}", get(credentials::show))
        .route("/{section}/{id}/reveal", post(credentials::reveal))
        .route("/{section}/{id}/public-key", post(credentials::public_key))
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
        .with_state(app)
        .layer(RoutePolicy::pages(&guard));
    Ok(probe.merge(hooks).merge(pages))
}

/// For whatever watches over the process: 503 while the keyring cannot be reached.
async fn healthy(State(app): State<App>) -> Result<&'static str, Failure> {
    app.probe().await?;
    Ok("ok\n")
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
    /// What is to be said at `path`, once.
    fn notice(&self, office: &Office, path: &str) -> Option<Notice> {
        office.told(path, self.done.as_deref())
    }
}

fn page(office: &Office, current: &'static str, notice: Option<Notice>) -> Page {
    Page {
        current,
        whose: Whose::Office {
            organisation: office.organisation().to_owned(),
        },
        notice,
    }
}

fn admin_page(_: &Administrator, current: &'static str, notice: Option<Notice>) -> Page {
    Page {
        current,
        whose: Whose::Admin,
        notice,
    }
}
