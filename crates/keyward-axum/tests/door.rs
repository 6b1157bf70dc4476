//! The door, over real HTTP on loopback.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

mod web;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Json;
use axum::http::StatusCode;
use axum::routing::{get, post};
use keyward_axum::{
    ContentPolicy, Door, Failure, Hosts, Referrer, Shown, Transport, content, failure,
};
use keyward_base::{Error, Reason};
use web::{Answer, send, serve};

/// Every response must carry these, whatever happened.
const ALWAYS: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; \
         img-src 'self'; style-src 'self'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
    (
        "permissions-policy",
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
         gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), \
         publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()",
    ),
];

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "home" }).post(|| async { "done" }))
        .route(
            "/weak",
            get(|| async {
                (
                    [
                        ("x-frame-options", "ALLOWALL"),
                        ("content-security-policy", "x"),
                    ],
                    "",
                )
            }),
        )
        .route(
            "/cached",
            get(|| async { ([("cache-control", "max-age=60")], "") }),
        )
        .route("/json", post(|Json(_): Json<Vec<u8>>| async { "read" }))
        .route(
            "/shown",
            get(|| async { Shown::new(StatusCode::UNPROCESSABLE_ENTITY, "mend this") }),
        )
        .route(
            "/leak",
            get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "at /srv/app/db.rs:12") }),
        )
        .route(
            "/body",
            post(|body: axum::body::Bytes| async move { body.len().to_string() }),
        )
}

fn plain() -> Door {
    Door::new(Hosts::loopback(), Transport::Plain)
}

fn start(door: Door) -> SocketAddr {
    serve(routes().layer(door))
}

fn fetch(to: SocketAddr, path: &str) -> Answer {
    send(to, &format!("GET {path} HTTP/1.1\nHost: {to}"), b"")
}

/// A POST of nothing, with those headers.
fn post_with(to: SocketAddr, headers: &str) -> Answer {
    send(
        to,
        &format!("POST / HTTP/1.1\nHost: {to}\nContent-Length: 0\n{headers}"),
        b"",
    )
}

#[test]
fn every_response_carries_the_headers() {
    let to = start(plain());
    let own = "Sec-Fetch-Site: same-origin";
    let answers = [
        (200, fetch(to, "/")),
        (404, fetch(to, "/nowhere")),
        (
            405,
            send(to, &format!("DELETE / HTTP/1.1\nHost: {to}\n{own}"), b""),
        ),
        (403, post_with(to, "")),
        (421, send(to, "GET / HTTP/1.1\nHost: evil.example", b"")),
        (
            413,
            send(
                to,
                &format!("POST /body HTTP/1.1\nHost: {to}\n{own}\nContent-Length: 99999999"),
                b"",
            ),
        ),
        (
            400,
            send(
                to,
                &format!(
                    "POST /json HTTP/1.1\nHost: {to}\n{own}\nContent-Type: application/json\nContent-Length: 1"
                ),
                b"x",
            ),
        ),
        (500, fetch(to, "/leak")),
        (422, fetch(to, "/shown")),
        (200, send(to, &format!("HEAD / HTTP/1.1\nHost: {to}"), b"")),
        (
            200,
            send(to, &format!("OPTIONS /weak HTTP/1.1\nHost: {to}"), b""),
        ),
    ];
    for (status, answer) in &answers[..10] {
        assert_eq!(answer.status, *status, "{answer:?}");
    }
    for (_, answer) in &answers {
        for (name, value) in ALWAYS {
            assert_eq!(answer.header(name), Some(value), "{name} of {answer:?}");
        }
        assert_eq!(answer.header("strict-transport-security"), None);
    }
}

#[test]
fn a_handler_cannot_weaken_them_but_may_allow_caching() {
    let to = start(plain());
    let weak = fetch(to, "/weak");
    assert_eq!(weak.header("x-frame-options"), Some("DENY"));
    assert_eq!(weak.header("content-security-policy"), Some(ALWAYS[0].1));
    assert_eq!(
        fetch(to, "/cached").header("cache-control"),
        Some("max-age=60")
    );
}

#[test]
fn tls_is_remembered_for_a_year() {
    let to = start(Door::new(Hosts::loopback(), Transport::Tls));
    let expected = Some("max-age=31536000");
    assert_eq!(fetch(to, "/").header("strict-transport-security"), expected);
    assert_eq!(
        fetch(to, "/nowhere").header("strict-transport-security"),
        expected
    );
}

