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
