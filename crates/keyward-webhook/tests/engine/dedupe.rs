//! What tells one delivery from another.

use std::time::Duration;

use keyward_webhook::{Covered, Delivery, Origin};

use crate::kit::{Kit, Request};

fn key(kit: &Kit, request: &Request) -> (Origin, Vec<u8>) {
    let map = request.map();
    let received = kit.hook.receive(&map, request.now()).unwrap();
    let hook = received.verify(&kit.secrets, &request.body).unwrap();
    let key = hook.dedupe();
    (key.origin(), key.as_bytes().to_vec())
}

fn digest(body: &[u8]) -> (Origin, Vec<u8>) {
    let digest = keyward_crypto::Provider::ring().sha256(&[body]);
    (Origin::BodyDigest, digest.to_vec())
}

#[test]
fn of_each_preset() {
    for kit in Kit::all() {
        let request = kit.request();
        let expected = match kit.name() {
            "stripe" => (Origin::SignedBody, b"evt_1".to_vec()),
            "slack" => (Origin::SignedBody, b"Ev1".to_vec()),
            "gitlab-token" => (Origin::Unsigned, b"msg_1".to_vec()),
            "github" | "jira" | "meta" | "razorpay" => digest(&request.body),
            _ => (Origin::SignedHeader, b"msg_1".to_vec()),
        };
        assert_eq!(key(&kit, &request), expected, "{}", kit.name());
    }
}

/// Under an id that nobody signed, a captured delivery is the same one.
#[test]
fn an_unsigned_id_tells_nothing_apart() {
    for (name, header) in [
        ("github", "x-github-delivery"),
        ("razorpay", "x-razorpay-event-id"),
        ("jira", "x-atlassian-webhook-identifier"),
    ] {
        let kit = Kit::named(name);
        let other = kit.request().with(header, "another");
        assert_eq!(key(&kit, &other), key(&kit, &kit.request()), "{name}");
        let map = other.map();
        let received = kit.hook.receive(&map, other.now()).unwrap();
        let hook = received.verify(&kit.secrets, &other.body).unwrap();
        let Delivery::Unsigned(id) = hook.delivery() else {
            panic!("{name}: {:?}", hook.delivery());
        };
        assert_eq!(id.claimed(), "another");
    }
    let kit = Kit::named("gitlab-token");
    let request = kit.request().without("idempotency-key");
    assert_eq!(key(&kit, &request), digest(&request.body));
}

#[test]
fn of_bodies() {
    let kit = Kit::named("stripe");
    let long = "x".repeat(255);
    for (body, expected) in [
        (r#"{"id":"evt_1"}"#.to_owned(), Some("evt_1")),
        (
            r#" {"a":[{"id":"no"}],"id" : "evt_1"} "#.to_owned(),
            Some("evt_1"),
        ),
        (r#"{"id":"evt\u005f1"}"#.to_owned(), Some("evt_1")),
        (r#"{"i\u0064":"evt_1"}"#.to_owned(), Some("evt_1")),
        (format!(r#"{{"id":"{long}"}}"#), Some(long.as_str())),
        (format!(r#"{{"id":"{long}x"}}"#), None),
        (r#"{"id":""}"#.to_owned(), None),
        (r#"{"id":1}"#.to_owned(), None),
        (r#"{"id":null}"#.to_owned(), None),
        (r#"{"id":["evt_1"]}"#.to_owned(), None),
        (r#"{"id":"evt_1","id":"evt_2"}"#.to_owned(), None),
        (r#"{"data":{"id":"evt_1"}}"#.to_owned(), None),
        (r#"{"id":"evt_1""#.to_owned(), None),
        (r#"{"id":"evt_1"} x"#.to_owned(), None),
        (r#"["id","evt_1"]"#.to_owned(), None),
        ("id=evt_1".to_owned(), None),
        (String::new(), None),
        (
            format!(r#"{{"a":{}"id":"evt_1"}}"#, "[".repeat(100_000)),
            None,
        ),
    ] {
        let request = kit.request_of(1, body.as_bytes());
        let expected = match expected {
            Some(id) => (Origin::SignedBody, id.as_bytes().to_vec()),
            None => digest(body.as_bytes()),
        };
        assert_eq!(key(&kit, &request), expected, "{body}");
    }
    let mut raw = br#"{"id":"evt_1","x":""#.to_vec();
    raw.extend(b"\xff\"}");
    assert_eq!(
        key(&kit, &kit.request_of(1, &raw)),
        digest(&raw),
        "no UTF-8"
    );
}

#[test]
fn how_long_a_record_must_live() {
    for kit in Kit::all() {
        let request = kit.request();
        let map = request.map();
        let received = kit.hook.receive(&map, request.now()).unwrap();
        let hook = received.verify(&kit.secrets, &request.body).unwrap();
        let timed = hook.signed_at().is_some();
        let life = timed.then(|| Duration::from_secs(361));
        assert_eq!(hook.replay_life(), life, "{}", kit.name());
        assert!(
            hook.retries() >= Duration::from_secs(3600),
            "{}",
            kit.name()
        );
        let changing = ["stripe", "meta"].contains(&kit.name());
        assert_eq!(hook.body_may_change(), changing, "{}", kit.name());
        let whole = kit.name() != "gitlab-token";
        assert_eq!(hook.coverage() == Covered::WholeBody, whole);
        let received = kit.hook.receive(&map, request.now()).unwrap();
        let hook = received.verify(&kit.secrets, &request.body).unwrap();
        assert_eq!(hook.whole_body().is_some(), whole, "{}", kit.name());
    }
}

#[test]
fn events_are_unsigned() {
    let kit = Kit::named("gitlab-token");
    let request = kit.request().with("x-gitlab-event", "Push Hook");
    let map = request.map();
    let received = kit.hook.receive(&map, request.now()).unwrap();
    let hook = received.verify(&kit.secrets, &request.body).unwrap();
    assert_eq!(hook.event().unwrap().claimed(), "Push Hook");
}
