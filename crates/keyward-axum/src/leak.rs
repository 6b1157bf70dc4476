//! Reports of secret scanners: a handler that takes them in the form of GitHub's partner program.
//!
//! ```no_run
//! use axum::extract::FromRef;
//! use axum::{Router, routing::post};
//! use keyward_axum::leak::{self, LeakReports, PublishedKeys};
//! use keyward_axum::{Origins, RoutePolicy, WebGuard};
//! use keyward_session::api_key::ApiKeys;
//!
//! #[derive(Clone)]
//! struct App {
//!     reports: LeakReports,
//! }
//! impl FromRef<App> for LeakReports {
//!     fn from_ref(app: &App) -> Self {
//!         app.reports.clone()
//!     }
//! }
//!
//! # fn routes(keys: ApiKeys, published: PublishedKeys) -> keyward_base::Result<Router> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let app = App { reports: LeakReports::new(keys, published) };
//! let routes = Router::new()
//!     .route("/leaks", post(leak::receive))
//!     .layer(RoutePolicy::machines(&web))
//!     .with_state(app);
//! # Ok(routes) }
//! ```
//!
//! A report is not taken without a verifier: there is no [`LeakReports`] without one, and no route
//! without those.
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::post};
//!
//! #[derive(Clone)]
//! struct App;
//!
//! let routes: Router<App> = Router::new().route("/leaks", post(keyward_axum::leak::receive));
//! ```
//!
//! ```compile_fail,E0061
//! # fn state(keys: keyward_session::api_key::ApiKeys) {
//! let reports = keyward_axum::leak::LeakReports::new(keys);
//! # }
//! ```
//!
//! [`keyward_http::leak`] says what is done and what is answered.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use keyward_base::{Error, Reason};

pub use keyward_http::leak::{LeakReports, MAX_BODY, PublishedKeys, VerifyReport};

use crate::failure::Failure;
use crate::form::limited;

/// Takes one report. A body of more than [`MAX_BODY`] bytes, or than the policy of the route takes, is 413.
///
/// # Errors
/// A refusal, as [`keyward_http::leak`] says.
pub async fn receive(
    State(reports): State<LeakReports>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|e| match limited(e.as_ref()) {
        true => Failure::too_large(Error::rejected(Reason::TOO_LONG)),
        false => Failure::at(StatusCode::BAD_REQUEST, Error::rejected(Reason::MALFORMED)),
    })?;
    let answer = reports.receive(&parts.headers, &body.to_bytes()).await?;
    Ok(answer.map(Body::from))
}
