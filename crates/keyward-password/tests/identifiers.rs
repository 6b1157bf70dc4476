//! What a person types to be found, in its one form.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use keyward_base::{ErrorKind, Reason};
use keyward_password::Identifier;
use proptest::prelude::*;

fn canonical(typed: &str) -> String {
    Identifier::email(typed).unwrap().as_str().to_owned()
}

#[test]
fn an_address_has_one_form() {
    for (typed, form) in [
        ("ada@example.com", "ada@example.com"),
        (" Ada@Example.COM\r\n", "ada@example.com"),
        (
            "a.d+a_%'@xn--bcher-kva.example",
            "a.d+a_%'@xn--bcher-kva.example",
        ),
        // One letter, composed by two keyboards.
        ("rene\u{301}@example.com", "ren\u{e9}@example.com"),
        // A mark that joins the small letter and not the capital.
        ("H\u{331}@example.com", "\u{1e96}@example.com"),
        (
            "T\u{308}W\u{30a}Y\u{30a}J\u{30c}@example.com",
            "\u{1e97}\u{1e98}\u{1e99}\u{1f0}@example.com",
        ),
        (
            "\u{915}\u{94d}\u{937}@example.com",
            "\u{915}\u{94d}\u{937}@example.com",
        ),
    ] {
        assert_eq!(canonical(typed), form, "{typed:?}");
        assert_eq!(canonical(form), form, "its own form");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Of any letters and marks: what mail goes to is found by its owner as it is written there.
    #[test]
    fn a_form_is_its_own_form(local in "[A-Za-z\u{c0}-\u{24f}\u{300}-\u{36f}\u{1e00}-\u{1eff}\u{212a}\u{212b}]{1,8}") {
        let Ok(form) = Identifier::email(&format!("{local}@example.com")) else {
            return Ok(());
        };
        let form = form.as_str();
        prop_assert_eq!(canonical(form), form);
    }
}

#[test]
fn letters_that_fold_into_others_do_not() {
    // The Kelvin sign's NFC is the letter K: it is normal form and not case that joins them, and mail
    // goes to the form.
    assert_eq!(canonical("\u{212a}ate@example.com"), "kate@example.com");
    // Those whose lower case is another letter stay themselves.
    for odd in [
        "m\u{131}ke@example.com",
        "\u{130}ngrid@example.com",
        "stra\u{df}e@example.com",
    ] {
        assert_eq!(canonical(odd), odd);
    }
    assert_ne!(
        canonical("\u{c9}mile@example.com"),
        canonical("\u{e9}mile@example.com")
    );
}

#[test]
fn what_is_no_address_is_refused() {
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long_label = format!("a@{}.example", "b".repeat(64));
    for (typed, why) in [
        ("", Reason::MALFORMED),
        ("ada", Reason::MALFORMED),
        ("@example.com", Reason::MALFORMED),
        ("ada@", Reason::MALFORMED),
        ("ada@localhost", Reason::MALFORMED),
        ("ada@@example.com", Reason::MALFORMED),
        ("a@b@example.com", Reason::MALFORMED),
        (".ada@example.com", Reason::MALFORMED),
        ("ada.@example.com", Reason::MALFORMED),
        ("a..b@example.com", Reason::MALFORMED),
        ("ada@-example.com", Reason::MALFORMED),
        ("ada@example-.com", Reason::MALFORMED),
        ("ada@example..com", Reason::MALFORMED),
        ("ada@.example.com", Reason::MALFORMED),
        ("ada@example.com.", Reason::MALFORMED),
        ("ada@[192.0.2.1]", Reason::MALFORMED),
        ("ada@192.0.2.1", Reason::MALFORMED),
        ("ada@b\u{fc}cher.example", Reason::MALFORMED),
        ("\"ada\"@example.com", Reason::MALFORMED),
        ("ada (a)@example.com", Reason::MALFORMED),
        ("Ada <ada@example.com>", Reason::MALFORMED),
        ("ada@example.com,eve@example.com", Reason::MALFORMED),
        ("ada@example.com\r\nBcc: eve@example.com", Reason::MALFORMED),
        ("a\0da@example.com", Reason::MALFORMED),
        ("a\u{200b}da@example.com", Reason::MALFORMED),
        ("a\u{202e}da@example.com", Reason::MALFORMED),
        ("ada\u{ff20}example.com", Reason::MALFORMED),
        (long_label.as_str(), Reason::MALFORMED),
        (long_local.as_str(), Reason::TOO_LONG),
    ] {
        let refused = Identifier::email(typed).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.reason()),
            (ErrorKind::Rejected, Some(why)),
            "{typed:?}"
        );
        assert_eq!(refused.to_string(), "rejected");
    }
}

#[test]
fn an_address_has_at_most_254_bytes() {
    let label = "b".repeat(60);
    let long = |local: usize| format!("{}@{label}.{label}.{label}.example", "a".repeat(local));
    let most = 254 - long(0).len();
    assert!(Identifier::email(&long(most)).is_ok());
    for more in [most + 1, 2_000] {
        let refused = Identifier::email(&long(more)).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::TOO_LONG));
    }
}

#[test]
fn nothing_prints_it() {
    let shown = format!("{:?}", Identifier::email("ada@example.com").unwrap());
    assert_eq!(shown, "Identifier(..)");
}
