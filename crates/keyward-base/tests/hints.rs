//! Hints: at most four characters, sixteen hidden, and nothing of a short secret.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use keyward_base::hint::MAX_HINT_LEN;
use keyward_base::{Hint, Reason};
use proptest::prelude::*;

#[test]
fn a_published_prefix_and_four_characters_are_shown() {
    for (secret, hint) in [
        ("ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo", "ghp_****6aKo"),
        ("sk-ant-0123456789abcdefghij", "sk-ant-****ghij"),
        ("0123456789abcdefghij", "****ghij"),
    ] {
        assert_eq!(Hint::of(secret.as_bytes()).as_str(), hint);
    }
    assert_eq!(Hint::of(b"0123456789abcdefghij").to_string(), "••••ghij");
}

#[test]
fn a_short_secret_shows_nothing() {
    for len in 0..20 {
        let secret = "abcdefghijklmnopqrst".get(..len).unwrap();
        assert_eq!(Hint::of(secret.as_bytes()).as_str(), "****", "{len}");
    }
    // The prefix is public and counts for nothing.
    assert_eq!(
        Hint::of(b"sk_live_0123456789abcdefghi").as_str(),
        "sk_live_****"
    );
    assert_eq!(Hint::of(b"ghp_").as_str(), "ghp_****");
}

#[test]
fn characters_outside_the_set_are_not_shown() {
    for tail in ["ab+d", "ab d", "ab*d", "a\n\tb"] {
        assert_eq!(
            Hint::of(format!("0123456789abcdef{tail}").as_bytes()).as_str(),
            "****"
        );
    }
    assert_eq!(Hint::of(&[0xff; 64]).as_str(), "****");
    assert_eq!(Hint::of("0123456789abcdefghié".as_bytes()).as_str(), "****");
}

#[test]
fn a_stored_hint_is_read_to_the_letter() {
    assert_eq!(
        Hint::parse(b"ghp_****6aKo").unwrap().as_str(),
        "ghp_****6aKo"
    );
    assert_eq!(Hint::parse(b"").unwrap(), Hint::none());
    assert!(Hint::parse(&[b'a'; MAX_HINT_LEN]).is_ok());
    for bad in [
        vec![b'a'; MAX_HINT_LEN + 1],
        b"a b".to_vec(),
        b"\xff".to_vec(),
        "••".into(),
        b"<b>".to_vec(),
    ] {
        assert_eq!(
            Hint::parse(&bad).unwrap_err().reason(),
            Some(Reason::MALFORMED)
        );
    }
}

proptest! {
    #[test]
    fn never_more_than_four_and_never_fewer_hidden(body in "[!-~]{0,80}") {
        let hint = Hint::of(body.as_bytes());
        prop_assert!(hint.as_str().len() <= MAX_HINT_LEN);
        prop_assert_eq!(&Hint::parse(hint.as_str().as_bytes()).unwrap(), &hint);
        let (prefix, tail) = hint.as_str().split_once("****").unwrap();
        prop_assert!(body.starts_with(prefix) && body.ends_with(tail) && tail.len() <= 4);
        if !tail.is_empty() {
            let shown = prefix.len().saturating_add(tail.len());
            prop_assert!(body.len().saturating_sub(shown) >= 16);
        }
    }
}
