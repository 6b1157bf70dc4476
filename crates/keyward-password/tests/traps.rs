//! Where the libraries that write and check such strings go wrong or differ from each other. The
//! strings are theirs: PHP 8.2, bcrypt 5.0.0, argon2-cffi 25.1.0 and hashlib made them.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::{Reason, SecretBytes};
use keyward_crypto::slow::argon2::Arena;
use keyward_password::{Context, NotRead, Password, Policy, Stored, Verdict, reason};

fn read(text: &str, context: &Context) -> Result<Stored, NotRead> {
    Stored::read(None, text, context, &Policy::default())
}

fn says(password: &[u8], text: &str) -> Verdict {
    let stored = read(text, &Context::default()).unwrap();
    check(password, &stored)
}

fn check(password: &[u8], stored: &Stored) -> Verdict {
    let password = Password::new(SecretBytes::copy_of(password)).unwrap();
    stored.check(&password, &mut Arena::default()).unwrap()
}

#[test]
fn a_password_of_exactly_72_bytes_is_one_of_bcrypts() {
    let row = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    assert_eq!(says(&[b'b'; 72], row), Verdict::Match);
    assert_eq!(says(&[b'b'; 71], row), Verdict::Mismatch);
    // As where it comes from; and the row says that it is so.
    assert_eq!(says(&[b'b'; 73], row), Verdict::Match);
    let stored = read(row, &Context::default()).unwrap();
    assert_eq!(stored.effective_len(), Some(72));
    let whole = read("$1$saltsalt$......................", &Context::default()).unwrap();
    assert_eq!(whole.effective_len(), None);
}

#[test]
fn the_sign_error_is_computed_and_never_relabelled() {
    let hash = "CCCCCCCCCCCCCCCCCCCCC.PIeeyENZVZmrKLAq5lwBUU9fMRVfV2m";
    assert_eq!(says(b"\xa3", &format!("$2x$04${hash}")), Verdict::Match);
    assert_eq!(says(b"\xa3", &format!("$2y$04${hash}")), Verdict::Mismatch);
    // The password that the error made equal to it.
    let other = b"\xff\xff\xa3";
    assert_eq!(says(other, &format!("$2y$04${hash}")), Verdict::Match);
}

#[test]
fn padding_bits_of_old_libraries_and_the_first_letter_are_read() {
    let row = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    for (at, bent) in [(28, "C"), (28, "A"), (59, "L")] {
        let mut row = row.to_owned();
        row.replace_range(at..=at, bent);
        assert_eq!(says(&[b'b'; 72], &row), Verdict::Match, "{row}");
    }
    // Of 72 bytes without a NUL the first letter makes the same.
    assert_eq!(
        says(&[b'b'; 72], &row.replace("$2b$", "$2$")),
        Verdict::Match
    );
}

#[test]
fn without_a_version_it_is_the_old_one() {
    let row = "$argon2i$v=16$m=64,t=2,p=1$c2FsdHNhbHQ$KGTCNRp6FzKqIXK//xxbzK63NykXm6j3/RDdNJ9u9fQ";
    for row in [row.to_owned(), row.replace("v=16$", "")] {
        assert_eq!(says(b"correct horse", &row), Verdict::Match, "{row}");
    }
    let newer = row.replace("v=16", "v=19");
    assert_eq!(says(b"correct horse", &newer), Verdict::Mismatch);
}

#[test]
fn short_salts_and_short_and_long_hashes_are_read() {
    for row in [
        "$scrypt$ln=4,r=1,p=1$$D9IB2SuwKG8tySUPuGpQpVdFpa1QIUhHXLb8m08z3CQ",
        "$scrypt$ln=4,r=1,p=1$c2FsdA$QF6G9Q",
        "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$vRNVYw",
        "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$ml3H60dGReu1+KrH7d65YUwp0SvaZMLmmar9IAj46j0T3JoyJ5b9y/xzYQfQVUkWFuzMfbPnDSDlhKhuC07KX5KwSNrHM+327PrvGuHXHozicH1nt8/cuXh0A+WXbRmlWUrDq9cR+E8ljyicJE2lPyf/pxeQRR30o19eBKf145Y",
    ] {
        assert_eq!(says(b"correct horse", row), Verdict::Match, "{row}");
        assert_eq!(says(b"correct horses", row), Verdict::Mismatch, "{row}");
    }
}

