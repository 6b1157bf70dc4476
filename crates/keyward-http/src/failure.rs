//! [`keyward_base::Error`] as a response: a status by who is at fault, and nothing else.
//!
//! | error | status | why |
//! |---|---|---|
//! | `Rejected`, cross origin | 403 | about the request itself |
//! | `Rejected`, foreign host | 421 | about the request itself |
//! | `Rejected`, limited | 429 | with `Retry-After`: what the error says ([`Retry::After`]), else 5 s; [`Failure::later`] knows more where there is a clock |
//! | `Rejected`, conflict | 409 | the sender named the revision; a form has to say so |
//! | `Rejected`, anything else | 404 | *no such record*, *not for you*, *key destroyed* and *moved here from elsewhere* read the same |
//! | `Misuse` | 500 | the service's own mistake; [`Failure::input`] makes it 400 |
//! | `Unavailable` | 503 | with `Retry-After`: what the error says ([`Retry::After`]), else 5 s |
//! | `Corrupt` | 500 | |
//!
//! What only the application knows, it says by name:
//!
//! | status | call | with |
//! |---|---|---|
//! | 401 | [`Failure::unauthenticated`] | `WWW-Authenticate` |
//! | 403 | [`Failure::forbidden`] | |
//! | 409 | [`Failure::conflict`] | |
//! | 413 | [`Failure::too_large`] | |
//! | 429 | [`Failure::too_many`] | `Retry-After` |
//! | 503 | [`Failure::unavailable`] | `Retry-After` |

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use keyward_base::{Error, ErrorKind, Reason, Retry, Timestamp};

use crate::bodies;
use crate::challenge::Challenge;
use crate::policy;
use crate::reason;

/// An error on its way out. The body is made by the [`crate::RoutePolicy`] from the status alone;
/// the error itself goes to the guard's reporter.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
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

    /// 401: the client has to say who it is, or said it wrongly. `challenge` names how.
    #[must_use]
    pub fn unauthenticated(challenge: &Challenge, error: Error) -> Self {
        Self::at(StatusCode::UNAUTHORIZED, error).with(WWW_AUTHENTICATE, challenge.header())
    }

    /// 403: the client is known and may not. It tells that the thing exists; where that is told
    /// too much, `?` on the error answers 404.
    #[must_use]
    pub const fn forbidden(error: Error) -> Self {
        Self::at(StatusCode::FORBIDDEN, error)
    }

    /// 403 with what a token would have to be good for (RFC 6750, section 3.1).
    #[cfg(feature = "session")]
    pub(crate) fn beyond(challenge: &Challenge, error: Error) -> Self {
        Self::forbidden(error).with(WWW_AUTHENTICATE, challenge.header())
    }

    /// 409: it is not as the client thought.
    #[must_use]
    pub const fn conflict(error: Error) -> Self {
        Self::at(StatusCode::CONFLICT, error)
    }

    /// 413: the body is larger than is taken here.
    #[must_use]
    pub const fn too_large(error: Error) -> Self {
        Self::at(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    /// 429: the client may try again after `wait`, in whole seconds, rounded up.
    #[must_use]
    pub fn too_many(wait: Duration, error: Error) -> Self {
        Self::at(StatusCode::TOO_MANY_REQUESTS, error).with(RETRY_AFTER, seconds(wait))
    }

    /// 429 or 503 with what the error says of when to come again: 503 for `Unavailable`, 429 for
    /// any other. Without a word on it, 429 says 5 seconds.
    #[must_use]
    pub fn later(now: Timestamp, error: Error) -> Self {
        let wait = error
            .retry_when()
            .map_or(policy::RETRY_AFTER, |retry| retry.wait(now));
        match error.kind() {
            ErrorKind::Unavailable => Self::unavailable(wait, error),
            _ => Self::too_many(wait, error),
        }
    }

    /// 503: something is not available, and may be after `wait`, in whole seconds, rounded up.
    #[must_use]
    pub fn unavailable(wait: Duration, error: Error) -> Self {
        Self::at(StatusCode::SERVICE_UNAVAILABLE, error).with(RETRY_AFTER, seconds(wait))
    }

    /// Another status.
    #[must_use]
    pub const fn at(status: StatusCode, error: Error) -> Self {
        Self {
            status,
            headers: Vec::new(),
            error,
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
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

    #[cfg(feature = "approval")]
    pub(crate) fn into_error(self) -> Error {
        self.error
    }

    /// As a response: its body and headers are what the status says. The guard's reporter is told the
    /// error when the response is finished ([`crate::Passed::finish`]).
    #[must_use]
    pub fn answer(self) -> Response<Bytes> {
        // The body is complete here too, for a service that has no policy.
        let mut response = bodies::bare(self.status, None);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
            .extensions_mut()
            .insert(Cause(Arc::new(self.error)));
        response
    }
}

fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(wait))
}

/// Rounded up. At least 1: after 0 seconds a client would come again at once.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(part).max(1)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match (error.kind(), error.reason()) {
            (ErrorKind::Rejected, Some(reason::CROSS_ORIGIN)) => StatusCode::FORBIDDEN,
            (ErrorKind::Rejected, Some(reason::FOREIGN_HOST)) => StatusCode::MISDIRECTED_REQUEST,
            (ErrorKind::Rejected, Some(Reason::CONFLICT)) => StatusCode::CONFLICT,
            // The reason of all crates that limit.
            (ErrorKind::Rejected, Some(reason::LIMITED)) => StatusCode::TOO_MANY_REQUESTS,
            (ErrorKind::Rejected, _) => StatusCode::NOT_FOUND,
            (ErrorKind::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let failure = Self::at(status, error);
        match (status, failure.error.retry_when()) {
            (
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS,
                Some(Retry::After(wait)),
            ) => failure.with(RETRY_AFTER, seconds(wait)),
            (StatusCode::TOO_MANY_REQUESTS, _) => {
                failure.with(RETRY_AFTER, seconds(policy::RETRY_AFTER))
            }
            _ => failure,
        }
    }
}

/// The error behind a response, for the guard's reporter. Never written to the client.
#[derive(Clone)]
pub(crate) struct Cause(pub(crate) Arc<Error>);
