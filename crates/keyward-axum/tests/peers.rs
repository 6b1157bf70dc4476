//! Where a request comes from, over real HTTP on loopback.
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
use axum::extract::Request;
use axum::routing::get;
use keyward_axum::{Failure, Origins, PeerPrefix, RoutePolicy, WebGuard, loopback, reason};
use keyward_base::ErrorKind;
use web::{Answer, send, serve, serve_with_peers};

async fn peer(PeerPrefix(prefix): PeerPrefix) -> String {
    prefix.to_string()
}

fn fetch(to: SocketAddr, more: &str) -> Answer {
    send(
        to,
        &format!("GET / HTTP/1.1\nHost: localhost:1\n{more}"),
        b"",
    )
}

#[test]
fn a_peer_is_known_by_its_connection_and_by_no_header() {
    let peers = || Router::new().route("/", get(peer));
    let v4 = serve_with_peers("127.0.0.1:0", peers());
    for claim in [
        "",
        "X-Forwarded-For: 203.0.113.9",
        "Forwarded: for=203.0.113.9",
    ] {
        assert_eq!(fetch(v4, claim).body, "127.0.0.1/32", "{claim}");
    }
    let v6 = serve_with_peers("[::1]:0", peers());
    assert_eq!(fetch(v6, "X-Real-IP: 2001:db8::1").body, "::/64");
    // A socket for both sees IPv4 as IPv6.
    let both = serve_with_peers("[::]:0", peers());
    let over_v4 = SocketAddr::from(([127, 0, 0, 1], both.port()));
    assert_eq!(fetch(over_v4, "").body, "127.0.0.1/32");
}

#[test]
fn a_service_that_does_not_know_its_peers_says_so() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let guard = WebGuard::new(Origins::loopback())
        .report(move |error| told.lock().unwrap().push((error.kind(), error.to_string())));
    let routes = Router::new().route("/", get(peer));
    let to = serve(routes.layer(RoutePolicy::pages(&guard)));
    assert_eq!(fetch(to, "X-Forwarded-For: 203.0.113.9").status, 500);
    let seen = seen.lock().unwrap();
    assert!(
        seen[0].0 == ErrorKind::Misuse && seen[0].1.contains("connect_info"),
        "{seen:?}"
    );
}

/// A route that is there for a browser on this machine alone.
fn here(guard: &WebGuard) -> Router {
    let guard = guard.clone();
    let answer = |request: Request| async move {
        loopback::check(&guard, &request.into_parts().0)
            .map(|()| "here")
            .map_err(Failure::from)
    };
    Router::new().route("/", get(answer))
}

fn at(origins: &[&str]) -> WebGuard {
    WebGuard::new(Origins::only(origins).unwrap())
}

#[test]
fn whose_origins_are_all_on_loopback() {
    for (origins, here) in [
        (Origins::loopback(), true),
        (Origins::only(&["http://localhost:8080"]).unwrap(), true),
        (
            Origins::only(&["https://127.0.0.1", "https://[::1]:1"]).unwrap(),
            true,
        ),
        (
            Origins::only(&["http://localhost", "http://app.example"]).unwrap(),
            false,
        ),
        (Origins::only(&["http://localhost.example"]).unwrap(), false),
        (Origins::only(&["https://app.example"]).unwrap(), false),
    ] {
        assert_eq!(origins.is_loopback(), here, "{origins}");
    }
}

#[test]
fn what_is_for_this_machine_alone_is_refused_to_whoever_may_be_elsewhere() {
    let loopback = WebGuard::new(Origins::loopback());
    for to in [
        serve(here(&loopback)),
        serve_with_peers("127.0.0.1:0", here(&loopback)),
        serve_with_peers("[::]:0", here(&at(&["http://localhost:1"]))),
    ] {
        let to = SocketAddr::from(([127, 0, 0, 1], to.port()));
        assert_eq!(fetch(to, "").body, "here");
        for forwarded in [
            "Forwarded: for=127.0.0.1",
            "Via: 1.1 proxy",
            "X-Real-IP: 127.0.0.1",
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: https",
            "x-FORWARDED-host: localhost",
            "X-Forwarded: 1",
            "CF-Connecting-IP: 127.0.0.1",
            "CDN-Loop: cdn",
        ] {
            assert_eq!(fetch(to, forwarded).status, 404, "{forwarded}");
        }
        // As nginx asks what is behind it, where it is told an address and nothing more.
        let plain = "GET / HTTP/1.0\nHost: localhost:1";
        assert_eq!(send(to, plain, b"").status, 404);
        for host in ["app.example", "127.0.0.2", "localhost.example", "0.0.0.0"] {
            let head = format!("GET / HTTP/1.1\nHost: {host}");
            assert_eq!(send(to, &head, b"").status, 421, "{host}");
        }
    }
    // A public origin elsewhere: whatever the listener, and whatever the request says.
    let public = serve_with_peers("127.0.0.1:0", here(&at(&["https://app.example"])));
    for host in ["app.example", "localhost", "127.0.0.1"] {
        let head = format!("GET / HTTP/1.1\nHost: {host}");
        assert_eq!(send(public, &head, b"").status, 404, "{host}");
    }
}

#[test]
fn a_connection_from_elsewhere_is_not_of_this_machine() {
    use axum::extract::ConnectInfo;
    let guard = WebGuard::new(Origins::loopback());
    for (peer, passes) in [
        ("127.0.0.1:1", true),
        ("[::1]:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("192.0.2.7:1", false),
        ("[2001:db8::1]:1", false),
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        let request = http::Request::get("/").header("host", "localhost");
        let mut request = request.body(()).unwrap().into_parts().0;
        request.extensions.insert(ConnectInfo(peer));
        let checked = loopback::check(&guard, &request);
        assert_eq!(checked.is_ok(), passes, "{peer}");
        if let Err(error) = checked {
            assert_eq!(error.reason(), Some(reason::NOT_LOOPBACK));
        }
    }
}
