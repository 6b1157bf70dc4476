//! Routes for the service's own cron, and for other services of its operator's: a handler that takes
//! [`Internal`] runs for a request with one of the internal secrets, and for no other.
//!
//! ```no_run
//! use axum::extract::FromRef;
//! use axum::{Router, routing::post};
//! use keyward_axum::internal::{Internal, WebInternal};
//! use keyward_axum::{Origins, RoutePolicy, WebGuard};
//!
//! #[derive(Clone)]
//! struct App {
//!     internal: WebInternal,
//! }
//!
//! impl FromRef<App> for WebInternal {
//!     fn from_ref(app: &App) -> Self {
//!         app.internal.clone()
//!     }
//! }
//!
//! async fn cron(by: Internal) -> String {
//!     format!("done for {}", by.id())
//! }
//!
//! # fn routes(internal: WebInternal) -> keyward_base::Result<Router> {
//! let web = WebGuard::new(Origins::only(&["https://app.example.com"])?);
//! let routes = Router::new()
//!     .route("/internal/cron", post(cron))
//!     .layer(RoutePolicy::machines(&web))
//!     .with_state(App { internal });
//! # Ok(routes) }
//! ```
//!
//! [`keyward_http::internal`] says what is answered. For a whole group of routes, put
//! [`guard::<Internal, _>`](crate::proof::guard) before it.

use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

pub use keyward_http::internal::WebInternal;

use crate::failure::Failure;
use crate::proof;

/// That a request has one of the internal secrets. Behind a [`guard`](proof::guard) of this type it is
/// what the guard found out.
pub struct Internal(keyward_session::Internal);

impl Internal {
    /// The proof, for what takes it.
    pub fn into_inner(self) -> keyward_session::Internal {
        self.0
    }
}

impl Deref for Internal {
    type Target = keyward_session::Internal;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S> FromRequestParts<S> for Internal
where
    S: Send + Sync,
    WebInternal: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        if let Some(proved) = proof::take::<Self>(parts) {
            return Ok(proved);
        }
        WebInternal::from_ref(state).caller(parts).map(Self)
    }
}