#[test]
fn the_policies_can_be_set_by_type() {
    let source = content::Source::origin("https://cdn.example.com:8443").unwrap();
    let policy = ContentPolicy::strict()
        .allow(content::Directive::Script, content::Source::same_origin())
        .allow(content::Directive::Image, source);
    let to = start(plain().content(policy).referrer(Referrer::SameOrigin));
    let answer = fetch(to, "/");
    assert_eq!(
        answer.header("content-security-policy"),
        Some(
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; \
             img-src 'self' https://cdn.example.com:8443; script-src 'self'; style-src 'self'"
        )
    );
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    for bad in [
        "http://a.example",
        "https://",
        "https://a;b",
        "https://a/b",
        "'unsafe-inline'",
        "*",
        "https://a b",
    ] {
        assert!(content::Source::origin(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_may_change_something_must_come_from_an_own_page() {
    let to = start(plain());
    let port = to.port();
    for own in [
        "Sec-Fetch-Site: same-origin".to_owned(),
        "Sec-Fetch-Site: none".to_owned(),
        "Sec-Fetch-Site: same-origin\nOrigin: null".to_owned(), // With `no-referrer`, as browsers send it.
        format!("Origin: http://{to}"),
        format!("ORIGIN: http://{to}"),
    ] {
        assert_eq!(post_with(to, &own).status, 200, "{own}");
    }
    for foreign in [
        String::new(),
        "Sec-Fetch-Site: cross-site".to_owned(),
        "Sec-Fetch-Site: same-site".to_owned(),
        "Sec-Fetch-Site: ".to_owned(),
        "Sec-Fetch-Site: SAME-ORIGIN".to_owned(),
        "Sec-Fetch-Site: same-origin, cross-site".to_owned(),
        "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site".to_owned(),
        format!("Sec-Fetch-Site: cross-site\nOrigin: http://{to}"),
        format!("Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site\nOrigin: http://{to}"),
        "Origin: null".to_owned(),
        "Origin: http://evil.example".to_owned(),
        format!("Origin: http://localhost:{port}"), // Own too, but not the origin of this host.
        format!("Origin: http://127.0.0.1:{}", port ^ 1),
        "Origin: http://127.0.0.1".to_owned(),
        format!("Origin: https://{to}"),
        format!("Origin: http://{to}/"),
        format!("Origin: http://{to}@evil.example"),
        format!("Origin: http://{to}.evil.example"),
        format!("Origin: http://{to}\nOrigin: http://evil.example"),
        format!("Referer: http://{to}/"),
    ] {
        let answer = post_with(to, &foreign);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (403, "Refused.\n"),
            "{foreign}"
        );
    }
}

#[test]
fn every_method_but_the_harmless_is_checked() {
    let to = serve(
        Router::new()
            .fallback(|| async { "reached" })
            .layer(plain()),
    );
    let status = |method: &str, more: &str| {
        send(
            to,
            &format!("{method} / HTTP/1.1\nHost: {to}\nContent-Length: 0\n{more}"),
            b"",
        )
        .status
    };
    for method in [
        "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "X",
    ] {
        assert_eq!(
            status(method, "Sec-Fetch-Site: cross-site"),
            403,
            "{method}"
        );
        assert_eq!(
            status(method, "Sec-Fetch-Site: same-origin"),
            200,
            "{method}"
        );
    }
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(
            status(method, "Sec-Fetch-Site: cross-site"),
            200,
            "{method}"
        );
    }
}

#[test]
fn behind_tls_an_origin_must_be_tls() {
    let to = start(Door::new(
        Hosts::only(&["app.example.com"]).unwrap(),
        Transport::Tls,
    ));
    let status = |host: &str, origin: &str| {
        let head = format!("POST / HTTP/1.1\nHost: {host}\nContent-Length: 0\nOrigin: {origin}");
        send(to, &head, b"").status
    };
    assert_eq!(status("app.example.com", "https://app.example.com"), 200);
    assert_eq!(
        status("App.Example.com:443", "https://app.example.com"),
        200
    );
    assert_eq!(status("app.example.com", "http://app.example.com"), 403);
    assert_eq!(
        status("app.example.com", "https://app.example.com:444"),
        403
    );
    assert_eq!(
        status("app.example.com:444", "https://app.example.com:444"),
        421
    );
}

#[test]
fn a_foreign_host_name_reaches_nothing() {
    let to = start(plain());
    let port = to.port();
    let status = |head: &str| send(to, head, b"").status;
    for own in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "LocalHost".to_owned(),
        "[::1]:9".to_owned(),
    ] {
        assert_eq!(
            status(&format!("GET / HTTP/1.1\nHost: {own}")),
            200,
            "{own}"
        );
    }
    for foreign in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost.",
        "0.0.0.0",
        "127.0.0.2",
        "user@localhost",
        "localhost/",
        "localhost:",
        "localhost:x",
        "localhost:99999",
        "localhost localhost",
        "[::2]",
        "[::1",
        "::1",
        "",
    ] {
        assert_eq!(
            status(&format!("GET / HTTP/1.1\nHost: {foreign}")),
            421,
            "{foreign:?}"
        );
    }
    assert_eq!(
        status("GET / HTTP/1.1\nHost: localhost\nHost: evil.example"),
        421
    );
    let twice = "GET http://localhost/ HTTP/1.1\nHost: localhost\nHost: evil.example";
    assert_eq!(status(twice), 421);
    assert_eq!(status("GET / HTTP/1.1\nAccept: */*"), 421);
    assert_eq!(
        status("GET http://evil.example/ HTTP/1.1\nHost: localhost"),
        421
    );
    assert_eq!(
        status("GET http://localhost/ HTTP/1.1\nHost: evil.example"),
        421
    );
    assert_eq!(
        status("GET http://localhost/ HTTP/1.1\nHost: localhost"),
        200
    );
    assert!(Hosts::only(&[]).is_err());
    assert!(Hosts::only(&["a.example", "https://b.example"]).is_err());
}

