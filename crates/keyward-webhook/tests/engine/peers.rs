//! Defects that other libraries had or have. Each number is that of a published or reproduced one.

use keyward_base::SecretBytes;
use keyward_crypto::Provider;
use keyward_webhook::preset;

use crate::kit::{BODY, Kit, NOW, Request};

const WRONG: &str = "not-authentic-for-this-context";

/// RUSTSEC-2024-0010: `v1,` was taken, since only as many bytes were compared as came.
#[test]
fn an_empty_or_short_signature() {
    for name in ["svix", "resend", "standard-webhooks", "gitlab-signed"] {
        let kit = Kit::named(name);
        let header = kit.signature_header();
        let right = kit.request();
        let value = String::from_utf8(right.value(&header).unwrap().to_vec()).unwrap();
        for cut in 2..value.len() {
            let request = right.clone().with(&header, &value[..cut]);
            assert!(kit.verdict(&request).is_err(), "{name}: {cut}");
        }
    }
}

/// A time so far back that a difference overflows; one that is written in two ways; and one MAC
/// for two requests, by another cut between id, time and body.
#[test]
fn arithmetic_and_cuts() {
    let kit = Kit::named("standard-webhooks");
    let right = kit.request();
    for time in [
        "-9223372036854775808",
        "9223372036854775807",
        "18446744073709551616",
    ] {
        let request = right.clone().with("webhook-timestamp", time);
        assert!(kit.verdict(&request).is_err(), "{time}");
    }
    let written = right.clone().with("webhook-timestamp", format!("+0{NOW}"));
    assert_eq!(kit.verdict(&written), Err("webhook-time-malformed".into()));

    let inner = kit.request_of(1, format!("{NOW}.{{}}").as_bytes());
    assert!(kit.verdict(&inner).is_ok());
    let mut moved = inner.with("webhook-id", format!("msg_1.{NOW}"));
    moved.body = b"{}".to_vec();
    assert_eq!(kit.verdict(&moved), Err("webhook-id-malformed".into()));
}

/// An empty secret, under which anybody signs; deliveries of Resend that were not found; a good
/// signature that was refused for an unreadable one beside it.
#[test]
fn empty_secrets_names_and_lists() {
    for kit in Kit::all() {
        let mut secrets = kit.hook.secrets();
        for empty in ["", " ", "\n", "whsec_"] {
            let secret = SecretBytes::copy_of(empty.as_bytes());
            assert!(
                secrets.add("empty", None, &secret).is_err(),
                "{}: {empty:?}",
                kit.name()
            );
        }
        assert_eq!(
            kit.verify(&secrets, &kit.request()),
            Err("Unavailable".into())
        );
    }
    let resend = Kit::named("resend").request();
    assert!(resend.value("svix-signature").is_some());
    let kit = Kit::named("stripe");
    let right = kit.request();
    let value = String::from_utf8(right.value("stripe-signature").unwrap().to_vec()).unwrap();
    for value in [
        format!("{value},v1=unreadable"),
        format!("v1=unreadable,{value}"),
    ] {
        let request = right.clone().with("stripe-signature", value.as_str());
        assert_eq!(kit.verdict(&request), Ok("first".into()), "{value}");
    }
}

/// Only the last of several signatures was kept, so that half of a change of secrets failed.
#[test]
fn any_of_several_signatures() {
    let kit = Kit::named("stripe");
    let mine = kit.request();
    let value = |request: &Request| {
        String::from_utf8(request.value("stripe-signature").unwrap().to_vec()).unwrap()
    };
    let other = SecretBytes::copy_of(b"whsec_the one that follows, unknown here");
    let others = value(&kit.signed(&other, NOW, BODY));
    let others = others.split_once(',').unwrap().1;
    let (time, tag) = value(&mine)
        .split_once(',')
        .map(|(t, v)| (t.to_owned(), v.to_owned()))
        .unwrap();
    for list in [
        format!("{time},{tag},{others}"),
        format!("{time},{others},{tag}"),
    ] {
        let request = mine.clone().with("stripe-signature", list.as_str());
        assert_eq!(kit.verdict(&request), Ok("first".into()), "{list}");
    }
}

/// The body was decoded before it was signed: every byte that is no UTF-8 was the same there.
#[test]
fn bodies_that_are_no_text() {
    for kit in Kit::all() {
        if kit.list().is_none() {
            continue;
        }
        let text = "{\"note\": \"\u{fffd}\"}".as_bytes();
        let mut lossy = kit.request_of(1, text);
        assert!(kit.verdict(&lossy).is_ok());
        lossy.body = String::from_utf8(text.to_vec()).unwrap().into_bytes();
        let at = lossy
            .body
            .windows(3)
            .position(|w| w == "\u{fffd}".as_bytes())
            .unwrap();
        lossy.body.splice(at..at + 3, [0xff]);
        assert_eq!(
            String::from_utf8_lossy(&lossy.body).as_bytes(),
            text,
            "same text"
        );
        assert_eq!(kit.verdict(&lossy), Err(WRONG.into()), "{}", kit.name());
        let raw = kit.request_of(1, b"\xff\x00\xfe\xef\xbb\xbf");
        assert_eq!(kit.verdict(&raw), Ok("first".into()), "{}", kit.name());
    }
}

