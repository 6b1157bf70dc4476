//! Schemes of an application's own.

use std::borrow::Cow;
use std::time::Duration;

use keyward_base::{ErrorKind, SecretBytes};
use keyward_crypto::Provider;
use keyward_crypto::hmac::HmacHash;
use keyward_webhook::scheme::{
    Dedupe, Encoding, Headers, HmacProof, KeyForm, List, Piece, Proof, Time, Unit, Window,
};
use keyward_webhook::{BearerToken, Covered, Scheme, Webhook, preset};

use crate::kit::{Kit, NOW, Request, secret};

fn proof(scheme: &mut Scheme) -> &mut HmacProof {
    match &mut scheme.proof {
        Proof::Hmac(proof) => proof,
        Proof::Token => panic!("none here"),
    }
}

fn own() -> Scheme {
    Scheme::hmac("own", "x-own-signature", "")
}

#[test]
fn presets_are_in_order() {
    let all = preset::all();
    assert!(all.windows(2).all(|two| two[0].name < two[1].name));
    for scheme in all {
        assert_eq!(preset::named(&scheme.name).unwrap(), scheme);
        assert!(scheme.source.starts_with("https://"), "{}", scheme.name);
        assert!(
            ["", "2026-11-26"].contains(&&*scheme.checked),
            "{}",
            scheme.name
        );
        Webhook::new(scheme, Provider::default()).unwrap();
    }
    assert_eq!(
        preset::named("unknown").unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

#[test]
fn json_there_and_back() {
    for scheme in preset::all() {
        let json = scheme.to_json().unwrap();
        assert_eq!(
            Scheme::from_json(json.as_bytes()).unwrap(),
            scheme,
            "{json}"
        );
        for (from, to) in [("\"name\"", "\"nam\""), ("_seconds\":", "_seconds\":-")] {
            assert!(Scheme::from_json(json.replacen(from, to, 1).as_bytes()).is_err());
        }
        let room = 16 * 1024 - json.len();
        for (spaces, reads) in [(room, true), (room + 1, false)] {
            let padded = format!("{json}{}", " ".repeat(spaces));
            assert_eq!(Scheme::from_json(padded.as_bytes()).is_ok(), reads);
        }
        let more = json.replacen('{', "{\"more\":1,", 1);
        assert!(
            Scheme::from_json(more.as_bytes()).is_err(),
            "an unknown field"
        );
    }
    assert!(Scheme::from_json(b"{}").is_err());
}

#[test]
fn every_hash_and_encoding() {
    for hash in [HmacHash::Sha1, HmacHash::Sha256, HmacHash::Sha512] {
        for encoding in [Encoding::Hex, Encoding::Base64] {
            let mut scheme = own();
            proof(&mut scheme).hash = hash;
            proof(&mut scheme).encoding = encoding;
            let json = scheme.clone().covered().to_json().unwrap();
            let kit = Kit::of(Scheme::from_json(json.as_bytes()).unwrap());
            assert_eq!(kit.verdict(&kit.request()), Ok("first".into()), "{json}");
            let mut other = kit.request();
            other.body.push(b'!');
            assert!(kit.verdict(&other).is_err());
        }
    }
}

#[test]
fn milliseconds_and_a_window_of_ones_own() {
    let mut scheme = own();
    scheme.headers = Cow::Owned(vec![Headers {
        signature: "x-own-signature".into(),
        time: Some("x-own-time".into()),
        id: None,
        event: None,
    }]);
    proof(&mut scheme).message = Cow::Borrowed(&[Piece::Time, Piece::Body]);
    proof(&mut scheme).time = Some(Time {
        unit: Unit::Millis,
        window: Window {
            past: Duration::from_secs(5),
            future: Duration::from_millis(0),
        },
    });
    let kit = Kit::of(scheme.clone().covered());
    let request = kit.request();
    assert_eq!(
        request.value("x-own-time"),
        Some(format!("{NOW}000").as_bytes())
    );
    let at = |now| {
        kit.verdict(&Request {
            now,
            ..request.clone()
        })
    };
    assert_eq!(at(NOW), Ok("first".into()));
    assert_eq!(at(NOW + 5), Ok("first".into()));
    assert_eq!(at(NOW + 6), Err("webhook-time-stale".into()));
    assert_eq!(at(NOW - 1), Err("webhook-time-in-the-future".into()));

    let wide = Window {
        past: Duration::from_secs(600),
        future: Duration::from_secs(600),
    };
    let kit = Kit::of(scheme.with_window(wide).covered());
    let at = |now| {
        kit.verdict(&Request {
            now,
            ..request.clone()
        })
    };
    assert_eq!(
        (at(NOW + 600), at(NOW - 600)),
        (Ok("first".into()), Ok("first".into()))
    );
    assert_eq!(at(NOW + 601), Err("webhook-time-stale".into()));
}

/// What cannot be verified, or could be in two ways, is refused when it is made.
#[test]
fn faults() {
    type Change = fn(&mut Scheme);
    const ID: Piece = Piece::Id;
    const DOT: Piece = Piece::Text(Cow::Borrowed("."));
    fn with_id(scheme: &mut Scheme, message: &'static [Piece]) {
        scheme.headers.to_mut()[0].id = Some("x-own-id".into());
        proof(scheme).message = Cow::Borrowed(message);
    }
    let changes: &[(&str, Change)] = &[
        ("1 to 64", |s| s.name = "".into()),
        ("1 to 64", |s| s.name = "Own".into()),
        ("sets of header", |s| s.headers = Cow::Borrowed(&[])),
        ("cannot be one", |s| {
            s.headers.to_mut()[0].signature = "x own".into()
        }),
        ("cannot be one", |s| {
            s.headers.to_mut()[0].event = Some("".into())
        }),
        ("twice", |s| {
            s.headers.to_mut()[0].id = Some("X-Own-Signature".into())
        }),
        ("no body", |s| s.body_limit = 0),
        ("covers no body", |s| s.proof = Proof::Token),
        ("sign the body", |s| {
            proof(s).message = Cow::Borrowed(&[Piece::Text(Cow::Borrowed("."))])
        }),
        ("sign the body", |s| {
            proof(s).message = Cow::Borrowed(&[Piece::Body, Piece::Body])
        }),
        ("8 pieces", |s| {
            proof(s).message = Cow::Owned(vec![Piece::Body; 9])
        }),
        ("no header holds", |s| {
            proof(s).message = Cow::Borrowed(&[ID, DOT, Piece::Body])
        }),
        ("two ways", |s| with_id(s, &[ID, Piece::Body])),
        ("two ways", |s| {
            with_id(s, &[ID, Piece::Text(Cow::Borrowed("")), Piece::Body])
        }),
        ("two ways", |s| {
            with_id(s, &[ID, Piece::Text(Cow::Borrowed("-")), Piece::Body])
        }),
        ("two ways", |s| {
            with_id(s, &[Piece::Body, Piece::Text(Cow::Borrowed(".x")), ID])
        }),
        ("two ways", |s| with_id(s, &[Piece::Body, ID])),
        ("unit and a window", |s| {
            proof(s).message = Cow::Borrowed(&[Piece::Time, Piece::Body])
        }),
        ("unit and a window", |s| {
            s.headers.to_mut()[0].time = Some("x-own-time".into())
        }),
        ("does not sign once", |s| proof(s).time = preset_time()),
        ("no place", |s| {
            proof(s).message = Cow::Borrowed(&[Piece::Time, DOT, Piece::Body]);
            proof(s).time = preset_time();
        }),
        ("31 days", |s| {
            proof(s).message = Cow::Borrowed(&[Piece::Time, DOT, Piece::Body]);
            s.headers.to_mut()[0].time = Some("x-own-time".into());
            proof(s).time = preset_time();
            if let Some(time) = &mut proof(s).time {
                time.window.past = Duration::from_secs(32 * 86_400);
            }
        }),
        ("pairs whose names", |s| {
            proof(s).list = List::Pairs {
                time: None,
                tag: "v=1".into(),
            };
        }),
        ("a version", |s| {
            proof(s).list = List::Versions {
                version: "v1,".into(),
            }
        }),
        ("no header holds", |s| s.dedupe = Dedupe::Header),
        ("nobody signs", |s| {
            s.headers.to_mut()[0].id = Some("x-own-id".into());
            s.dedupe = Dedupe::Header;
        }),
        ("could be base64 itself", |s| {
            s.key = KeyForm::Base64 {
                prefix: Some("key".into()),
                optional: true,
                bytes: None,
            };
        }),
        ("a field whose name", |s| {
            s.dedupe = Dedupe::Field("".into())
        }),
    ];
    for (said, change) in changes {
        let mut scheme = own();
        change(&mut scheme);
        let error = Webhook::new(scheme, Provider::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains(said), "{said}: {error}");
    }
    let mut fine = own();
    with_id(&mut fine, &[ID, DOT, Piece::Body]);
    Webhook::new(fine, Provider::default()).unwrap();
    let mut fine = own();
    with_id(&mut fine, &[Piece::Body, DOT, ID]);
    Webhook::new(fine, Provider::default()).unwrap();
}

fn preset_time() -> Option<Time> {
    match &preset::SLACK.proof {
        Proof::Hmac(proof) => proof.time,
        Proof::Token => None,
    }
}

#[test]
fn a_token_of_ones_own() {
    let scheme = Scheme {
        coverage: BearerToken,
        proof: Proof::Token,
        dedupe: Dedupe::Field("update_id".into()),
        name: "own-token".into(),
        headers: Cow::Owned(vec![Headers {
            signature: "x-own-token".into(),
            time: None,
            id: None,
            event: None,
        }]),
        key: own().key,
        retries: Duration::from_secs(60),
        body_may_change: false,
        body_limit: 100,
        source: "".into(),
        checked: "".into(),
        open: "".into(),
    };
    let kit = Kit::of(scheme.covered());
    let mut request = kit.request();
    request.body = br#"{"update_id": "7"}"#.to_vec();
    let map = request.map();
    let received = kit.hook.receive(&map, request.now()).unwrap();
    let hook = received.verify(&kit.secrets, &request.body).unwrap();
    assert_eq!(hook.coverage(), Covered::BearerToken);
    assert_eq!(hook.dedupe().origin().word(), "unsigned");
    assert!(hook.whole_body().is_none());
}

/// Who shows the headers of a request shows neither a token nor a signature.
#[test]
fn what_proves_is_not_shown() {
    for scheme in preset::all() {
        let name = scheme.headers[0].signature.clone();
        let kit = Kit::of(scheme);
        let secret = secret(&kit.hook.scheme().key, 1);
        let at = keyward_base::Timestamp::from_millis(NOW * 1000);
        let id = kit.hook.scheme().headers[0].id.as_ref().map(|_| "msg_1");
        let signed = kit.hook.scheme();
        let headers = signed
            .sign(&Provider::default(), &secret, id, at, b"{}")
            .unwrap();
        let proof = headers[&*name].to_str().unwrap();
        assert!(!format!("{headers:?}").contains(proof), "{name}");
    }
}

#[test]
fn what_cannot_be_signed() {
    let crypto = Provider::default();
    let svix = preset::SVIX;
    let secret = secret(&svix.key, 1);
    let at = keyward_base::Timestamp::from_millis(NOW * 1000);
    for id in [None, Some(""), Some("a.b"), Some("a b")] {
        assert!(svix.sign(&crypto, &secret, id, at, b"").is_err(), "{id:?}");
    }
    let broken = SecretBytes::copy_of(b"a secret\nof two lines");
    assert!(
        preset::GITLAB_TOKEN
            .sign(&crypto, &broken, Some("1"), at, b"")
            .is_err()
    );
}
