//! HMAC-SHA-256 with a kept key: the published values, and what is refused.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::{Reason, SecretArray, encoding};
use keyward_crypto::{MacKey, Provider};
use keyward_testkit::{bit_flips, truncations};

const PROVIDERS: [Provider; 3] = [Provider::mixed(), Provider::ring(), Provider::rustcrypto()];

/// RFC 4231, cases 1 to 3. HMAC pads a key with zeros to its block, so that a key of 32 bytes
/// with zeros at its end is the shorter one.
const RFC_4231: [(&[u8], &[u8], &str); 3] = [
    (
        &[0x0b; 20],
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        &[0xaa; 20],
        &[0xdd; 50],
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
];

fn key(provider: &Provider, short: &[u8]) -> MacKey {
    let mut padded = short.to_vec();
    padded.resize(32, 0);
    MacKey::new(provider, &SecretArray::copy_of(&padded).unwrap()).unwrap()
}

#[test]
fn published_values_are_signed_and_verified() {
    for provider in PROVIDERS {
        for (short, message, tag) in RFC_4231 {
            let key = key(&provider, short);
            let tag = encoding::from_hex::<32>(tag).unwrap();
            assert_eq!(key.sign(&[message]), tag);
            let (front, back) = message.split_at(3);
            assert_eq!(key.sign(&[front, back]), tag, "parts are one text");
            assert!(key.verify(&[front, back], &tag).is_ok());
        }
    }
}

#[test]
fn any_other_tag_is_refused() {
    let key = key(&Provider::default(), b"Jefe");
    let tag = key.sign(&[b"message"]);
    let longer: Vec<u8> = tag.iter().copied().chain([0]).collect();
    let others = bit_flips(&tag).chain(truncations(&tag).map(<[u8]>::to_vec));
    for other in others.chain([longer]) {
        let refused = key.verify(&[b"message"], &other).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::NotAuthentic));
    }
    assert!(key.verify(&[b"messagf"], &tag).is_err());
}

#[test]
fn keys_are_not_printed() {
    let key = key(&Provider::default(), b"Jefe");
    assert_eq!(format!("{key:?}"), "MacKey(..)");
}

#[test]
fn random_bytes_differ() {
    for provider in PROVIDERS {
        let two = [provider.random::<32>(), provider.random::<32>()];
        let [one, other] = two.map(|bytes| *bytes.unwrap().expose());
        assert_ne!(one, other);
        assert_ne!(one, [0; 32]);
    }
}
