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
    // A guess at a wrapped one costs both hashes.
    let groups = census.groups();
    let (plain, wrapped) = (groups[0].of_owasps_least, groups[2].of_owasps_least);
    assert!((wrapped - plain - 97_280.0 / 89_063.0).abs() < 1e-12);
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

/// What is told of a string is function and cost, and what a guess costs by OWASP's rows: worked out
/// here by hand.
#[test]
fn function_and_cost_are_told_of_each_kind() {
    let salt_and_hash = "c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let argon2 = |begins: &str| format!("{begins},p=1${salt_and_hash}");
    let bcrypt = "CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let django = "3IohUZ8VhCdV6sI9DFlOAV$5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";
    let sha512 = "A".repeat(86);
    let known: [(&str, String, &str, f64); 18] = [
        (
            "",
            argon2("$argon2id$v=19$m=19456,t=2"),
            "argon2: argon2id m=19456 t=2 p=1",
            97_280.0 / 89_063.0,
        ),
        (
            "",
            argon2("$argon2i$m=4096,t=3"),
            "argon2: argon2i v=16 m=4096 t=3 p=1",
            32_768.0 / 89_063.0,
        ),
        (
            "",
            argon2("$argon2d$v=19$m=4096,t=1"),
            "argon2: argon2d m=4096 t=1 p=1",
            8_192.0 / 89_063.0,
        ),
        (
            "",
            format!("$2b$10${bcrypt}"),
            "bcrypt: bcrypt cost=10",
            1.0,
        ),
        (
            "",
            format!("$2b$12${bcrypt}"),
            "bcrypt: bcrypt cost=12",
            4.0,
        ),
        (
            "bcrypt-hex-sha1",
            format!("$2b$09${bcrypt}"),
            "bcrypt-hex-sha1: bcrypt cost=9 over sha1",
            0.5,
        ),
        (
            "",
            "$bcrypt-sha256$v=2,t=2b,r=4$oaiuM9BSpb.QtVREf7sl1e$pmoR5sNaRmws4zwQO7f6V1lJnY/tD9O"
                .to_owned(),
            "bcrypt-sha256: bcrypt cost=4 over hmac-sha256",
            1.0 / 64.0,
        ),
        (
            "",
            format!("pbkdf2_sha256$600000${django}"),
            "django: pbkdf2-sha256 rounds=600000",
            1.0,
        ),
        (
            "",
            format!("$pbkdf2-sha512$i=110000,l=64$c2FsdHNhbHQ${sha512}"),
            "pbkdf2: pbkdf2-sha512 rounds=110000",
            0.5,
        ),
        (
            "",
            "$pbkdf2$13000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            "pbkdf2: pbkdf2-sha1 rounds=13000",
            0.01,
        ),
        (
            "",
            "$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                .to_owned(),
            "scrypt: scrypt ln=16 r=8 p=1",
            0.5,
        ),
        (
            "",
            "$scrypt$ln=12,r=4,p=2$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                .to_owned(),
            "scrypt: scrypt ln=12 r=4 p=2",
            1.0 / 32.0,
        ),
        (
            "",
            "$y$j9T$saltsaltsalt....$ucSOLxY/HVVT1JFOcYsAcdRdqvGTg6VVdMClk9vbwZB".to_owned(),
            "yescrypt: yescrypt ln=12 r=32 p=1 t=0",
            0.125,
        ),
        (
            "",
            "{FSHP1|16|8192}NUZI6Z3Teo+x1ro3pnSuVdOVdZwkthMlkYsZYCcYOS7JGNEEZoalKtzFQ9gEjMeP"
                .to_owned(),
            "fshp: sha256 rounds=8192",
            8_192.0 / 600_000.0,
        ),
        (
            "",
            "$S$5saltsaltdLOFhqsQ4uCw7nSTaALkk6vgVcqNw8FCnNKlMNhmZDB".to_owned(),
            "drupal: phpass-sha512 log2=7",
            128.0 / 220_000.0,
        ),
        (
            "",
            "$1$saltsalt$NuzA7WTAelpl95xgBGWN60".to_owned(),
            "md5-crypt: md5-crypt",
            1_000.0 / 1_300_000.0,
        ),
        (
            "",
            "$sha1$3$gDmNas7F$/Vr6.8i/CnilWz0W/ILVdmaPXYGw".to_owned(),
            "sha1-crypt: hmac-sha1 rounds=3",
            3.0 / 1_300_000.0,
        ),
        (
            "",
            // In front of a string that is of the password's other form, and no part of it.
            format!("{{nfkc}}$2b$10${bcrypt}"),
            "bcrypt: bcrypt cost=10",
            1.0,
        ),
    ];
    let passwords = door(Policy::default());
    for (label, text, words, share) in known {
        let mut census = Census::new(&passwords);
        let row = Row::new(&text);
        census.add(&if label.is_empty() {
            row
        } else {
            row.label(label)
        });
        let group = &census.groups()[0];
        assert_eq!(group.kind.to_string(), words, "{text}");
        assert!((group.of_owasps_least - share).abs() < 1e-12, "{group:?}");
    }
}

#[test]
fn equal_groups_are_in_the_order_of_their_rows_and_a_key_has_an_end() {
    let passwords = door(Policy::default());
    let mut census = Census::new(&passwords);
    for text in ["!", "nothing", "nothing"] {
        census.add(&Row::new(text));
    }
    // Weaker, and stays as it is: it takes no time.
    census.add(&Row::new(
        "$2a$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK",
    ));
    census.add_sealed(&Row::new(DJANGO), &"k".repeat(100));
    let groups = census.groups();
    let ends = format!("sealed with {}", "k".repeat(64));
    assert!(groups[0].kind.to_string().ends_with(&format!(", {ends}")));
    assert_eq!(
        (groups[2].counted.rows, groups[3].counted.rows),
        (2, 1),
        "{groups:?}"
    );
    assert_eq!(
        (census.counted().weaker, census.counted().wrappable),
        (2, 1)
    );
    assert_eq!(
        census.time_to_wrap(Duration::from_secs(3)),
        Duration::from_secs(3)
    );
}
