//! Ed25519: the published values, and what is refused.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::{Domain, Reason, SecretArray, encoding::from_hex};
use keyward_crypto::sign::{PublicKey, SIGNATURE_LEN, SigningKey};
use keyward_testkit::{bit_flips, truncations};

/// RFC 8032, section 7.1, tests 1 to 3.
const RFC_8032: [(&str, &str, &[u8], &str); 3] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        &[],
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        &[0x72],
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        &[0xaf, 0x82],
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

fn key(seed: &str) -> SigningKey {
    SigningKey::new(SecretArray::copy_of(&from_hex::<32>(seed).unwrap()).unwrap()).unwrap()
}

#[test]
fn published_values_are_signed_and_verified() {
    for (seed, public, message, signature) in RFC_8032 {
        let (key, signature) = (key(seed), from_hex::<SIGNATURE_LEN>(signature).unwrap());
        assert_eq!(key.public().to_bytes(), from_hex::<32>(public).unwrap());
        assert_eq!(key.sign_bytes(message).unwrap(), signature);
        key.public().verify_bytes(message, &signature).unwrap();
    }
}

#[test]
fn any_other_signature_message_or_key_is_refused() {
    let (seed, _, message, _) = RFC_8032[2];
    let key = key(seed);
    let signature = key.sign_bytes(message).unwrap();
    let longer = [&signature[..], &[0]].concat();
    let others = bit_flips(&signature).chain(truncations(&signature).map(<[u8]>::to_vec));
    for other in others.chain([longer]) {
        let refused = key.public().verify_bytes(message, &other).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    }
    assert!(
        key.public()
            .verify_bytes(&[0xaf, 0x83], &signature)
            .is_err()
    );
    for other in bit_flips(&key.public().to_bytes()) {
        let other = PublicKey::from_bytes(other.try_into().unwrap());
        assert!(other.verify_bytes(message, &signature).is_err());
    }
}

/// RFC 8032, section 5.1.7: the second half is less than the order of the group.
#[test]
fn a_signature_has_no_second_form() {
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = from_hex::<32>(order).unwrap();
    let (seed, _, message, _) = RFC_8032[2];
    let mut signature = key(seed).sign_bytes(message).unwrap();
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(
        key(seed)
            .public()
            .verify_bytes(message, &signature)
            .is_err()
    );
}

/// All points whose order divides 8, with each sign bit, and the second encodings of two of them.
#[test]
fn a_key_of_small_order_verifies_nothing() {
    let (most, rest) = ("ff".repeat(30), "00".repeat(31));
    let forms = [
        format!("00{rest}"),
        format!("01{rest}"),
        format!("ec{most}7f"),
        format!("ed{most}7f"),
        format!("ee{most}7f"),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".to_owned(),
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".to_owned(),
    ];
    // Of the neutral point, this is a signature of anything by the rules of the curve alone.
    let mut signature = [0; SIGNATURE_LEN];
    signature[0] = 1;
    for form in forms {
        for sign in [0, 0x80] {
            let mut bytes = from_hex::<32>(&form).unwrap();
            bytes[31] |= sign;
            let key = PublicKey::from_bytes(bytes);
            assert!(key.is_of_small_order());
            let messages = (0..16_u8).map(|i| key.verify_bytes(&[i], &signature));
            assert!(messages.into_iter().all(|verified| verified.is_err()));
        }
    }
    assert!(!key(RFC_8032[0].0).public().is_of_small_order());
}

#[test]
fn fields_are_signed_in_their_domain_alone() {
    const RECEIPT: Domain<(&str, u64)> = Domain::new("test/receipt");
    const OTHER: Domain<(&str, u64)> = Domain::new("test/other");
    let key = key(RFC_8032[0].0);
    let signature = key.sign(RECEIPT, &("paid", 42)).unwrap();
    key.public()
        .verify(RECEIPT, &("paid", 42), &signature)
        .unwrap();
    let encoded = RECEIPT.encode(&("paid", 42)).unwrap();
    let plain = key.public().verify_bytes(encoded.as_bytes(), &signature);
    assert!(plain.is_ok(), "what the page says is signed");
    for (domain, fields) in [
        (OTHER, ("paid", 42)),
        (RECEIPT, ("paid", 43)),
        (RECEIPT, ("pai", 42)),
    ] {
        assert!(key.public().verify(domain, &fields, &signature).is_err());
    }
}

#[test]
fn the_seed_is_not_printed() {
    let (seed, public, ..) = RFC_8032[0];
    assert_eq!(
        format!("{:?}", key(seed)),
        format!("SigningKey(PublicKey({public}))")
    );
}
