//! The policy for pages, over real HTTP on loopback.
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
    ContentPolicy, Failure, Origins, Referrer, RoutePolicy, Shown, WebGuard, content, words,
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

fn plain() -> WebGuard {
    WebGuard::new(Origins::loopback())
}

/// A guard of a service at those origins, wherever it really listens.
fn at(origins: &[&str]) -> WebGuard {
    WebGuard::new(Origins::only(origins).unwrap())
}

fn start(guard: &WebGuard) -> SocketAddr {
    serve(routes().layer(RoutePolicy::pages(guard)))
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
    let to = start(&plain());
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
    let to = start(&plain());
    let weak = fetch(to, "/weak");
    assert_eq!(weak.header("x-frame-options"), Some("DENY"));
    assert_eq!(weak.header("content-security-policy"), Some(ALWAYS[0].1));
    assert_eq!(
        fetch(to, "/cached").header("cache-control"),
        Some("max-age=60")
    );
}

/// What a service counts on when it says nothing of its own.
#[test]
fn the_limits_of_a_body_are_the_ones_of_the_page() {
    use keyward_axum::policy::{FORM_LIMIT, MACHINE_LIMIT};
    assert_eq!((FORM_LIMIT, MACHINE_LIMIT), (3_211_264, 1_048_576));
}

#[test]
fn tls_is_remembered_for_a_year() {
    let to = start(&at(&["https://app.example.com"]));
    for path in ["/", "/nowhere"] {
        let head = format!("GET {path} HTTP/1.1\nHost: app.example.com");
        let sent = send(to, &head, b"");
        let header = sent.header("strict-transport-security");
        assert_eq!(header, Some("max-age=31536000"), "{path}");
    }
}

#[test]
fn the_policies_can_be_set_by_type() {
    let source = content::Source::origin("https://cdn.example.com:8443").unwrap();
    let policy = ContentPolicy::strict()
        .allow(content::Directive::Script, content::Source::same_origin())
        .allow(content::Directive::Image, source);
    let to = start(&plain().content(policy).referrer(Referrer::SameOrigin));
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
    let to = start(&plain());
    let port = to.port();
    for own in [
        "Sec-Fetch-Site: same-origin".to_owned(),
        "Sec-Fetch-Site: none".to_owned(),
        "Sec-Fetch-Site: same-origin\nOrigin: null".to_owned(), // With `no-referrer`, as browsers send it.
        "Sec-Fetch-Site: none\nOrigin: null".to_owned(),
        format!("Origin: http://{to}"),
        format!("ORIGIN: http://{to}"),
        format!("Sec-Fetch-Site: same-origin\nOrigin: http://{to}"),
    ] {
        assert_eq!(post_with(to, &own).status, 200, "{own}");
    }
    let foreign_origins = [
        "http://evil.example".to_owned(),
        format!("http://localhost:{port}"), // Own too, but not the origin of this host.
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".to_owned(),
        format!("https://{to}"),
        format!("HTTP://{to}"),
        format!("http://{to}/"),
        format!("http://{to}?"),
        format!("http://{to}@evil.example"),
        format!("http://evil.example@{to}"),
        format!("http://{to}.evil.example"),
        format!("http://{to} http://{to}"),
        format!("http://{to}, http://evil.example"),
        format!("http://{to}\nOrigin: http://{to}"),
        format!("http://{to}\nOrigin: http://evil.example"),
        format!("http://evil.example\nOrigin: http://{to}"),
        "null\nOrigin: null".to_owned(),
        "NULL".to_owned(),
        "http://".to_owned(),
        String::new(),
        "\u{fc}".to_owned(), // Bytes that are no text.
    ];
    let mut refused = vec![
        String::new(),
        "Origin: null".to_owned(),
        "Sec-Fetch-Site: ".to_owned(),
        format!("Referer: http://{to}/"),
    ];
    for site in [
        "cross-site",
        "same-site",
        "SAME-ORIGIN",
        "same-origin, cross-site",
        "same-origin\nSec-Fetch-Site: cross-site",
        "same-origin\nSec-Fetch-Site: same-origin",
    ] {
        refused.push(format!("Sec-Fetch-Site: {site}"));
        refused.push(format!("Sec-Fetch-Site: {site}\nOrigin: null"));
        refused.push(format!("Sec-Fetch-Site: {site}\nOrigin: http://{to}"));
        refused.push(format!("Origin: http://{to}\nSec-Fetch-Site: {site}"));
    }
    for origin in foreign_origins {
        // Alone, and beside what alone would do: where both are there, both must fit.
        refused.push(format!("Origin: {origin}"));
        for site in ["same-origin", "none"] {
            refused.push(format!("Sec-Fetch-Site: {site}\nOrigin: {origin}"));
            refused.push(format!("Origin: {origin}\nSec-Fetch-Site: {site}"));
        }
    }
    for foreign in refused {
        let answer = post_with(to, &foreign);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (403, "Refused.\n"),
            "{foreign}"
        );
    }
}

