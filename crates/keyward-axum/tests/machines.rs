//! The policy for machines, and both policies in one service, over real HTTP on loopback.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

mod web;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use axum::routing::{get, post};
use keyward_axum::{Origins, RoutePolicy, WebGuard};
use tower::{Layer, Service};
use web::{Answer, send, serve};

/// Says which cookies it saw, and sets one.
async fn cookies(headers: HeaderMap) -> ([(&'static str, &'static str); 1], String) {
    let seen = headers.get_all("cookie").iter();
    let seen: Vec<_> = seen.map(|value| value.to_str().unwrap()).collect();
    ([("set-cookie", "session=new")], seen.join(" & "))
}

fn guard() -> WebGuard {
    WebGuard::new(Origins::loopback()).error_page(|status| format!("<h1>{status}</h1>"))
}

/// A service with a route of each kind.
fn start() -> SocketAddr {
    let machines = Router::new()
        .route("/hook", post(cookies))
        .route("/probe", get(|| async { "up" }));
    let pages = Router::new().route("/form", post(cookies));
    let guard = guard();
    let app = machines
        .layer(RoutePolicy::machines(&guard))
        .merge(pages.layer(RoutePolicy::pages(&guard)));
    serve(app)
}

fn post_to(to: SocketAddr, path: &str, more: &str) -> Answer {
    let head = format!("POST {path} HTTP/1.1\nHost: {to}\nContent-Length: 0\n{more}");
    send(to, &head, b"")
}

#[test]
fn a_machine_needs_no_origin_and_a_page_does() {
    let to = start();
    for caller in [
        "",
        "Authorization: Bearer abc",
        "Origin: https://hooks.example",
        "Sec-Fetch-Site: cross-site\nOrigin: http://evil.example",
    ] {
        assert_eq!(post_to(to, "/hook", caller).status, 200, "{caller}");
        assert_eq!(post_to(to, "/form", caller).status, 403, "{caller}");
    }
    let own = "Sec-Fetch-Site: same-origin";
    assert_eq!(post_to(to, "/form", own).status, 200);
    let probe = send(to, &format!("GET /probe HTTP/1.1\nHost: {to}"), b"");
    assert_eq!((probe.status, probe.body.as_str()), (200, "up"));
}

#[test]
fn cookies_reach_pages_and_never_machines() {
    let to = start();
    let both = "Sec-Fetch-Site: same-origin\nCookie: a=1\nCOOKIE: b=2";
    let page = post_to(to, "/form", both);
    assert_eq!(page.body, "a=1 & b=2");
    assert_eq!(page.header("set-cookie"), Some("session=new"));
    let machine = post_to(to, "/hook", both);
    assert_eq!((machine.status, machine.body.as_str()), (200, ""));
    assert_eq!(machine.header("set-cookie"), None);
}

