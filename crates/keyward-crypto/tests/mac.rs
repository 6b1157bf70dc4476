//! MACs over a domain and its fields: the vectors of another implementation, and
//! what is refused. HMAC of others: the published values.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

use std::path::Path;

use keyward_base::domain::Fields;
use keyward_base::{
    Domain, ErrorKind, KeyId, Reason, SecretArray, SecretBytes, Tenant, Timestamp, encoding,
};
use keyward_crypto::hmac::{HmacHash, HmacKey, HmacTag};
use keyward_crypto::{MacKey, Provider};
use keyward_testkit::{Vector, bit_flips, truncations};
use proptest::prelude::*;

const PROVIDERS: [Provider; 3] = [Provider::mixed(), Provider::ring(), Provider::rustcrypto()];

const LINK: Domain<(&Tenant, u64, &str)> = Domain::new("example/v1/link");

fn secret(fill: u8) -> SecretArray<32> {
    SecretArray::copy_of(&[fill; 32]).unwrap()
}

fn mac(provider: &Provider) -> MacKey {
    MacKey::new(provider, &secret(7)).unwrap()
}

/// All that is done with a list of fields, whatever their number is.
trait Each {
    fn run<F: Fields>(&self, domain: Domain<F>, fields: &F);
}

fn with_fields(domain: &str, fields: &[Vec<u8>], each: &impl Each) {
    let name: &'static str = Box::leak(domain.to_owned().into());
    match fields {
        [] => each.run(Domain::new(name), &()),
        [a] => each.run(Domain::new(name), &(a.as_slice(),)),
        [a, b] => each.run(Domain::new(name), &(a.as_slice(), b.as_slice())),
        [a, b, c] => {
            let fields = (a.as_slice(), b.as_slice(), c.as_slice());
            each.run(Domain::new(name), &fields);
        }
        _ => panic!("a vector with more fields"),
    }
}

/// `-` is an empty field, `61*300` the byte 0x61 three hundred times.
fn fields(text: &str) -> Vec<Vec<u8>> {
    let field = |word: &str| match word.split_once('*') {
        Some((byte, times)) => {
            vec![encoding::from_hex::<1>(byte).unwrap()[0]; times.parse().unwrap()]
        }
        None => word
            .trim_matches('-')
            .as_bytes()
            .chunks(2)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 16).unwrap())
            .collect(),
    };
    text.split_whitespace().map(field).collect()
}

impl Each for Vector {
    fn run<F: Fields>(&self, domain: Domain<F>, fields: &F) {
        let name = self.name();
        let authentic = self.text("expect").unwrap() == "ok";
        let key = encoding::from_hex::<32>(self.text("key").unwrap()).unwrap();
        let key = SecretArray::copy_of(&key).unwrap();
        let tag = encoding::from_hex(self.text("tag").unwrap()).unwrap();
        let outcome = |result: keyward_base::Result<()>| match result {
            Ok(()) => true,
            Err(e) => {
                assert_eq!(e.reason(), Some(Reason::NOT_AUTHENTIC), "{name}");
                false
            }
        };
        for provider in PROVIDERS {
            let mac = MacKey::new(&provider, &key).unwrap();
            assert_eq!(
                outcome(mac.verify(domain, fields, &tag)),
                authentic,
                "{name}"
            );
            assert_eq!(mac.sign(domain, fields) == tag, authentic, "{name}");
        }
        let mut streamed = Vec::new();
        domain.stream(fields, |piece| streamed.extend_from_slice(piece));
        let digest = encoding::hex(&Provider::default().sha256(&[&streamed]));
        assert_eq!(digest == self.text("sha256").unwrap(), authentic, "{name}");
        match domain.encode(fields) {
            Ok(whole) => assert_eq!(whole.as_bytes(), streamed, "{name}"),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Misuse, "{name}");
                assert!(streamed.len() > 1024, "{name}");
            }
        }
    }
}

