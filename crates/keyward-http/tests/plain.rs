//! The decisions without any framework, as a service of its own would ask for them.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use keyward_base::{Error, Reason, Retry, Timestamp};
use keyward_http::{
    ClientIp, Cors, Decision, Failure, InRequest, Nonce, Origins, Passed, Proxies, RoutePolicy,
    WebGuard, bodies, caught, forwarded, reason, words,
};

/// Nothing here waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waited"),
    }
}

fn guard() -> WebGuard {
    WebGuard::new(Origins::only(&["https://app.example.com"]).unwrap())
}

fn request(method: Method, headers: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::new(());
    *request.method_mut() = method;
    let all = request.headers_mut();
    all.insert("host", HeaderValue::from_static("app.example.com"));
    for (name, value) in headers {
        all.append(*name, value.parse().unwrap());
    }
    request.into_parts().0
}

fn passes(policy: &RoutePolicy, request: &mut Parts) -> Passed {
    match now(policy.decide(request, None).settle()) {
        Decision::Pass(passed) => passed,
        Decision::Answer(answer) => panic!("{answer:?}"),
    }
}

fn answered(policy: &RoutePolicy, request: &mut Parts) -> Response<Bytes> {
    match now(policy.decide(request, None).settle()) {
        Decision::Answer(answer) => answer,
        Decision::Pass(_) => panic!("it passed"),
    }
}

/// All headers, and of an error the one body that its status has.
fn whole(answer: &Response<Bytes>, status: u16) {
    assert_eq!(answer.status(), status);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(answer.headers()[name], value, "{name}");
    }
    let content = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(content.starts_with("default-src 'none'"));
    assert!(answer.headers().contains_key("permissions-policy"));
    assert_eq!(answer.headers()["x-request-id"].len(), 32);
    if !answer.status().is_success() {
        let fixed = format!("{}\n", words(answer.status()));
        assert_eq!(answer.body(), fixed.as_bytes());
    }
}

#[test]
fn what_may_change_something_comes_from_a_page_of_the_service() {
    let pages = RoutePolicy::pages(&guard());
    let own = [("origin", "https://app.example.com")];
    let passed = passes(&pages, &mut request(Method::POST, &own));
    whole(&passed.finished(Response::new(Bytes::from("done"))), 200);
    for (method, headers, status) in [
        (Method::POST, vec![("origin", "https://evil.example")], 403),
        (Method::POST, vec![], 403),
        (Method::GET, vec![("upgrade", "websocket")], 403),
        (Method::GET, vec![("authorization", "Bearer abc")], 403),
        (Method::GET, vec![("host", "evil.example")], 421),
        (Method::GET, vec![("content-length", "99999999")], 413),
    ] {
        whole(&answered(&pages, &mut request(method, &headers)), status);
    }
}

#[test]
fn machines_have_no_cookie_in_or_out() {
    let machines = RoutePolicy::machines(&guard());
    let headers = [
        ("cookie", "a=b"),
        ("cookie", "c=d"),
        ("authorization", "Bearer abc"),
    ];
    let mut asked = request(Method::POST, &headers);
    let passed = passes(&machines, &mut asked);
    assert!(!asked.headers.contains_key("cookie"));
    assert!(asked.headers["authorization"].is_sensitive());
    let mut answer = Response::new(Bytes::from("done"));
    answer
        .headers_mut()
        .insert("set-cookie", HeaderValue::from_static("a=b"));
    answer
        .headers_mut()
        .insert("x-frame-options", HeaderValue::from_static("ALLOW"));
    let answer = passed.finished(answer);
    whole(&answer, 200);
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(answer.body(), "done");
    assert!(Nonce::of(&asked).is_err(), "a machine shows no page");
}

