//! [`keyward_base::Error`] as a response: a status by who is at fault, and nothing else.
//!
//! | error | status | why |
//! |---|---|---|
//! | `Rejected`, cross origin | 403 | about the request itself |
//! | `Rejected`, foreign host | 421 | about the request itself |
//! | `Rejected`, conflict | 409 | the sender named the revision; a form has to say so |
//! | `Rejected`, anything else | 404 | *no such record*, *not for you*, *key destroyed* and *moved here from elsewhere* read the same |
//! | `Misuse` | 500 | the service's own mistake; [`Failure::input`] makes it 400 |
//! | `Unavailable` | 503 | with `Retry-After` |
//! | `Corrupt` | 500 | |

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use keyward_base::{Error, ErrorKind, Reason};

use crate::policy;

/// An error on its way out. The body is made by the [`crate::Door`] from the status alone; the
/// error itself goes to the door's reporter.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    error: Error,
}

impl Failure {
    /// The request's own content is at fault: 400 where it would be 500.
    #[must_use]
    pub fn input(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Misuse => Self::at(StatusCode::BAD_REQUEST, error),
            _ => Self::from(error),
        }
    }

    pub(crate) const fn at(status: StatusCode, error: Error) -> Self {
        Self { status, error }
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The error, for the log.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match (error.kind(), error.reason()) {
            (ErrorKind::Rejected, Some(Reason::CrossOrigin)) => StatusCode::FORBIDDEN,
            (ErrorKind::Rejected, Some(Reason::ForeignHost)) => StatusCode::MISDIRECTED_REQUEST,
            (ErrorKind::Rejected, Some(Reason::Conflict)) => StatusCode::CONFLICT,
            (ErrorKind::Rejected, _) => StatusCode::NOT_FOUND,
            (ErrorKind::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, error }
    }
}

/// The error behind a response, for the door's reporter. Never written to the client.
#[derive(Clone)]
pub(crate) struct Cause(pub(crate) Arc<Error>);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // The body is complete here too, for a router that has no door.
        let mut response = bare(self.status, None);
        response
            .extensions_mut()
            .insert(Cause(Arc::new(self.error)));
        response
    }
}

/// An error response whose body the service wrote for people, such as a form shown again with
/// what to mend. The door leaves it as it is; all other error bodies it replaces.
#[derive(Debug)]
pub struct Shown<R>(StatusCode, R);

impl<R: IntoResponse> Shown<R> {
    /// A page that is safe to show. It must hold no secret and nothing of the inside.
    #[must_use]
    pub const fn new(status: StatusCode, page: R) -> Self {
        Self(status, page)
    }
}

#[derive(Clone)]
struct Kept;

impl<R: IntoResponse> IntoResponse for Shown<R> {
    fn into_response(self) -> Response {
        let mut response = (self.0, self.1).into_response();
        response.extensions_mut().insert(Kept);
        response
    }
}

/// A page for people, from the status alone.
pub(crate) type ErrorPage = fn(StatusCode) -> String;

/// The response for a status: the same bytes each time.
pub(crate) fn bare(status: StatusCode, page: Option<ErrorPage>) -> Response {
    let (kind, body) = match page {
        Some(page) => ("text/html; charset=utf-8", page(status)),
        None => ("text/plain; charset=utf-8", format!("{}\n", words(status))),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from(policy::RETRY_AFTER.as_secs()),
        );
    }
    response
}

/// What a status says to people, in one line.
#[must_use]
pub fn words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request could not be read.",
        StatusCode::CONFLICT => "It was changed meanwhile. Load the page again.",
        StatusCode::FORBIDDEN => "Refused.",
        StatusCode::METHOD_NOT_ALLOWED => "That cannot be done here.",
        StatusCode::MISDIRECTED_REQUEST => "This service does not answer for that host name.",
        StatusCode::NOT_FOUND => "There is no such thing here.",
        StatusCode::PAYLOAD_TOO_LARGE => "That is too large.",
        StatusCode::SERVICE_UNAVAILABLE => "Not available now. Try again in a moment.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "That form of request is not read here.",
        _ if status.is_client_error() => "The request was refused.",
        _ => "Something went wrong here.",
    }
}

/// Replaces what a handler, an extractor or the router wrote into an error response.
pub(crate) fn neutral(response: Response, page: Option<ErrorPage>) -> Response {
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if !failed || response.extensions().get::<Kept>().is_some() {
        return response;
    }
    let mut out = bare(status, page);
    keep(response.headers(), out.headers_mut());
    out
}

/// `Allow` belongs to a 405, `Retry-After` to a 503 and a 429.
fn keep(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}
