//! What every answer keeps, whatever happened behind the guard, over real HTTP on loopback.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

mod web;

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, header::CACHE_CONTROL};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use keyward_axum::{
    Cors, Finding, InRequest, Nonce, Origins, RoutePolicy, SecretForm, WebGuard, reason, words,
};
use keyward_base::{ErrorKind, Reason};
use web::{Answer, send, serve};

async fn panics_late() -> &'static str {
    tokio::task::yield_now().await;
    panic!("the table users at /srv/app/db.rs has no row 7");
}

async fn id(InRequest(id): InRequest, headers: HeaderMap) -> String {
    format!("{id} {}", headers["x-request-id"].to_str().unwrap())
}

async fn inline(nonce: Nonce, again: Nonce) -> impl IntoResponse {
    assert_eq!(nonce, again, "a page has one");
    let cached = [(CACHE_CONTROL, "public, max-age=60")];
    (cached, format!("<script nonce=\"{nonce}\"></script>"))
}

/// What a log of the request's headers shows.
async fn shown(headers: HeaderMap) -> String {
    format!("{headers:?}")
}

fn routes(guard: &WebGuard) -> Router {
    let machines = Router::new()
        .route("/hook", post(|| async { "taken" }).get(id))
        .route("/hook/panics", get(panics_late))
        .route("/hook/json", post(|_: Json<Vec<u8>>| async { "read" }))
        .route("/hook/secret", get(shown))
        .route("/hook/nonce", get(inline));
    let pages = Router::new()
        .route("/", get(id))
        .route("/panics", get(panics_late))
        .route("/form", post(|_: SecretForm| async { "read" }))
        .route("/inline", get(inline))
        .route("/secret", get(shown))
        .route("/path/{n}", get(|_: axum::extract::Path<u8>| async { "n" }));
    machines
        .layer(RoutePolicy::machines(guard))
        .merge(pages.layer(RoutePolicy::pages(guard)))
}

fn fetch(to: SocketAddr, line: &str, more: &str, body: &str) -> Answer {
    let len = body.len();
    let head = format!(
        "{line} HTTP/1.1\nHost: localhost:1\nOrigin: http://localhost:1\nContent-Length: {len}\n{more}"
    );
    send(to, &head, body.as_bytes())
}

const ALL: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; \
         img-src 'self'; style-src 'self'",
    ),
];

/// An id as they are made.
fn has_shape(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn whole(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    for (name, value) in ALL {
        assert_eq!(answer.header(name), Some(value), "{what}");
    }
    let permissions = answer.header("permissions-policy").unwrap();
    assert!(permissions.contains("camera=()"), "{what}");
    assert!(has_shape(answer.header("x-request-id").unwrap()), "{what}");
    let status = http::StatusCode::from_u16(status).unwrap();
    if !status.is_success() {
        assert_eq!(answer.body, format!("{}\n", words(status)), "{what}");
    }
}

#[test]
fn nothing_of_the_inside_leaves_whatever_is_sent() {
    let to = serve(routes(&WebGuard::new(Origins::loopback())));
    let json = "Content-Type: application/json";
    let form = "Content-Type: application/x-www-form-urlencoded";
    for (line, more, body, status) in [
        ("GET /", "", "", 200),
        ("GET /nowhere", "", "", 404),
        ("GET /../../etc/passwd", "", "", 404),
        ("GET /path/256", "", "", 400),
        ("GET /path/%ff", "", "", 400),
        ("DELETE /", "", "", 405),
        ("BREW /", "", "", 405),
        ("POST /form", form, "a=1&a=2", 400),
        ("POST /form", form, "%zz", 400),
        ("POST /form", json, "{}", 415),
        ("POST /form", "", "", 415),
        ("POST /hook/json", json, "[1,2,", 400),
        ("POST /hook/json", json, "[\"users.password\"]", 422),
        ("POST /hook/json", form, "[]", 415),
        ("GET /panics", "", "", 500),
        ("GET /hook/panics", "", "", 500),
        ("GET /hook/nonce", "", "", 500),
        ("GET /", "Host: b.example", "", 421),
        ("GET /", "Authorization: Bearer kwk_1", "", 403),
    ] {
        let what = format!("{line} {more} {body}");
        whole(&fetch(to, line, more, body), status, &what);
    }
    // Still there after all panics.
    assert_eq!(fetch(to, "GET /", "", "").status, 200);
}

#[test]
fn what_the_server_refuses_itself_says_nothing() {
    let to = serve(routes(&WebGuard::new(Origins::loopback())));
    // More than the 100 headers that hyper takes.
    let many: String = (0..200).map(|n| format!("X-{n}: 1\n")).collect();
    let answer = fetch(to, "GET /", &many, "");
    assert_eq!((answer.status, answer.body.as_str()), (431, ""));
    // And more than its 400 KiB: the connection may be gone before all is sent or the answer read.
    let mut stream = TcpStream::connect(to).unwrap();
    let long = "a".repeat(1024 * 1024);
    let _ = write!(
        stream,
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"
    );
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 431 "));
    let answer = send(to, "GET / HTTP/1.1\nHost: localhost\nno colon", b"");
    assert_eq!((answer.status, answer.body.as_str()), (400, ""));
}

#[test]
fn a_panic_is_reported_with_its_request_and_counted() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let guard = WebGuard::new(Origins::loopback()).report_in_request(move |error, id| {
        let id = id.unwrap().to_string();
        tell.lock()
            .unwrap()
            .push((error.kind(), error.reason(), id));
    });
    let to = serve(routes(&guard));
    let answer = fetch(to, "GET /panics", "", "");
    let id = answer.header("x-request-id").unwrap().to_owned();
    let panicked: Option<Reason> = Some(reason::PANICKED);
    assert_eq!(*told.lock().unwrap(), [(ErrorKind::Misuse, panicked, id)]);
    let found: Vec<Finding> = guard.findings();
    assert_eq!((found[0].reason, found[0].count), (reason::PANICKED, 1));
}

