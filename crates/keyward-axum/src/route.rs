//! What a group of routes admits: the layer before pages, and the layer before machines.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, Entry, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Limited;
use keyward_base::{Error, Reason};
use tower::{Layer, Service};

use crate::bodies;
use crate::caught;
use crate::client_ip;
use crate::cors::{self, Across, Cors};
use crate::failure::{Cause, Failure};
use crate::guard::WebGuard;
use crate::headers;
use crate::nonce::Slot;
use crate::noted::Noting;
use crate::policy::{FORM_LIMIT, MACHINE_LIMIT};
use crate::reason;
use crate::request_id::{self, InRequest};
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
    cors: Option<Cors>,
}

impl RoutePolicy {
    /// Routes for people: what may change something must come from a page of this service.
    /// Cookies pass. A key does not: with any `Authorization` but `Basic`, which may be of a proxy in
    /// front, it is 403. Were it not read, the answer would be another caller's than it was sent for;
    /// so the mistake shows at once, and no page comes to go by keys. Bodies have at most [`FORM_LIMIT`] bytes.
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

    /// The same for programs that run in pages of other origins.
    #[must_use]
    pub fn machines_with_cors(guard: &WebGuard, cors: Cors) -> Self {
        Self {
            cors: Some(cors),
            ..Self::machines(guard)
        }
    }

    fn of(guard: &WebGuard, callers: Callers, body_limit: usize) -> Self {
        Self {
            guard: Arc::new(guard.clone()),
            callers,
            body_limit,
            cors: None,
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
        self.report(&Error::rejected(reason), parts.extensions.get());
        self.guard.noted.count(reason)
    }

    fn report(&self, error: &Error, of: Option<&InRequest>) {
        if let Some(report) = &self.guard.report {
            report(error, of.map(|InRequest(id)| id));
        }
    }

    /// The checks that need no body.
    /// Gives the answer where the layer answers itself.
    fn admit(&self, request: &Parts) -> Result<Option<Response>, Failure> {
        let own = self.guard.origins.addressed(request)?;
        if self.callers == Callers::Pages {
            same_origin::check(request, &own, self.guard.referrer)?;
            if request.headers.get_all(AUTHORIZATION).iter().any(is_key) {
                return Err(Failure::forbidden(Error::rejected(reason::KEY_ON_PAGE)));
            }
        }
        let stated = request.headers.get(CONTENT_LENGTH);
        let stated = stated.and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
        let limit = u64::try_from(self.body_limit).unwrap_or(u64::MAX);
        if stated.is_some_and(|len| len > limit) {
            return Err(Failure::too_large(Error::rejected(Reason::TOO_LONG)));
        }
        match &self.cors {
            Some(cors) => Ok(cors.preflight(request)?),
            None => Ok(None),
        }
    }

    /// The request as a handler sees it.
    fn pass(&self, mut parts: Parts, body: Body) -> Request<Body> {
        if self.callers == Callers::Machines {
            parts.headers.remove(COOKIE);
        }
        // Who logs a request's headers does not log its session, nor its key.
        for name in [COOKIE, AUTHORIZATION] {
            if let Entry::Occupied(mut secret) = parts.headers.entry(name) {
                secret.iter_mut().for_each(|line| line.set_sensitive(true));
            }
        }
        let body = Body::new(Limited::new(body, self.body_limit));
        let mut request = Request::from_parts(parts, body);
        DefaultBodyLimit::max(self.body_limit).apply(&mut request);
        request
    }

    fn finish(&self, all: &HeaderMap, response: Response, known: Known) -> Response {
        if let Some(Cause(error)) = response.extensions().get::<Cause>() {
            self.report(error, known.id.as_ref());
        }
        let page = self.guard.page.filter(|_| self.callers == Callers::Pages);
        let mut response = bodies::neutral(response, page);
        let out = response.headers_mut();
        if self.callers == Callers::Machines {
            out.remove(SET_COOKIE);
        }
        if let Some(seen) = known.seen {
            seen.finish(out);
        }
        headers::put(all, out);
        if let Some(nonce) = known.nonce.as_ref().and_then(Slot::asked) {
            headers::put_nonce(&self.guard.content, nonce, out);
        }
        cors::put(known.across, out);
        match known.header {
            Some(id) => out.insert(request_id::NAME, id),
            None => out.remove(request_id::NAME),
        };
        response
    }

    /// What is found out of a request before anything is asked of it.
    fn know(&self, parts: &mut Parts) -> Result<Known, Failure> {
        let mut known = Known {
            across: self
                .cors
                .as_ref()
                .map(|cors| Across(cors.caller(&parts.headers))),
            ..Known::default()
        };
        known.header = Some(request_id::settle(parts, &self.guard.provider)?);
        known.id = parts.extensions.get::<InRequest>().cloned();
        if self.callers == Callers::Pages {
            // No session reaches a machine.
            known.seen = Some(Seen::with(&mut parts.extensions));
            known.nonce = Some(Slot::put(parts, self.guard.provider));
        }
        known.noting = self.know_client(parts);
        Ok(known)
    }
}

/// What goes with a request, for its answer.
#[derive(Default)]
struct Known {
    id: Option<InRequest>,
    header: Option<HeaderValue>,
    seen: Option<Seen>,
    nonce: Option<Slot>,
    across: Option<Across>,
    noting: Option<Noting>,
}

/// A word on who asks that no browser or proxy adds by itself.
fn is_key(authorization: &HeaderValue) -> bool {
    let scheme = authorization.as_bytes().split(|b| *b == b' ').next();
    !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
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
        let policy = self.policy.clone();
        let headers = Arc::clone(&self.headers);
        let mut known = match policy.know(&mut parts) {
            Ok(known) => known,
            Err(failed) => {
                let response = policy.finish(&headers, failed.into_response(), Known::default());
                return Box::pin(std::future::ready(Ok(response)));
            }
        };
        let noting = known.noting.take();
        let inner = match policy.admit(&parts) {
            Ok(None) => {
                let request = policy.pass(parts, body);
                caught::call(|| self.inner.call(request)).map(Ok)
            }
            Ok(Some(answer)) => Some(Err(answer)),
            Err(refused) => Some(Err(refused.into_response())),
        };
        Box::pin(async move {
            record(noting).await;
            let response = match inner {
                Some(Ok(answer)) => caught::run(answer).await.transpose()?,
                Some(Err(answer)) => Some(answer),
                None => None,
            };
            let response = match response {
                Some(response) => response,
                None => {
                    record(policy.guard.noted.count(reason::PANICKED)).await;
                    let panicked = Error::misuse("a handler panicked").because(reason::PANICKED);
                    Failure::from(panicked).into_response()
                }
            };
            Ok(policy.finish(&headers, response, known))
        })
    }
}
