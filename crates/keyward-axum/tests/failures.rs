//! What an application can answer, over real HTTP on loopback: fixed bodies, and the headers that
//! belong to the status.
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
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use keyward_axum::{Challenge, Failure, Origins, RoutePolicy, WebGuard, words};
use keyward_base::{Error, Reason, Retry, Timestamp};
use web::{Answer, send, serve};

fn secretive() -> Error {
    Error::misuse("the table users has no row 7").with_source("at /srv/app/db.rs:12")
}

fn refused() -> Error {
    Error::rejected(Reason::NOT_FOUND)
}

fn unauthenticated() -> Failure {
    Failure::unauthenticated(&Challenge::bearer("deploy api").unwrap(), refused())
}

/// A route that always fails so.
fn failing(fail: fn() -> Failure) -> axum::routing::MethodRouter {
    get(move || async move { Result::<(), _>::Err(fail()) })
}

fn routes() -> Router {
    Router::new()
        .route("/401", failing(unauthenticated))
        .route("/403", failing(|| Failure::forbidden(secretive())))
        .route("/409", failing(|| Failure::conflict(secretive())))
        .route("/413", failing(|| Failure::too_large(secretive())))
        .route(
            "/429",
            failing(|| Failure::too_many(Duration::from_millis(60_001), secretive())),
        )
        .route(
            "/minute",
            failing(|| Failure::too_many(Duration::from_secs(60), secretive())),
        )
        .route(
            "/503",
            failing(|| Failure::unavailable(Duration::ZERO, secretive())),
        )
        .route(
            "/later",
            failing(|| {
                let error = refused().retry(Retry::At(Timestamp::from_millis(61_000)));
                Failure::later(Timestamp::from_millis(1_000), error)
            }),
        )
        .route(
            "/away",
            failing(|| {
                let error = Error::unavailable("the table is full");
                let error = error.retry(Retry::After(Duration::from_secs(7)));
                Failure::later(Timestamp::from_millis(1_000), error)
            }),
        )
        .route(
            "/gone",
            failing(|| {
                let wait = Retry::After(Duration::from_secs(9));
                refused().retry(wait).into()
            }),
        )
        .route(
            "/full",
            failing(|| {
                let wait = Retry::After(Duration::from_secs(9));
                Error::unavailable("the table is full").retry(wait).into()
            }),
        )
        .route(
            "/ended",
            get(|| async {
                (
                    StatusCode::UNAUTHORIZED,
                    axum::response::AppendHeaders([
                        ("set-cookie", "session=; Max-Age=0"),
                        ("set-cookie", "csrf=; Max-Age=0"),
                        ("www-authenticate", "Bearer"),
                        ("x-inner", "db1"),
                    ]),
                    "user 7 of table users",
                )
            }),
        )
        .route(
            "/405",
            get(|| async { (StatusCode::METHOD_NOT_ALLOWED, [("allow", "PUT")], "db") }),
        )
        .route(
            "/busy",
            get(|| async {
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    [("retry-after", "77")],
                    "db",
                )
            }),
        )
}

fn start(policy: fn(&WebGuard) -> RoutePolicy) -> SocketAddr {
    let guard = WebGuard::new(Origins::loopback());
    serve(routes().layer(policy(&guard)))
}

fn fetch(to: SocketAddr, path: &str) -> Answer {
    send(to, &format!("GET {path} HTTP/1.1\nHost: {to}"), b"")
}

