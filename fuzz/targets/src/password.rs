//! Stored strings of passwords: a label, a context and a string, each from the input.

use keyward_base::{ErrorKind, SecretBytes};
use keyward_crypto::slow::argon2::Arena;
use keyward_password::policy::Work;
use keyward_password::{Ceilings, Context, Password, Policy, Scheme, Stored, Verdict, reason};
use secrecy::ExposeSecret as _;

/// The first line is the label, the second the context, what follows the string.
pub fn password_stored(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (label, rest) = text.split_once('\n').unwrap_or(("", text));
    let (context, encoded) = rest.split_once('\n').unwrap_or(("{}", rest));
    let context = Context::from_json(context).unwrap_or_default();
    let policy = Policy::default();
    // The label is passed over when it is not known, and what is read is read again the same.
    let read = Stored::read(Some(label), encoded, &context, &policy);
    if encoded.starts_with("{wrap1}") {
        return; // `password_wrapped` is about these.
    }
    if Scheme::from_label(label).is_none() {
        let bare = Stored::read(None, encoded, &context, &policy);
        assert_eq!(read.as_ref().err(), bare.as_ref().err());
        assert_eq!(
            read.as_ref().ok().map(Stored::cost),
            bare.as_ref().ok().map(Stored::cost)
        );
        agrees_with_phc(encoded, &read);
        agrees_with_bcrypt(encoded, &read);
    }
    match read {
        Ok(stored) => check(&stored, label, encoded, &context),
        Err(unread) => assert!(matches!(
            unread.verdict(),
            Verdict::Refused | Verdict::Unsupported
        )),
    }
}

/// The first line is the context, what follows a wrapped string. What is read is to the letter what
/// wrapping writes: no digest stands in it, and whatever is changed in it makes it another one.
pub fn password_wrapped(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (context, encoded) = text.split_once('\n').unwrap_or(("{}", text));
    let context = Context::from_json(context).unwrap_or_default();
    let policy = Policy::default();
    let Ok(stored) = Stored::read(None, encoded, &context, &policy) else {
        return;
    };
    if !encoded.starts_with("{wrap1}") {
        assert!(!stored.is_wrapped());
        return;
    }
    assert!(stored.is_wrapped() && policy.is_weaker(&stored));
    // The label is in it, and none beside it counts.
    let beside = Stored::read(Some("hex-md5"), encoded, &context, &policy).expect("as before");
    assert_eq!(beside.scheme(), stored.scheme());
    let outer = stored.outer_cost().expect("it is wrapped");
    assert!(stored.cost().memory_bytes.max(outer.memory_bytes) <= 256 << 20);
    let (_, inside) = encoded["{wrap1}".len()..]
        .split_once('{')
        .expect("it was read");
    let (label, inner) = inside.split_once('}').expect("it was read");
    let of_inner = Stored::read(Some(label), inner, &context, &policy).expect("it is within");
    assert!(!of_inner.is_wrapped());
    assert_eq!(
        (of_inner.scheme(), of_inner.cost()),
        (stored.scheme(), stored.cost())
    );
    let is_quick = |work: Work| match work {
        Work::Argon2 { written } | Work::Scrypt { written } => written <= 1 << 16,
        Work::Pbkdf2 { blocks } => blocks <= 32,
        Work::Quick => true,
        _ => false,
    };
    if is_quick(stored.cost().work) && is_quick(outer.work) {
        let password = Password::new(SecretBytes::copy_of(b"correct horse")).expect("it is short");
        let mut arena = Arena::default();
        let mut check = || {
            stored
                .check(&password, &mut arena)
                .expect("a little memory")
        };
        let first = check();
        assert_eq!(first, check());
        assert_ne!(first, Verdict::Refused);
    }
}

