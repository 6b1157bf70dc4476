//! Approvals: handlers for agents, and the pages that mailed links open. [`keyward_http::approval`] says
//! what is asked and answered.
//!
//! # The pages of links
//!
//! ```no_run
//! use axum::Router;
//! use keyward_approval::{Gates, Links};
//! use keyward_axum::approval::{self, ApprovalPages};
//! use keyward_axum::session::WebSessions;
//! use keyward_axum::{RoutePolicy, WebGuard};
//! use keyward_session::User;
//!
//! # fn routes(gates: Gates, links: Links, web: &WebGuard, sessions: &WebSessions)
//! #     -> keyward_base::Result<Router> {
//! let pages = ApprovalPages::new(gates, links, web, "https://app.example.com/approvals/by-link")?
//!     .sessions::<User>(sessions)
//!     .sign_in("/login")?;
//! let routes = Router::new()
//!     .merge(approval::pages(pages))
//!     .layer(RoutePolicy::pages(web));
//! # Ok(routes) }
//! ```
//!
//! A letter is given `pages.page(&tenant)?`, so that it leads to where the pages are.
//!
//! # Agents
//!
//! ```no_run
//! use axum::extract::FromRef;
//! use axum::{Router, routing::{get, post}};
//! use keyward_axum::api_key::WebKeys;
//! use keyward_axum::approval::{self, AgentDesk};
//! use keyward_axum::{RoutePolicy, WebGuard};
//!
//! #[derive(Clone)]
//! struct App {
//!     keys: WebKeys,
//!     desk: AgentDesk,
//! }
//! impl FromRef<App> for WebKeys {
//!     fn from_ref(app: &App) -> Self {
//!         app.keys.clone()
//!     }
//! }
//! impl FromRef<App> for AgentDesk {
//!     fn from_ref(app: &App) -> Self {
//!         app.desk.clone()
//!     }
//! }
//!
//! # fn routes(app: App, web: &WebGuard) -> Router {
//! let routes = Router::new()
//!     .route("/asks", post(approval::ask))
//!     .route("/asks/{gate}", get(approval::read))
//!     .layer(RoutePolicy::machines(web))
//!     .with_state(app);
//! # routes }
//! ```

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use keyward_base::{BoxFuture, Error, Reason, Tenant};
use keyward_session::api_key::Scope;

pub use keyward_http::approval::{
    AgentDesk, ApprovalPages, BODY, FRESH, MARK_LIFE, Markup, Names, Pause, UnboundDecision, WAIT,
    WAITERS, WAITERS_OF_KEY, WAITERS_OF_TENANT, WAITING,
};

use crate::api_key::{Key, KeyScope};
use crate::failure::Failure;
use crate::form::gather;
use crate::peer;

/// The scope of keys that ask and read what they asked: `approvals:ask`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asks;

impl KeyScope for Asks {
    const SCOPE: Scope = Scope::named("approvals:ask");
}

/// The timer of tokio.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs)]
pub struct TokioPause;

impl Pause for TokioPause {
    fn pause(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// `wait`, in whole seconds.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    wait: Option<u16>,
}

/// `POST`: asks.
///
/// # Errors
/// As [`AgentDesk::ask`].
pub async fn ask(
    State(desk): State<AgentDesk>,
    key: Key<Asks>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let answer = desk.ask(&key, &headers, &body).await?;
    Ok(answer.map(Body::from))
}

/// `GET`, with the gate in the path and perhaps `?wait=SECONDS`: tells of what this key asked for.
///
/// # Errors
/// As [`AgentDesk::read`]; 400 for another query.
pub async fn read(
    State(desk): State<AgentDesk>,
    key: Key<Asks>,
    Path(gate): Path<String>,
    query: Result<Query<Waits>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let malformed = |_| Failure::at(StatusCode::BAD_REQUEST, Error::rejected(Reason::MALFORMED));
    let Query(Waits { wait }) = query.map_err(malformed)?;
    let wait = wait.map(|seconds| Duration::from_secs(seconds.into()));
    let answer = desk.read(&key, &gate, wait).await?;
    Ok(answer.map(Body::from))
}

/// The pages of links, one for each tenant, under [`ApprovalPages::path`]: to be merged into a router
/// behind [`RoutePolicy::pages`](crate::RoutePolicy::pages). A router that is nested under a path of its
/// own would have them elsewhere than letters say.
pub fn pages<S: Clone + Send + Sync + 'static>(pages: ApprovalPages) -> Router<S> {
    let path = format!("{}/{{tenant}}", pages.path());
    let routes = Router::new().route(&path, get(open).post(decide));
    routes.with_state(pages)
}

type Named = Result<Path<String>, PathRejection>;

fn tenant(named: Named) -> Result<Tenant, Failure> {
    let none = || Failure::from(Error::rejected(Reason::MALFORMED));
    let Path(name) = named.map_err(|_| none())?;
    Tenant::new(&name).map_err(|_| none())
}

async fn open(State(pages): State<ApprovalPages>, named: Named, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    peer::tell(&mut parts.extensions);
    let answer = match tenant(named) {
        Ok(tenant) => pages.open(&tenant, &parts).await,
        Err(failure) => pages.refuse(failure),
    };
    answer.map(Body::from)
}

async fn decide(State(pages): State<ApprovalPages>, named: Named, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    peer::tell(&mut parts.extensions);
    let stated = parts.headers.get(CONTENT_LENGTH);
    let stated = stated.and_then(|len| len.to_str().ok()?.parse().ok());
    let read = match tenant(named) {
        Ok(tenant) => {
            let body = gather(body, stated.unwrap_or(0), BODY).await;
            body.map(|body| (tenant, body))
        }
        Err(failure) => Err(failure),
    };
    let answer = match read {
        Ok((tenant, body)) => pages.decide(&tenant, &parts, body.expose()).await,
        Err(failure) => pages.refuse(failure),
    };
    answer.map(Body::from)
}
