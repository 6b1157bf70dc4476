//! Ids: what each takes, to the byte.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use keyward_base::{
    CredentialKind, ErrorKind, KeyId, Place, Purpose, RecordId, Result, Revision, Role, Suite,
    Tenant,
};

type Make = fn(&str) -> bool;

fn is_misuse<T>(made: Result<T>) -> bool {
    match made {
        Ok(_) => true,
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Misuse);
            false
        }
    }
}

#[test]
fn lengths_hold_to_the_byte() {
    let cases: [(usize, usize, Make); 5] = [
        (1, 128, |s| is_misuse(Tenant::new(s))),
        (1, 128, |s| is_misuse(RecordId::new(s))),
        (1, 32, |s| is_misuse(Purpose::new(s))),
        (0, 64, |s| is_misuse(Role::new(s))),
        (1, 32, |s| is_misuse(CredentialKind::new(s))),
    ];
    for (least, most, make) in cases {
        for len in 0..=most.saturating_add(2) {
            assert_eq!(
                make(&"a".repeat(len)),
                (least..=most).contains(&len),
                "{len}"
            );
        }
    }
}

#[test]
fn characters_are_visible_ascii_or_fewer() {
    for byte in 0..=u8::MAX {
        let text = char::from(byte).to_string();
        let visible = byte.is_ascii_graphic();
        assert_eq!(is_misuse(Tenant::new(&text)), visible, "{byte}");
        assert_eq!(is_misuse(RecordId::new(&text)), visible, "{byte}");
        assert_eq!(is_misuse(Role::new(&text)), visible, "{byte}");
        let lower = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
        assert_eq!(is_misuse(Purpose::new(&text)), lower, "{byte}");
        assert_eq!(is_misuse(CredentialKind::new(&text)), lower, "{byte}");
    }
    for text in ["\u{430}cme", "a\u{200b}b", "a b", "é", "a\0"] {
        assert!(!is_misuse(Tenant::new(text)), "{text:?}");
    }
}

