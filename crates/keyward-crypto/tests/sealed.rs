//! Sealed text values: the vectors that another implementation wrote, and what must hold of any.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)] // Tests: a panic is the report.

use std::path::Path;

use keyward_base::{
    Context, CredentialKind, Domain, Encoded, Error, ErrorKind, Hint, KeyId, Place, Purpose,
    Reason, RecordId, Result, Revision, Role, SecretArray, SecretBytes, Suite, Tenant, encoding,
};
use keyward_crypto::sealed::{self, Header, MAX_PLAINTEXT, Parsed};
use keyward_crypto::{BodyKey, Provider, Random, danger};
use keyward_testkit::{Vector, bit_flips, truncations};
use proptest::prelude::*;

const PROVIDERS: [Provider; 3] = [Provider::mixed(), Provider::ring(), Provider::rustcrypto()];

/// A context of no more than some bytes.
const BYTES: Domain<(&[u8],)> = Domain::new("test");

/// What a value is bound to, owned.
#[derive(Clone)]
struct Bound {
    domain: &'static str,
    purpose: String,
    tenant: String,
    role: String,
    place: String,
    record: String,
    kind: String,
    metadata: Vec<u8>,
    revision: u64,
}

impl Bound {
    fn usual() -> Self {
        Self {
            domain: "kw1/record",
            purpose: "vault".to_owned(),
            tenant: "acme".to_owned(),
            role: String::new(),
            place: "account.token".to_owned(),
            record: "42".to_owned(),
            kind: "api-key".to_owned(),
            metadata: b"{}".to_vec(),
            revision: 1,
        }
    }

    fn encode(&self, header: &[u8]) -> Result<Encoded> {
        Context {
            purpose: &Purpose::new(&self.purpose).unwrap(),
            tenant: &Tenant::new(&self.tenant).unwrap(),
            role: &Role::new(&self.role).unwrap(),
            place: &Place::new(&self.place).unwrap(),
            record: &RecordId::new(&self.record).unwrap(),
            kind: &CredentialKind::new(&self.kind).unwrap(),
            metadata: Some(&Provider::default().sha256(&[&self.metadata])),
            revision: Revision::new(self.revision),
        }
        .encode(self.domain, header)
    }
}

fn key(provider: &Provider, bytes: &[u8]) -> BodyKey {
    key_of(provider, Suite::Chunked1, bytes)
}

fn key_of(provider: &Provider, suite: Suite, bytes: &[u8]) -> BodyKey {
    BodyKey::new(provider, suite, &SecretArray::copy_of(bytes).unwrap()).unwrap()
}

fn header(hint: &str) -> Header {
    let key = KeyId::from_bytes(*b"\x01\x23\x45\x67\x89\xab\xcd\xef");
    Header {
        suite: Suite::Chunked1,
        key,
        hint: Hint::parse(hint.as_bytes()).unwrap(),
    }
}

fn class(error: &Error) -> &'static str {
    match (error.kind(), error.reason()) {
        (ErrorKind::Rejected, Some(Reason::MALFORMED)) => "malformed",
        (ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC)) => "not-authentic",
        (ErrorKind::Rejected, Some(Reason::TOO_LONG)) => "too-long",
        (ErrorKind::Corrupt, Some(Reason::DAMAGED)) => "damaged",
        (ErrorKind::Unavailable, None) => "unknown-suite",
        _ => panic!("an error of another class: {error:?}"),
    }
}

fn open(provider: &Provider, vector: &Vector) -> Result<SecretBytes> {
    let field = |name: &str| vector.text(name).unwrap().to_owned();
    let bound = Bound {
        purpose: field("purpose"),
        tenant: field("tenant"),
        role: field("scope"),
        place: field("place"),
        record: field("record"),
        kind: field("kind"),
        metadata: field("metadata").into_bytes(),
        revision: field("revision").parse().unwrap(),
        ..Bound::usual()
    };
    let suite = Suite::from_byte(field("suite").parse().unwrap()).unwrap();
    let bytes = encoding::from_hex::<32>(&field("key")).unwrap();
    let key = key_of(provider, suite, &bytes);
    Parsed::parse(&field("sealed"))?.open(&key, |header| bound.encode(header))
}