#[test]
fn a_request_has_one_id() {
    let to = serve(routes(&WebGuard::new(Origins::loopback())));
    let own = "0123456789abcdef0123456789abcdef";
    let mut made = HashSet::new();
    for path in ["/", "/hook"] {
        let line = format!("GET {path}");
        let kept = fetch(to, &line, &format!("X-Request-Id: {own}"), "");
        assert_eq!(kept.body, format!("{own} {own}"));
        assert_eq!(kept.header("x-request-id"), Some(own));
        for other in [
            String::new(),
            "X-Request-Id:".to_owned(),
            format!("X-Request-Id: {}", own.to_uppercase()),
            format!("X-Request-Id: {own}0"),
            "X-Request-Id: 0123456789abcdef0123456789abcdé".to_owned(),
            "X-Request-Id: 0123456789abcdef0123456789abcdeg".to_owned(),
            "X-Request-Id: 0123456789abcdef\t123456789abcdef".to_owned(),
            format!("X-Request-Id: {own}\nX-Request-Id: x"),
            "X-Request-Id: <script>alert(1)</script>aaaaaaa".to_owned(),
            format!("X-Request-Id: {own}\nX-Request-Id: {own}"),
        ] {
            let answer = fetch(to, &line, &other, "");
            let id = answer.header("x-request-id").unwrap();
            assert!(has_shape(id) && id != own, "{other}");
            assert_eq!(answer.body, format!("{id} {id}"), "{other}");
            assert!(made.insert(id.to_owned()), "{other}");
        }
    }
}

#[test]
fn a_nonce_is_of_one_answer_that_nobody_keeps() {
    let to = serve(routes(&WebGuard::new(Origins::loopback())));
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let answer = fetch(to, "GET /inline", "", "");
        let (_, rest) = answer.body.split_once("nonce=\"").unwrap();
        let nonce = rest.split('"').next().unwrap();
        assert_eq!(nonce.len(), 24);
        assert!(seen.insert(nonce.to_owned()));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains(&format!("; script-src 'nonce-{nonce}'")));
        assert!(policy.ends_with(&format!("; style-src 'self' 'nonce-{nonce}'")));
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn a_key_opens_no_page() {
    let to = serve(routes(&WebGuard::new(Origins::loopback())));
    for (said, page, machine) in [
        ("Authorization: Bearer kwk_x", 403, 200),
        ("Authorization: bearer kwk_x", 403, 200),
        (
            "Authorization: Bearer kwk_x\nCookie: __Host-session=1",
            403,
            200,
        ),
        (
            "Authorization: Basic YTpi\nAuthorization: Bearer kwk_x",
            403,
            200,
        ),
        ("Authorization: kwk_x", 403, 200),
        ("Authorization:", 403, 200),
        ("Authorization: Basic YTpi", 200, 200),
    ] {
        assert_eq!(fetch(to, "GET /", said, "").status, page, "{said}");
        assert_eq!(fetch(to, "GET /hook", said, "").status, machine, "{said}");
    }
}

#[test]
fn who_logs_headers_logs_no_key_and_no_cookie() {
    let to = serve(routes(&WebGuard::new(Origins::loopback())));
    let said =
        "Authorization: Basic hunt2\nAuthorization: Basic hunt2\nCookie: hunt2\nCookie: hunt2";
    for path in ["/secret", "/hook/secret"] {
        let shown = fetch(to, &format!("GET {path}"), said, "");
        assert_eq!(shown.status, 200);
        assert!(shown.body.contains("authorization"), "{}", shown.body);
        assert!(!shown.body.contains("hunt2"), "{}", shown.body);
    }
}