#[test]
fn an_origin_of_null_fits_only_where_own_pages_send_it() {
    let to = start(&plain().referrer(Referrer::SameOrigin));
    let site = "Sec-Fetch-Site: same-origin";
    assert_eq!(post_with(to, &format!("{site}\nOrigin: null")).status, 403);
    let own = format!("{site}\nOrigin: http://{to}");
    assert_eq!(post_with(to, &own).status, 200);
    assert_eq!(post_with(to, &format!("Origin: http://{to}")).status, 200);
}

#[test]
fn an_address_of_ipv6_is_one_in_every_spelling() {
    let to = start(&plain());
    let status = |host: &str, origin: &str| {
        let head = format!("POST / HTTP/1.1\nHost: {host}\nContent-Length: 0\nOrigin: {origin}");
        send(to, &head, b"").status
    };
    assert_eq!(status("[::1]:8080", "http://[::1]:8080"), 200);
    assert_eq!(status("[0:0:0:0:0:0:0:1]:80", "http://[::1]"), 200);
    assert_eq!(status("[::0:1]", "http://[0000::1]:80"), 200);
    assert_eq!(status("[::1]:8080", "http://[::1]:8081"), 403);
    assert_eq!(status("[::1]:8080", "http://[::2]:8080"), 403);
    assert_eq!(status("[::1]:8080", "http://::1:8080"), 403);
    assert_eq!(status("[::ffff:127.0.0.1]", "http://127.0.0.1"), 421);
    let to = start(&at(&["http://[2001:db8::1]:8080"]));
    let status = |host: &str| send(to, &format!("GET / HTTP/1.1\nHost: {host}"), b"").status;
    assert_eq!(status("[2001:DB8:0::1]:8080"), 200);
    assert_eq!(status("[2001:db8::2]:8080"), 421);
}

#[test]
fn a_foreign_page_opens_no_other_protocol_with_a_harmless_method() {
    let to = start(&plain());
    let status = |more: &str| {
        let head = format!("GET / HTTP/1.1\nHost: {to}\nUpgrade: websocket\n{more}");
        send(to, &head, b"").status
    };
    assert_eq!(status("Origin: http://evil.example"), 403);
    assert_eq!(status("Sec-Fetch-Site: cross-site"), 403);
    assert_eq!(status(""), 403);
    assert_eq!(status(&format!("Origin: http://{to}")), 200);
}