#[test]
fn a_context_that_does_not_fit_seals_and_opens_nothing() {
    let key = key(&Provider::default(), &[7; 32]);
    let text = sealed_with("", b"a value");
    let long = |_: &[u8]| BYTES.encode(&(&[7; 1024],));
    let sealed = sealed::seal(&key, &header(""), long, b"a value").map(|_| ());
    let opened = Parsed::parse(&text).unwrap().open(&key, long).map(|_| ());
    let verified = Parsed::parse(&text).unwrap().verify(&key, long);
    for result in [sealed, opened, verified] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Misuse);
    }
}

#[test]
fn vectors_of_another_implementation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sealed");
    let vectors = Vector::load_all(&folder).unwrap();
    assert_eq!(vectors.len(), 58);
    for vector in &vectors {
        let name = vector.name();
        let expected = vector.text("expect").unwrap();
        for provider in PROVIDERS {
            match open(&provider, vector) {
                Ok(message) => {
                    assert_eq!(expected, "ok", "{name}");
                    let digest = provider.sha256(&[message.expose()]);
                    assert_eq!(
                        encoding::hex(&digest),
                        vector.text("sha256").unwrap(),
                        "{name}"
                    );
                    assert_eq!(message.len().to_string(), vector.text("length").unwrap());
                }
                Err(error) => assert_eq!(class(&error), expected, "{name}: {error:?}"),
            }
        }
    }
}

/// Gives the vectors' salt.
#[derive(Debug)]
struct FixedSalt;

impl Random for FixedSalt {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        out.iter_mut().zip(100..).for_each(|(to, from)| *to = from);
        Ok(())
    }
}

#[test]
fn with_the_same_salt_the_same_text_is_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sealed/ok-token.txt");
    let vector = Vector::load(&path).unwrap();
    let message = open(&Provider::default(), &vector).unwrap();
    for provider in PROVIDERS {
        let provider = danger::with_random(provider, &FixedSalt);
        let bytes: Vec<u8> = (1..33).collect();
        let text = sealed::seal(
            &key(&provider, &bytes),
            &header("ghp_****6aKo"),
            |header| Bound::usual().encode(header),
            message.expose(),
        );
        assert_eq!(text.unwrap(), vector.text("sealed").unwrap());
    }
}

#[test]
fn every_bit_and_every_length_counts() {
    let provider = Provider::default();
    let key = key(&provider, &[7; 32]);
    let text = sealed::seal(
        &key,
        &header("sk-****wxyz"),
        |h| Bound::usual().encode(h),
        b"secret",
    );
    let text = text.unwrap();
    let bytes = encoding::from_base64url(&text[4..]).unwrap();
    let mut refused = 0;
    for altered in bit_flips(&bytes).chain(truncations(&bytes).map(<[u8]>::to_vec)) {
        let text = format!("kw1.{}", encoding::base64url(&altered));
        let opened = Parsed::parse(&text)
            .and_then(|parsed| parsed.open(&key, |header| Bound::usual().encode(header)));
        let _class = class(&opened.unwrap_err());
        refused += 1;
    }
    assert_eq!(refused, bytes.len() * 9);
}

#[test]
fn every_field_of_the_context_counts() {
    let provider = Provider::default();
    let key = key(&provider, &[7; 32]);
    let usual = Bound::usual();
    let text = sealed::seal(&key, &header(""), |h| usual.encode(h), b"secret").unwrap();
    let others = [
        Bound {
            domain: "kw1/column",
            ..usual.clone()
        },
        Bound {
            purpose: "billing".to_owned(),
            ..usual.clone()
        },
        Bound {
            tenant: "acm".to_owned(),
            role: "e".to_owned(),
            ..usual.clone()
        },
        Bound {
            tenant: "globex".to_owned(),
            ..usual.clone()
        },
        Bound {
            role: "admin".to_owned(),
            ..usual.clone()
        },
        Bound {
            place: "account.toke".to_owned(),
            ..usual.clone()
        },
        Bound {
            record: "43".to_owned(),
            ..usual.clone()
        },
        Bound {
            kind: "opaque".to_owned(),
            ..usual.clone()
        },
        Bound {
            metadata: b"{ }".to_vec(),
            ..usual.clone()
        },
        Bound {
            revision: 2,
            ..usual.clone()
        },
    ];
    for other in others {
        let error = Parsed::parse(&text)
            .unwrap()
            .open(&key, |h| other.encode(h))
            .unwrap_err();
        assert_eq!(class(&error), "not-authentic");
        let error = Parsed::parse(&text)
            .unwrap()
            .verify(&key, |h| other.encode(h))
            .unwrap_err();
        assert_eq!(class(&error), "not-authentic");
    }
    Parsed::parse(&text)
        .unwrap()
        .verify(&key, |h| usual.encode(h))
        .unwrap();
}

