//! The bodies of error responses: made from the status alone.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::response::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::policy;

/// What is left of limits, and what they are (draft-ietf-httpapi-ratelimit-headers).
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A page for people, from the status alone.
pub(crate) type ErrorPage = fn(StatusCode) -> String;

/// Marks a response whose body stays as the service wrote it.
#[derive(Clone)]
struct Kept;

/// Has an error response keep the body that the service wrote for people, such as a form shown again
/// with what to mend: a mark among the response's extensions. It must hold no secret and nothing of
/// the inside. All other error bodies are replaced.
pub fn keep(extensions: &mut Extensions) {
    extensions.insert(Kept);
}

/// The response for a status: the same bytes each time.
pub(crate) fn bare(status: StatusCode, page: Option<ErrorPage>) -> Response<Bytes> {
    let (kind, body) = match page {
        Some(page) => ("text/html; charset=utf-8", page(status)),
        None => ("text/plain; charset=utf-8", format!("{}\n", words(status))),
    };
    let mut response = Response::new(Bytes::from(body));
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
        StatusCode::TOO_MANY_REQUESTS => "Too many requests. Try again later.",
        StatusCode::UNAUTHORIZED => "Say who you are first.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "That form of request is not read here.",
        _ if status.is_client_error() => "The request was refused.",
        _ => "Something went wrong here.",
    }
}

/// Replaces what a handler, an extractor or the router wrote into an error response; gives the body
/// that takes the place of its own.
pub(crate) fn neutral(head: &mut Parts, page: Option<ErrorPage>) -> Option<Bytes> {
    let status = head.status;
    let failed = status.is_client_error() || status.is_server_error();
    if !failed || head.extensions.get::<Kept>().is_some() {
        return None;
    }
    let (mut out, body) = bare(status, page).into_parts();
    carry(&head.headers, &mut out.headers);
    *head = out;
    Some(body)
}

/// What a client needs beside the status: `Allow` belongs to a 405, `Retry-After` to a 429 and a
/// 503, `WWW-Authenticate` to a 401; a refusal may end a session by its cookie, and tells of a limit.
fn carry(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [
        ALLOW,
        RATE_LIMIT,
        RATE_LIMIT_POLICY,
        RETRY_AFTER,
        SET_COOKIE,
        WWW_AUTHENTICATE,
    ] {
        if from.contains_key(&name) {
            to.remove(&name);
        }
        for value in from.get_all(&name) {
            to.append(&name, value.clone());
        }
    }
}