#[test]
fn vectors_of_another_implementation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/mac");
    let vectors = Vector::load_all(&folder).unwrap();
    assert_eq!(vectors.len(), 17);
    for vector in &vectors {
        let domain = vector.text("domain").unwrap();
        with_fields(domain, &fields(vector.text("fields").unwrap()), vector);
    }
}

#[test]
fn any_other_tag_is_refused() {
    let (acme, globex) = (Tenant::new("acme").unwrap(), Tenant::new("globex").unwrap());
    for provider in PROVIDERS {
        let key = mac(&provider);
        let tag = key.sign(LINK, &(&acme, 7, "approve"));
        key.verify(LINK, &(&acme, 7, "approve"), &tag).unwrap();
        let refused = |fields: &(&Tenant, u64, &str), tag: &[u8; 32]| {
            let error = key.verify(LINK, fields, tag).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
        };
        for other in bit_flips(&tag) {
            refused(&(&acme, 7, "approve"), other[..].try_into().unwrap());
        }
        refused(&(&globex, 7, "approve"), &tag);
        refused(&(&acme, 8, "approve"), &tag);
        refused(&(&acme, 7, "deny"), &tag);
        let other = MacKey::new(&provider, &secret(8)).unwrap();
        assert!(other.verify(LINK, &(&acme, 7, "approve"), &tag).is_err());
    }
}

/// Numbers, ids and times are written as the page of the format says.
#[test]
fn typed_fields_have_one_form() {
    type All = (
        u8,
        u16,
        u32,
        u64,
        KeyId,
        Timestamp,
        [u8; 2],
        SecretArray<32>,
    );
    const ALL: Domain<All> = Domain::new("d");
    let key = KeyId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8]);
    let time = Timestamp::from_millis(258);
    let fields = (1, 2, 3, 4, key, time, *b"xy", secret(9));
    let encoded = ALL.encode(&fields).unwrap();
    let mut expected = b"\x01d\x01\x01\x02\x00\x02\x04\x00\x00\x00\x03".to_vec();
    expected.extend_from_slice(b"\x08\x00\x00\x00\x00\x00\x00\x00\x04");
    expected.extend_from_slice(b"\x08\x01\x02\x03\x04\x05\x06\x07\x08");
    expected.extend_from_slice(b"\x08\x00\x00\x00\x00\x00\x00\x01\x02\x02xy\x20");
    expected.extend_from_slice(&[9; 32]);
    assert_eq!(encoded.as_bytes(), expected);
}