#[test]
fn other_origins_are_those_on_the_list() {
    let cors = Cors::only(&["https://console.example.com"]).unwrap();
    let machines = RoutePolicy::machines_with_cors(&guard(), cors);
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        answered(&machines, &mut request(Method::OPTIONS, &headers))
    };
    let allowed = preflight("https://console.example.com");
    whole(&allowed, 204);
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "https://console.example.com"
    );
    // What a page needs to keep to its limits, and to tell which request it was.
    assert_eq!(
        allowed.headers()["access-control-expose-headers"],
        "ratelimit, ratelimit-policy, retry-after, x-request-id"
    );
    let refused = preflight("https://evil.example");
    whole(&refused, 403);
    assert!(
        !refused
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

/// The name of a scheme is read without regard to case (RFC 9110, section 11.1).
#[test]
fn what_a_proxy_in_front_asked_for_passes_however_it_is_written() {
    let pages = RoutePolicy::pages(&guard());
    for basic in ["Basic eDp5", "basic eDp5", "BASIC eDp5"] {
        let _ = passes(
            &pages,
            &mut request(Method::GET, &[("authorization", basic)]),
        );
    }
    let key = [("authorization", "basically eDp5")];
    whole(&answered(&pages, &mut request(Method::GET, &key)), 403);
}

#[test]
fn a_preflight_is_one_of_an_origin_and_asks_for_a_bounded_list() {
    let cors = Cors::only(&["https://console.example.com"]).unwrap();
    let policy = RoutePolicy::machines_with_cors(&guard(), cors);
    let method = ("access-control-request-method", "POST");
    // Of no page: what it is, the handler says.
    let _ = passes(&policy, &mut request(Method::OPTIONS, &[method]));
    let origin = ("origin", "https://console.example.com");
    let of = |names: usize| {
        let list = vec!["content-type"; names].join(",");
        let asked = ("access-control-request-headers", list.as_str());
        answered(
            &policy,
            &mut request(Method::OPTIONS, &[origin, method, asked]),
        )
    };
    // 1,013 bytes, and 1,026.
    assert_eq!(of(78).status(), StatusCode::NO_CONTENT);
    whole(&of(79), 403);
}

#[test]
fn who_sent_it_and_its_id_are_known_to_who_answers() {
    let proxies = Proxies::x_forwarded_for(&["192.0.2.1"]).unwrap();
    let pages = RoutePolicy::pages(&guard().proxies(proxies));
    let told = [("x-forwarded-for", "10.9.9.9, 203.0.113.7")];
    for (peer, client) in [
        ("192.0.2.1", "203.0.113.7"),
        ("198.51.100.4", "198.51.100.4"),
    ] {
        let mut asked = request(Method::GET, &told);
        let peer: IpAddr = peer.parse().unwrap();
        let Decision::Pass(passed) = now(pages.decide(&mut asked, Some(peer)).settle()) else {
            panic!("it was refused")
        };
        assert_eq!(passed.client().unwrap().address().to_string(), client);
        assert_eq!(ClientIp::of(&asked).unwrap().address().to_string(), client);
        let InRequest(id) = InRequest::of(&asked).unwrap();
        assert_eq!(passed.id(), Some(&id));
        let answer = passed.finished(Response::new(Bytes::new()));
        assert_eq!(answer.headers()["x-request-id"], id.as_str());
    }
    // Nobody guesses.
    let mut asked = request(Method::GET, &told);
    assert!(ClientIp::of(&asked).is_err() && InRequest::of(&asked).is_err());
    assert!(passes(&pages, &mut asked).client().is_none());
    assert!(ClientIp::of(&asked).is_err());
}

#[test]
fn a_header_of_the_services_own_name_from_a_stranger_is_told_of() {
    let proxies = Proxies::single("X-Edge-Client", &["192.0.2.1"]).unwrap();
    let mut headers = HeaderMap::new();
    let stranger = "198.51.100.4".parse().unwrap();
    assert_eq!(
        proxies.client(stranger, &headers).basis(),
        forwarded::Basis::Peer
    );
    headers.insert("x-edge-client", HeaderValue::from_static("203.0.113.7"));
    let client = proxies.client(stranger, &headers);
    assert_eq!(
        (client.address(), client.basis()),
        (stranger, forwarded::Basis::Untrusted)
    );
}

#[test]
fn a_nonce_is_in_the_policy_of_its_answer_alone() {
    let pages = RoutePolicy::pages(&guard());
    let mut asked = request(Method::GET, &[]);
    let passed = passes(&pages, &mut asked);
    let nonce = Nonce::of(&asked).unwrap();
    assert_eq!(Nonce::of(&asked).unwrap(), nonce);
    let mut cached = Response::new(Bytes::new());
    cached
        .headers_mut()
        .insert("cache-control", HeaderValue::from_static("public"));
    let answer = passed.finished(cached);
    whole(&answer, 200);
    let content = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        content.contains(&format!("script-src 'nonce-{nonce}'")),
        "{content}"
    );
    let other = passes(&pages, &mut request(Method::GET, &[]));
    let other = other.finished(Response::new(Bytes::new()));
    let content = other.headers()["content-security-policy"].to_str().unwrap();
    assert!(!content.contains("nonce"), "{content}");
}

