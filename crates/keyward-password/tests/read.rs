//! What a string is taken for, what it may cost, and what is told of it.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::{Reason, SecretBytes};
use keyward_crypto::slow::argon2::Arena;
use keyward_password::policy::Work;
use keyward_password::{Ceilings, Context, Password, Policy, Scheme, Stored, Verdict, reason};

fn read(label: Option<&str>, text: &str, policy: &Policy) -> Result<Stored, (Verdict, String)> {
    Stored::read(label, text, &Context::default(), policy)
        .map_err(|e| (e.verdict(), e.reason().as_str().to_owned()))
}

#[test]
fn every_label_names_its_scheme_and_no_other() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_label(scheme.label()), Some(*scheme));
        let shouted = scheme.label().to_uppercase().replace('-', "_");
        assert_eq!(Scheme::from_label(&shouted), Some(*scheme));
    }
    assert_eq!(Scheme::from_label("no such label"), None);
}

#[test]
fn each_ceiling_holds_to_the_last_one() {
    let bcrypt = "CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (dots, short) = (".".repeat(86), ".".repeat(22));
    for (within, above) in [
        (
            format!("$argon2id$v=19$m=262144,t=4,p=1$c2FsdHNhbHQ${tag}"),
            format!("$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ${tag}"),
        ),
        (
            format!("$argon2id$v=19$m=65536,t=16,p=1$c2FsdHNhbHQ${tag}"),
            format!("$argon2id$v=19$m=65536,t=17,p=1$c2FsdHNhbHQ${tag}"),
        ),
        (format!("$2b$15${bcrypt}"), format!("$2b$16${bcrypt}")),
        (
            format!("$scrypt$ln=17,r=8,p=10$c2FsdA${tag}"),
            format!("$scrypt$ln=17,r=8,p=11$c2FsdA${tag}"),
        ),
        (
            format!("$scrypt$ln=17,r=8,p=1$c2FsdA${tag}"),
            format!("$scrypt$ln=17,r=9,p=1$c2FsdA${tag}"),
        ),
        (
            format!("$pbkdf2-sha256$10000000$c2FsdA${tag}"),
            format!("$pbkdf2-sha256$10000001$c2FsdA${tag}"),
        ),
        (
            format!("$pbkdf2$5000000$c2FsdA${tag}"),
            format!("$pbkdf2$5000001$c2FsdA${tag}"),
        ),
        (
            format!("{{FSHP1|0|10000000}}{tag}"),
            format!("{{FSHP1|0|10000001}}{tag}"),
        ),
        (
            format!("$firescrypt$ln=17,r=8,p=10$c2FsdA${tag}$Bw${tag}"),
            format!("$firescrypt$ln=17,r=8,p=11$c2FsdA${tag}$Bw${tag}"),
        ),
        (
            format!("$6$rounds=5000000$salt${dots}"),
            format!("$6$rounds=5000001$salt${dots}"),
        ),
        (
            format!("$P$Ksaltsalt{short}"),
            format!("$P$Lsaltsalt{short}"),
        ),
    ] {
        assert!(read(None, &within, &Policy::default()).is_ok(), "{within}");
        let refused = read(None, &above, &Policy::default()).unwrap_err();
        assert_eq!(
            refused,
            (Verdict::Refused, reason::CEILING.as_str().to_owned()),
            "{above}"
        );
    }
}

#[test]
fn another_policy_has_other_ceilings() {
    let row = "$2b$12$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let less = Policy::default().ceilings(Ceilings::default().bcrypt(11));
    assert!(read(None, row, &Policy::default()).is_ok());
    assert!(read(None, row, &less).is_err());
}

#[test]
fn what_a_check_takes_is_known_before_it() {
    let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let text = format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ${tag}");
    let cost = read(None, &text, &Policy::default()).unwrap().cost();
    let written = 2 * 19_456 * 1024;
    assert_eq!(
        (cost.memory_bytes, cost.work),
        (19_456 * 1024, Work::Argon2 { written })
    );
}