/// RFC 2202 (SHA-1) and RFC 4231 (SHA-256, SHA-512), with full tags: key, message, and the three.
const PUBLISHED: [(&[u8], &[u8], [&str; 3]); 6] = [
    (
        &[0x0b; 20],
        b"Hi There",
        [
            "b617318655057264e28bc0b6fb378c8ef146be00",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ],
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        [
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ],
    ),
    (
        &[0xaa; 20],
        &[0xdd; 50],
        [
            "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        ],
    ),
    (
        &[0xaa; 80],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        ["aa4ae5e15272d00e95705637ce8a3b55ed402112", "", ""],
    ),
    (
        &[0xaa; 131],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        [
            "",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ],
    ),
    (
        &[0xaa; 80],
        b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
        ["e8e99d0f45237d786d6bbaa7965c7808bbff1a91", "", ""],
    ),
];

const HASHES: [HmacHash; 3] = [HmacHash::Sha1, HmacHash::Sha256, HmacHash::Sha512];

fn hmac(provider: &Provider, hash: HmacHash, key: &[u8]) -> HmacKey {
    HmacKey::new(provider, hash, &SecretBytes::copy_of(key)).unwrap()
}

#[test]
fn published_values_are_signed_and_verified() {
    for provider in PROVIDERS {
        for (key, message, tags) in PUBLISHED {
            for (hash, tag) in HASHES
                .into_iter()
                .zip(tags)
                .filter(|(_, tag)| !tag.is_empty())
            {
                let key = hmac(&provider, hash, key);
                assert_eq!(key.hash(), hash);
                assert_eq!(key.sign(&[message]).to_hex(), tag);
                let sent = HmacTag::from_hex(hash, tag).unwrap();
                let (front, back) = message.split_at(3);
                key.verify(&[front, back], &sent).unwrap();
                assert_eq!(sent.as_bytes().len(), hash.tag_len());
            }
        }
    }
}

#[test]
fn any_other_hmac_is_refused() {
    for provider in PROVIDERS {
        for hash in HASHES {
            let key = hmac(&provider, hash, b"Jefe");
            let tag = key.sign(&[b"message"]);
            for other in bit_flips(tag.as_bytes()) {
                let other = HmacTag::from_bytes(hash, &other).unwrap();
                let refused = key.verify(&[b"message"], &other).unwrap_err();
                assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
            }
            assert!(key.verify(&[b"messagf"], &tag).is_err());
            assert!(
                hmac(&provider, hash, b"Jeff")
                    .verify(&[b"message"], &tag)
                    .is_err()
            );
            for of in HASHES.into_iter().filter(|of| *of != hash) {
                let other = hmac(&provider, of, b"Jefe");
                assert!(
                    other.verify(&[b"message"], &tag).is_err(),
                    "{of:?} {hash:?}"
                );
            }
        }
    }
}

/// A tag cut to nothing, to its front or made longer is refused before it is compared, in every
/// encoding.
#[test]
fn a_tag_of_another_length_or_form_is_malformed() {
    let malformed = |result: keyward_base::Result<HmacTag>| {
        assert_eq!(result.unwrap_err().reason(), Some(Reason::MALFORMED));
    };
    for hash in HASHES {
        let key = hmac(&Provider::default(), hash, b"Jefe");
        let tag = key.sign(&[b"message"]);
        let bytes = tag.as_bytes();
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        let twice = [bytes, bytes].concat();
        for other in truncations(bytes).chain([&longer[..], &twice[..]]) {
            malformed(HmacTag::from_bytes(hash, other));
            malformed(HmacTag::from_hex(hash, &encoding::hex(other)));
            malformed(HmacTag::from_base64url(hash, &encoding::base64url(other)));
        }
        let hex = tag.to_hex();
        for text in [
            hex.replacen(char::is_lowercase, "A", 1),
            format!(" {hex}"),
            format!("{hex}\n"),
            hex.clone() + "0",
        ] {
            malformed(HmacTag::from_hex(hash, &text));
        }
        let url = encoding::base64url(bytes);
        let padded = format!("{url}{}", "=".repeat(url.len().wrapping_neg() % 4));
        let padded = padded.replace('-', "+").replace('_', "/");
        for read in [
            HmacTag::from_hex(hash, &hex),
            HmacTag::from_base64url(hash, &url),
            HmacTag::from_base64(hash, &padded),
        ] {
            key.verify(&[b"message"], &read.unwrap()).unwrap();
        }
        malformed(HmacTag::from_base64(hash, padded.trim_end_matches('=')));
        malformed(HmacTag::from_base64(hash, &format!("{padded}=")));
        malformed(HmacTag::from_base64url(hash, &padded));
        malformed(HmacTag::from_base64(hash, ""));
    }
}

#[test]
fn a_tag_with_any_bit_changed_is_refused() {
    const BYTES: Domain<(&[u8],)> = Domain::new("test/bytes");
    for provider in &PROVIDERS {
        let key = mac(provider);
        let tag = key.sign(BYTES, &(&b"some bytes"[..],));
        key.verify(BYTES, &(&b"some bytes"[..],), &tag).unwrap();
        for flipped in bit_flips(&tag) {
            let flipped = flipped.try_into().unwrap();
            let other = key.verify(BYTES, &(&b"some bytes"[..],), &flipped);
            assert_eq!(other.unwrap_err().reason(), Some(Reason::NOT_AUTHENTIC));
        }
        let longer = key.verify(BYTES, &(&b"some bytes!"[..],), &tag);
        assert!(longer.is_err());
    }
}

/// A tag says of which hash it is, and whoever sent it chose that word.
#[test]
fn a_tag_that_says_another_hash_is_refused_whatever_its_bytes_are() {
    for provider in &PROVIDERS {
        let key = hmac(provider, HmacHash::Sha256, b"key");
        let right = key.sign(&[b"message"]);
        key.verify(&[b"message"], &right).unwrap();
        let padded = [right.as_bytes(), &[0; 32]].concat();
        let longer = HmacTag::from_bytes(HmacHash::Sha512, &padded).unwrap();
        let error = key.verify(&[b"message"], &longer).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
    }
}

#[test]
fn what_is_equal_is_equal_in_length_and_in_every_byte() {
    for len in 0..=20_usize {
        let a = vec![7; len];
        assert!(keyward_crypto::equal(&a, &a.clone()), "{len}");
        for more in [1, 8] {
            let longer = [&a[..], &vec![7; more]].concat();
            assert!(!keyward_crypto::equal(&a, &longer), "{len} {more}");
            assert!(!keyward_crypto::equal(&longer, &a), "{len} {more}");
        }
        for (at, _) in a.iter().enumerate() {
            let mut other = a.clone();
            other[at] ^= 0x80;
            assert!(!keyward_crypto::equal(&a, &other), "{at} of {len}");
        }
    }
}

#[test]
fn an_empty_key_is_refused() {
    for hash in HASHES {
        let empty = SecretBytes::new(Vec::new());
        let error = HmacKey::new(&Provider::default(), hash, &empty).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
}

#[test]
fn keys_and_tags_are_not_printed() {
    let foreign = hmac(&Provider::default(), HmacHash::Sha1, b"Jefe");
    assert_eq!(format!("{:?}", mac(&Provider::default())), "MacKey(..)");
    assert_eq!(format!("{foreign:?}"), "HmacKey(Sha1, ..)");
    assert_eq!(format!("{:?}", foreign.sign(&[b"x"])), "HmacTag(Sha1, ..)");
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

/// Streams what it is given.
struct Streamed(std::cell::RefCell<Vec<u8>>);

impl Each for Streamed {
    fn run<F: Fields>(&self, domain: Domain<F>, fields: &F) {
        domain.stream(fields, |piece| self.0.borrow_mut().extend_from_slice(piece));
    }
}

fn streamed(domain: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let out = Streamed(std::cell::RefCell::default());
    with_fields(domain, fields, &out);
    out.0.into_inner()
}

proptest! {
    /// Fields that spell the same bytes in another division, under one domain or another, have
    /// another encoding: around the lengths where the form of a length or the buffer ends, too.
    #[test]
    fn lists_of_fields_are_encoded_apart(
        left in prop::collection::vec(field(), 0..4),
        right in prop::collection::vec(field(), 0..4),
        domains in ("[ab]{1,3}", "[ab]{1,3}"),
    ) {
        let same = streamed(&domains.0, &left) == streamed(&domains.1, &right);
        prop_assert_eq!(same, (domains.0, left) == (domains.1, right));
    }
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(0_u8..3, 0..5),
        (250_usize..260).prop_map(|len| vec![255; len]),
        Just(vec![0; 8]),
    ]
}

/// One MAC, several tags: any may be right, of the key's own hash only.
#[test]
fn one_of_several_tags() {
    let secret = SecretBytes::copy_of(b"Jefe");
    for provider in [Provider::ring(), Provider::rustcrypto()] {
        for hash in [HmacHash::Sha1, HmacHash::Sha256, HmacHash::Sha512] {
            let key = HmacKey::new(&provider, hash, &secret).unwrap();
            let (right, wrong) = (key.sign(&[b"a", b"b"]), key.sign(&[b"a"]));
            assert!(key.matches_any(&[b"ab"], [wrong.clone(), right.clone()]));
            assert!(key.matches_any(&[b"ab"], [right.clone(), wrong.clone()]));
            assert!(!key.matches_any(&[b"ab"], [wrong.clone(), wrong]));
            assert!(!key.matches_any(&[b"ab"], []));
            let cut = HmacTag::from_bytes(HmacHash::Sha1, &right.as_bytes()[..20]).unwrap();
            assert_eq!(key.matches_any(&[b"ab"], [cut]), hash == HmacHash::Sha1);
        }
    }
}
