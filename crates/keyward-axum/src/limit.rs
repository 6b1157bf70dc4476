//! Rate limits before a group of axum's routes: see [`keyward_http::limit`] for what is counted, and
//! what clients are told.
//!
//! ```
//! use axum::{Router, routing::{get, post}};
//! use keyward_axum::limit::{Limits, RateLimit, Tell, Uncounted};
//! use keyward_axum::{Origins, RoutePolicy, WebGuard};
//! use keyward_store::limit::{Limit, Limiter};
//!
//! # fn tour(limiter: Limiter, sign_ups: Limit, calls: Limit, guard: WebGuard) -> Router {
//! let by_client = RateLimit::new(&guard, &limiter).by_address(&sign_ups).tell(Tell::RetryAfter);
//! let by_all = RateLimit::new(&guard, &limiter).by_everybody(&calls).tell(Tell::Always);
//! Router::new()
//!     .route("/sign-up", post(|| async { "a letter is on its way" }))
//!     .layer(Limits::new(by_client))
//!     .merge(
//!         Router::new()
//!             // What it answers so is given back.
//!             .route("/feed", get(|| async { Uncounted("nothing new") }))
//!             .layer(Limits::new(by_all)),
//!     )
//!     // Last, so that it stands before them: it knows who the client is, and fixes the bodies.
//!     .layer(RoutePolicy::pages(&guard))
//! # }
//! ```
//!
//! For keys of programs put the limits behind the proof, and count by what it proved
//! ([`of_proof`]): `guard::<P, _>(routes.layer(Limits::new(..)), &app)`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::Request;
use http::request::Parts;
use keyward_base::{Error, Result};
use keyward_store::limit::Whom;
use tower::{Layer, Service};

pub use keyward_http::limit::{Counted, OnFailure, RateLimit, Tell, not_counted};

use crate::proof;

/// For whom a request is counted: by the proof that [`proof::guard`] found out before this route, such
/// as the key that a program showed. Without one the request is answered with 500: put the limits
/// behind the guard.
pub fn of_proof<P: Send + 'static>(
    whom: impl Fn(&P) -> Whom + Send + Sync + 'static,
) -> impl Fn(&Parts) -> Result<Whom> + Send + Sync + 'static {
    move |head| {
        proof::look(head, &whom).ok_or_else(|| {
            Error::misuse("no guard put this proof before the limits, or an argument took it")
        })
    }
}

/// The layer that holds routes to their limits. It stands behind a [`crate::RoutePolicy`].
#[derive(Clone, Debug)]
pub struct Limits(Arc<RateLimit>);

impl Limits {
    /// Holds routes to these.
    #[must_use]
    pub fn new(limits: RateLimit) -> Self {
        Self(Arc::new(limits))
    }
}

impl<S> Layer<S> for Limits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            limits: Arc::clone(&self.0),
            inner,
        }
    }
}

/// A service behind [`Limits`].
#[derive(Clone, Debug)]
pub struct Limited<S> {
    limits: Arc<RateLimit>,
    inner: S,
}

impl<S> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready goes with the request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let limits = Arc::clone(&self.limits);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let counted = match limits.admit(&head).await {
                Ok(counted) => counted,
                Err(refused) => return Ok(refused.into_response()),
            };
            let answer = inner.call(Request::from_parts(head, body)).await?;
            let (mut head, body) = answer.into_parts();
            counted.finish(&mut head).await;
            Ok(Response::from_parts(head, body))
        })
    }
}

/// An answer to a request that does not count: what it was counted as is given back.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct Uncounted<R>(pub R);

impl<R: IntoResponse> IntoResponse for Uncounted<R> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        not_counted(response.extensions_mut());
        response
    }
}
