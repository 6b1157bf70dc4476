//! Who sent a request: what is believed of a forwarding header, and who is told of one that is not.
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
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_axum::forwarded::{Basis, Proxies};
use keyward_axum::{ClientIp, Origins, RoutePolicy, WebGuard, reason};
use keyward_base::audit::{Event, Intent, Outcome, Trail, Value};
use keyward_base::{BoxFuture, ErrorKind, ManualClock, Result, Sink, Timestamp};
use web::{Answer, send, serve, serve_with_peers};

const TRUSTED: [&str; 2] = ["10.0.0.0/8", "2001:db8:aaaa::/48"];

fn rule(text: &str) -> Proxies {
    let (header, hops) = text.split_once(' ').unwrap_or((text, "1"));
    let proxies = match header {
        "none" => return Proxies::none(),
        "xff" => Proxies::x_forwarded_for(&TRUSTED),
        "fwd" => Proxies::forwarded(&TRUSTED),
        "one" => Proxies::single("X-Real-IP", &TRUSTED),
        _ => panic!("{text}"),
    };
    proxies.unwrap().hops(hops.parse().unwrap()).unwrap()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match (next, next == '\\') {
            (_, false) => bytes.extend(next.to_string().bytes()),
            (_, true) => match chars.next().unwrap() {
                't' => bytes.push(b'\t'),
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                other => bytes.push(u8::try_from(other).unwrap()),
            },
        }
    }
    bytes
}

fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split("\\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        let name: HeaderName = name.parse().unwrap();
        let value = unescaped(value.strip_prefix(' ').unwrap_or(value));
        headers.append(name, HeaderValue::from_bytes(&value).unwrap());
    }
    headers
}

#[test]
fn what_is_believed_of_every_spoof() {
    let mut count = 0;
    for row in include_str!("spoofs.tsv").lines() {
        if row.starts_with('#') {
            continue;
        }
        let [what, by, peer, lines, address, basis] =
            <[&str; 6]>::try_from(row.split('\t').collect::<Vec<_>>()).unwrap();
        let client = rule(by).client(peer.parse().unwrap(), &headers(lines));
        assert_eq!(client.address().to_string(), address, "{what}");
        let known = match client.basis() {
            Basis::Peer => "peer",
            Basis::Header => "header",
            Basis::Missing => "missing",
            Basis::Untrusted => "untrusted",
            Basis::TooFew => "too-few",
            Basis::Unreadable => "unreadable",
            Basis::Bypassed => "bypassed",
            other => panic!("{other:?}"),
        };
        assert_eq!(known, basis, "{what}");
        count += 1;
    }
    assert!(count > 100, "{count} rows");
}

#[test]
fn a_household_is_one_client() {
    let proxies = rule("xff");
    let of = |address: &str| {
        let headers = headers(&format!("X-Forwarded-For: {address}"));
        proxies.client("10.0.0.1".parse().unwrap(), &headers)
    };
    assert_eq!(of("2001:db8::1").prefix(), of("2001:db8::ffff:1").prefix());
    assert_ne!(of("2001:db8::1").prefix(), of("2001:db8:0:1::1").prefix());
    assert_ne!(of("203.0.113.7").prefix(), of("203.0.113.8").prefix());
}

#[test]
fn proxies_that_would_be_anybody_are_refused() {
    let misuse = |made: Result<Proxies>| made.is_err_and(|e| e.kind() == ErrorKind::Misuse);
    for trusted in [
        &[][..],
        &["0.0.0.0/0"],
        &["::/0"],
        &["::/7"],
        &["10.0.0.0/7"],
        &["10.0.0.1/8"],
        &["10.0.0.0/33"],
        &["10.0.0.0/08"],
        &["::ffff:10.0.0.0/104"],
        &["proxy.example"],
        &[""],
        &["10.0.0.0/8 "],
    ] {
        assert!(misuse(Proxies::x_forwarded_for(trusted)), "{trusted:?}");
        assert!(misuse(Proxies::forwarded(trusted)), "{trusted:?}");
        assert!(misuse(Proxies::single("X-Real-IP", trusted)), "{trusted:?}");
    }
    assert!(misuse(Proxies::x_forwarded_for(&["10.0.0.1"; 257])));
    for name in ["x-forwarded-for", "Forwarded", "", "X Real"] {
        assert!(misuse(Proxies::single(name, &TRUSTED)), "{name}");
    }
    assert!(misuse(rule("xff").hops(0)));
    assert!(misuse(rule("xff").hops(9)));
    assert!(misuse(rule("one").hops(2)));
    assert!(misuse(Proxies::none().hops(1)));
}

#[derive(Debug, Default)]
struct Record(Mutex<Vec<Event>>);

