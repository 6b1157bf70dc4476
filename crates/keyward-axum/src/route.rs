//! The layer before a group of axum's routes: what [`keyward_http`] decides, over axum's own bodies.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use http::Request;
use http_body_util::{Either, Limited};
use keyward_http::layer;
use tower::{Layer, Service};

use crate::cors::Cors;
use crate::guard::WebGuard;
use crate::peer;

/// What a group of routes admits. See the [crate] for what both kinds keep, and
/// [`keyward_http::RoutePolicy`] for what each admits.
///
/// Put it on last: axum does not apply a layer to routes that are added after it. Where a service
/// has both kinds, each group gets its own layer and the pages are merged last, so that they
/// answer for addresses that nobody has.
#[derive(Clone, Debug)]
pub struct RoutePolicy(keyward_http::RoutePolicy);

impl RoutePolicy {
    /// Routes for people: see [`keyward_http::RoutePolicy::pages`]. Bodies have at most
    /// [`FORM_LIMIT`](crate::policy::FORM_LIMIT) bytes.
    #[must_use]
    pub fn pages(guard: &WebGuard) -> Self {
        Self(keyward_http::RoutePolicy::pages(guard))
    }

    /// Routes for programs: see [`keyward_http::RoutePolicy::machines`]. Bodies have at most
    /// [`MACHINE_LIMIT`](crate::policy::MACHINE_LIMIT) bytes.
    #[must_use]
    pub fn machines(guard: &WebGuard) -> Self {
        Self(keyward_http::RoutePolicy::machines(guard))
    }

    /// The same for programs that run in pages of other origins.
    #[must_use]
    pub fn machines_with_cors(guard: &WebGuard, cors: Cors) -> Self {
        Self(keyward_http::RoutePolicy::machines_with_cors(guard, cors))
    }

    /// Another limit on request bodies, in bytes. It stands in the place of axum's own limit
    /// of 2 MB, above it or below. [`crate::SecretForm`] keeps its own beside it.
    #[must_use]
    pub fn body_limit(self, bytes: usize) -> Self {
        Self(self.0.body_limit(bytes))
    }
}

impl<S> Layer<S> for RoutePolicy {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            body_limit: self.0.most_body(),
            guarded: self.0.layer(Bodies(inner)),
        }
    }
}

/// A service behind a [`RoutePolicy`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    body_limit: usize,
    guarded: layer::Guarded<Bodies<S>>,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.guarded.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        peer::tell(request.extensions_mut());
        DefaultBodyLimit::max(self.body_limit).apply(&mut request);
        Answer(self.guarded.call(request))
    }
}

/// An answer on its way, with a body of axum's.
pub struct Answer(layer::Answered<Body, Infallible>);

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = self.0.as_mut().poll(context);
        answered.map_ok(|answer| {
            answer.map(|body| match body {
                Either::Left(own) => own,
                Either::Right(fixed) => Body::new(fixed),
            })
        })
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer(..)")
    }
}

/// A service that takes axum's bodies, for limited ones.
#[derive(Clone, Debug)]
struct Bodies<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Limited<Body>>> for Bodies<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Limited<Body>>) -> S::Future {
        self.0.call(request.map(Body::new))
    }
}
