//! The layer before every route, keyward's and the layers of tower-http that do the same, in one run:
//! `cargo bench --bench layer` in this folder.
//!
//! The same response headers, an id of the request, panics caught, a limit on the body, keys and cookies
//! marked as secret; of pages a check of the origin, of machine routes CORS. keyward also looks at the
//! host, finds out who the client is, and makes error bodies fixed; tower-http does none of that. All of theirs are
//! one layer to axum, so that none pays for a box of its own. What the same router takes without any is
//! taken off. By the thread's processor time.
#![allow(clippy::unwrap_used, missing_docs)] // A bench: a panic is the report.

use std::convert::Infallible;
use std::hint::black_box;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::*;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use keyward_axum::{Cors, Origins, Proxies, RoutePolicy, WebGuard};
use keyward_benches::{Work, is_smoke, timed};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tower::{Service as _, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;

const ORIGIN_OF_PAGES: &str = "https://app.example.com";
const ORIGIN_OF_OTHERS: &str = "https://console.example.com";

/// Most that the layer may take of a request.
const BAR_NANOS: f64 = 10_000.0;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waited"),
    }
}

async fn nobody() -> &'static str {
    "user-00000000"
}

fn plain() -> Router {
    Router::new().route("/", get(nobody).post(nobody))
}

fn guard() -> WebGuard {
    let proxies = Proxies::x_forwarded_for(&["10.0.0.0/8"]).unwrap();
    WebGuard::new(Origins::only(&[ORIGIN_OF_PAGES]).unwrap()).proxies(proxies)
}

fn cors() -> CorsLayer {
    let methods = [Method::GET, Method::HEAD, Method::POST];
    CorsLayer::new()
        .allow_origin([ORIGIN_OF_OTHERS.parse().unwrap()])
        .allow_methods(methods)
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
}

/// The response headers that ours sets and the handler does not, each by a layer of theirs.
macro_rules! headers {
    ($headers:expr, $($at:literal)*) => {{
        let all: Vec<_> = $headers.iter().collect();
        assert_eq!(all.len(), [$($at),*].len(), "{all:?}");
        ServiceBuilder::new()$(.layer(SetResponseHeaderLayer::overriding(
            all[$at].0.clone(),
            all[$at].1.clone(),
        )))*
    }};
}

macro_rules! theirs {
    ($headers:expr, $layer:expr) => {
        plain().layer(
            headers!($headers, 0 1 2 3 4 5 6 7 8)
                .layer(CatchPanicLayer::new())
                .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION, COOKIE]))
                .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                .layer(PropagateRequestIdLayer::x_request_id())
                .layer($layer)
                .layer(RequestBodyLimitLayer::new(1024 * 1024)),
        )
    };
}

/// As a browser, or a program in a page, sends it through one proxy.
fn request(method: &Method, more: &[(HeaderName, &str)]) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri("/")
        .header(HOST, "app.example.com")
        .header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .header(ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header(ACCEPT_LANGUAGE, "en-US,en;q=0.5")
        .header(ACCEPT_ENCODING, "gzip, deflate, br, zstd")
        .header("x-forwarded-for", "203.0.113.7");
    for (name, value) in more {
        request = request.header(name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let peer: SocketAddr = "10.0.0.1:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn answer(router: &mut Router, request: Request<Body>) -> Response {
    let answer: Result<_, Infallible> = now(router.call(request));
    answer.unwrap()
}

fn serves<'a>(mut router: Router, method: &Method, more: &'a [(HeaderName, &'a str)]) -> (Work<'a>, HeaderMap) {
    let first = answer(&mut router, request(method, more));
    assert_eq!(first.status(), StatusCode::OK);
    let headers = first.headers().clone();
    let method = method.clone();
    let work = timed(move |count| {
        for _ in 0..count {
            let answer = answer(&mut router, request(&method, more));
            assert_eq!(black_box(answer).status(), StatusCode::OK);
        }
    });
    (work, headers)
}

/// What ours sets on every answer, and theirs by a layer each.
fn fixed(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        CONTENT_TYPE,
        CONTENT_LENGTH,
        VARY,
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderName::from_static("x-request-id"),
    ] {
        headers.remove(name);
    }
    headers
}

/// The medians of what two add to the first, and of the ratio.
fn added<'a>(title: &str, plain: Work<'a>, theirs: Work<'a>, keyward: Work<'a>) {
    const COUNT: u32 = 200;
    let rounds = if is_smoke() { 1 } else { 501 };
    let mut works = [plain, theirs, keyward];
    let mut sums: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        let [plain, theirs, keyward] = works.each_mut().map(|work| {
            work(COUNT / 8);
            work(COUNT).as_secs_f64() * 1e9 / f64::from(COUNT)
        });
        let (theirs, keyward) = (theirs - plain, keyward - plain);
        for (all, one) in sums.iter_mut().zip([plain, theirs, keyward, keyward / theirs]) {
            all.push(one);
        }
    }
    let [plain, theirs, keyward, ratio] = sums.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    });
    println!("\n{title}: nanoseconds that are added to a request of {plain:.0}");
    println!("  tower-http {theirs:>8.0}");
    println!("  keyward    {keyward:>8.0}  {ratio:.2}, at most {BAR_NANOS:.0} ns");
    assert!(is_smoke() || keyward <= BAR_NANOS, "the layer takes too long");
}

fn main() {
    let pages = || plain().layer(RoutePolicy::pages(&guard()));
    let from_page = [
        (COOKIE, "theme=dark; __Host-kw=abc"),
        (ORIGIN, ORIGIN_OF_PAGES),
        (HeaderName::from_static("sec-fetch-site"), "same-origin"),
    ];
    let csrf = || CsrfLayer::new().add_trusted_origin(ORIGIN_OF_PAGES).unwrap();
    for method in [Method::GET, Method::POST] {
        let (keyward, headers) = serves(pages(), &method, &from_page);
        let headers = fixed(headers);
        let (theirs, of_theirs) = serves(theirs!(&headers, csrf()), &method, &from_page);
        assert!(headers.iter().all(|(name, value)| of_theirs.get(name) == Some(value)));
        let (bare, _) = serves(plain(), &method, &from_page);
        added(&format!("a page, {method}"), bare, theirs, keyward);
    }

    let listed = Cors::only(&[ORIGIN_OF_OTHERS]).unwrap();
    let machines = plain().layer(RoutePolicy::machines_with_cors(&guard(), listed));
    let from_program = [
        (AUTHORIZATION, "Bearer kwk_abcdefghijklmnopqrstuvwxyz"),
        (ORIGIN, ORIGIN_OF_OTHERS),
    ];
    let (keyward, all) = serves(machines, &Method::POST, &from_program);
    let headers = fixed(all.clone());
    let (theirs, of_theirs) = serves(theirs!(&headers, cors()), &Method::POST, &from_program);
    for name in [ACCESS_CONTROL_ALLOW_ORIGIN, X_FRAME_OPTIONS] {
        assert_eq!(of_theirs.get(&name), all.get(&name));
    }
    let (bare, _) = serves(plain(), &Method::POST, &from_program);
    added("a machine route with CORS", bare, theirs, keyward);
}