#[test]
fn the_limit_is_a_mebibyte() {
    let provider = Provider::default();
    let key = key(&provider, &[7; 32]);
    let seal = |len: usize| {
        sealed::seal(
            &key,
            &header(""),
            |h| Bound::usual().encode(h),
            &vec![1; len],
        )
    };
    let longest = seal(MAX_PLAINTEXT).unwrap();
    assert_eq!(
        Parsed::parse(&longest).unwrap().plaintext_len(),
        MAX_PLAINTEXT
    );
    assert_eq!(
        seal(MAX_PLAINTEXT + 1).unwrap_err().kind(),
        ErrorKind::Misuse
    );
    assert!(Parsed::parse(&format!("{longest}{}", "A".repeat(400))).is_err());
}

#[test]
fn without_randomness_nothing_is_sealed() {
    #[derive(Debug)]
    struct Dry;
    impl Random for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<()> {
            Err(Error::unavailable("none left"))
        }
    }
    let provider = danger::with_random(Provider::default(), &Dry);
    let key = key(&provider, &[7; 32]);
    let mut out = b"before".to_vec();
    let context = BYTES.encode(&(b"context",)).unwrap();
    let error = key.seal(&context, b"secret", &mut out).unwrap_err();
    assert_eq!(
        (error.kind(), out.as_slice()),
        (ErrorKind::Unavailable, b"before".as_slice())
    );
    // Nor is a key made of what is there instead.
    let made = provider.random::<32>().map(|_| ()).unwrap_err();
    assert_eq!(made.kind(), ErrorKind::Unavailable);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_one_provider_seals_the_others_open(
        key_bytes in proptest::array::uniform32(any::<u8>()),
        context in proptest::collection::vec(any::<u8>(), 1..300),
        message in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..2000),
            (16_300_usize..16_500).prop_map(|len| vec![0x5a; len]),
            (32_700_usize..33_000).prop_map(|len| vec![0xa5; len]),
        ],
    ) {
        let context = BYTES.encode(&(&context,)).unwrap();
        for sealing in PROVIDERS {
            let mut body = Vec::new();
            key(&sealing, &key_bytes).seal(&context, &message, &mut body).unwrap();
            prop_assert_eq!(Some(body.len()), keyward_crypto::body_len(message.len()));
            for opening in PROVIDERS {
                let opened = key(&opening, &key_bytes).open(&context, &body).unwrap();
                prop_assert_eq!(opened.expose(), message.as_slice());
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(kw1\\.)?[A-Za-z0-9_=+ -]{0,200}") {
        let _either_way = Parsed::parse(&text);
        let _either_way = Header::peek(&text);
    }
}

fn sealed_with(hint: &str, plaintext: &[u8]) -> String {
    let key = key(&Provider::default(), &[7; 32]);
    let context = |header: &[u8]| Bound::usual().encode(header);
    sealed::seal(&key, &header(hint), context, plaintext).unwrap()
}

#[test]
fn a_header_is_read_from_the_front_alone() {
    for hint in ["", "a", "ab", "ghp_****1234", &"*".repeat(32)] {
        let text = sealed_with(hint, b"a value of some length, longer than any header is");
        let parsed = Parsed::parse(&text).unwrap();
        assert_eq!(header(hint).to_bytes(), parsed.header_bytes());
        // What follows the longest header is not looked at.
        let broken: String = text.chars().take(60).chain(['!'; 9]).collect();
        assert_eq!(Header::peek(&broken).unwrap(), header(hint));
        assert!(Parsed::parse(&broken).is_err());
        for cut in [0, 3, 4, 8, 15] {
            let cut = Header::peek(&text[..cut]).unwrap_err();
            assert_eq!(class(&cut), "malformed");
        }
    }
}

#[test]
fn the_longest_value_is_read_and_nothing_longer() {
    let longest = sealed_with(&"*".repeat(32), &vec![b'x'; MAX_PLAINTEXT]);
    assert_eq!(longest.len(), 4 + 1_399_619);
    assert_eq!(
        Parsed::parse(&longest).unwrap().plaintext_len(),
        MAX_PLAINTEXT
    );

    // One byte more than a message may have, in a text that is not too long.
    let body = keyward_crypto::body_len(MAX_PLAINTEXT + 1).unwrap();
    let mut bytes = header("").to_bytes();
    bytes.resize(bytes.len() + body, 0);
    let refused = Parsed::parse(&format!("kw1.{}", encoding::base64url(&bytes)));
    assert_eq!(class(&refused.unwrap_err()), "too-long");

    // A text that is too long is refused for that, before it is decoded.
    for (len, wanted) in [
        (1_399_620, "malformed"),
        (1_399_621, "too-long"),
        (2_000_000, "too-long"),
    ] {
        let text = format!("kw1.{}", "!".repeat(len));
        let refused = Parsed::parse(&text).map(|_| ()).unwrap_err();
        assert_eq!(class(&refused), wanted, "{len}");
    }
}

/// Of one key, each label and each context derives a key of its own. The values are Python's:
/// `hmac.digest(key, b"keyward/v1/derive\0" + b"\1a" + b"\1x\1a" + b"\1", hash)[:32]`.
#[test]
fn what_is_derived_is_of_its_label_and_its_context_alone() {
    let one = |text: &[u8]| {
        let domain: Domain<(&[u8],)> = Domain::new("x");
        domain.encode(&(text,)).unwrap()
    };
    for provider in [Provider::mixed(), Provider::ring(), Provider::rustcrypto()] {
        for (suite, value) in [
            (
                Suite::Chunked1,
                "52b10d386b733a2c89f56dc9cb0bcf01b496b7bb54fea4cbac8c97ff2de258cf",
            ),
            (
                Suite::Chunked2,
                "bc4146f8d1e630d7c4021112aac93b3de5637d45ef62fbf665132c7ceaf5643c",
            ),
        ] {
            let key = key_of(&provider, suite, &[7; 32]);
            let long = "l".repeat(255);
            let derived: Vec<_> = [("", "a"), ("a", "a"), ("b", "a"), ("a", "b"), (&long, "a")]
                .iter()
                .map(|(label, text)| key.derive(label, &one(text.as_bytes())).unwrap())
                .collect();
            for (at, a) in derived.iter().enumerate() {
                for b in &derived[at + 1..] {
                    assert_ne!(a.expose(), b.expose());
                }
            }
            let again = key.derive("a", &one(b"a")).unwrap();
            assert_eq!(again.expose(), derived[1].expose());
            assert_eq!(encoding::hex(again.expose()), value);
            // Where the label ends is part of it.
            let bare = Domain::<()>::new("a").encode(&()).unwrap();
            let moved = key.derive("a\u{1}x", &bare).unwrap();
            assert_ne!(moved.expose(), again.expose());
            let error = key.derive(&"l".repeat(256), &one(b"a")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
        }
    }
}

#[test]
fn neither_a_key_nor_a_body_is_printed() {
    let key = key(&Provider::default(), &[7; 32]);
    assert_eq!(format!("{key:?}"), "BodyKey(..)");
    let parsed = Parsed::parse(&sealed_with("ab", b"a value")).unwrap();
    let shown = format!("{parsed:?}");
    assert!(shown.starts_with("Parsed { header: Header {"), "{shown}");
    assert!(shown.ends_with("}, .. }"), "{shown}");
}

#[test]
fn a_body_without_a_context_opens_without_one() {
    let key = key(&Provider::default(), &[7; 32]);
    let mut body = Vec::new();
    danger::seal_under_bytes(&key, b"", b"a value", &mut body).unwrap();
    let opened = danger::open_under_bytes(&key, b"", &body).unwrap();
    assert_eq!(opened.expose(), b"a value");
    assert!(danger::open_under_bytes(&key, b"some", &body).is_err());
    assert!(key.open(&BYTES.encode(&(b"",)).unwrap(), &body).is_err());
}