#[test]
fn two_readings_need_a_label() {
    for (label, row) in [
        (
            "django",
            "sha1$salt$0000000000000000000000000000000000000000",
        ),
        (
            "werkzeug",
            "sha1$salt$0000000000000000000000000000000000000000",
        ),
        ("hex-md5", "5f4dcc3b5aa765d61d8327deb882cf99"),
        ("nthash", "5f4dcc3b5aa765d61d8327deb882cf99"),
        (
            "clerk",
            "pbkdf2_sha256$20$AAECAwQFBgcICQoLDA0ODw==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
        (
            "django",
            "pbkdf2_sha256$20$AAECAwQFBgcICQoLDA0ODw==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
    ] {
        let found = read(Some(label), row, &Policy::default()).unwrap();
        assert_eq!(found.scheme().label(), label);
        for none in [None, Some("no such label")] {
            let refused = read(none, row, &Policy::default()).unwrap_err();
            assert_eq!(
                refused,
                (Verdict::Refused, reason::AMBIGUOUS.as_str().to_owned()),
                "{row}"
            );
        }
    }
}

#[test]
fn plain_text_is_refused_whatever_the_label() {
    for row in ["{noop}secret", "{PLAIN}secret", "{cleartext}secret"] {
        for label in [None, Some("ldap"), Some("bcrypt")] {
            let refused = read(label, row, &Policy::default()).unwrap_err();
            assert_eq!(
                refused,
                (Verdict::Refused, reason::PLAIN_TEXT.as_str().to_owned()),
                "{row}"
            );
        }
    }
}

#[test]
fn a_key_of_a_context_that_is_not_known_is_no_context() {
    assert!(Context::from_json(r#"{"peper":"x"}"#).is_err());
    assert!(Context::from_json(r#"{"pepper":["x"]}"#).is_err());
    assert!(Context::from_json("[]").is_err());
    assert!(Context::from_json(r#"{"pepper":null,"rounds":8,"algorithm":"SCRYPT"}"#).is_ok());
}

/// With another value than the one that was meant, every right password would be a wrong one.
#[test]
fn what_a_context_may_mean_in_two_ways_is_no_context() {
    for twice in [
        r#"{"pepper":"x","pepper":"y"}"#,
        r#"{"pepper":"x","pepper":"x"}"#,
        r#"{"pepper":"x","pepper":null}"#,
        r#"{"pepper":"x","\u0070epper":"y"}"#,
        r#"{"signer_key":"AAAA","base64_signer_key":"BBBB"}"#,
        r#"{"base64_salt_separator":"AAAA","salt_separator":"AAAA"}"#,
    ] {
        assert!(Context::from_json(twice).is_err(), "{twice}");
    }
    for number in ["1.0", "1.50", "1e3", "-1", "-0", "true", "{}"] {
        let text = format!(r#"{{"pepper":{number}}}"#);
        assert!(Context::from_json(&text).is_err(), "{text}");
    }
    for whole in [
        r#"{"pepper":18446744073709551616,"mem_cost": 14 , "rounds":"8"}"#,
        r#"{"signer_key":null,"base64_signer_key":"AAAA","algorithm":{"a":1}}"#,
        r#"{"salt":"\ud83d\udc0e","user":0}"#,
    ] {
        assert!(Context::from_json(whole).is_ok(), "{whole}");
    }
    assert!(Context::from_json(r#"{"salt":"\ud83d"}"#).is_err());
}

#[test]
fn nothing_of_a_row_is_printed() {
    let row = "$2b$12$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let stored = read(None, row, &Policy::default()).unwrap();
    let context = Context::from_json(r#"{"pepper":"a-pepper"}"#).unwrap();
    let printed = format!("{stored:?} {context:?}");
    assert!(
        !printed.contains("bOPI") && !printed.contains("a-pepper"),
        "{printed}"
    );
}

fn refused(text: &str) -> bool {
    let unread = read(None, text, &Policy::default()).err();
    unread == Some((Verdict::Refused, reason::CEILING.as_str().to_owned()))
}

#[test]
fn what_scrypt_takes_beside_n_is_counted() {
    let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    // 640 MiB of lanes beside 256 bytes; the same within the memory, but with a salt that is hashed
    // once for each 32 bytes of them.
    assert!(refused(&format!("$scrypt$ln=1,r=1,p=5242880$c2FsdA${tag}")));
    let salt = "AAAA".repeat(1900);
    assert!(refused(&format!("$scrypt$ln=1,r=1,p=262144${salt}${tag}")));
    assert!(!refused(&format!("$scrypt$ln=1,r=1,p=64${salt}${tag}")));
    // yescrypt has tables of 12 KiB for each lane: with N = 2^16, r = 1 and p = 16946 they are 200 MiB.
    assert!(refused(&format!("$y$jD..w...$AAAA${tag}")));
    let text = format!("$scrypt$ln=10,r=8,p=4$c2FsdA${tag}");
    let cost = read(None, &text, &Policy::default()).unwrap().cost();
    assert_eq!(cost.memory_bytes, 128 * 8 * (1024 + 4));
}

#[test]
fn a_long_password_is_more_work_where_each_round_hashes_it() {
    let (dots, short) = (".".repeat(86), ".".repeat(22));
    for (row, within) in [
        (format!("$6$rounds=5000000$salt${dots}"), 128),
        (format!("$6$rounds=2500000$salt${dots}"), 256),
        (format!("$P$Ksaltsalt{short}"), 128),
        (format!("$P$Jsaltsalt{short}"), 256),
    ] {
        let stored = read(None, &row, &Policy::default()).unwrap();
        let password = SecretBytes::new(vec![b'x'; within + 1]);
        let password = Password::new(password).unwrap();
        // Nothing is hashed: in debug builds these would take minutes.
        let said = stored.check(&password, &mut Arena::default()).unwrap();
        assert_eq!(said, Verdict::Refused, "{row}");
    }
    // Where it is hashed once, and where the rounds are few, its length is no matter.
    let long = Password::new(SecretBytes::new(vec![b'x'; 4096])).unwrap();
    for row in [
        format!("$5$rounds=1000$salt${}", ".".repeat(43)),
        format!("$P$5saltsalt{short}"),
        format!("$pbkdf2-sha256$1$c2FsdA${}", "A".repeat(43)),
    ] {
        let stored = read(None, &row, &Policy::default()).unwrap();
        let said = stored.check(&long, &mut Arena::default()).unwrap();
        assert_eq!(said, Verdict::Mismatch, "{row}");
    }
}

#[test]
fn yescrypts_time_is_counted() {
    let tag = "A".repeat(43);
    for (setting, times) in [("j75", 1), ("j75/.", 2), ("j75./", 3)] {
        let text = format!("$y${setting}$AAAA${tag}");
        let cost = read(None, &text, &Policy::default()).unwrap().cost();
        let written = 128 * 8 * 1024 * times;
        assert_eq!(cost.work, Work::Scrypt { written }, "{setting}");
    }
}

#[test]
fn what_is_not_whole_is_not_read() {
    let unread = |text: &str| read(None, text, &Policy::default()).unwrap_err();
    let (tag, short) = ("A".repeat(43), ".".repeat(22));
    for text in [
        "$2b$4$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK".to_owned(),
        format!("$P$4saltsalt{short}"),
        format!("$firescrypt$ln=4,r=8,p=1$c2FsdA${tag}$Bw$AAAA"),
        format!("{{SSHA}}{}=", "A".repeat(27)),
    ] {
        let malformed = Reason::MALFORMED.as_str().to_owned();
        assert_eq!(unread(&text), (Verdict::Unsupported, malformed), "{text}");
    }
    for text in ["!", "!$2b$04$", "*", "*0", "*1"] {
        assert_eq!(unread(text).1, reason::LOCKED.as_str(), "{text}");
    }
    let long = format!("$pbkdf2-sha256$1${}${tag}", "A".repeat(8192));
    assert_eq!(unread(&long).1, Reason::TOO_LONG.as_str());
}
