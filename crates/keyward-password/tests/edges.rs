//! The edges of what is read: one byte, one bit or one character beyond them it is another string.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::sync::Arc;

use keyward_base::{Door, Reason, SecretBytes, Subject, SystemClock, Tenant};
use keyward_crypto::slow::argon2::Arena;
use keyward_password::{
    Account, Admission, Context, Normal, Password, Passwords, Policy, Row, Stored, Verdict, danger,
};

fn password(bytes: &[u8]) -> Password {
    Password::new(SecretBytes::copy_of(bytes)).unwrap()
}

fn says(label: Option<&str>, text: &str, typed: &[u8]) -> Verdict {
    match Stored::read(label, text, &Context::default(), &Policy::default()) {
        Ok(stored) => stored
            .check(&password(typed), &mut Arena::default())
            .unwrap(),
        Err(not_read) => not_read.verdict(),
    }
}

/// Salt and hash of ASP.NET's version 3 have 16 bytes at least, of the same length each is whole.
#[test]
fn aspnet_takes_16_bytes_of_salt_and_of_hash() {
    for (text, verdict) in [
        (
            "AQAAAAEAAAAeAAAAEAABAgMEBQYHCAkKCwwNDg9w9vzFJcHrhcn+gbfdaish",
            Verdict::Match,
        ),
        (
            "AQAAAAEAAAAeAAAADwABAgMEBQYHCAkKCwwNDpZIG+Do8PJJfrGF3sWXiHYM11ibGNVIQaNUHvLTyVY4",
            Verdict::Unsupported,
        ),
        (
            "AQAAAAEAAAAeAAAAEAABAgMEBQYHCAkKCwwNDg9w9vzFJcHrhcn+gbfdais=",
            Verdict::Unsupported,
        ),
        (
            "AQAAAAMAAAAeAAAAEAABAgMEBQYHCAkKCwwNDg9w9vzFJcHrhcn+gbfdaish",
            Verdict::Unsupported,
        ),
    ] {
        assert_eq!(
            says(Some("aspnet"), text, b"correct horse"),
            verdict,
            "{text}"
        );
    }
}

#[test]
fn a_template_of_kratos_has_the_password_once() {
    for (text, verdict) in [
        (
            "$sha256$pf=e1NBTFR9e1BBU1NXT1JEfQ==$AAECAwQFBgc=$3TKQzxZ6ByTud/fjj0pbna/c9JeFR6usQdAkufulzbg=",
            Verdict::Match,
        ),
        (
            "$sha256$pf=e1BBU1NXT1JEfXtTQUxUfXtQQVNTV09SRH0=$AAECAwQFBgc=$ZwJVlG9xFZJHy7ZnXdKDmhqJQs2mIeug2iKZwyAl4MQ=",
            Verdict::Unsupported,
        ),
        (
            "$sha256$pf=e1NBTFR9$AAECAwQFBgc=$ioUf+C7nBIrQnsOEfx3fRJRBBNLL0X7049sixnhaDUU=",
            Verdict::Unsupported,
        ),
    ] {
        assert_eq!(says(None, text, b"correct horse"), verdict, "{text}");
    }
}

#[test]
fn keycloaks_length_is_that_of_its_hash() {
    let text = r#"{"credentialData":{"algorithm":"argon2","hashIterations":2,"additionalParameters":{"hashLength":["32"],"memory":["16"],"type":["id"],"version":["1.3"],"parallelism":["1"]}},"secretData":{"salt":"AAECAwQFBgcICQoLDA0ODw==","value":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}"#;
    assert_eq!(says(None, text, b"x"), Verdict::Mismatch);
    for other in ["31", "33", "0"] {
        let text = text.replace("[\"32\"]", &format!("[\"{other}\"]"));
        assert_eq!(says(None, &text, b"x"), Verdict::Unsupported, "{text}");
    }
}

/// `$sha1$` writes the first byte of its digest twice.
#[test]
fn the_byte_that_sha1_crypt_repeats_is_looked_at() {
    let text = "$sha1$3$gDmNas7F$/Vr6.8i/CnilWz0W/ILVdmaPXYGw";
    assert_eq!(says(None, text, b""), Verdict::Match);
    let (kept, last) = text.split_at(text.len() - 4);
    // The six lowest bits of the last group, and the two behind them.
    let bent: String = last
        .chars()
        .enumerate()
        .map(|(at, c)| if at == 0 { 'Z' } else { c })
        .collect();
    assert_ne!(last, bent);
    assert_eq!(
        says(None, &format!("{kept}{bent}"), b""),
        Verdict::Unsupported
    );
}

