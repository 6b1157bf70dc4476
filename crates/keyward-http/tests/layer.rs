//! The layer before services of tower, over bodies that are nobody's.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]
#![cfg(feature = "tower")]

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Limited};
use keyward_http::{ClientIp, Origins, Peer, RoutePolicy, WebGuard};
use tower_layer::Layer as _;
use tower_service::Service;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waited"),
    }
}

/// So many pieces of 1,000 bytes.
struct Pieces(usize);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match self.0 {
            0 => None,
            left => {
                self.0 = left.saturating_sub(1);
                Some(Ok(Frame::data(Bytes::from(vec![b'x'; 1000]))))
            }
        })
    }
}

/// Answers with as many pieces as it was sent, or fails.
#[derive(Clone)]
struct Echo;

impl Service<Request<Limited<Pieces>>> for Echo {
    type Response = Response<Pieces>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Pieces>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Limited<Pieces>>) -> Self::Future {
        assert_ne!(request.uri().path(), "/panics-at-once");
        Box::pin(async move {
            let (head, body) = request.into_parts();
            assert_ne!(head.uri.path(), "/panics");
            let mut answer = Response::new(Pieces(0));
            if let Ok(client) = ClientIp::of(&head) {
                let client = HeaderValue::try_from(client.address().to_string()).unwrap();
                answer.headers_mut().insert("x-client", client);
            }
            match body.collect().await {
                Ok(whole) => *answer.body_mut() = Pieces(whole.to_bytes().len() / 1000),
                Err(_) => *answer.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE,
            }
            Ok(answer)
        })
    }
}

fn ask(path: &str, pieces: usize, peer: Option<&str>) -> Response<Bytes> {
    let guard = WebGuard::new(Origins::only(&["https://app.example.com"]).unwrap());
    let mut service = RoutePolicy::machines(&guard).body_limit(5000).layer(Echo);
    let mut request = Request::post(path)
        .header("host", "app.example.com")
        .body(Pieces(pieces))
        .unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
    }
    let answer = now(service.call(request)).unwrap();
    let (head, body) = answer.into_parts();
    assert_eq!(head.headers["x-frame-options"], "DENY", "{path}");
    assert_eq!(head.headers["x-request-id"].len(), 32, "{path}");
    Response::from_parts(head, now(body.collect()).unwrap().to_bytes())
}

#[test]
fn a_body_goes_through_up_to_its_limit() {
    for (pieces, status, len) in [
        (0, 200, 0),
        (5, 200, 5000),
        (6, 413, "That is too large.\n".len()),
    ] {
        let answer = ask("/", pieces, None);
        assert_eq!(
            (answer.status().as_u16(), answer.body().len()),
            (status, len),
            "{pieces}"
        );
    }
}

#[test]
fn a_service_that_panics_has_answered() {
    for path in ["/panics", "/panics-at-once"] {
        let answer = ask(path, 0, None);
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.body(), "Something went wrong here.\n");
    }
}

#[test]
fn the_server_says_where_a_connection_comes_from() {
    let answer = ask("/", 0, Some("192.0.2.7"));
    assert_eq!(answer.headers()["x-client"], "192.0.2.7");
    assert!(!ask("/", 0, None).headers().contains_key("x-client"));
}
