//! The checks of an assertion, one by one, each beside one that passes.

use keyward_approval::passkey::{Assertion, Party, PasskeyVote};
use keyward_approval::reason::{
    CEREMONY, NOT_PRESENT, NOT_VERIFIED, ORIGIN, RP_ID, STATEMENT, UNKNOWN_PASSKEY,
};
use keyward_base::encoding::base64url;
use keyward_base::{ErrorKind, Reason};
use keyward_crypto::Provider;
use keyward_testkit::bit_flips;
use serde_json::{Value, json};

use crate::authenticator::{Authenticator, ORIGIN as HERE, RP_ID as HOST, Said, party};

const CHALLENGE: [u8; 32] = [0x5a; 32];

fn reason_of(assertion: &Assertion, of: &Authenticator) -> Option<Reason> {
    let checked = party().check(assertion, &of.passkey, &CHALLENGE);
    checked.err().map(|e| e.reason().unwrap())
}

#[test]
fn an_honest_assertion_passes_with_either_algorithm() {
    for of in [Authenticator::new("a"), Authenticator::rs256("b")] {
        assert_eq!(reason_of(&of.votes(&CHALLENGE), &of), None);
        let other = party().check(&of.votes(&CHALLENGE), &of.passkey, &[0x5b; 32]);
        assert_eq!(other.unwrap_err().reason(), Some(STATEMENT));
    }
}

/// Each has a genuine signature over what it says.
#[test]
fn what_is_said_otherwise_is_refused() {
    let of = Authenticator::new("a");
    let said = |change: &dyn Fn(&mut Said)| {
        let mut said = Said::honestly(&CHALLENGE);
        change(&mut said);
        reason_of(&of.asserts(&said), &of)
    };
    let client =
        |name: &str, value: Value| said(&|said: &mut Said| said.client[name] = value.clone());
    assert_eq!(said(&|_| {}), None);
    // Present, verified, may be backed up, is.
    for flags in [0x05, 0x0d, 0x1d] {
        assert_eq!(said(&|said| said.flags = flags), None, "{flags:x}");
    }
    assert_eq!(said(&|said| said.flags = 0x01), Some(NOT_VERIFIED));
    assert_eq!(said(&|said| said.flags = 0x04), Some(NOT_PRESENT));
    assert_eq!(said(&|said| said.flags = 0), Some(NOT_PRESENT));
    // Backed up though it cannot be; undefined bits; an attested key and extensions that follow.
    for flags in [0x15, 0x07, 0x25, 0x45, 0x85, 0xff] {
        assert_eq!(
            said(&|said| said.flags = flags),
            Some(Reason::MALFORMED),
            "{flags:x}"
        );
    }
    for host in [
        "example.com",
        "www.approve.example.com",
        "Approve.example.com",
        "",
    ] {
        assert_eq!(
            said(&|said| said.rp_id = host.to_owned()),
            Some(RP_ID),
            "{host}"
        );
    }
    for origin in [
        "https://example.com",
        "https://www.approve.example.com",
        "https://approve.example.com:8443",
        "https://approve.example.com:443",
        "https://approve.example.com/",
        "http://approve.example.com",
        "https://APPROVE.example.com",
        "https://approve.example.com.",
        "android:apk-key-hash:abc",
        "null",
        "",
    ] {
        assert_eq!(client("origin", json!(origin)), Some(ORIGIN), "{origin}");
    }
    assert_eq!(client("type", json!("webauthn.create")), Some(CEREMONY));
    assert_eq!(client("type", json!("payment.get")), Some(CEREMONY));
    assert_eq!(client("crossOrigin", json!(true)), Some(CEREMONY));
    assert_eq!(client("topOrigin", json!(HERE)), Some(CEREMONY));
    assert_eq!(client("topOrigin", Value::Null), Some(CEREMONY));
    assert_eq!(
        client("challenge", json!(base64url(&[0x5b; 32]))),
        Some(STATEMENT)
    );
    for (name, value) in [
        ("challenge", json!(base64url(&CHALLENGE[1..]))),
        ("challenge", json!(format!("{}=", base64url(&CHALLENGE)))),
        ("challenge", json!(7)),
        ("origin", json!([HERE])),
        ("origin", Value::Null),
        ("type", Value::Null),
        ("crossOrigin", Value::Null),
        ("crossOrigin", json!("false")),
        ("crossOrigin", json!(0)),
    ] {
        assert_eq!(
            client(name, value.clone()),
            Some(Reason::MALFORMED),
            "{name} {value}"
        );
    }
}