/// What libxcrypt makes of passwords with bytes of 0x80 and above, by each letter. Where crypt_blowfish
/// of before 1.1 made two passwords equal, `$2a$` is of its own.
#[test]
fn each_letter_of_bcrypt_is_as_libxcrypt_has_it() {
    let rows: [(&[u8], [&str; 3]); 6] = [
        (
            b"\xff\xff\xa3",
            [
                "h87NWu/js59XXaIj1hDyHxnjw7MJ5K6",
                "PIeeyENZVZmrKLAq5lwBUU9fMRVfV2m",
                "PIeeyENZVZmrKLAq5lwBUU9fMRVfV2m",
            ],
        ),
        (
            b"\xff\xa334\xff\xff\xff\xa3345",
            [
                "D8jTC5oJeIumVOhMVpz79BzoGVhCjrW",
                "8jdeg8QqT4CX3ERA9vZPFZAkxZRpxJW",
                "8jdeg8QqT4CX3ERA9vZPFZAkxZRpxJW",
            ],
        ),
        (
            b"\xff\xa3345",
            [
                "KBv1eBM2he2T/QheS8zPHMejn5fMNRe",
                "KBv1eBM2he2T/QheS8zPHMejn5fMNRe",
                "8jdeg8QqT4CX3ERA9vZPFZAkxZRpxJW",
            ],
        ),
        (
            b"\xa3",
            [
                "nCdKcLO57oLlc6J6sNnGyfT9FrIawiW",
                "nCdKcLO57oLlc6J6sNnGyfT9FrIawiW",
                "PIeeyENZVZmrKLAq5lwBUU9fMRVfV2m",
            ],
        ),
        (
            b"1\xa3 345",
            [
                "BaWinCfhRu8cLzV7hRFfPDb5tgNbz2.",
                "BaWinCfhRu8cLzV7hRFfPDb5tgNbz2.",
                "NF9aDLsIn97E3spn6rsJBo1qw7F/Kwy",
            ],
        ),
        (
            b"\x80\x80\x80\x80",
            [
                "MfMaZk2NLF1EuUrqyQsEcEl/gkigLgG",
                "MfMaZk2NLF1EuUrqyQsEcEl/gkigLgG",
                ".4D/kgO52RT9mqoA76ih4RTYP02grDW",
            ],
        ),
    ];
    for (typed, hashes) in rows {
        for (letter, hash) in ["2a", "2y", "2x"].into_iter().zip(hashes) {
            let text = format!("${letter}$04$CCCCCCCCCCCCCCCCCCCCC.{hash}");
            assert_eq!(says(None, &text, typed), Verdict::Match, "{text}");
            // The hash of another letter is right if it is the same, and for `$2a$` the plain one too.
            for other in hashes {
                let is_right = other == hash || letter == "2a" && other == hashes[1];
                let expected = if is_right {
                    Verdict::Match
                } else {
                    Verdict::Mismatch
                };
                let text = format!("${letter}$04$CCCCCCCCCCCCCCCCCCCCC.{other}");
                assert_eq!(says(None, &text, typed), expected, "{text}");
            }
        }
    }
}

/// crypt(3) cuts a longer salt and writes 8 characters: nobody stores more.
#[test]
fn md5_crypt_has_at_most_8_characters_of_salt() {
    let text = "$1$saltsalt$NuzA7WTAelpl95xgBGWN60";
    assert_eq!(says(None, text, b"correct horse"), Verdict::Match);
    let longer = text.replace("saltsalt", "saltsalt9");
    assert_eq!(says(None, &longer, b"correct horse"), Verdict::Unsupported);
    let kratos = "$md5-crypt$saltsalt$NuzA7WTAelpl95xgBGWN60";
    assert_eq!(says(None, kratos, b"correct horse"), Verdict::Match);
    let longer = kratos.replace("saltsalt", "saltsalt9");
    assert_eq!(says(None, &longer, b"correct horse"), Verdict::Unsupported);
}

/// One letter of Arabic is 18 in NFKC, of 33 bytes: 4,096 is the end of a password in this form too.
#[test]
fn a_normal_form_is_as_long_as_any_password() {
    let policy = Policy::default().normal(Normal::Nfkc);
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(policy, Admission::default(), clock).unwrap();
    let tenant = Tenant::new("acme").unwrap();
    let typed = |more: &str| "\u{fdfa}".repeat(124) + more;
    let hash = |more: &str| {
        danger::hash_unjudged(&passwords, &tenant, password(typed(more).as_bytes())).wait()
    };
    let stored = hash("abcd").unwrap();
    assert_eq!(hash("abcde").unwrap_err().reason(), Some(Reason::TOO_LONG));
    let account = Account {
        door: Door::new("users"),
        tenant: tenant.clone(),
        subject: Subject::new("ann").unwrap(),
    };
    let verify = |more: &str| {
        let typed = password(typed(more).as_bytes());
        let checked = passwords.verify(&account, &Row::new(&stored), typed).wait();
        checked.unwrap().verdict()
    };
    assert_eq!(verify("abcd"), Verdict::Match);
    let hashes = passwords.ledger().total();
    assert_eq!(verify("abcde"), Verdict::Mismatch);
    assert_eq!(
        passwords.ledger().total(),
        hashes,
        "nothing so long is hashed"
    );
}