#[test]
fn two_policies_before_a_page_know_one_nonce() {
    let guard = WebGuard::new(Origins::loopback());
    let page = || Router::new().route("/inline", get(inline));
    let pages = RoutePolicy::pages(&guard);
    let twice = page().layer(pages.clone()).layer(pages.clone());
    let answer = fetch(serve(twice), "GET /inline", "", "");
    let policy = answer.header("content-security-policy").unwrap();
    let (_, rest) = policy.split_once("'nonce-").unwrap();
    let (nonce, _) = rest.split_once('\'').unwrap();
    assert!(answer.body.contains(nonce), "{policy} {}", answer.body);
    // Behind a machine's policy it is none that is allowed.
    let machine = page().layer(pages).layer(RoutePolicy::machines(&guard));
    let answer = fetch(serve(machine), "GET /inline", "", "");
    whole(&answer, 200, "a page behind a machine's policy");
}

fn across() -> SocketAddr {
    let guard = WebGuard::new(Origins::only(&["https://api.example"]).unwrap());
    let cors = Cors::only(&["https://console.example", "http://localhost:3000"]).unwrap();
    let careless = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
    ];
    let routes = Router::new().route("/keys", post(move || async move { (careless, "made") }));
    let own = Router::new().route("/own", post(move || async move { (careless, "made") }));
    serve(
        routes
            .layer(RoutePolicy::machines_with_cors(&guard, cors))
            .merge(own.layer(RoutePolicy::machines(&guard))),
    )
}

fn cross(to: SocketAddr, line: &str, more: &str) -> Answer {
    let head = format!("{line} HTTP/1.1\nHost: api.example\nContent-Length: 0\n{more}");
    send(to, &head, b"")
}

#[test]
fn a_preflight_is_answered_for_those_on_the_list() {
    let to = across();
    let asks = "Access-Control-Request-Method: POST\nAccess-Control-Request-Headers";
    for origin in ["https://console.example", "http://localhost:3000"] {
        for headers in [
            "authorization",
            "Authorization, content-type",
            "content-type",
        ] {
            let more = format!("Origin: {origin}\n{asks}: {headers}");
            let answer = cross(to, "OPTIONS /keys", &more);
            assert_eq!((answer.status, answer.body.as_str()), (204, ""));
            for (name, value) in [
                ("access-control-allow-origin", origin),
                ("access-control-allow-methods", "GET, HEAD, POST"),
                (
                    "access-control-allow-headers",
                    "authorization, content-type",
                ),
                ("access-control-max-age", "600"),
                ("vary", "origin"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{more}");
            }
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    let long = format!("{asks}: {}", "authorization,".repeat(80));
    for more in [
        "Origin: https://evil.example\nAccess-Control-Request-Method: POST",
        "Origin: null\nAccess-Control-Request-Method: POST",
        "Origin: https://console.example.evil\nAccess-Control-Request-Method: POST",
        "Origin: https://CONSOLE.example\nAccess-Control-Request-Method: POST",
        "Origin: http://console.example\nAccess-Control-Request-Method: POST",
        "Origin: https://console.example:443\nAccess-Control-Request-Method: POST",
        "Origin: https://console.example\nOrigin: https://console.example\nAccess-Control-Request-Method: POST",
        "Origin: https://console.example\nAccess-Control-Request-Method: DELETE",
        "Origin: https://console.example\nAccess-Control-Request-Method: post",
        "Origin: https://console.example\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: x-other",
        "Origin: https://console.example\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: *",
        "Origin: https://console.example\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: content-type\nAccess-Control-Request-Headers: content-type",
        &format!("Origin: https://console.example\n{long}"),
    ] {
        let answer = cross(to, "OPTIONS /keys", more);
        assert_eq!(answer.status, 403, "{more}");
        assert_eq!(
            answer.header("access-control-allow-methods"),
            None,
            "{more}"
        );
    }
    // Without a list there is no preflight.
    let more = "Origin: https://console.example\nAccess-Control-Request-Method: POST";
    let answer = cross(to, "OPTIONS /own", more);
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn an_answer_is_for_those_on_the_list_and_never_with_cookies() {
    let to = across();
    for (path, origin, allowed) in [
        (
            "/keys",
            "https://console.example",
            Some("https://console.example"),
        ),
        ("/keys", "https://evil.example", None),
        ("/keys", "null", None),
        ("/own", "https://console.example", None),
    ] {
        let answer = cross(to, &format!("POST {path}"), &format!("Origin: {origin}"));
        assert_eq!(answer.body, "made", "machines need no origin");
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn an_origin_is_written_as_a_browser_writes_it() {
    for origin in [
        "*",
        "null",
        "",
        "https://",
        "https://*.example.com",
        "https://App.example",
        "https://app.example/",
        "https://app.example:443",
        "https://user@app.example",
        "http://app.example",
        "http://localhost:80",
        "app.example",
    ] {
        let refused = Cors::only(&["https://app.example", origin]);
        assert!(
            refused.is_err_and(|e| e.kind() == ErrorKind::Misuse),
            "{origin}"
        );
    }
    assert!(Cors::only(&[]).is_err());
    let cors = Cors::only(&["https://app.example:8443", "http://[::1]:3000"]).unwrap();
    for name in ["x key", "*", ""] {
        assert!(cors.clone().headers(&["x-key", name]).is_err(), "{name}");
    }
}
