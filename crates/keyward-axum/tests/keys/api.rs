//! API keys and their scopes.

use std::time::Duration;

use keyward_axum::api_key::WebKeys;
use keyward_axum::{Origins, Proxies, WebGuard};
use keyward_base::{ErrorKind, Tenant};
use keyward_testkit::Interrupt;

use crate::service::{PROXY, Peers, Service, bearer};

const ASKS: &str = "Bearer realm=\"api\"";
const REFUSES: &str = "Bearer realm=\"api\", error=\"invalid_token\"";

#[test]
fn a_key_does_what_its_scopes_say_and_is_told_what_it_lacks() {
    let service = Service::start();
    let reader = service.issue("acme", "servers:read", "");
    let writer = service.issue("globex", "servers:write", "");
    let none = service.issue("acme", "", "");
    for at in ["", "/group"] {
        let (read, write, who) = (
            format!("GET {at}/read"),
            format!("POST {at}/write"),
            format!("GET {at}/whoami"),
        );
        assert_eq!(service.with_key(&read, &reader).body, "read for acme");
        assert_eq!(service.with_key(&write, &writer).body, "written for globex");
        assert_eq!(service.with_key(&who, &none).body, "build ");
        assert_eq!(service.with_key(&who, &writer).body, "build servers:write");
        for (line, key, scope) in [
            (&write, &reader, "servers:write"),
            (&read, &writer, "servers:read"),
            (&read, &none, "servers:read"),
        ] {
            let answer = service.with_key(line, key);
            assert_eq!(answer.status, 403, "{line}");
            let says = format!("{ASKS}, error=\"insufficient_scope\", scope=\"{scope}\"");
            assert_eq!(answer.header("www-authenticate"), Some(says.as_str()));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    assert_eq!(service.ran(), 4);
}

#[test]
fn a_guard_is_before_the_whole_group() {
    let service = Service::start();
    let reader = service.issue("acme", "servers:read", "");
    let writer = service.issue("acme", "servers:write", "");
    assert_eq!(
        service.with_key("GET /readers/a", &reader).body,
        "read for acme"
    );
    assert_eq!(service.with_key("GET /readers/b", &reader).body, "build");
    assert_eq!(
        service.with_key("GET /readers/c", &reader).body,
        "forgot its argument"
    );
    assert_eq!(
        service.with_key("GET /group/forgot", &writer).body,
        "forgot its argument"
    );
    for line in ["GET /readers/a", "GET /readers/b", "GET /readers/c"] {
        assert_eq!(service.with_key(line, &writer).status, 403);
        assert_eq!(service.send(line, "").status, 401);
    }
    assert_eq!(service.send("GET /group/forgot", "").status, 401);
    // What the guard found out is not looked for again.
    let calls = |line| {
        let _before = service.store.take_calls();
        assert_eq!(service.with_key(line, &reader).status, 200);
        service.store.take_calls().len()
    };
    assert!(calls("GET /read") > 0);
    assert_eq!(calls("GET /group/read"), calls("GET /read"));
    assert_eq!(calls("GET /readers/a"), calls("GET /read"));
}

#[test]
fn all_else_is_401_and_runs_nothing() {
    let service = Service::start();
    let key = service.issue("acme", "servers:read servers:write", "");
    let text = key.key().expose();
    let flipped = text.replace("acme_live_", "acme_test_");
    for (more, challenge) in [
        (String::new(), ASKS),
        (format!("Cookie: __Host-session={text}"), ASKS),
        (format!("X-Api-Key: {text}"), ASKS),
        (format!("Authorization: Basic {text}"), ASKS),
        (format!("Authorization: {text}"), ASKS),
        (format!("Authorization: Bearer {flipped}"), REFUSES),
        (
            format!("Authorization: Bearer {}", &text[..text.len() - 1]),
            REFUSES,
        ),
        (format!("Authorization: Bearer {text}a"), REFUSES),
        (format!("Authorization: Bearer {text}="), REFUSES),
        (format!("Authorization: Bearer {text}, {text}"), REFUSES),
        (
            format!("Authorization: Bearer {text}\nAuthorization: Bearer {text}"),
            REFUSES,
        ),
        (
            format!("Authorization: Bearer {}", "a".repeat(2000)),
            REFUSES,
        ),
    ] {
        for line in [
            "GET /whoami",
            "GET /read",
            "POST /write",
            "GET /group/forgot",
            "GET /readers/c",
        ] {
            let answer = service.send(line, &more);
            assert_eq!(answer.status, 401, "{line} {more}");
            assert_eq!(
                answer.header("www-authenticate"),
                Some(challenge),
                "{line} {more}"
            );
        }
    }
    assert_eq!(
        service
            .send(&format!("GET /whoami?access_token={text}"), "")
            .status,
        401
    );
    assert_eq!(service.ran(), 0);
    let told = service.told.lock().unwrap().join("\n");
    assert!(!told.contains(&text[30..50]), "{told}");
}

#[test]
fn a_key_that_lives_no_more_reads_like_one_that_never_was() {
    let service = Service::start();
    let (revoked, expired) = (service.issue("acme", "", ""), service.issue("acme", "", ""));
    let acme = Tenant::new("acme").unwrap();
    service
        .run(service.keys.revoke(&acme, revoked.info().id))
        .unwrap();
    service.pass(Duration::from_secs(91 * 86_400));
    let made_up = service.send("GET /whoami", "Authorization: Bearer acme_live_AQ");
    for key in [&revoked, &expired] {
        let answer = service.with_key("GET /whoami", key);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, made_up.body);
        assert_eq!(
            answer.header("www-authenticate"),
            made_up.header("www-authenticate")
        );
    }
}

#[test]
fn cookies_beside_a_key_are_dropped_and_pages_take_no_key() {
    let service = Service::start();
    let key = service.issue("acme", "servers:read servers:write", "");
    let both = format!("{}\nCookie: __Host-session=kws_AQ", bearer(&key));
    assert_eq!(service.send("GET /read", &both).status, 200);
    for line in ["GET /page", "POST /page"] {
        let own = format!("{both}\nSec-Fetch-Site: same-origin");
        assert_eq!(service.send(line, &own).status, 403, "{line}");
        // Without the key, the handler's own: it stands where it must not.
        assert_eq!(
            service.send(line, "Sec-Fetch-Site: same-origin").status,
            500
        );
    }
    assert_eq!(service.with_key("GET /bare", &key).status, 500);
}

#[test]
fn no_cache_gives_the_answer_to_another() {
    let service = Service::start();
    let key = service.issue("acme", "servers:read", "");
    let answer = service.with_key("GET /read", &key);
    assert_eq!(answer.header("vary"), Some("authorization"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_store_that_is_away_is_503_and_lets_nobody_in() {
    let service = Service::start();
    let key = service.issue("acme", "servers:read", "");
    service.store.interrupt(0, Interrupt::DieBefore);
    let answer = service.with_key("GET /read", &key);
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    // What was made up does not come as far as that.
    assert_eq!(
        service
            .send("GET /read", "Authorization: Bearer acme_live_AQ")
            .status,
        401
    );
    assert_eq!(service.ran(), 0);
}

/// Statuses for a key of those ranges, asked from `from` with these lines.
fn asked(service: &Service, ranges: &str, from: &str, more: &str) -> u16 {
    let key = service.issue("acme", "", ranges);
    let more = format!("{}\n{more}", bearer(&key));
    service.send_from(from, "GET /whoami", &more).status
}

#[test]
fn ranges_hold_where_the_client_connects() {
    let service = Service::start();
    for (ranges, from, more, status) in [
        ("", "127.0.0.5", "", 200),
        ("", "127.0.0.5", "X-Forwarded-For: 203.0.113.7", 200),
        ("127.0.0.5", "127.0.0.5", "", 200),
        ("127.0.0.0/29 203.0.113.0/24", "127.0.0.5", "", 200),
        ("127.0.0.5", "127.0.0.6", "", 401),
        // Nobody was named as a proxy, and somebody speaks for another: it may be one.
        (
            "127.0.0.5",
            "127.0.0.5",
            "X-Forwarded-For: 203.0.113.7",
            401,
        ),
        (
            "203.0.113.0/24",
            "127.0.0.5",
            "X-Forwarded-For: 203.0.113.7",
            401,
        ),
        (
            "203.0.113.0/24",
            "127.0.0.5",
            "Forwarded: for=203.0.113.7",
            401,
        ),
        ("203.0.113.0/24", "127.0.0.5", "X-Real-IP: 203.0.113.7", 401),
    ] {
        assert_eq!(
            asked(&service, ranges, from, more),
            status,
            "{ranges} from {from} {more}"
        );
    }
}

#[test]
fn ranges_hold_behind_a_proxy_and_its_own_address_opens_nothing() {
    let proxies = Proxies::x_forwarded_for(&[PROXY]).unwrap();
    let service = Service::with(&Peers::Known(proxies));
    let everybody = "0.0.0.0/0";
    for (ranges, from, more, status) in [
        ("203.0.113.0/24", PROXY, "X-Forwarded-For: 203.0.113.7", 200),
        (
            "203.0.113.0/24",
            PROXY,
            "X-Forwarded-For: 203.0.113.7, 198.51.100.1",
            401,
        ),
        (
            "203.0.113.0/24",
            PROXY,
            "X-Forwarded-For: 203.0.113.7\nX-Forwarded-For: 198.51.100.1",
            401,
        ),
        (
            "203.0.113.0/24",
            PROXY,
            "X-Forwarded-For: 198.51.100.1, 203.0.113.7",
            200,
        ),
        // Not through the proxy.
        (
            "203.0.113.0/24",
            "127.0.0.6",
            "X-Forwarded-For: 203.0.113.7",
            401,
        ),
        ("127.0.0.6", "127.0.0.6", "", 200),
        (
            "127.0.0.6",
            "127.0.0.6",
            "X-Forwarded-For: 203.0.113.7",
            401,
        ),
        // The proxy itself, and what stands in for an address.
        (PROXY, PROXY, "", 401),
        (PROXY, PROXY, "X-Forwarded-For: unknown", 401),
        (PROXY, PROXY, "X-Forwarded-For:", 401),
        (PROXY, PROXY, "X-Forwarded-For: 127.0.0.9", 401),
        (everybody, PROXY, "", 401),
        (everybody, PROXY, "X-Forwarded-For: 127.0.0.9", 401),
        (everybody, PROXY, "X-Forwarded-For: _hidden", 401),
        (everybody, "127.0.0.6", "X-Forwarded-For: 203.0.113.7", 401),
        (everybody, PROXY, "X-Forwarded-For: 203.0.113.7", 200),
        // Without ranges it is all the same.
        ("", PROXY, "", 200),
        ("", PROXY, "X-Forwarded-For: unknown", 200),
    ] {
        assert_eq!(
            asked(&service, ranges, from, more),
            status,
            "{ranges} from {from} {more}"
        );
    }
    // Two proxies, of which the outer one was gone around.
    let proxies = Proxies::x_forwarded_for(&[PROXY, "127.0.0.10"]).unwrap();
    let service = Service::with(&Peers::Known(proxies.hops(2).unwrap()));
    for (more, status) in [
        ("X-Forwarded-For: 203.0.113.7, 127.0.0.10", 200),
        ("X-Forwarded-For: 203.0.113.7", 401),
        ("X-Forwarded-For: 203.0.113.7, 198.51.100.1", 401),
    ] {
        assert_eq!(asked(&service, everybody, PROXY, more), status, "{more}");
    }
}

#[test]
fn a_client_that_is_not_known_opens_no_key_with_ranges() {
    let service = Service::with(&Peers::Unknown);
    let (free, bound) = (
        service.issue("acme", "", ""),
        service.issue("acme", "", "0.0.0.0/0 ::/0"),
    );
    assert_eq!(service.with_key("GET /whoami", &free).status, 200);
    assert_eq!(service.with_key("GET /whoami", &bound).status, 401);
}

#[test]
fn keys_go_over_tls_only() {
    let service = Service::start();
    for (origin, fits) in [
        ("https://app.example.com", true),
        ("http://localhost:8080", true),
        ("http://app.example.com", false),
    ] {
        let web = WebGuard::new(Origins::only(&[origin]).unwrap());
        let made = WebKeys::new(service.keys.clone(), &web, "api");
        assert_eq!(made.is_ok(), fits, "{origin}");
        if let Err(error) = made {
            assert_eq!(error.kind(), ErrorKind::Misuse);
        }
    }
    let web = WebGuard::new(Origins::loopback());
    assert!(WebKeys::new(service.keys.clone(), &web, "a \"realm\"").is_err());
}
