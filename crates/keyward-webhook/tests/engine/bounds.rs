//! The exact limits of headers, bodies, secrets and schemes, each from both sides.

use std::borrow::Cow;
use std::time::Duration;

use keyward_base::{ErrorKind, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::hmac::HmacHash;
use keyward_webhook::danger::add_weak_key;
use keyward_webhook::scheme::{
    Encoding, Headers, HmacProof, KeyForm, List, Piece, Proof, Time, Unit, Window,
};
use keyward_webhook::{BearerToken, Covered, Scheme, Webhook, preset};

use crate::kit::{BODY, Kit, NOW};

const DAY: u64 = 86_400;
const MIB: usize = 1 << 20;
const DASH: Piece = Piece::Text(Cow::Borrowed("-"));

fn own() -> Scheme {
    Scheme::hmac("own", "x-own-signature", "")
}

fn proof(scheme: &mut Scheme) -> &mut HmacProof {
    match &mut scheme.proof {
        Proof::Hmac(proof) => proof,
        Proof::Token => panic!("none here"),
    }
}

fn fits<C: keyward_webhook::Coverage>(scheme: Scheme<C>) -> bool {
    Webhook::new(scheme, Provider::default()).is_ok()
}

/// What each provider's page says, as numbers.
#[test]
fn of_each_preset() {
    for (name, retries, body, timed) in [
        ("github", 3 * DAY, 25 * MIB, false),
        ("gitlab-signed", 2 * DAY, 25 * MIB, true),
        ("gitlab-token", 2 * DAY, 25 * MIB, false),
        ("jira", DAY, 25 * MIB, false),
        ("meta", 7 * DAY, 3 * MIB, false),
        ("razorpay", 7 * DAY, MIB, false),
        ("resend", 4 * DAY, MIB, true),
        ("slack", 3600, MIB, true),
        ("standard-webhooks", 4 * DAY, MIB, true),
        ("stripe", 3 * DAY, MIB, true),
        ("svix", 4 * DAY, MIB, true),
    ] {
        let scheme = preset::named(name).unwrap();
        assert_eq!(
            (scheme.retries.as_secs(), scheme.body_limit),
            (retries, body),
            "{name}"
        );
        let window = timed.then_some(Window {
            past: Duration::from_secs(300),
            future: Duration::from_secs(60),
        });
        assert_eq!(scheme.window(), window, "{name}");
    }
    assert_eq!(own().retries.as_secs(), 3 * DAY);
    assert_eq!(own().body_limit, MIB);
    assert_eq!(own().window(), None);
}

#[test]
fn of_a_request() {
    let kit = Kit::named("github");
    let malformed = Err("webhook-signature-malformed".to_owned());
    let header = kit.signature_header();
    // As long as a header may be, it is looked at, and found to be no signature.
    let longest = kit.request().with(&header, "x".repeat(8192));
    assert_eq!(kit.verdict(&longest), malformed);
    let value = kit.request().value(&header).unwrap().to_vec();
    let pair = [b"sha256=zz", &value[9..]].concat();
    assert_eq!(kit.verdict(&kit.request().with(&header, pair)), malformed);
    for (id, taken) in [(255, true), (256, false)] {
        let request = kit.request().with("x-github-delivery", "m".repeat(id));
        assert_eq!(kit.verdict(&request).is_ok(), taken, "{id}");
        let request = kit.request().with("x-github-event", "m".repeat(id));
        assert_eq!(kit.verdict(&request).is_ok(), taken, "{id}");
    }
    let slack = Kit::named("slack");
    let epoch = slack.request().with("x-slack-request-timestamp", "0");
    assert_eq!(slack.verdict(&epoch), Err("webhook-time-stale".into()));

    let mut scheme = own();
    scheme.body_limit = 100;
    let kit = Kit::of(scheme.covered());
    for (len, taken) in [(100, true), (101, false)] {
        let request = kit.request_of(1, &vec![b'a'; len]);
        assert_eq!(kit.verdict(&request).is_ok(), taken, "{len}");
    }
    let request = kit.request();
    let map = request.map();
    let received = kit.hook.receive(&map, request.now()).unwrap();
    assert_eq!(received.body_limit(), 100);
    assert!(format!("{received:?}").contains("own"));
    assert!(format!("{:?}", kit.secrets).contains("own"));
    let hook = received.verify_owned(&kit.secrets, request.body).unwrap();
    assert!(format!("{hook:?} {:?}", hook.get()).contains("VerifiedWebhook"));
    assert!(format!("{hook:?}").contains("own"));
    assert_eq!(hook.get().window(), None);
    assert_eq!(hook.into_body(), BODY);
    let request = slack.request();
    let map = request.map();
    let received = slack.hook.receive(&map, request.now()).unwrap();
    let hook = received.verify(&slack.secrets, BODY).unwrap();
    assert_eq!(hook.window(), slack.hook.scheme().window());
    assert_eq!(Covered::WholeBody.word(), "whole-body");
    assert_eq!(Covered::BearerToken.word(), "bearer-token");
}

#[test]
fn of_a_scheme() {
    let sets = |count: usize| {
        let mut scheme = own();
        scheme.headers = Cow::Owned(vec![scheme.headers[0].clone(); count]);
        scheme
    };
    assert!(fits(sets(4)) && !fits(sets(5)));
    let named = |len: usize| Scheme::hmac("n".repeat(len), "x-own-signature", "");
    assert!(fits(named(64)) && !fits(named(65)));
    let behind = |len: usize| Scheme::hmac("own", "x-own-signature", "p".repeat(len));
    assert!(fits(behind(64)) && !fits(behind(65)) && !fits(behind(66)));
    let key = |prefix: usize| {
        let mut scheme = own();
        scheme.key = KeyForm::Text {
            prefix: Some("p".repeat(prefix).into()),
        };
        scheme
    };
    assert!(fits(key(64)) && !fits(key(65)) && !fits(key(66)));
    for (bytes, fine) in [(15, false), (16, true), (64, true), (65, false)] {
        assert_eq!(fits(keys_of(bytes)), fine, "{bytes}");
    }
    let pieces = |count: usize| {
        let mut scheme = own();
        let dots = vec![Piece::Text(Cow::Borrowed(".")); count - 1];
        proof(&mut scheme).message = Cow::Owned([vec![Piece::Body], dots].concat());
        scheme
    };
    assert!(fits(pieces(8)) && !fits(pieces(9)));
    let most = Duration::from_secs(31 * DAY);
    let more = most + Duration::from_nanos(1);
    for (past, future, fine) in [(most, most, true), (more, most, false), (most, more, false)] {
        let scheme = timed(Window { past, future });
        assert_eq!(fits(scheme), fine, "{past:?} {future:?}");
    }
    for (time, tag, fine) in [
        ("t", "v1", true),
        ("t", "t", false),
        ("", "v1", false),
        ("a,b", "v1", false),
        ("a=b", "v1", false),
    ] {
        let mut scheme = timed(Window {
            past: most,
            future: most,
        });
        scheme.headers.to_mut()[0].time = None;
        proof(&mut scheme).list = List::Pairs {
            time: Some(time.into()),
            tag: tag.into(),
        };
        assert_eq!(fits(scheme), fine, "{time} {tag}");
    }
    // Without a body an id may be what is left at the end, and at the end alone.
    let of_ids = |message: &'static [Piece]| Scheme {
        coverage: BearerToken,
        headers: Cow::Owned(vec![Headers {
            signature: "x-own-signature".into(),
            time: None,
            id: Some("x-own-id".into()),
            event: None,
        }]),
        proof: Proof::Hmac(HmacProof {
            hash: HmacHash::Sha256,
            encoding: Encoding::Hex,
            list: List::One { prefix: "".into() },
            message: Cow::Borrowed(message),
            time: None,
        }),
        ..preset::GITLAB_TOKEN
    };
    assert!(fits(of_ids(&[DASH, Piece::Id])));
    assert!(!fits(of_ids(&[Piece::Id, DASH])));

    let json = own().covered().to_json().unwrap();
    let padded = |len: usize| format!("{json}{}", " ".repeat(len - json.len()));
    assert!(Scheme::from_json(padded(16 << 10).as_bytes()).is_ok());
    assert!(Scheme::from_json(padded((16 << 10) + 1).as_bytes()).is_err());
}