#[test]
fn a_place_is_table_dot_column() {
    let longest = "a".repeat(63);
    for good in ["a.b", "T1.c_2", &format!("{longest}.{longest}")] {
        assert_eq!(Place::new(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        ".",
        "a",
        "a.",
        ".b",
        "a.b.c",
        "a-b.c",
        "a.b/",
        "a b.c",
        &format!("{longest}a.b"),
        &format!("a.{longest}b"),
    ] {
        assert!(!is_misuse(Place::new(bad)), "{bad}");
    }
}

#[test]
fn a_key_id_has_one_spelling() {
    let id = KeyId::from_bytes([0, 1, 0x9a, 0xbc, 0xde, 0xf0, 0x7f, 0xff]);
    assert_eq!(id.to_string(), "00019abcdef07fff");
    assert_eq!(KeyId::parse("00019abcdef07fff").unwrap(), id);
    for bad in [
        "",
        "00019ABCDEF07FFF",
        "00019abcdef07ff",
        "00019abcdef07fff0",
        " 0019abcdef07fff",
        "g0019abcdef07fff",
        "0x019abcdef07fff",
    ] {
        assert!(!is_misuse(KeyId::parse(bad)), "{bad}");
    }
}

#[test]
fn an_unknown_suite_is_not_a_bad_value() {
    for byte in 0..=u8::MAX {
        match Suite::from_byte(byte) {
            Ok(suite) => assert_eq!(suite.to_byte(), byte),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Unavailable),
        }
    }
    assert_eq!(Suite::from_byte(1).unwrap(), Suite::Chunked1);
    assert_eq!(Suite::from_byte(2).unwrap(), Suite::Chunked2);
}

#[test]
fn revisions_count_and_end() {
    assert_eq!(Revision::FIRST.next().unwrap(), Revision::new(2));
    assert!(!is_misuse(Revision::new(u64::MAX).next()));
    assert!(Role::none().is_none() && Role::new("").unwrap().is_none());
}

/// What is shown of each, and that no secret is.
#[test]
fn debug_and_words_are_those_of_what_is_held() {
    use keyward_base::audit::{Detail, Value};
    use keyward_base::encoding::{from_base64_array, hex};
    use keyward_base::key_tag::{key_tag, sealed_prefix};
    use keyward_base::{Actor, Domain, Error, EventId, Hint, Reason, RequestId, SecretArray};
    use keyward_base::{SecretBytes, Subject, Timestamp};

    let id = KeyId::from_bytes([0xab; 8]);
    assert_eq!(format!("{id:?}"), format!("KeyId({})", "ab".repeat(8)));
    let event = EventId::from_bytes([0xcd; 16]);
    assert_eq!(event.to_string(), hex(&[0xcd; 16]));
    assert_eq!(format!("{event:?}"), format!("EventId({event})"));
    let place = Place::new("server.password").unwrap();
    assert_eq!(place.to_string(), "server.password");
    assert_eq!(format!("{place:?}"), "Place(\"server.password\")");
    assert!(Role::none().is_none() && !Role::new("deploy").unwrap().is_none());
    assert!(Revision::LAST.next().is_err());
    let before = Revision::new(Revision::LAST.number() - 1);
    assert_eq!(before.next().unwrap(), Revision::LAST);
    assert_eq!(
        format!("{:?}", Hint::none()),
        format!("Hint({})", Hint::none())
    );
    const NOTE: Domain<()> = Domain::new("test/v1/note");
    assert_eq!(NOTE.name(), "test/v1/note");
    assert_eq!(format!("{NOTE:?}"), "Domain(\"test/v1/note\")");
    let encoded = NOTE.encode(&()).unwrap();
    let len = encoded.as_bytes().len();
    assert_eq!(format!("{encoded:?}"), format!("Encoded({len})"));
    let error = Error::rejected(Reason::NOT_FOUND);
    assert_eq!(format!("{error:?}"), "Rejected: rejected (not-found)");

    assert_eq!(
        format!("{:?}", SecretBytes::copy_of(b"x")),
        "SecretBytes(..)"
    );
    let array = SecretArray::copy_of(&[7; 4]).unwrap();
    let array: SecretArray<4> = array;
    let shown = format!("{array:?}");
    assert!(
        shown.starts_with("SecretArray") && !shown.contains('7'),
        "{shown}"
    );
    let mut held = SecretBytes::copy_of(b"a");
    assert!(!held.is_empty());
    for more in [&b"b"[..], b"", b"cdefghijkl", b"m"] {
        held.push(more);
    }
    held.expose_mut().reverse();
    assert_eq!(held.expose(), b"mlkjihgfedcba");

    let tag = key_tag(id);
    assert_eq!(tag.len(), 16);
    assert_eq!(tag[..4], sealed_prefix(Suite::Chunked1, id)[..4]);
    assert_eq!(tag, "kw1.AKurq6urq6ur");
    assert_eq!(from_base64_array::<2>("q6s=").unwrap(), [0xab; 2]);
    assert_eq!(from_base64_array::<2>("AAA=").unwrap(), [0; 2]);
    assert!(from_base64_array::<2>("qw==").is_err());
    assert!(from_base64_array::<2>("q6ur").is_err());

    let who = |id| Subject::new(id).unwrap();
    let plain = Actor::new(who("alice"));
    assert!(!plain.is_staff() && plain.for_whom().is_none() && plain.request().is_none());
    let request = RequestId::new("r-1").unwrap();
    let acting = plain
        .staff()
        .on_behalf_of(who("bob"))
        .in_request(request.clone());
    assert!(acting.is_staff());
    assert_eq!(acting.for_whom(), Some(&who("bob")));
    assert_eq!(acting.request(), Some(&request));
    let shown = format!("{acting:?}");
    assert!(
        shown.contains("staff: true") && shown.contains("bob"),
        "{shown}"
    );

    let detail = Detail::none()
        .with("rows", Value::Number(3))
        .with("key", Value::Key(id))
        .with("rows", Value::Word("later"));
    assert_eq!(detail.find("rows"), Some(Value::Number(3)));
    assert_eq!(detail.find("key"), Some(Value::Key(id)));
    assert_eq!(detail.find("none"), None);
    let shown = [
        (Value::Flag(true), "true".to_owned()),
        (Value::Key(id), id.to_string()),
        (Value::Number(3), "3".to_owned()),
        (Value::Time(Timestamp::from_millis(9)), "9".to_owned()),
        (Value::Word("later"), "later".to_owned()),
    ];
    for (value, wanted) in shown {
        assert_eq!(value.to_string(), wanted);
    }
}