#[test]
fn an_error_says_its_status_and_nothing_else() {
    let to = start(plain());
    let leak = fetch(to, "/leak");
    assert_eq!(
        (leak.status, leak.body.as_str()),
        (500, "Something went wrong here.\n")
    );
    let head = format!(
        "POST /json HTTP/1.1\nHost: {to}\nSec-Fetch-Site: none\nContent-Type: application/json\nContent-Length: 5"
    );
    let json = send(to, &head, b"hunt2");
    assert_eq!(
        (json.status, json.body.as_str()),
        (400, "The request could not be read.\n")
    );
    assert_eq!(fetch(to, "/nowhere").body, "There is no such thing here.\n");
    let wrong = send(
        to,
        &format!("PUT / HTTP/1.1\nHost: {to}\nSec-Fetch-Site: none"),
        b"",
    );
    assert_eq!(wrong.header("allow"), Some("GET,HEAD,POST"));
    let shown = fetch(to, "/shown");
    assert_eq!((shown.status, shown.body.as_str()), (422, "mend this"));
}

#[test]
fn errors_of_keyward_have_a_status_by_blame_and_go_to_the_reporter() {
    let rejected = |reason| move || Error::rejected(reason);
    let cases: [(u16, fn() -> Error); 7] = [
        (500, || {
            Error::misuse("call open() first").with_source("inner detail")
        }),
        (503, || {
            Error::unavailable("the file /srv/keys.db is locked")
        }),
        (500, || {
            Error::corrupt("row 7 of vault").because(Reason::Damaged)
        }),
        (409, || Error::rejected(Reason::Conflict)),
        (404, || Error::rejected(Reason::NotFound)),
        (404, || Error::rejected(Reason::NotAuthentic)),
        (404, || Error::rejected(Reason::DestroyedKey)),
    ];
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let mut router = Router::new();
    for (at, (_, make)) in cases.into_iter().enumerate() {
        let handler = move || async move { Result::<(), _>::Err(Failure::from(make())) };
        router = router.route(&format!("/{at}"), get(handler));
    }
    let door = plain().report(move |error| log.lock().unwrap().push(format!("{error:?}")));
    let to = serve(router.layer(door));
    let answers: Vec<_> = (0..cases.len())
        .map(|at| fetch(to, &format!("/{at}")))
        .collect();
    for (answer, (status, make)) in answers.iter().zip(&cases) {
        assert_eq!(answer.status, *status);
        let words = failure::words(StatusCode::from_u16(*status).unwrap());
        assert_eq!(answer.body, format!("{words}\n"));
        assert!(told.lock().unwrap().contains(&format!("{:?}", make())));
    }
    assert_eq!(answers[1].header("retry-after"), Some("5"));
    // What is not there, what is not yours and what is gone read the same, byte for byte.
    let without_date = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date");
        (answer.status, headers, answer.body.clone())
    };
    assert_eq!(without_date(&answers[4]), without_date(&answers[5]));
    assert_eq!(without_date(&answers[4]), without_date(&answers[6]));
    // Refusals at the door are reported too.
    told.lock().unwrap().clear();
    assert_eq!(post_with(to, "").status, 403);
    assert_eq!(
        *told.lock().unwrap(),
        [format!("{:?}", rejected(Reason::CrossOrigin)())]
    );
    let input = Failure::input(Error::misuse("not a key"));
    assert_eq!(input.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn an_error_page_is_made_from_the_status_alone() {
    let to = start(plain().error_page(|status| format!("<h1>{}</h1>", status.as_u16())));
    let answer = fetch(to, "/leak");
    assert_eq!((answer.status, answer.body.as_str()), (500, "<h1>500</h1>"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(post_with(to, "").body, "<h1>403</h1>");
}

#[test]
fn a_body_is_limited_whether_its_length_is_stated_or_not() {
    let to = start(plain().body_limit(1000));
    let head =
        |more: &str| format!("POST /body HTTP/1.1\nHost: {to}\nSec-Fetch-Site: none\n{more}");
    let fits = send(to, &head("Content-Length: 1000"), &[b'a'; 1000]);
    assert_eq!((fits.status, fits.body.as_str()), (200, "1000"));
    assert_eq!(
        send(to, &head("Content-Length: 1001"), &[b'a'; 1001]).status,
        413
    );
    let chunk = |n: usize| {
        [
            format!("{n:x}\r\n").into_bytes(),
            vec![b'a'; n],
            b"\r\n0\r\n\r\n".to_vec(),
        ]
        .concat()
    };
    assert_eq!(
        send(to, &head("Transfer-Encoding: chunked"), &chunk(1000)).status,
        200
    );
    assert_eq!(
        send(to, &head("Transfer-Encoding: chunked"), &chunk(1001)).status,
        413
    );
}