impl Sink for Record {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        self.0.lock().unwrap().push(event.clone());
        Box::pin(std::future::ready(Ok(())))
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

async fn client(client: ClientIp) -> String {
    format!("{} {}", client.address(), client.prefix())
}

fn routes(guard: &WebGuard) -> Router {
    let hook = Router::new().route("/hook", get(client));
    Router::new()
        .route("/", get(client))
        .layer(RoutePolicy::pages(guard))
        .merge(hook.layer(RoutePolicy::machines(guard)))
}

fn fetch(to: SocketAddr, path: &str, more: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\nHost: localhost:1\n{more}");
    send(to, &head, b"")
}

#[test]
fn a_handler_is_told_who_sent_it() {
    let proxies = Proxies::x_forwarded_for(&["127.0.0.1"]).unwrap();
    let guard = WebGuard::new(Origins::loopback()).proxies(proxies);
    let to = serve_with_peers("127.0.0.1:0", routes(&guard));
    for path in ["/", "/hook"] {
        let said = fetch(to, path, "X-Forwarded-For: 9.9.9.9, 203.0.113.7");
        assert_eq!(said.body, "203.0.113.7 203.0.113.7/32");
        let said = fetch(
            to,
            path,
            "X-Forwarded-For: 9.9.9.9\nX-Forwarded-For: 2001:db8::7",
        );
        assert_eq!(said.body, "2001:db8::7 2001:db8::/64");
        assert_eq!(fetch(to, path, "").body, "127.0.0.1 127.0.0.1/32");
    }
    assert_eq!(guard.findings(), []);
}

#[test]
fn without_a_peer_or_a_policy_nobody_guesses() {
    let guard = WebGuard::new(Origins::loopback());
    let to = serve(routes(&guard));
    assert_eq!(fetch(to, "/", "X-Forwarded-For: 203.0.113.7").status, 500);
    let bare = Router::new().route("/", get(client));
    let to = serve_with_peers("127.0.0.1:0", bare);
    assert_eq!(fetch(to, "/", "").status, 500);
}

/// A proxy that was told of another header than the service was, or of none: all are counted as one.
#[test]
fn a_trusted_proxy_that_never_names_anybody_is_found() {
    let record = Arc::new(Record::default());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let reported = Arc::new(Mutex::new(0));
    let told = Arc::clone(&reported);
    let guard = WebGuard::new(Origins::loopback())
        .proxies(Proxies::forwarded(&["127.0.0.1"]).unwrap())
        .trail(Trail::new(record.clone()), clock.clone())
        .report(move |_| *told.lock().unwrap() += 1);
    let to = serve_with_peers("127.0.0.1:0", routes(&guard));
    for more in ["", "X-Forwarded-For: 203.0.113.7", ""] {
        assert_eq!(fetch(to, "/", more).body, "127.0.0.1 127.0.0.1/32");
    }
    let found = guard.findings();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reason, reason::FORWARDED_MISSING);
    assert_eq!(found[0].count, 3);
    assert!(
        found[0].fix.contains("write the header"),
        "{}",
        found[0].fix
    );
    let events = || record.0.lock().unwrap().clone();
    assert_eq!(events().len(), 1);
    assert_eq!(events()[0].action, "web.forwarded");
    let failed = Outcome::Failed(ErrorKind::Rejected, Some(reason::FORWARDED_MISSING));
    assert_eq!(events()[0].outcome, failed);
    assert_eq!(*reported.lock().unwrap(), 0, "no header was disbelieved");
    // Once one was named, those without are the proxy's own: nothing is wrong, and nothing is told.
    clock.advance(Duration::from_secs(3_600));
    let named = fetch(to, "/", "Forwarded: for=203.0.113.7");
    assert_eq!(named.body, "203.0.113.7 203.0.113.7/32");
    assert_eq!(fetch(to, "/", "").body, "127.0.0.1 127.0.0.1/32");
    assert_eq!(guard.findings(), []);
    assert_eq!(events().len(), 1);
}

#[test]
fn a_header_that_is_not_believed_is_reported_recorded_and_found() {
    let record = Arc::new(Record::default());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let reported = Arc::new(Mutex::new(0));
    let told = Arc::clone(&reported);
    let guard = WebGuard::new(Origins::loopback())
        .trail(Trail::new(record.clone()), clock.clone())
        .report(move |error| {
            assert_eq!(error.reason(), Some(reason::FORWARDED_UNTRUSTED));
            *told.lock().unwrap() += 1;
        });
    let to = serve_with_peers("127.0.0.1:0", routes(&guard));
    let ask = || fetch(to, "/", "X-Forwarded-For: 203.0.113.7");
    for _ in 0..5 {
        assert_eq!(
            ask().body,
            "127.0.0.1 127.0.0.1/32",
            "it is served all the same"
        );
    }
    let events = || record.0.lock().unwrap().clone();
    assert_eq!(events().len(), 1, "one speaks for those of a minute");
    clock.advance(Duration::from_millis(59_999));
    let _ = ask();
    assert_eq!(events().len(), 1);
    clock.advance(Duration::from_millis(1));
    let _ = ask();
    // A clock that went back keeps nothing quiet.
    clock.set(Timestamp::from_millis(5));
    let _ = ask();
    let events = events();
    let counts: Vec<_> = events.iter().map(|e| e.detail.find("count")).collect();
    assert_eq!(counts, [1, 6, 1].map(|count| Some(Value::Number(count))));
    for event in &events {
        assert_eq!(event.action, "web.forwarded");
        let failed = Outcome::Failed(ErrorKind::Rejected, Some(reason::FORWARDED_UNTRUSTED));
        assert_eq!(event.outcome, failed);
    }
    assert_eq!(*reported.lock().unwrap(), 3, "no more often than the trail");
    let found = guard.findings();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reason, reason::FORWARDED_UNTRUSTED);
    assert_eq!(found[0].count, 8);
    assert!(
        found[0].fix.contains("name its network"),
        "{}",
        found[0].fix
    );
}