#[test]
fn machines_keep_the_rest() {
    let to = start();
    let foreign = "POST /hook HTTP/1.1\nHost: evil.example\nContent-Length: 0";
    let refused = send(to, foreign, b"");
    assert_eq!(refused.status, 421);
    // A program is answered in one line, a person with a page.
    assert!(!refused.body.contains("<h1>"), "{}", refused.body);
    let wrong = send(to, &format!("GET /hook HTTP/1.1\nHost: {to}"), b"");
    assert_eq!(
        (wrong.status, wrong.body.as_str(), wrong.header("allow")),
        (405, "That cannot be done here.\n", Some("POST"))
    );
    for answer in [refused, wrong, post_to(to, "/hook", "")] {
        for name in ["content-security-policy", "x-content-type-options"] {
            assert!(answer.header(name).is_some(), "{name} of {answer:?}");
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // What nobody has, pages answer for: they were merged last.
    let nowhere = post_to(to, "/nowhere", "");
    assert_eq!(nowhere.status, 403);
    let nowhere = send(to, &format!("GET /nowhere HTTP/1.1\nHost: {to}"), b"");
    assert!(nowhere.status == 404 && nowhere.body.contains("<h1>404"));
}

#[test]
fn two_policies_on_one_route_are_both_kept() {
    let inside = || Router::new().route("/", post(cookies));
    let guard = guard();
    let (machines, pages) = (RoutePolicy::machines(&guard), RoutePolicy::pages(&guard));
    for router in [
        inside().layer(machines.clone()).layer(pages.clone()),
        inside().layer(pages).layer(machines),
    ] {
        let to = serve(router);
        assert_eq!(post_to(to, "/", "").status, 403);
        let own = post_to(to, "/", "Sec-Fetch-Site: same-origin\nCookie: a=1");
        assert_eq!((own.status, own.body.as_str()), (200, ""));
        assert_eq!(own.header("set-cookie"), None);
    }
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

/// A body of `n` bytes, with its length stated, and in chunks without one.
fn bodies(to: SocketAddr, n: usize) -> [Answer; 2] {
    let head =
        |more: &str| format!("POST / HTTP/1.1\nHost: {to}\nSec-Fetch-Site: same-origin\n{more}");
    let body = vec![b'a'; n];
    let chunked = [format!("{n:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    [
        send(to, &head(&format!("Content-Length: {n}")), &body),
        send(to, &head("Transfer-Encoding: chunked"), &chunked),
    ]
}

#[test]
fn a_body_has_the_limit_of_its_routes_whether_its_length_is_stated_or_not() {
    let guard = guard();
    let (machines, pages) = (RoutePolicy::machines(&guard), RoutePolicy::pages(&guard));
    let mib = 1024 * 1024;
    for (policy, limit) in [
        (machines.clone(), mib),
        (pages.clone(), 3 * mib + 64 * 1024), // Above axum's own limit.
        (machines.body_limit(5 * mib), 5 * mib),
        (pages.body_limit(1000), 1000),
    ] {
        let to = serve(Router::new().route("/", post(length)).layer(policy));
        for fits in bodies(to, limit) {
            assert_eq!((fits.status, fits.body), (200, limit.to_string()));
        }
        for refused in bodies(to, limit + 1) {
            assert_eq!(refused.status, 413, "{limit}");
        }
    }
}

/// A handler that takes the body as it comes has no other bound than the route's.
#[test]
fn a_body_that_is_streamed_has_the_limit_of_its_routes() {
    let streamed = |body: Body| async move {
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(whole) => whole.len().to_string(),
            Err(_) => "cut".to_owned(),
        }
    };
    for policy in [
        RoutePolicy::machines(&guard()),
        RoutePolicy::pages(&guard()),
    ] {
        let policy = policy.body_limit(1000);
        let to = serve(Router::new().route("/", post(streamed)).layer(policy));
        for fits in bodies(to, 1000) {
            assert_eq!((fits.status, fits.body.as_str()), (200, "1000"));
        }
        let [stated, unstated] = bodies(to, 1001);
        assert_eq!(stated.status, 413);
        assert_eq!((unstated.status, unstated.body.as_str()), (200, "cut"));
    }
}

/// Is ready when it is asked a second time.
#[derive(Clone)]
struct Later {
    asked: bool,
}

impl Service<Request<Body>> for Later {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match std::mem::replace(&mut self.asked, true) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

#[test]
fn a_service_that_is_not_ready_is_waited_for() {
    let mut guarded = RoutePolicy::machines(&guard()).layer(Later { asked: false });
    let mut context = Context::from_waker(Waker::noop());
    assert!(guarded.poll_ready(&mut context).is_pending());
    assert!(guarded.poll_ready(&mut context).is_ready());
}

/// Panics before it has a future.
#[derive(Clone)]
struct AtOnce;

impl Service<Request<Body>> for AtOnce {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        panic!("/srv/app/inside")
    }
}

#[tokio::test]
async fn a_service_that_panics_at_once_is_answered_for() {
    let mut guarded = RoutePolicy::machines(&guard()).layer(AtOnce);
    let mut request = Request::new(Body::empty());
    let host = "localhost".parse().unwrap();
    request.headers_mut().insert("host", host);
    let answer = guarded.call(request).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert!(answer.headers().contains_key("content-security-policy"));
}