fn timed(window: Window) -> Scheme {
    let mut scheme = own();
    scheme.headers.to_mut()[0].time = Some("x-own-time".into());
    proof(&mut scheme).message = Cow::Borrowed(&[Piece::Time, Piece::Body]);
    proof(&mut scheme).time = Some(Time {
        unit: Unit::Seconds,
        window,
    });
    scheme
}

fn keys_of(bytes: usize) -> Scheme {
    let mut scheme = own();
    scheme.key = KeyForm::Base64 {
        prefix: None,
        optional: false,
        bytes: Some(bytes),
    };
    scheme
}

#[test]
fn of_secrets() {
    let hook = Webhook::new(keys_of(24), Provider::default()).unwrap();
    let made = hook.generate().unwrap();
    assert_eq!(made.len(), 32, "24 bytes in base64");
    let mut secrets = hook.secrets();
    secrets.add("made", None, &made).unwrap();
    let longer = SecretBytes::copy_of(&[b'A'; 36]);
    let refused = secrets.add("longer", None, &longer).unwrap_err();
    assert!(refused.to_string().contains("length"), "{refused}");

    // Keys that are no text.
    let kit = Kit::named("github");
    let mut secrets = kit.hook.secrets();
    let key = |len: usize| SecretBytes::copy_of(&vec![0xff; len]);
    let short = secrets.add_key("short", None, &key(15)).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::Misuse);
    assert_eq!(secrets.ids().count(), 0);
    secrets.add_key("key", None, &key(16)).unwrap();
    assert!(add_weak_key(&mut secrets, "none", None, &key(0)).is_err());
    add_weak_key(&mut secrets, "weak", None, &key(1)).unwrap();
    let ids: Vec<_> = secrets.ids().collect();
    assert_eq!(ids, [("key", None), ("weak", None)]);
    for (len, id) in [(16, "key"), (1, "weak")] {
        let request = kit.signed(&key(len), NOW, BODY);
        assert_eq!(kit.verify(&secrets, &request), Ok(id.into()));
    }

    // The same name is not the same scheme.
    let kit = Kit::of(own().covered());
    let mut hash = own();
    proof(&mut hash).hash = HmacHash::Sha512;
    let mut form = own();
    form.key = KeyForm::Text {
        prefix: Some("p".into()),
    };
    for other in [hash, form] {
        let other = Kit::of(other.covered());
        let verdict = kit.verify(&other.secrets, &kit.request());
        assert_eq!(verdict, Err("Misuse".into()));
    }

    // What no secret stands for signs nothing either.
    let (crypto, at) = (Provider::default(), Timestamp::from_millis(NOW * 1000));
    let bare = SecretBytes::copy_of(b"whsec_");
    assert!(preset::STRIPE.sign(&crypto, &bare, None, at, b"").is_err());
    let secret = SecretBytes::copy_of(b"0123456789abcdef");
    let dotted = preset::GITHUB.sign(&crypto, &secret, Some("a.b"), at, b"");
    assert_eq!(dotted.unwrap()["x-github-delivery"], "a.b");
}
