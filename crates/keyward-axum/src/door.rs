//! The layer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Limited;
use keyward_base::{Error, Reason};
use tower::{Layer, Service};

use crate::content::ContentPolicy;
use crate::failure::{self, Cause, ErrorPage, Failure};
use crate::hosts::Hosts;
use crate::origin;
use crate::policy::{BODY_LIMIT, Referrer, Transport};

type Reporter = Arc<dyn Fn(&Error) + Send + Sync>;

/// What stands in front of a service. See the [crate] for what it keeps.
#[derive(Clone)]
pub struct Door {
    hosts: Hosts,
    transport: Transport,
    content: ContentPolicy,
    referrer: Referrer,
    body_limit: usize,
    page: Option<ErrorPage>,
    report: Option<Reporter>,
}

impl Door {
    /// A door with the strict defaults of [`crate::policy`] and [`ContentPolicy::strict`].
    #[must_use]
    pub fn new(hosts: Hosts, transport: Transport) -> Self {
        Self {
            hosts,
            transport,
            content: ContentPolicy::strict(),
            referrer: Referrer::default(),
            body_limit: BODY_LIMIT,
            page: None,
            report: None,
        }
    }

    /// Another content policy.
    #[must_use]
    pub fn content(mut self, content: ContentPolicy) -> Self {
        self.content = content;
        self
    }

    /// Another referrer policy.
    #[must_use]
    pub const fn referrer(mut self, referrer: Referrer) -> Self {
        self.referrer = referrer;
        self
    }

    /// Another limit on request bodies, in bytes.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// An HTML page for each error status. It is given the status and nothing else, so that it
    /// has nothing to tell.
    #[must_use]
    pub fn error_page(mut self, page: fn(StatusCode) -> String) -> Self {
        self.page = Some(page);
        self
    }

    /// Is told every error behind a response, refusals at the door included: for the log.
    #[must_use]
    pub fn report(mut self, report: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.report = Some(Arc::new(report));
        self
    }

    /// The checks that need no body.
    fn admit(&self, request: &Parts) -> Result<(), Failure> {
        let (_, default_port) = self.transport.scheme();
        let host = self.hosts.admit(request, default_port)?;
        origin::check(request, &host, self.transport)?;
        let stated = request.headers.get(CONTENT_LENGTH);
        let stated = stated.and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
        let limit = u64::try_from(self.body_limit).unwrap_or(u64::MAX);
        if stated.is_some_and(|len| len > limit) {
            let error = Error::rejected(Reason::TooLong);
            return Err(Failure::at(StatusCode::PAYLOAD_TOO_LARGE, error));
        }
        Ok(())
    }

    fn finish(&self, headers: &HeaderMap, response: Response) -> Response {
        if let (Some(report), Some(Cause(error))) =
            (&self.report, response.extensions().get::<Cause>())
        {
            report(error);
        }
        let mut response = failure::neutral(response, self.page);
        crate::headers::put(headers, response.headers_mut());
        response
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("hosts", &self.hosts)
            .field("transport", &self.transport)
            .field("content", &self.content)
            .field("referrer", &self.referrer)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        let headers = crate::headers::of(&self.content, self.referrer, self.transport);
        Guarded {
            door: Arc::new(self.clone()),
            headers: Arc::new(headers),
            inner,
        }
    }
}

/// A service behind a [`Door`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    door: Arc<Door>,
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
        let (parts, body) = request.into_parts();
        let door = Arc::clone(&self.door);
        let headers = Arc::clone(&self.headers);
        if let Err(refused) = door.admit(&parts) {
            let response = door.finish(&headers, refused.into_response());
            return Box::pin(std::future::ready(Ok(response)));
        }
        let body = Body::new(Limited::new(body, door.body_limit));
        let answer = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move {
            let response = answer.await?;
            Ok(door.finish(&headers, response))
        })
    }
}