/// A check that is cheap gives an answer, and the same one twice. With ceilings below its cost it is
/// refused.
fn check(stored: &Stored, label: &str, encoded: &str, context: &Context) {
    let cost = stored.cost();
    // Of the others the known answers are enough: this target is about what is read.
    let quick = match cost.work {
        Work::Argon2 { written } | Work::Scrypt { written } => written <= 1 << 16,
        Work::Pbkdf2 { blocks } => blocks <= 32,
        Work::Quick => stored.scheme() != Scheme::Md5Crypt,
        _ => false,
    };
    if quick {
        let password = Password::new(SecretBytes::copy_of(b"correct horse")).expect("it is short");
        let mut arena = Arena::default();
        let first = stored
            .check(&password, &mut arena)
            .expect("a little memory");
        assert_eq!(
            first,
            stored
                .check(&password, &mut arena)
                .expect("a little memory")
        );
        assert_ne!(first, Verdict::Refused);
    }
    let nothing = Ceilings::default()
        .argon2(0, 0)
        .bcrypt(0)
        .pbkdf2(0)
        .phpass(0)
        .scrypt(0, 0)
        .sha_crypt(0);
    let nothing = Policy::default().ceilings(nothing);
    let again = Stored::read(Some(label), encoded, context, &nothing);
    match cost.work {
        Work::Quick => assert!(again.is_ok()),
        _ => assert_eq!(again.expect_err("it costs").reason(), reason::CEILING),
    }
}

/// What the crate's own parser takes for an Argon2 string is one, unless it is above a ceiling or names
/// a key; and what is one here is one there within its bounds for salt and hash.
fn agrees_with_phc(encoded: &str, read: &Result<Stored, keyward_password::NotRead>) {
    if !encoded.starts_with("$argon2") {
        return;
    }
    let theirs = phc::PasswordHash::new(encoded).ok();
    let whole = theirs.as_ref().filter(|hash| {
        let number = |name| hash.params.get_decimal(name);
        let names: Vec<String> = hash
            .params
            .iter()
            .map(|(name, _)| name.to_string())
            .collect();
        let lanes = number("p").unwrap_or(0);
        names == ["m", "t", "p"]
            && matches!(hash.algorithm.as_str(), "argon2d" | "argon2i" | "argon2id")
            && hash
                .version
                .is_none_or(|version| version == 16 || version == 19)
            && (1..1 << 24).contains(&lanes)
            && number("t").is_some_and(|passes| passes > 0)
            && number("m").is_some_and(|memory| memory >= 8 * lanes)
            && hash.salt.is_some_and(|salt| salt.len() >= 8)
            && hash.hash.is_some()
    });
    match (whole, read) {
        (Some(theirs), Ok(ours)) => {
            let memory = u64::from(theirs.params.get_decimal("m").expect("it is whole"));
            assert_eq!(ours.cost().memory_bytes, memory * 1024);
        }
        (Some(_), Err(unread)) => {
            let why = unread.reason();
            assert!(
                why == reason::CEILING || why == reason::CONTEXT,
                "{encoded}"
            );
        }
        (None, Ok(_)) => {
            let mut parts = encoded.rsplit('$').map(|part| part.len() * 3 / 4);
            let (hash, salt) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
            let theirs = (10..=64).contains(&hash) && (8..=48).contains(&salt);
            let more = encoded.contains("keyid=") || encoded.contains("data=");
            assert!(!theirs || more, "{encoded}");
        }
        (None, Err(_)) => {}
    }
}

/// What the crate's own parser takes for bcrypt is that, with its cost, unless it is above a ceiling.
fn agrees_with_bcrypt(encoded: &str, read: &Result<Stored, keyward_password::NotRead>) {
    let Ok(theirs) = encoded.parse::<bcrypt::HashParts>() else {
        return;
    };
    // It does not look at the characters, and passes over `$` that stand together.
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let is_base64 = encoded
        .rsplit('$')
        .next()
        .is_some_and(|body| body.bytes().all(base64));
    if !is_base64 || encoded.len() != 60 || !encoded.starts_with("$2") || encoded.contains('+') {
        return;
    }
    match read {
        Ok(ours) => {
            let log2 = u64::from(theirs.get_cost());
            assert_eq!(ours.cost().work, Work::Bcrypt { log2 });
        }
        Err(unread) => {
            let below = theirs.get_cost() < 4;
            assert!(below || unread.reason() == reason::CEILING, "{encoded}");
        }
    }
}

/// Rows of accounts, with what a pepper seals in clear: what is read writes itself back.
pub fn credential_row(data: &[u8]) {
    match keyward_password::records::reread(data) {
        Ok(written) => assert_eq!(written, data, "not canonical"),
        Err(error) => assert!(matches!(
            error.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}

/// Tokens of devices: what is read writes itself back.
pub fn password_device(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match keyward_password::device::reread(text) {
        Ok(written) => assert_eq!(written.expose_secret(), text, "not canonical"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Rejected),
    }
}
