//! The handshakes, and schemes as JSON.
#![allow(clippy::unwrap_used, missing_docs)]

use http::{HeaderMap, HeaderValue};
use keyward_base::{ErrorKind, Reason, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::hmac::{HmacHash, HmacKey};
use keyward_webhook::handshake::{self, Challenge, VerifyToken};
use keyward_webhook::{Covered, Scheme, Webhook, preset, reason};

const TOKEN: &str = "verify+me 100%, please";

fn token() -> VerifyToken {
    VerifyToken::new(
        &Provider::default(),
        &SecretBytes::copy_of(TOKEN.as_bytes()),
    )
    .unwrap()
}

fn refused(query: &str) -> Option<Reason> {
    let error = token().answer(query).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{query}");
    error.reason()
}

#[test]
fn meta_is_sent_its_challenge_back_for_the_token_alone() {
    let encoded = "verify%2Bme+100%25%2C%20please";
    let good =
        format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={encoded}&more=1");
    assert_eq!(token().answer(&good).unwrap().text(), "1158201444");

    let query = |mode: &str, token: &str, challenge: &str| {
        format!("hub.mode={mode}&hub.verify_token={token}&hub.challenge={challenge}")
    };
    for other in [
        "",
        "verify%2Bme+100%25%2C%20pleas",
        "verify%2Bme+100%25%2C%20please+",
        "x",
    ] {
        let asked = query("subscribe", other, "1");
        assert_eq!(refused(&asked), Some(Reason::NOT_AUTHENTIC), "{other}");
    }
    // Whoever does not know the token learns nothing about the rest.
    let asked = query("unsubscribe", "x", "%3Cscript%3E");
    assert_eq!(refused(&asked), Some(Reason::NOT_AUTHENTIC));
    assert_eq!(
        refused(&query("unsubscribe", encoded, "1")),
        Some(reason::BAD_HANDSHAKE)
    );
    for challenge in [
        "",
        "%3Cscript%3E",
        "a+b",
        "a%0d%0ab",
        "%C3%A9",
        &"1".repeat(257),
    ] {
        let asked = query("subscribe", encoded, challenge);
        assert_eq!(refused(&asked), Some(reason::BAD_CHALLENGE), "{challenge}");
    }
    assert!(
        token()
            .answer(&query("subscribe", encoded, &"1".repeat(256)))
            .is_ok()
    );
    for part in ["hub.mode=subscribe", "hub.challenge=1158201444"] {
        let without = good.replace(part, "other=1");
        assert_eq!(refused(&without), Some(reason::BAD_HANDSHAKE), "{without}");
        let twice = format!("{good}&{part}");
        assert_eq!(refused(&twice), Some(reason::BAD_HANDSHAKE), "{twice}");
    }
    let twice = format!("{good}&hub.verify_token={encoded}");
    assert_eq!(refused(&twice), Some(reason::BAD_HANDSHAKE));
    assert_eq!(
        refused(&format!("{good}&hub.%zz=1")),
        Some(Reason::MALFORMED)
    );
    let longest = format!("{good}&{}", "x".repeat((4 << 10) - good.len() - 1));
    assert!(token().answer(&longest).is_ok());
    assert_eq!(refused(&format!("{longest}x")), Some(reason::BAD_HANDSHAKE));
    let long = format!("{good}&{}", "x".repeat(4 << 10));
    assert_eq!(refused(&long), Some(reason::BAD_HANDSHAKE));
    assert_eq!(refused(""), Some(reason::BAD_HANDSHAKE));
}

#[test]
fn a_token_that_could_be_guessed_is_refused_when_it_is_loaded() {
    let fifteen = "a".repeat(15);
    let long = "a".repeat(257);
    for text in [
        "",
        "   ",
        fifteen.as_str(),
        &long,
        " aaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaa\n",
    ] {
        let token = SecretBytes::copy_of(text.as_bytes());
        let error = VerifyToken::new(&Provider::default(), &token).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{text}");
    }
    assert_eq!(format!("{:?}", token()), "VerifyToken { .. }");
}

/// What a route of that scheme sends back for a body that its secret signs.
fn slack(scheme: Scheme, body: &[u8]) -> keyward_base::Result<Option<Challenge>> {
    let secret = SecretBytes::copy_of(b"8f742231b10e8888abcd99yyyzzz85a5");
    let now = Timestamp::from_millis(1_795_000_000_000);
    let time = "1795000000";
    let key = HmacKey::new(&Provider::default(), HmacHash::Sha256, &secret).unwrap();
    let tag = key.sign(&[b"v0:", time.as_bytes(), b":", body]);
    let mut headers = HeaderMap::new();
    headers.insert("x-slack-request-timestamp", HeaderValue::from_static(time));
    let signature = format!("v0={}", tag.to_hex());
    headers.insert(
        "x-slack-signature",
        HeaderValue::try_from(signature).unwrap(),
    );

    let webhook = Webhook::new(scheme, Provider::default()).unwrap();
    let mut secrets = webhook.secrets();
    secrets.add("now", None, &secret).unwrap();
    let hook = webhook.receive(&headers, now).unwrap();
    handshake::slack(&hook.verify(&secrets, body).unwrap())
}

#[test]
fn slack_is_sent_its_challenge_back_as_plain_text() {
    let body = br#"{"token":"old","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let challenge = slack(preset::SLACK, body).unwrap().unwrap();
    let response = challenge.response();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(
        response.body(),
        "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    );

    let escaped = br#"{"challenge":"\u0061b","type":"url\u005fverification"}"#;
    assert_eq!(slack(preset::SLACK, escaped).unwrap().unwrap().text(), "ab");
    for other in [
        &b"{\"type\":\"event_callback\",\"challenge\":\"a\"}"[..],
        b"payload=%7B%22type%22%3A%22url_verification%22%7D",
        b"{\"type\":\"url_verification\",\"type\":\"event_callback\",\"challenge\":\"a\"}",
        b"[]",
        b"",
    ] {
        assert_eq!(slack(preset::SLACK, other).unwrap(), None);
    }
    for (bad, why) in [
        (
            &br#"{"type":"url_verification"}"#[..],
            reason::BAD_CHALLENGE,
        ),
        (
            br#"{"type":"url_verification","challenge":"<b>"}"#,
            reason::BAD_CHALLENGE,
        ),
        (
            br#"{"type":"url_verification","challenge":""}"#,
            reason::BAD_CHALLENGE,
        ),
    ] {
        let error = slack(preset::SLACK, bad).unwrap_err();
        assert_eq!(
            (error.kind(), error.reason()),
            (ErrorKind::Rejected, Some(why))
        );
    }
    let other = Scheme {
        name: "another".into(),
        ..preset::SLACK
    };
    assert_eq!(slack(other, body).unwrap_err().kind(), ErrorKind::Misuse);
}

#[test]
fn a_scheme_is_read_back_from_its_json_and_nothing_else_is_read() {
    for scheme in [
        preset::GITHUB.covered(),
        preset::STRIPE.covered(),
        preset::SVIX.covered(),
        preset::GITLAB_TOKEN.covered(),
    ] {
        let text = scheme.to_json().unwrap();
        assert_eq!(Scheme::from_json(text.as_bytes()).unwrap(), scheme);
        for wrong in [
            text.replacen('{', "{\"more\":1,", 1),
            text.replacen("\"headers\"", "\"heads\"", 1),
            format!("{text}}}"),
            text.replacen("\"name\"", "\"name\":\"x\",\"name\"", 1),
            format!("{text}{}", " ".repeat(16 << 10)),
        ] {
            let error = Scheme::<Covered>::from_json(wrong.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse, "{wrong}");
        }
    }
    let mut parts = preset::STRIPE.covered();
    parts.retries = std::time::Duration::from_millis(1500);
    assert_eq!(parts.to_json().unwrap_err().kind(), ErrorKind::Misuse);
}
