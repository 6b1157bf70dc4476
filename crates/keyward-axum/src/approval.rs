//! Approvals for agents, as handlers: [`keyward_http::approval`] says what is asked and answered.
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

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use keyward_base::{BoxFuture, Error, Reason};
use keyward_session::api_key::Scope;

pub use keyward_http::approval::{AgentDesk, Pause, UnboundDecision, WAIT, WAITERS, WAITING};

use crate::api_key::{Key, KeyScope};
use crate::failure::Failure;

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
