//! What `keyward_http` decides, before a group of actix's routes. actix has header types of its own, of
//! an older release of `http`: this file is mostly what copies one into the other.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PayloadError};
use actix_web::http::{StatusCode, header as theirs};
use actix_web::middleware::Next;
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError,
};
use bytes::Bytes;
use futures_core::Stream;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response};
use keyward_http::session::SessionCookie;
use keyward_http::{Decision, Failure, Passed, RoutePolicy, caught};

/// Puts a policy before what is `next`. Handlers have the head of the request as the policy left it:
/// `ReqData<Rc<Parts>>`.
pub async fn guarded(
    policy: RoutePolicy,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let Some(mut head) = head_of(request.request()) else {
        let answer = not_taken(&policy, request.request(), peer).await;
        return Ok(request.into_response(answer));
    };
    let passed = match policy.decide(&mut head, peer).settle().await {
        Decision::Answer(answer) => return Ok(request.into_response(answer_of(answer))),
        Decision::Pass(passed) => passed,
    };
    // Nobody reads a cookie behind a policy for machines: actix's own headers have none either.
    *request.headers_mut() = headers_of(&head.headers);
    request.extensions_mut().insert(Rc::new(head));
    let payload = request.take_payload();
    request.set_payload(limited(payload, passed.body_limit()));
    // actix routes a request of which nobody else holds a part: one that is not answered has its answer
    // in an error.
    match caught::run(async move { next.call(request).await }).await {
        Some(answered) => answered
            .map(|answer| {
                let (asked, answer) = answer.map_into_boxed_body().into_parts();
                ServiceResponse::new(asked, finished(&passed, answer))
            })
            .map_err(|error| instead(finished(&passed, error.error_response()))),
        None => Err(instead(answer_of(passed.panicked().await))),
    }
}

/// 400, as whole as any answer, to a head that `http` does not take: decided as one of the same host that
/// asks for nothing.
async fn not_taken(
    policy: &RoutePolicy,
    request: &HttpRequest,
    peer: Option<std::net::IpAddr>,
) -> HttpResponse {
    let (mut head, ()) = Request::new(()).into_parts();
    let host = request.headers().get(theirs::HOST);
    if let Some(host) = host.and_then(|host| HeaderValue::from_bytes(host.as_bytes()).ok()) {
        head.headers.insert(http::header::HOST, host);
    }
    answer_of(match policy.decide(&mut head, peer).settle().await {
        Decision::Answer(answer) => answer,
        Decision::Pass(passed) => {
            let error = keyward_base::Error::rejected(keyward_base::Reason::MALFORMED);
            passed.finished(Failure::at(http::StatusCode::BAD_REQUEST, error).answer())
        }
    })
}

fn instead(answer: HttpResponse) -> Error {
    InternalError::from_response("refused", answer).into()
}

/// The head of a request in the types of `http`; none for a target that it does not take.
fn head_of(request: &HttpRequest) -> Option<Parts> {
    let mut head = Request::builder()
        .method(request.method().as_str())
        .uri(request.uri().to_string())
        .version(version_of(request.version()))
        .body(())
        .ok()?
        .into_parts()
        .0;
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        head.headers
            .append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(head)
}

fn version_of(version: actix_web::http::Version) -> http::Version {
    match version {
        actix_web::http::Version::HTTP_10 => http::Version::HTTP_10,
        actix_web::http::Version::HTTP_2 => http::Version::HTTP_2,
        _ => http::Version::HTTP_11,
    }
}

fn headers_of(headers: &HeaderMap) -> theirs::HeaderMap {
    let mut out = theirs::HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = theirs::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = theirs::HeaderValue::from_bytes(value.as_bytes());
        // Both have one grammar.
        if let (Ok(name), Ok(value)) = (name, value) {
            out.append(name, value);
        }
    }
    out
}

fn status_of(status: http::StatusCode) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer of `keyward_http` as one of actix.
fn answer_of(answer: Response<Bytes>) -> HttpResponse {
    let (head, body) = answer.into_parts();
    let mut out = HttpResponse::with_body(status_of(head.status), BoxBody::new(body));
    *out.headers_mut() = headers_of(&head.headers);
    // What `Passed::finish` finds there tells the guard's reporter what was wrong.
    out.extensions_mut().insert(head.extensions);
    out
}

/// Finishes what a handler, or actix itself, answered.
fn finished(passed: &Passed, mut answer: HttpResponse) -> HttpResponse {
    let status = answer.status().as_u16();
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = http::StatusCode::from_u16(status).unwrap_or_default();
    head.extensions = answer
        .extensions_mut()
        .remove::<Extensions>()
        .unwrap_or_default();
    for (name, value) in answer.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            head.headers.append(name, value);
        }
    }
    match passed.finish(&mut head) {
        Some(body) => answer_of(Response::from_parts(head, body)),
        None => {
            *answer.headers_mut() = headers_of(&head.headers);
            answer
        }
    }
}

/// A session's cookie on an answer.
pub fn with_cookie(mut answer: HttpResponseBuilder, cookie: SessionCookie) -> HttpResponse {
    let mut headers = HeaderMap::new();
    cookie.put(&mut headers);
    for (name, value) in headers_of(&headers) {
        answer.append_header((name, value));
    }
    answer.finish()
}

/// A failure as an error of actix's handlers: `?` makes one of a `keyward_base::Error` too.
#[derive(Debug)]
pub struct Refused(RefCell<Option<Failure>>, StatusCode);

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Self {
        let failure = error.into();
        let status = status_of(failure.status());
        Self(RefCell::new(Some(failure)), status)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.1
    }

    fn error_response(&self) -> HttpResponse {
        match self.0.take() {
            Some(failure) => answer_of(failure.answer()),
            None => HttpResponse::new(self.1),
        }
    }
}

/// A body of at most `limit` bytes, whoever reads it.
fn limited(payload: Payload, limit: usize) -> Payload {
    let payload: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(Limited {
        payload,
        left: limit,
    });
    payload.into()
}

struct Limited {
    payload: Payload,
    left: usize,
}

impl Stream for Limited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.payload).poll_next(context);
        next.map(|piece| {
            piece.map(|piece| {
                let piece = piece?;
                match self.left.checked_sub(piece.len()) {
                    Some(left) => {
                        self.left = left;
                        Ok(piece)
                    }
                    None => Err(PayloadError::Overflow),
                }
            })
        })
    }
}