#[test]
fn every_method_but_the_harmless_is_checked() {
    let to = serve(
        Router::new()
            .fallback(|| async { "reached" })
            .layer(RoutePolicy::pages(&plain())),
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

/// A POST to that host from a page of that origin.
fn post_from(to: SocketAddr, host: &str, origin: &str) -> u16 {
    let head = format!("POST / HTTP/1.1\nHost: {host}\nContent-Length: 0\nOrigin: {origin}");
    send(to, &head, b"").status
}

#[test]
fn behind_tls_an_origin_must_be_tls() {
    let to = start(&at(&["https://app.example.com"]));
    let own = "https://app.example.com";
    assert_eq!(post_from(to, "app.example.com", own), 200);
    assert_eq!(post_from(to, "App.Example.com:443", own), 200);
    assert_eq!(post_from(to, "app.example.com", &format!("{own}:443")), 200);
    for (host, origin, status) in [
        ("app.example.com", "http://app.example.com", 403),
        ("app.example.com", "https://app.example.com:444", 403),
        ("app.example.com:444", "https://app.example.com:444", 421),
        ("app.example.com:80", own, 421),
        ("app.example.com.", own, 421),
    ] {
        assert_eq!(post_from(to, host, origin), status, "{host} {origin}");
    }
}

#[test]
fn a_service_on_a_port_is_named_as_the_browser_shows_it() {
    let to = start(&at(&["https://app.example.com:8443"]));
    let own = "https://app.example.com:8443";
    assert_eq!(post_from(to, "app.example.com:8443", own), 200);
    // A proxy that takes the port off the host does not shut its own pages out.
    assert_eq!(post_from(to, "app.example.com", own), 200);
    for (host, origin, status) in [
        // Another service on the same name is another origin.
        ("app.example.com:8443", "https://app.example.com", 403),
        ("app.example.com", "https://app.example.com", 403),
        ("app.example.com", "https://app.example.com:9443", 403),
        ("app.example.com:443", own, 421),
        ("app.example.com:9443", own, 421),
        ("evil.example:8443", own, 421),
        ("evil.example", own, 421),
    ] {
        assert_eq!(post_from(to, host, origin), status, "{host} {origin}");
    }
    // Of two services on one name, a host without a port is the one on the usual port, or nobody.
    let (usual, other) = ("https://a.example", "https://a.example:8443");
    let to = start(&at(&[other, usual]));
    assert_eq!(post_from(to, "a.example", usual), 200);
    assert_eq!(post_from(to, "a.example:8443", other), 200);
    assert_eq!(post_from(to, "a.example", other), 403);
    assert_eq!(post_from(to, "a.example:8443", usual), 403);
    let to = start(&at(&[other, "https://a.example:9443"]));
    assert_eq!(post_from(to, "a.example", other), 421);
}

#[test]
fn origins_are_written_as_a_browser_shows_them() {
    let shown = Origins::only(&["https://App.example.com", "https://[::1]:8443"]).unwrap();
    assert_eq!(
        shown.to_string(),
        "https://app.example.com https://[::1]:8443"
    );
    assert_eq!(Origins::loopback().to_string(), "http on loopback");
    let long = format!("https://{}", "a".repeat(254));
    assert!(Origins::only(&[&long[..long.len() - 1]]).is_ok());
    for bad in [
        &[][..],
        &["app.example.com"],
        &["https://app.example.com/"],
        &["https://app.example.com:"],
        &["https://app.example.com:0x50"],
        &["https://app.example.com:65536"],
        &["https://user@app.example.com"],
        &["https://"],
        &["ftp://app.example.com"],
        &["*"],
        &["https://*.example.com"],
        &["https://app.example.com", "http://app.example.com"],
        &["http://app.example.com", "https://app.example.com"],
        &[&long],
    ] {
        let error = Origins::only(bad).unwrap_err();
        assert!(
            error.to_string().contains("https://app.example.com:8443"),
            "{bad:?}"
        );
    }
}

#[test]
fn a_foreign_host_name_reaches_nothing() {
    let to = start(&plain());
    let port = to.port();
    let status = |head: &str| send(to, head, b"").status;
    for own in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "LocalHost".to_owned(),
        "[::1]:9".to_owned(),
        "[0:0::1]".to_owned(),
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
        "localhost:+80",
        "localhost localhost",
        "[::2]",
        "[::1",
        "[::1]80",
        "[::1]evil.example",
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
    // The target alone names it too.
    assert_eq!(status("GET http://localhost/ HTTP/1.1"), 200);
    assert_eq!(status("GET http://evil.example/ HTTP/1.1"), 421);
}

#[test]
fn what_debug_shows_of_a_guard_is_where_it_answers() {
    let shown = format!("{:?}", at(&["https://app.example.com"]));
    assert!(shown.contains("app.example.com"), "{shown}");
}

#[test]
fn an_error_says_its_status_and_nothing_else() {
    let to = start(&plain());
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
            Error::corrupt("row 7 of vault").because(Reason::DAMAGED)
        }),
        (409, || Error::rejected(Reason::CONFLICT)),
        (404, || Error::rejected(Reason::NOT_FOUND)),
        (404, || Error::rejected(Reason::NOT_AUTHENTIC)),
        (404, || Error::rejected(Reason::EXPIRED)),
    ];
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let mut router = Router::new();
    for (at, (_, make)) in cases.into_iter().enumerate() {
        let handler = move || async move { Result::<(), _>::Err(Failure::from(make())) };
        router = router.route(&format!("/{at}"), get(handler));
    }
    let guard = plain().report(move |error| log.lock().unwrap().push(format!("{error:?}")));
    let to = serve(router.layer(RoutePolicy::pages(&guard)));
    let answers: Vec<_> = (0..cases.len())
        .map(|at| fetch(to, &format!("/{at}")))
        .collect();
    for (answer, (status, make)) in answers.iter().zip(&cases) {
        assert_eq!(answer.status, *status);
        let words = words(StatusCode::from_u16(*status).unwrap());
        assert_eq!(answer.body, format!("{words}\n"));
        assert!(told.lock().unwrap().contains(&format!("{:?}", make())));
    }
    assert_eq!(answers[1].header("retry-after"), Some("5"));
    // What is not there, what is not yours and what is gone read the same, byte for byte.
    let without_date = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date" && name != "x-request-id");
        (answer.status, headers, answer.body.clone())
    };
    assert_eq!(without_date(&answers[4]), without_date(&answers[5]));
    assert_eq!(without_date(&answers[4]), without_date(&answers[6]));
    // Refusals at the guard are reported too.
    told.lock().unwrap().clear();
    assert_eq!(post_with(to, "").status, 403);
    assert_eq!(
        *told.lock().unwrap(),
        [format!(
            "{:?}",
            rejected(keyward_axum::reason::CROSS_ORIGIN)()
        )]
    );
    let input = Failure::input(Error::misuse("not a key"));
    assert_eq!(input.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn an_error_page_is_made_from_the_status_alone() {
    let to = start(&plain().error_page(|status| format!("<h1>{}</h1>", status.as_u16())));
    let answer = fetch(to, "/leak");
    assert_eq!((answer.status, answer.body.as_str()), (500, "<h1>500</h1>"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(post_with(to, "").body, "<h1>403</h1>");
}
