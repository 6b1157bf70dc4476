//! What a group of routes admits: the layer before pages, and the layer before machines.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, COOKIE, Entry, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::Limited;
use keyward_base::{Error, Reason};
use tower::{Layer, Service};

use crate::bodies;
use crate::client_ip;
use crate::failure::{Cause, Failure};
use crate::guard::WebGuard;
use crate::headers;
use crate::noted::Noting;
use crate::policy::{FORM_LIMIT, MACHINE_LIMIT};
use crate::same_origin;
use crate::seen::Seen;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Callers {
    Machines,
    Pages,
}

/// What a group of routes admits. See the [crate] for what both kinds keep.
///
/// Put it on last: axum does not apply a layer to routes that are added after it. Where a service
/// has both kinds, each group gets its own layer and the pages are merged last, so that they
/// answer for addresses that nobody has.
#[derive(Clone, Debug)]
pub struct RoutePolicy {
    guard: Arc<WebGuard>,
    callers: Callers,
    body_limit: usize,
}

impl RoutePolicy {
    /// Routes for people: what may change something must come from a page of this service.
    /// Cookies pass. Bodies have at most [`FORM_LIMIT`] bytes.
    #[must_use]
    pub fn pages(guard: &WebGuard) -> Self {
        Self::of(guard, Callers::Pages, FORM_LIMIT)
    }

    /// Routes for programs: webhooks, clients with a bearer token, cron jobs, probes. There is no
    /// origin check, and so nothing that a browser adds by itself may count: cookies are taken
    /// off requests and responses, and a handler must not go by HTTP Basic, a client certificate
    /// or the sender's address alone. Bodies have at most [`MACHINE_LIMIT`] bytes; error bodies
    /// are one line of text.
    #[must_use]
    pub fn machines(guard: &WebGuard) -> Self {
        Self::of(guard, Callers::Machines, MACHINE_LIMIT)
    }

    fn of(guard: &WebGuard, callers: Callers, body_limit: usize) -> Self {
        Self {
            guard: Arc::new(guard.clone()),
            callers,
            body_limit,
        }
    }

    /// Another limit on request bodies, in bytes. It stands in the place of axum's own limit
    /// of 2 MB, above it or below. [`crate::SecretForm`] keeps its own beside it.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Finds out who sent it, and tells of a header that says otherwise.
    fn know_client(&self, parts: &mut Parts) -> Option<Noting> {
        let client = client_ip::of(&self.guard.proxies, parts)?;
        client_ip::put(client, parts);
        let reason = client.basis().reason()?;
        if let Some(report) = &self.guard.report {
            report(&Error::rejected(reason));
        }
        self.guard.noted.count(client.basis())
    }

    /// The checks that need no body.
    fn admit(&self, request: &Parts) -> Result<(), Failure> {
        let own = self.guard.origins.addressed(request)?;
        if self.callers == Callers::Pages {
            same_origin::check(request, &own, self.guard.referrer)?;
        }
        let stated = request.headers.get(CONTENT_LENGTH);
        let stated = stated.and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
        let limit = u64::try_from(self.body_limit).unwrap_or(u64::MAX);
        if stated.is_some_and(|len| len > limit) {
            return Err(Failure::too_large(Error::rejected(Reason::TOO_LONG)));
        }
        Ok(())
    }

    /// The request as a handler sees it.
    fn pass(&self, mut parts: Parts, body: Body) -> Request<Body> {
        match self.callers {
            Callers::Machines => {
                parts.headers.remove(COOKIE);
            }
            // Who logs a request's headers does not log its session.
            Callers::Pages => {
                if let Entry::Occupied(mut cookies) = parts.headers.entry(COOKIE) {
                    cookies.iter_mut().for_each(|line| line.set_sensitive(true));
                }
            }
        }
        let body = Body::new(Limited::new(body, self.body_limit));
        let mut request = Request::from_parts(parts, body);
        DefaultBodyLimit::max(self.body_limit).apply(&mut request);
        request
    }

    fn finish(&self, all: &HeaderMap, response: Response, seen: Option<&Seen>) -> Response {
        if let (Some(report), Some(Cause(error))) =
            (&self.guard.report, response.extensions().get::<Cause>())
        {
            report(error);
        }
        let page = self.guard.page.filter(|_| self.callers == Callers::Pages);
        let mut response = bodies::neutral(response, page);
        if self.callers == Callers::Machines {
            response.headers_mut().remove(SET_COOKIE);
        }
        if let Some(seen) = seen {
            seen.finish(response.headers_mut());
        }
        headers::put(all, response.headers_mut());
        response
    }
}

async fn record(noting: Option<Noting>) {
    if let Some(noting) = noting {
        noting.record().await;
    }
}

impl<S> Layer<S> for RoutePolicy {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            headers: Arc::new(self.guard.headers()),
            policy: self.clone(),
            inner,
        }
    }
}

/// A service behind a [`RoutePolicy`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    policy: RoutePolicy,
    headers: Arc<HeaderMap>,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        // No session reaches a machine.
        let seen =
            (self.policy.callers == Callers::Pages).then(|| Seen::with(&mut parts.extensions));
        let policy = self.policy.clone();
        let noting = policy.know_client(&mut parts);
        let headers = Arc::clone(&self.headers);
        if let Err(refused) = policy.admit(&parts) {
            let response = policy.finish(&headers, refused.into_response(), None);
            return Box::pin(async move {
                record(noting).await;
                Ok(response)
            });
        }
        let answer = self.inner.call(policy.pass(parts, body));
        Box::pin(async move {
            record(noting).await;
            let response = answer.await?;
            Ok(policy.finish(&headers, response, seen.as_ref()))
        })
    }
}
