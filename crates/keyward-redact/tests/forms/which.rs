//! Which values are masked, and what is said of the others.

use keyward_base::{OpenObserver as _, OpenedSecret, Place, RecordId, Revision, Tenant};
use keyward_redact::{Policy, What};

use crate::{knowing, name, under};

#[test]
fn short_values_and_common_words_are_not_masked_and_named() {
    for (value, what) in [
        ("1234567", What::TooShort),
        ("  1234567\n", What::TooShort),
        ("true", What::CommonWord),
        ("production", What::CommonWord),
        ("Production\n", What::CommonWord),
        ("LOCALHOST", What::CommonWord),
    ] {
        let redactor = knowing(value);
        assert_eq!(redactor.text(value), value);
        let warnings = redactor.warnings();
        assert_eq!(warnings.len(), 1, "{value}");
        assert_eq!((warnings[0].name.as_str(), warnings[0].what), ("it", what));
        let said = format!("{} {:?}", warnings[0], warnings[0]);
        assert!(!said.contains(value.trim()), "{said}");
    }
    assert_eq!(knowing("").warnings(), []);
    let redactor = knowing("12345678");
    assert_eq!(redactor.text("12345678"), "•••");
    assert_eq!(redactor.warnings(), []);
}

#[test]
fn a_password_that_is_too_short_to_stand_alone_is_said() {
    let url = "postgres://app:hunter2@db/shop";
    let redactor = knowing(url);
    assert_eq!(redactor.text(&format!("{url} hunter2")), "••• hunter2");
    let warnings = redactor.warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].what, What::ShortPassword);
    assert!(!warnings[0].to_string().contains("hunter2"));
    for fine in [
        "postgres://app:hunter22@db/shop",
        "postgres://app@db/shop",
        "Server=db;Password=ab cd efgh;",
    ] {
        assert_eq!(knowing(fine).warnings(), [], "{fine}");
    }
}

#[test]
fn what_is_asked_for_by_name_is_masked_however_short() {
    let policy = || Policy::default().mask_anyway("it");
    let redactor = under(policy());
    redactor.add(&name("it"), b"1234567").unwrap();
    redactor.add(&name("it"), b"production").unwrap();
    redactor.add(&name("it"), b"x").unwrap();
    redactor.add(&name("it"), b"").unwrap();
    redactor.add(&name("other"), b"development").unwrap();
    let text = "a 1234567 b production c x d development 31323334353637";
    let masked = "a ••• b ••• c ••• d development •••";
    assert_eq!(redactor.text(text), masked);
    assert_eq!(redactor.warnings().len(), 1);
    // Also against what is said of the name elsewhere.
    let redactor = under(policy().not_secret("it"));
    redactor.add(&name("it"), b"1234567").unwrap();
    assert_eq!(redactor.text("1234567"), "•••");
}

#[test]
fn what_the_application_says_is_no_secret_is_not_masked_and_nobody_is_warned() {
    let policy = Policy::default()
        .not_secret("GREETING")
        .common_word("Straße des Lebens");
    let redactor = under(policy);
    redactor.add(&name("GREETING"), b"good morning").unwrap();
    redactor.add(&name("GREETING"), b"short").unwrap();
    assert_eq!(redactor.text("good morning"), "good morning");
    assert_eq!(redactor.warnings(), []);
    let street = "STRAßE DES LEBENS";
    redactor.add(&name("STREET"), street.as_bytes()).unwrap();
    assert_eq!(redactor.text(street), street);
    assert_eq!(redactor.warnings()[0].what, What::CommonWord);
}

#[test]
fn parts_that_are_short_or_common_are_left_without_a_word() {
    let redactor = knowing(r#"{"a":"production","b":"short","c":"a-secret-of-it"}"#);
    let text = "production short a-secret-of-it";
    assert_eq!(redactor.text(text), "production short •••");
    assert_eq!(redactor.warnings(), []);
}

#[test]
fn a_long_value_is_named() {
    let redactor = knowing("x".repeat(keyward_redact::policy::PIECE_LEN));
    assert_eq!(redactor.warnings(), []);
    let long = "y".repeat(keyward_redact::policy::PIECE_LEN + 1);
    redactor.add(&name("it"), long.as_bytes()).unwrap();
    assert_eq!(redactor.warnings()[0].what, What::InPieces);
}

#[test]
fn warnings_are_bounded_and_said_once() {
    let redactor = knowing("short");
    for i in 0..keyward_redact::warning::MAX_WARNINGS + 5 {
        let name = name(&format!("n{i}"));
        redactor.add(&name, b"short").unwrap();
        redactor.add(&name, b"short").unwrap();
    }
    assert_eq!(redactor.warnings().len(), 1000);
    assert!(redactor.counts().unsaid >= 6);
}

#[test]
fn the_short_password_in_what_is_asked_for_by_name_is_masked_too() {
    for (url, password) in [
        ("postgres://app:hunter2@db/shop", "hunter2"),
        ("Server=db;Password=pw 12;", "pw 12"),
        ("postgres://app:p%2Fw@db/shop", "p/w"),
    ] {
        let redactor = under(Policy::default().mask_anyway("it"));
        redactor.add(&name("it"), url.as_bytes()).unwrap();
        let text = format!("{url} and {password} in app");
        assert_eq!(redactor.text(&text), "••• and ••• in app");
        assert_eq!(redactor.warnings(), []);
        let said = knowing(url).warnings();
        assert!(said[0].to_string().contains("masked anyway by its name"));
    }
}

#[test]
fn what_is_said_of_a_name_is_forgotten_with_it() {
    let redactor = knowing("short");
    redactor.add(&name("other"), b"short").unwrap();
    assert!(!redactor.forget(&name("it")));
    let warnings = redactor.warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].name, name("other"));
}

/// A record that is sealed anew with a longer value.
#[test]
fn a_value_that_is_opened_and_is_long_now_is_warned_of_no_more() {
    let redactor = under(Policy::default());
    let (tenant, place) = (Tenant::new("acme"), Place::new("server.env"));
    let (tenant, place, record) = (tenant.unwrap(), place.unwrap(), RecordId::new("7").unwrap());
    let whole = |value: &'static [u8]| OpenedSecret {
        collection: [7; 8],
        tenant: &tenant,
        place: &place,
        record: &record,
        revision: Revision::new(1),
        part: None,
        value,
    };
    let part = |name: &'static str, value| OpenedSecret {
        part: Some(name),
        ..whole(value)
    };
    let told = |text, parts: &[OpenedSecret<'_>]| {
        redactor.opened_parts(&whole(text), parts).unwrap();
        let warnings = redactor.warnings();
        let said = warnings.iter().map(|warning| warning.name.as_str());
        said.map(str::to_owned).collect::<Vec<_>>()
    };
    // One loader reads it shorter than another.
    let both = told(
        b"1",
        &[
            part("A", b"short"),
            part("A", b"short or long"),
            part("B", b"true"),
        ],
    );
    assert_eq!(both, ["acme server.env 7 A", "acme server.env 7 B"]);
    let later = told(
        b"2",
        &[part("A", b"short or long"), part("B", b"a secret of B")],
    );
    assert_eq!(later, [""; 0]);

    redactor.opened(&whole(b"short")).unwrap();
    assert_eq!(redactor.warnings().len(), 1);
    redactor.opened(&whole(b"redis://:short@cache")).unwrap();
    assert_eq!(redactor.warnings()[0].what, What::ShortPassword);
    redactor
        .opened(&whole(b"redis://:longer-now@cache"))
        .unwrap();
    assert_eq!(redactor.warnings(), []);
}