/// The right signature stood in the error, and so in the logs.
#[test]
fn errors_hold_no_signature() {
    for kit in Kit::all() {
        let right = kit.request();
        let mut other = right.clone();
        other.body.push(b'!');
        let expected = kit.request_of(1, &other.body);
        let header = kit.signature_header();
        let value = |request: &Request| {
            String::from_utf8(request.value(&header).unwrap().to_vec()).unwrap()
        };
        let (sent, expected) = (value(&right), value(&expected));
        if kit.list().is_none() {
            other = other.with(&header, "a token that is not the right one");
        }
        let map = other.map();
        let received = kit.hook.receive(&map, other.now()).unwrap();
        let shown = format!("{received:?}");
        let error = received.verify(&kit.secrets, &other.body).unwrap_err();
        let shown = format!("{shown} {error:?} {error} {:?} {:?}", kit.secrets, kit.hook);
        for tag in [sent, expected] {
            for piece in tag.as_bytes().windows(12).filter(|w| !w.contains(&b'=')) {
                let piece = std::str::from_utf8(piece).unwrap();
                assert!(!shown.contains(piece), "{}: {shown}", kit.name());
            }
        }
    }
}

/// Times ahead were taken without a limit, or no time was looked at.
#[test]
fn times_ahead() {
    for name in [
        "stripe",
        "slack",
        "svix",
        "resend",
        "standard-webhooks",
        "gitlab-signed",
    ] {
        let kit = Kit::named(name);
        for ahead in [61, 3600, 86_400 * 365] {
            let request = Request {
                now: NOW - ahead,
                ..kit.request()
            };
            let verdict = kit.verdict(&request);
            assert_eq!(verdict, Err("webhook-time-in-the-future".into()), "{name}");
        }
    }
}

/// A time that is none was an exception, and the answer a 500.
#[test]
fn times_that_are_none() {
    let kit = Kit::named("slack");
    for time in ["", "x", "1e9", "NaN", "\u{0664}", "1 2", "0x10", "--1"] {
        let request = kit.request().with("x-slack-request-timestamp", time);
        assert_eq!(
            kit.verdict(&request),
            Err("webhook-time-malformed".into()),
            "{time:?}"
        );
    }
}

/// Pairs of digits were searched for in the header, and what stood between them was passed over.
#[test]
fn digits_with_something_between_them() {
    for name in ["github", "meta", "jira", "razorpay", "slack", "stripe"] {
        let kit = Kit::named(name);
        let header = kit.signature_header();
        let right = kit.request();
        let value = String::from_utf8(right.value(&header).unwrap().to_vec()).unwrap();
        let (front, tag) = value.split_at(value.len() - 64);
        for between in [" ", "-", ":", "g", ".", "0x"] {
            let spread = format!("{front}{}{between}{}", &tag[..2], &tag[2..]);
            let request = right.clone().with(&header, spread.as_str());
            assert_eq!(
                kit.verdict(&request),
                Err("webhook-signature-malformed".into()),
                "{spread}"
            );
        }
    }
}

/// The time was written anew before it was signed; JSON that was written anew was taken too.
#[test]
fn nothing_is_written_anew() {
    let kit = Kit::named("github");
    let spaced = kit.request_of(1, br#"{ "a": 1 }"#);
    let compact = Request {
        body: br#"{"a":1}"#.to_vec(),
        ..spaced
    };
    assert_eq!(kit.verdict(&compact), Err(WRONG.into()));
    let escaped = kit.request_of(1, "{\"a\":\"\u{e9}\"}".as_bytes());
    let other = Request {
        body: br#"{"a":"\u00e9"}"#.to_vec(),
        ..escaped
    };
    assert_eq!(kit.verdict(&other), Err(WRONG.into()));
    let stripe = Kit::named("stripe");
    let request = stripe.request();
    let value = String::from_utf8(request.value("stripe-signature").unwrap().to_vec()).unwrap();
    let written = request.with("stripe-signature", value.replace("t=", "t=0"));
    assert_eq!(
        stripe.verdict(&written),
        Err("webhook-time-malformed".into())
    );
}

/// What verifies is the same by both implementations of the hashes.
#[test]
fn both_providers_of_cryptography() {
    for scheme in preset::all() {
        for crypto in [Provider::ring(), Provider::rustcrypto()] {
            let hook = keyward_webhook::Webhook::new(scheme.clone(), crypto).unwrap();
            let mut secrets = hook.secrets();
            let secret = crate::kit::secret(&scheme.key, 1);
            secrets.add("only", None, &secret).unwrap();
            let kit = Kit { hook, secrets };
            assert_eq!(kit.verdict(&kit.request()), Ok("only".into()));
        }
    }
}
