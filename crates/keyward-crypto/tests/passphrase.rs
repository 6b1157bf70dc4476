//! A key from a passphrase: a value of another implementation, and the bounds.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::{ErrorKind, SecretBytes, encoding};
use keyward_crypto::passphrase::{Argon2Cost, derive};

const SALT: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn of(passphrase: &[u8]) -> keyward_base::Result<[u8; 32]> {
    let cost = Argon2Cost::new(19_456, 2).unwrap();
    let key = derive(&SecretBytes::copy_of(passphrase), &SALT, cost)?;
    Ok(*key.expose())
}

#[test]
fn it_is_argon2id_of_version_0x13_with_one_lane() {
    // By OpenSSL, through Python's cryptography.
    let wanted = "aaecaeb1f79eb8019ba62c34f62fa3e15289f88ff98779ae81de07821992ff1f";
    let wanted = encoding::from_hex::<32>(wanted).unwrap();
    assert_eq!(of(b"correct horse battery").unwrap(), wanted);
}

#[test]
fn a_passphrase_has_12_to_4096_bytes() {
    for len in [0, 11, 4097] {
        let refused = of(&vec![b'x'; len]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{len}");
    }
    for len in [12, 4096] {
        assert!(of(&vec![b'x'; len]).is_ok(), "{len}");
    }
}

#[test]
fn a_cost_is_within_bounds_and_told() {
    for (memory, passes) in [
        (19_455, 2),
        (1_048_577, 2),
        (19_456, 1),
        (19_456, 17),
        (1_048_576, 5),
        (262_145, 16),
    ] {
        let refused = Argon2Cost::new(memory, passes).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{memory} {passes}");
    }
    // At most 4 GiB over all passes.
    for (memory, passes) in [(19_456, 2), (1_048_576, 4), (262_144, 16)] {
        let cost = Argon2Cost::new(memory, passes).unwrap();
        assert_eq!((cost.memory_kib(), cost.passes()), (memory, passes));
    }
    let cost = |memory, passes| Argon2Cost::new(memory, passes).unwrap();
    for (other, covered) in [
        (cost(65_536, 3), true),
        (cost(65_536, 4), true),
        (cost(65_537, 3), true),
        (cost(65_535, 4), false),
        (cost(65_537, 2), false),
    ] {
        assert_eq!(other.covers(cost(65_536, 3)), covered, "{other:?}");
    }
    let root = Argon2Cost::ROOT;
    assert_eq!((root.memory_kib(), root.passes()), (65_536, 3));
}

#[test]
fn a_cost_covers_another_in_both_of_its_numbers() {
    let cost = |memory, passes| Argon2Cost::new(memory, passes).unwrap();
    for (memory, passes, covers) in [
        (65_536, 3, true),
        (65_537, 4, true),
        (65_535, 3, false),
        (65_536, 2, false),
        (262_144, 2, false),
        (19_456, 16, false),
    ] {
        let found = cost(memory, passes).covers(Argon2Cost::ROOT);
        assert_eq!(found, covers, "{memory} {passes}");
    }
}