#[test]
fn four_tebibytes_are_refused_and_not_asked_for() {
    let row = "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$vRNVYw";
    let refused = read(row, &Context::default()).unwrap_err();
    assert_eq!(
        (refused.verdict(), refused.reason()),
        (Verdict::Refused, reason::CEILING)
    );
}

#[test]
fn memory_is_kept_when_it_is_wiped_and_the_next_hash_is_right() {
    let mut arena = Arena::with_capacity(64 * 1024).unwrap();
    let row = "$argon2i$v=16$m=64,t=2,p=1$c2FsdHNhbHQ$KGTCNRp6FzKqIXK//xxbzK63NykXm6j3/RDdNJ9u9fQ";
    let stored = read(row, &Context::default()).unwrap();
    let password = Password::new(SecretBytes::copy_of(b"correct horse")).unwrap();
    for _ in 0..3 {
        assert_eq!(stored.check(&password, &mut arena).unwrap(), Verdict::Match);
        arena.wipe();
        assert_eq!(arena.len(), 64 * 1024);
    }
}

#[test]
fn a_secret_is_chosen_by_its_key_id_and_never_left_out() {
    let row = "$argon2id$v=19$m=64,t=2,p=1,keyid=azE$c2FsdHNhbHQ$vRNVYw";
    for context in [
        "{}",
        r#"{"argon2_secret":"x","keyid":"k2"}"#,
        r#"{"keyid":"k1"}"#,
    ] {
        let unread = read(row, &Context::from_json(context).unwrap()).unwrap_err();
        let found = (unread.verdict(), unread.reason());
        assert_eq!(found, (Verdict::Unsupported, reason::CONTEXT), "{context}");
    }
    for context in [
        r#"{"argon2_secret":"x","keyid":"k1"}"#,
        r#"{"argon2_secret":"x"}"#,
    ] {
        assert!(read(row, &Context::from_json(context).unwrap()).is_ok());
    }
}

#[test]
fn what_is_not_whole_is_no_mismatch() {
    for row in [
        "$argon2id$v=20$m=64,t=2,p=1$c2FsdHNhbHQ$vRNVYw",
        "$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHQ",
        "$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIX",
        "$scrypt$ln=4,r=1,p=1$c2FsdA$QF6G9Q=x",
    ] {
        let unread = read(row, &Context::default()).unwrap_err();
        let found = (unread.verdict(), unread.reason());
        assert_eq!(found, (Verdict::Unsupported, Reason::MALFORMED), "{row}");
    }
}

#[test]
fn pbkdf2_with_named_parameters_is_read() {
    let row = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$BBs+1+PaslLtBPULUr8/lQicvVuHiEPMz0i8MjLCbzM";
    assert_eq!(says(b"correct horse", row), Verdict::Match);
}

#[test]
fn djangos_own_argon2_is_read() {
    let row = "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdA$riURV4PSJa/e3eQmrJGlOYJDPxC9U92xcN2ttLMpq0w";
    assert_eq!(says(b"correct horse", row), Verdict::Match);
}

#[test]
fn a_password_without_an_end_is_not_hashed() {
    assert!(Password::new(SecretBytes::new(vec![b'x'; 4096])).is_ok());
    let refused = Password::new(SecretBytes::new(vec![b'x'; 4097])).unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::TOO_LONG));
}

#[test]
fn springs_secret_stands_between_salt_and_password() {
    // SHA-256 1,024 times over eight bytes of `salt`, `secret` and the password, by `hashlib`.
    let row =
        "{sha256}73616c7473616c74bcde3b3083312769df060135b183b0f13125a1afa025203d941bc1e5fc996fc1";
    let context = Context::from_json(r#"{"pepper":"secret"}"#).unwrap();
    let stored = read(row, &context).unwrap();
    assert_eq!(check(b"correct horse", &stored), Verdict::Match);
    assert_eq!(check(b"correct horses", &stored), Verdict::Mismatch);
    assert_eq!(says(b"correct horse", row), Verdict::Mismatch);
}
