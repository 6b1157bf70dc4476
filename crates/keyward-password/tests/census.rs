//! What a table holds, counted.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{SystemClock, Tenant};
use keyward_password::census::{APART, Kind, time_of_a_wrap};
use keyward_password::{Admission, Census, Passwords, Policy, Row, Wrap, reason};

const DJANGO: &str =
    "pbkdf2_sha256$1000$3IohUZ8VhCdV6sI9DFlOAV$5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";
/// Sealed text with a made-up key.
const SEALED: &str = "kw1.AavNAQIDBAUGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn door(policy: Policy) -> Passwords {
    let admission = Admission::default()
        .workers(2)
        .wait(Duration::from_secs(600));
    Passwords::new(policy, admission, Arc::new(SystemClock::new())).unwrap()
}

#[test]
fn wrapped_and_sealed_rows_are_groups_of_their_own() {
    let passwords = door(Policy::default());
    let tenant = Tenant::new("acme").unwrap();
    let wrapped = match passwords.wrap(&tenant, &Row::new(DJANGO)).wait().unwrap() {
        Wrap::Wrapped(text) => text,
        left => panic!("{left:?}"),
    };
    let hashes = passwords.ledger();
    let mut census = Census::new(&passwords);
    census.add(&Row::new(DJANGO));
    census.add(&Row::new(&wrapped));
    census.add(&Row::new(SEALED));
    census.add_sealed(&Row::new(DJANGO), "abcd010203040506");
    let words: Vec<String> = census
        .groups()
        .iter()
        .map(|group| group.kind.to_string())
        .collect();
    assert_eq!(
        words,
        [
            "django: pbkdf2-sha256 rounds=1000",
            "django: pbkdf2-sha256 rounds=1000, sealed with abcd010203040506",
            "django: pbkdf2-sha256 rounds=1000, wrapped in argon2id m=19456 t=2 p=1",
            "sealed with abcd010203040506",
        ]
    );
    let all = census.counted();
    assert_eq!(
        (all.rows, all.weaker, all.wrappable, all.wrapped),
        (4, 2, 2, 1)
    );
    assert_eq!(
        passwords.ledger(),
        hashes,
        "nothing was hashed, nothing refused"
    );
    assert_eq!(
        census.time_to_wrap(Duration::from_secs(3600)),
        Duration::from_secs(7200)
    );
}

#[test]
fn what_is_wrappable_is_what_is_wrapped() {
    let tenant = Tenant::new("acme").unwrap();
    let bcrypt = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let strong = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let passwords = door(Policy::default());
    for text in [
        DJANGO,
        bcrypt,
        &bcrypt.replace("$2b$", "$2a$"),
        strong,
        "!",
        "nothing",
        SEALED,
    ] {
        let mut census = Census::new(&passwords);
        census.add(&Row::new(text));
        let is_wrapped = matches!(
            passwords.wrap(&tenant, &Row::new(text)).wait().unwrap(),
            Wrap::Wrapped(_)
        );
        assert_eq!(census.counted().wrappable, u64::from(is_wrapped), "{text}");
    }
    // A policy of bcrypt wraps nothing.
    let other = door(Policy::bcrypt());
    let mut census = Census::new(&other);
    census.add(&Row::new(DJANGO));
    assert_eq!(
        (census.counted().weaker, census.counted().wrappable),
        (1, 0)
    );
}

#[test]
fn groups_have_an_end_and_rows_have_not() {
    let mut census = Census::new(&door(Policy::default()));
    for rounds in 1..=1_000_u32 {
        census.add(&Row::new(&DJANGO.replace("$1000$", &format!("${rounds}$"))));
    }
    census.add(&Row::new("nothing"));
    assert_eq!(census.groups().len(), APART);
    assert_eq!(
        (census.counted().rows, census.counted().not_read),
        (1_001, 1)
    );
    assert_eq!(census.others().rows, 1_001 - 256);
    // The weakest are first, and those that cannot be verified last.
    let mut census = Census::new(&door(Policy::default()));
    census.add(&Row::new("{noop}x"));
    census.add(&Row::new(DJANGO));
    census.add(&Row::new(&DJANGO.replace("$1000$", "$999$")));
    let groups = census.groups();
    assert!(groups[0].of_owasps_least < groups[1].of_owasps_least);
    assert!(
        matches!(groups[2].kind, Kind::NotRead { reason: why, .. } if why == reason::PLAIN_TEXT)
    );
}

/// By a stopwatch of the test's own: what a wrap takes is what passed, in parts.
#[test]
fn a_wrap_is_measured_with_all_workers_at_once() {
    let passwords = door(Policy::default());
    let mut looks = 0;
    let each = time_of_a_wrap(&passwords, || {
        looks += 1;
        Duration::from_secs(looks * 8)
    });
    assert_eq!(each.unwrap(), Duration::from_secs(1));
    assert_eq!(looks, 2);
    // Two to begin with, and four for each of the two workers.
    assert_eq!(passwords.ledger().total(), 10);
    assert!(time_of_a_wrap(&passwords, || Duration::ZERO).is_err());
}