#[test]
fn each_status_is_reachable_in_its_fixed_body_on_both_policies() {
    for policy in [RoutePolicy::pages, RoutePolicy::machines] {
        let to = start(policy);
        for (status, header) in [
            (
                401,
                Some(("www-authenticate", "Bearer realm=\"deploy api\"")),
            ),
            (403, None),
            (409, None),
            (413, None),
            (429, Some(("retry-after", "61"))), // Rounded up.
            (503, Some(("retry-after", "1"))),  // Never at once.
        ] {
            let answer = fetch(to, &format!("/{status}"));
            assert_eq!(answer.status, status);
            let words = words(StatusCode::from_u16(status).unwrap());
            assert_eq!(answer.body, format!("{words}\n"));
            for name in ["retry-after", "www-authenticate"] {
                let expected = header.filter(|(known, _)| *known == name);
                let expected = expected.map(|(_, value)| value);
                assert_eq!(answer.header(name), expected, "{name} of {status}");
            }
        }
        let whole = fetch(to, "/minute");
        assert_eq!(whole.header("retry-after"), Some("60"));
        let busy = fetch(to, "/busy");
        assert_eq!(busy.header("retry-after"), Some("77"));
        assert!(!busy.body.contains("db"));
        let later = fetch(to, "/later");
        assert_eq!(
            (later.status, later.header("retry-after")),
            (429, Some("60"))
        );
        let full = fetch(to, "/full");
        assert_eq!((full.status, full.header("retry-after")), (503, Some("9")));
        assert!(!full.body.contains("table"));
        let away = fetch(to, "/away");
        assert_eq!((away.status, away.header("retry-after")), (503, Some("7")));
        let gone = fetch(to, "/gone");
        assert_eq!((gone.status, gone.header("retry-after")), (404, None));
    }
}

#[test]
fn a_handlers_own_word_on_methods_is_kept() {
    for policy in [RoutePolicy::pages, RoutePolicy::machines] {
        let answer = fetch(start(policy), "/405");
        assert_eq!(answer.status, 405);
        assert_eq!(answer.body, "That cannot be done here.\n");
        assert_eq!(answer.header("allow"), Some("PUT"));
    }
}

/// A router without a policy shows no more of an error than one with it.
#[test]
fn without_a_policy_an_error_says_nothing_else_either() {
    let to = serve(routes());
    for (path, status) in [("/403", 403), ("/409", 409), ("/503", 503)] {
        let answer = fetch(to, path);
        let words = words(StatusCode::from_u16(status).unwrap());
        assert_eq!((answer.status, answer.body), (status, format!("{words}\n")));
    }
}

/// What a caller typed is its own fault only if it was misused: a store that is down is none.
#[test]
fn input_that_failed_for_another_reason_has_the_status_of_that() {
    for (error, status) in [
        (Error::misuse("not a key"), 400),
        (Error::unavailable("down"), 503),
        (Error::corrupt("row 7"), 500),
        (refused(), 404),
    ] {
        assert_eq!(Failure::input(error).status(), status);
    }
}

#[test]
fn no_two_words_are_the_same_but_those_of_nothing_known() {
    let known = [
        400, 401, 403, 404, 405, 409, 413, 415, 421, 429, 503, 500, 418,
    ];
    let told: std::collections::BTreeSet<_> = known
        .iter()
        .map(|status| words(StatusCode::from_u16(*status).unwrap()))
        .collect();
    assert_eq!(told.len(), known.len());
}

#[test]
fn a_refusal_may_end_a_session_and_says_nothing_else() {
    let ended = fetch(start(RoutePolicy::pages), "/ended");
    assert_eq!(
        (ended.status, ended.body.as_str()),
        (401, "Say who you are first.\n")
    );
    let cookies: Vec<_> = ended
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cookies, ["session=; Max-Age=0", "csrf=; Max-Age=0"]);
    assert_eq!(ended.header("www-authenticate"), Some("Bearer"));
    assert_eq!(ended.header("x-inner"), None);
    let machine = fetch(start(RoutePolicy::machines), "/ended");
    assert_eq!(machine.header("set-cookie"), None);
    assert_eq!(machine.header("www-authenticate"), Some("Bearer"));
}

#[test]
fn a_challenge_is_one_scheme_and_one_realm() {
    for (scheme, realm) in [
        ("", "a"),
        ("Bearer", ""),
        ("Be arer", "a"),
        ("Bearer,", "a"),
        ("Bearer", "a\"b"),
        ("Bearer", "a\\"),
        ("Bearer", "a\r\nx: y"),
        ("Bearer", "\u{fc}"),
    ] {
        assert!(
            Challenge::scheme(scheme, realm).is_err(),
            "{scheme} {realm}"
        );
    }
    let (fits, long) = ("a".repeat(64), "a".repeat(65));
    assert!(Challenge::scheme(&fits, &fits).is_ok());
    assert!(Challenge::scheme(&long, "a").is_err());
    assert!(Challenge::bearer(&long).is_err());
}
