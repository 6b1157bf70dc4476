//! A proof before a group of routes, over real HTTP on loopback.
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
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::routing::{any, get, post};
use keyward_axum::proof::{Proved, guard};
use keyward_axum::{Challenge, Failure};
use keyward_base::{Error, Reason};
use web::{Answer, send, serve};

#[derive(Clone, Default)]
struct App {
    asked: Arc<AtomicUsize>,
}

/// Who says the password.
#[derive(Debug)]
struct Member(String);

impl FromRequestParts<App> for Member {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        app.asked.fetch_add(1, Ordering::Relaxed);
        let said = parts.headers.get("x-password");
        match said.and_then(|value| value.to_str().ok()) {
            Some("sesame") => Ok(Self("ali".to_owned())),
            _ => Err(Failure::unauthenticated(
                &Challenge::bearer("test").unwrap(),
                Error::rejected(Reason::NOT_FOUND),
            )),
        }
    }
}

async fn who(Proved(Member(name)): Proved<Member>) -> String {
    name
}

fn inner() -> Router<App> {
    Router::new()
        .route("/", get(|| async { "inside" }))
        .route("/who", get(who))
        .route(
            "/twice",
            get(|first: Proved<Member>, _: Proved<Member>| async move { first.0.0 }),
        )
        .route("/post", post(|| async { "posted" }))
        .nest(
            "/deep",
            Router::new().route("/{id}", any(|| async { "deep" })),
        )
}

fn ask(to: SocketAddr, head: &str, knows: bool) -> Answer {
    let password = if knows { "\nX-Password: sesame" } else { "" };
    send(
        to,
        &format!("{head} HTTP/1.1\nHost: {to}\nContent-Length: 0{password}"),
        b"",
    )
}

#[test]
fn nothing_of_a_group_is_reached_without_its_proof() {
    let app = App::default();
    let outer = Router::new().route("/", get(|| async { "outside" }));
    let nested = outer.nest("/in", guard::<Member, _>(inner(), &app).into());
    let to = serve(nested.with_state(app.clone()));
    for (head, status, body) in [
        ("GET /in", 200, "inside"),
        ("GET /in/who", 200, "ali"),
        ("POST /in/post", 200, "posted"),
        ("DELETE /in/deep/7", 200, "deep"),
        ("HEAD /in", 200, ""),
        ("DELETE /in", 405, ""),
        ("OPTIONS /in/post", 405, ""),
    ] {
        assert_eq!(ask(to, head, false).status, 401, "{head}");
        let known = ask(to, head, true);
        assert_eq!(
            (known.status, known.body.as_str()),
            (status, body),
            "{head}"
        );
    }
    // Outside nobody is asked.
    let asked = app.asked.load(Ordering::Relaxed);
    assert_eq!(ask(to, "GET /", false).body, "outside");
    for nowhere in ["GET /nowhere", "GET /in/nowhere", "GET /in/deep/7/8"] {
        assert_eq!(ask(to, nowhere, false).status, 404, "{nowhere}");
    }
    assert_eq!(app.asked.load(Ordering::Relaxed), asked);
}

#[test]
fn a_fallback_of_its_own_stands_behind_it_too() {
    let app = App::default();
    let fallback = || inner().fallback(|| async { "anything" });
    let nested = Router::new().nest("/in", guard::<Member, _>(fallback(), &app).into());
    let to = serve(nested.with_state(app.clone()));
    assert_eq!(ask(to, "GET /in/nowhere", false).status, 401);
    assert_eq!(ask(to, "GET /in/nowhere", true).body, "anything");
    assert_eq!(ask(to, "GET /nowhere", false).status, 404);

    let merged = Router::new().merge(guard::<Member, _>(fallback(), &app));
    let to = serve(merged.with_state(app));
    for path in ["GET /", "GET /nowhere", "PUT /a/b/c"] {
        assert_eq!(ask(to, path, false).status, 401, "{path}");
    }
    assert_eq!(ask(to, "GET /nowhere", true).body, "anything");
}

/// Two groups in one router, each behind its own: axum would take the first one's proof for what
/// has no route at all.
#[test]
fn a_group_that_is_merged_answers_for_its_routes_alone() {
    struct Nobody;
    impl FromRequestParts<App> for Nobody {
        type Rejection = Failure;
        async fn from_request_parts(_: &mut Parts, _: &App) -> Result<Self, Failure> {
            Err(Failure::forbidden(Error::rejected(Reason::NOT_FOUND)))
        }
    }
    let app = App::default();
    let open = || Router::new().route("/open", get(|| async { "open" }));
    let closed = || Router::new().route("/closed", get(|| async { "closed" }));
    for router in [
        open()
            .merge(guard::<Member, _>(inner(), &app))
            .merge(guard::<Nobody, _>(closed(), &app)),
        Router::from(guard::<Nobody, _>(closed(), &app))
            .merge(guard::<Member, _>(inner(), &app))
            .merge(open()),
    ] {
        let to = serve(router.with_state(app.clone()));
        for knows in [false, true] {
            assert_eq!(ask(to, "GET /open", knows).body, "open");
            assert_eq!(ask(to, "GET /closed", knows).status, 403);
            assert_eq!(ask(to, "GET /nowhere", knows).status, 404);
        }
        assert_eq!(ask(to, "GET /", false).status, 401);
        assert_eq!(ask(to, "GET /", true).body, "inside");
    }
}

#[test]
fn a_proof_is_found_out_once_and_taken_once() {
    let app = App::default();
    let open = Router::new().route("/open", get(who));
    let both = open.merge(guard::<Member, _>(inner(), &app));
    let to = serve(both.with_state(app.clone()));
    assert_eq!(ask(to, "GET /who", true).body, "ali");
    assert_eq!(app.asked.load(Ordering::Relaxed), 1);
    assert_eq!(ask(to, "GET /twice", true).status, 500);
    // Beside the guard there is none, whoever asks.
    assert_eq!(ask(to, "GET /open", true).status, 500);
}