/// What is written by hand, with a genuine signature over it.
#[test]
fn client_data_has_one_reading() {
    let of = Authenticator::new("a");
    let challenge = base64url(&CHALLENGE);
    let reason = |text: &[u8]| {
        let data = Said::honestly(&CHALLENGE).data();
        reason_of(&of.asserts_bytes(text, &data).unwrap(), &of)
    };
    let inside = format!(r#""type":"webauthn.get","challenge":"{challenge}","origin":"{HERE}""#);
    for good in [
        format!("{{{inside}}}"),
        format!(r#"{{{inside},"crossOrigin":false}}"#),
        format!(r#" {{ {inside} , "crossOrigin" : false }} "#),
        // In another order, as some browsers have it, and with what nobody defined.
        format!(r#"{{"crossOrigin":false,"extra":{{"a":[1,{{}}]}},{inside}}}"#),
        format!(r#"{{{inside},"other_keys_can_be_added_here":"do not compare"}}"#),
        format!(r#"{{{inside},"tokenBinding":{{"status":"supported"}}}}"#),
        // The same text, escaped.
        format!(
            "{{{}}}",
            inside.replace("webauthn.get", "webauthn\\u002eget")
        ),
    ] {
        assert_eq!(reason(good.as_bytes()), None, "{good}");
    }
    let twice = |name: &str, value: &str| format!(r#"{{{inside},"{name}":{value}}}"#);
    for bad in [
        twice("type", r#""webauthn.get""#),
        twice("challenge", &format!("\"{challenge}\"")),
        twice("origin", &format!("\"{HERE}\"")),
        format!(r#"{{"origin":"https://evil.example",{inside}}}"#),
        format!(r#"{{{inside},"crossOrigin":false,"crossOrigin":false}}"#),
        format!(r#"{{{inside},"x":1,"x":1}}"#),
        // A name that is the same once it is read.
        format!(r#"{{{inside},"\u006frigin":"{HERE}"}}"#),
        format!(r#"{{{inside}}}{{}}"#),
        format!(r#"{{{inside}}},"#),
        format!(r#"{{{inside},}}"#),
        format!(r#"[{{{inside}}}]"#),
        format!("\u{feff}{{{inside}}}"),
        format!(r#"{{{inside},"a":/* none */1}}"#),
        format!(r#"{{{inside},"a":'b'}}"#),
        inside.clone(),
        "{}".to_owned(),
        "null".to_owned(),
        format!(r#"{{"type":"webauthn.get","origin":"{HERE}"}}"#),
        format!(r#"{{"challenge":"{challenge}","origin":"{HERE}"}}"#),
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}"}}"#),
        // More names than anybody defines.
        format!(
            "{{{inside}{}}}",
            (0..40).map(|n| format!(r#","{n}":0"#)).collect::<String>()
        ),
    ] {
        assert_eq!(reason(bad.as_bytes()), Some(Reason::MALFORMED), "{bad}");
    }
    let latin = [format!("{{{inside},\"a\":\"").as_bytes(), &[0xe4], b"\"}"].concat();
    assert_eq!(reason(&latin), Some(Reason::MALFORMED));
    let long = format!(r#"{{{inside},"a":"{}"}}"#, "a".repeat(2_048));
    let data = Said::honestly(&CHALLENGE).data();
    assert!(of.asserts_bytes(long.as_bytes(), &data).is_err());
}

#[test]
fn every_byte_is_signed() {
    let of = Authenticator::new("a");
    let genuine = of.votes(&CHALLENGE);
    let parts = |credential: &[u8], client: &[u8], data: &[u8], signature: &[u8]| {
        let made = Assertion::new(credential, client, data, signature);
        made.and_then(|made| party().check(&made, &of.passkey, &CHALLENGE))
            .is_ok()
    };
    let (credential, client) = (genuine.credential(), genuine.client_data());
    let (data, signature) = (genuine.authenticator_data(), genuine.signature());
    assert!(parts(credential, client, data, signature));
    for other in bit_flips(credential) {
        assert!(!parts(&other, client, data, signature));
    }
    for other in bit_flips(client) {
        assert!(!parts(credential, &other, data, signature));
    }
    for other in bit_flips(data) {
        assert!(!parts(credential, client, &other, signature));
    }
    for other in bit_flips(signature) {
        assert!(!parts(credential, client, data, &other));
    }
    for longer in [[data, &[0]].concat(), data[..36].to_vec()] {
        assert!(Assertion::new(credential, client, &longer, signature).is_err());
    }
}

#[test]
fn another_key_or_another_name_of_it_is_refused() {
    let (of, other) = (Authenticator::new("a"), Authenticator::new("b"));
    let genuine = of.votes(&CHALLENGE);
    assert_eq!(reason_of(&genuine, &other), Some(UNKNOWN_PASSKEY));
    let renamed = Assertion::new(
        other.passkey.id(),
        genuine.client_data(),
        genuine.authenticator_data(),
        genuine.signature(),
    );
    assert_eq!(
        reason_of(&renamed.unwrap(), &other),
        Some(Reason::NOT_AUTHENTIC)
    );
    assert_eq!(reason_of(&genuine, &of), None);
}

#[test]
fn an_assertion_is_kept_in_one_form() {
    let genuine = Authenticator::new("a").votes(&CHALLENGE);
    let bytes = genuine.to_bytes();
    assert_eq!(Assertion::from_bytes(&bytes).unwrap(), genuine);
    for other in keyward_testkit::truncations(&bytes) {
        let refused = Assertion::from_bytes(other).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
    }
    assert!(Assertion::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let newer = [&[2], &bytes[1..]].concat();
    let refused = Assertion::from_bytes(&newer).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let vote = PasskeyVote {
        nonce: [7; 32],
        assertion: genuine.clone(),
        given: None,
    };
    let kept = vote.to_bytes().unwrap();
    assert_eq!(PasskeyVote::from_bytes(&kept).unwrap(), vote);
    let at = kept.len() - bytes.len();
    let newer = [&kept[..at], &newer].concat();
    let refused = PasskeyVote::from_bytes(&newer).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    for other in bit_flips(&bytes) {
        if let Ok(read) = Assertion::from_bytes(&other) {
            assert_eq!(read.to_bytes(), other);
        }
    }
    // What a browser makes of it; what is beside the signed parts says nothing.
    let given = json!({
        "id": "whatever", "rawId": base64url(genuine.credential()), "type": "public-key",
        "authenticatorAttachment": "platform", "clientExtensionResults": {},
        "response": {
            "clientDataJSON": base64url(genuine.client_data()),
            "authenticatorData": base64url(genuine.authenticator_data()),
            "signature": base64url(genuine.signature()), "userHandle": "AAAA",
        },
    });
    assert_eq!(
        Assertion::from_json(given.to_string().as_bytes()).unwrap(),
        genuine
    );
    for name in ["clientDataJSON", "authenticatorData", "signature"] {
        let mut given = given.clone();
        given["response"].as_object_mut().unwrap().remove(name);
        let refused = Assertion::from_json(given.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::MALFORMED), "{name}");
    }
    let long = Assertion::from_json(&[b' '; 8_193]).unwrap_err();
    assert_eq!(long.reason(), Some(Reason::TOO_LONG));
}

/// A counter decides nothing.
#[test]
fn a_counter_that_goes_back_is_an_anomaly() {
    let of = Authenticator::new("a");
    for (before, counter, is_anomaly) in [
        (0, 0, false),
        (0, 1, false),
        (1, 2, false),
        (u32::MAX - 1, u32::MAX, false),
        (1, 1, true),
        (5, 4, true),
        (5, 0, true),
    ] {
        let said = Said {
            counter,
            ..Said::honestly(&CHALLENGE)
        };
        let checked = party()
            .check(&of.asserts(&said), &of.passkey, &CHALLENGE)
            .unwrap();
        assert_eq!(checked.counter(), counter);
        assert_eq!(checked.is_anomaly(before), is_anomaly, "{before} {counter}");
    }
}

/// The RP ID is the whole host of the one origin, which is written as browsers write it.
#[test]
fn a_party_is_an_origin_of_its_own() {
    let party = |rp_id: &str, origin: &str| Party::new(&Provider::default(), rp_id, origin);
    for (rp_id, origin) in [
        (HOST, HERE),
        (HOST, "https://approve.example.com:8443"),
        ("localhost", "http://localhost:8080"),
        ("localhost", "http://localhost"),
        ("localhost", "https://localhost"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ] {
        assert_eq!(party(rp_id, origin).unwrap().origin(), origin);
    }
    for (rp_id, origin) in [
        // Of other hosts too, such as the log-in's.
        ("example.com", HERE),
        ("login.example.com", HERE),
        ("", HERE),
        (HOST, "http://approve.example.com"),
        (HOST, "https://approve.example.com/"),
        (HOST, "https://approve.example.com:443"),
        (HOST, "https://approve.example.com:08443"),
        (HOST, "https://approve.example.com:"),
        (HOST, "https://approve.example.com:0"),
        (HOST, "https://approve.example.com:65536"),
        (HOST, "https://user@approve.example.com"),
        ("APPROVE.example.com", "https://APPROVE.example.com"),
        ("approve.example.com.", "https://approve.example.com."),
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("127.0.0.1", "https://127.0.0.1"),
        ("[::1]", "https://[::1]"),
        ("localhost", "http://localhost:80"),
        ("-a.example", "https://-a.example"),
        ("a..example", "https://a..example"),
        ("", "https://"),
        (HOST, "approve.example.com"),
        (HOST, ""),
    ] {
        let refused = party(rp_id, origin).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{rp_id} {origin}");
    }
}