#[test]
fn an_error_says_its_status_and_the_reporter_the_rest() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let guard = guard().report_in_request(move |error, id| {
        assert!(id.is_some());
        into.lock().unwrap().push(error.reason());
    });
    let pages = RoutePolicy::pages(&guard);
    let passed = || passes(&pages, &mut request(Method::GET, &[]));
    let failed = Error::rejected(Reason::NOT_FOUND);
    whole(&passed().finished(Failure::from(failed).answer()), 404);
    // A limit's refusal as an error, by whichever crate.
    for (retry, wait) in [
        (Some(Retry::After(Duration::from_secs(60))), "60"),
        (Some(Retry::At(Timestamp::from_millis(7))), "5"),
        (None, "5"),
    ] {
        let limited = Error::rejected(reason::LIMITED);
        let limited = retry.into_iter().fold(limited, Error::retry);
        let answer = Failure::from(limited).answer();
        whole(&passed().finished(answer.clone()), 429);
        assert_eq!(answer.headers()["retry-after"], wait);
    }
    // What a framework wrote itself.
    let mut inside = Response::new(Bytes::from("no column hash in table users"));
    *inside.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    inside
        .headers_mut()
        .insert("x-trace", HeaderValue::from_static("/srv/app.rs"));
    let answer = passed().finished(inside);
    whole(&answer, 500);
    assert!(!answer.headers().contains_key("x-trace"));
    // What the service wrote for people stays.
    let mut form = Response::new(Bytes::from("<p>try again"));
    *form.status_mut() = StatusCode::CONFLICT;
    bodies::keep(form.extensions_mut());
    assert_eq!(passed().finished(form).body(), "<p>try again");
    let panics = async { panic!("users.db") };
    assert!(now(caught::run(panics)).is_none());
    whole(&now(passed().panicked()), 500);
    let told = told.lock().unwrap().clone();
    let limited = Some(reason::LIMITED);
    let (first, last) = (Some(Reason::NOT_FOUND), Some(reason::PANICKED));
    assert_eq!(told, [first, limited, limited, limited, last]);
    assert_eq!(guard.findings()[0].reason, reason::PANICKED);
}

/// One proxy that names clients says nothing of another that never does.
#[test]
fn each_proxy_that_names_nobody_is_found_by_itself() {
    let proxies = Proxies::x_forwarded_for(&["192.0.2.0/24", "10.0.0.0/8"]).unwrap();
    let guard = guard().proxies(proxies);
    let policy = RoutePolicy::pages(&guard);
    let comes = |peer: &str, header: Option<&str>| {
        let named: Vec<_> = header
            .map(|name| ("x-forwarded-for", name))
            .into_iter()
            .collect();
        let mut request = request(Method::GET, &named);
        let peer: IpAddr = peer.parse().unwrap();
        match now(policy.decide(&mut request, Some(peer)).settle()) {
            Decision::Pass(_) => {}
            Decision::Answer(answer) => panic!("{answer:?}"),
        }
    };
    let missing = || {
        let found = guard.findings();
        let of = |reason| found.iter().find(|finding| finding.reason == reason);
        of(reason::FORWARDED_MISSING).map(|finding| finding.count)
    };
    // Its probes, before and after it names somebody.
    comes("192.0.2.1", None);
    assert_eq!(missing(), Some(1));
    comes("192.0.2.1", Some("203.0.113.7"));
    comes("192.0.2.1", None);
    assert_eq!(missing(), None);
    for _ in 0..5 {
        comes("192.0.2.2", None);
        comes("::ffff:192.0.2.2", None);
    }
    assert_eq!(missing(), Some(10));
    comes("192.0.2.1", Some("203.0.113.8"));
    assert_eq!(missing(), Some(10));
    comes("::ffff:192.0.2.2", Some("203.0.113.9"));
    assert_eq!(missing(), None);
    // More than are told apart are counted all the same.
    for n in 0..2_000_u16 {
        let [high, low] = n.to_be_bytes();
        comes(&format!("10.0.{high}.{low}"), None);
    }
    assert_eq!(missing(), Some(2_000));
}
