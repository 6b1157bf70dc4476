//! Checkpoints and keys of others' making.

use keyward_audit::note::MAX_LEN;
use keyward_audit::{KeyName, VerifierKey};
use keyward_base::encoding::{base64, from_base64};
use keyward_crypto::sign::PublicKey;

use super::{NAME, checkpoint, stray};
use crate::notes::{signed, signer};
use crate::others::{Cases, Kind};
use crate::trees::provider;

/// Notes of others' making, beside those that are good.
pub(super) fn hostile_notes(cases: &mut Cases) {
    let text = checkpoint(42, [9; 32]).text();
    let good = signed(&text, &[(NAME, 1)]).unwrap();
    let (_, line) = good.split_once("\n\n").unwrap();
    let keys = |seeds: &[u8]| -> Vec<VerifierKey> {
        seeds.iter().map(|seed| signer(NAME, *seed).0).collect()
    };
    let one = keys(&[1]);
    let mut add =
        |keys: &[VerifierKey], note: &str| cases.add(Kind::Checkpoint, keys, note.as_bytes(), &[]);
    assert!(add(&one, &good));
    // Two keys, as where one follows the other.
    let two = signed(&text, &[(NAME, 1), (NAME, 2)]).unwrap();
    assert!(add(&keys(&[1, 2]), &two));
    assert!(add(&keys(&[2, 1]), &two));
    assert!(add(&keys(&[1, 2]), &good));
    assert!(!add(&one, &two), "a signature of an unknown key");
    assert!(!add(&[], &good));
    let sixteen: Vec<u8> = (1..=16).collect();
    let names: Vec<_> = sixteen.iter().map(|seed| (NAME, *seed)).collect();
    assert!(add(&keys(&sixteen), &signed(&text, &names).unwrap()));
    let other_name = signer("example.org/other", 1).0;
    assert!(!add(std::slice::from_ref(&other_name), &good));
    assert!(!add(&[one[0].clone(), other_name], &good));
    // The signature with the order of the group added to its second half.
    let bytes = from_base64(line.trim_end().rsplit_once(' ').unwrap().1).unwrap();
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut second = bytes.expose().to_vec();
    let mut carry = 0;
    for (byte, more) in second[36..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(more);
        *byte = (carry & 0xff) as u8;
        carry >>= 8;
    }
    let with = |signature: &[u8]| format!("{text}\n\u{2014} {NAME} {}\n", base64(signature));
    assert_eq!(with(bytes.expose()), good);
    let stray_line = line.replace(
        line.trim_end().rsplit_once(' ').unwrap().1,
        &stray(line.trim_end().rsplit_once(' ').unwrap().1),
    );
    let forms = [
        with(&second),
        with(&bytes.expose()[..4]),
        with(&bytes.expose()[..67]),
        with(&[bytes.expose(), &[0]].concat()),
        format!("{text}\n{stray_line}"),
        format!("{good}{line}"),
        format!("{good}\u{2014} example.org/witness AAAAAAAA\n"),
        format!("{good}\u{2014} {NAME} AAAAAAAA\n"),
        format!("{good}\u{2014} {NAME} AAAAAA==\n"),
        format!("{good}\n"),
        format!("{text}\n{}", line.replace(' ', "  ")),
        format!("{text}\n{}", line.replace("\u{2014}", "-")),
        format!("{text}\n{}", line.replace(' ', "\u{a0}")),
        format!(
            "{text}\n{}",
            line.replacen(NAME, "example.org/l\u{85}og", 1)
        ),
        good.replace('\n', "\r\n"),
        good.replace("42", "4\u{7}2"),
        format!("{text}{line}"),
        format!("{text}\n"),
        "\n\n".to_owned(),
        String::new(),
    ];
    for form in forms {
        assert!(!add(&one, &form), "{form}");
    }
    // Texts that are signed, and are no checkpoint of this log.
    let root = base64(&[9; 32]);
    let texts = [
        format!("{NAME}\n042\n{root}\n"),
        format!("{NAME}\n+42\n{root}\n"),
        format!("{NAME}\n-0\n{root}\n"),
        format!("{NAME}\n\n{root}\n"),
        format!("{NAME}\n9223372036854775808\n{root}\n"),
        format!("{NAME}\n18446744073709551658\n{root}\n"),
        format!("{NAME}\n42\n{}\n", stray(&root)),
        format!("{NAME}\n42\n{}\n", base64(&[9; 31])),
        format!("{NAME}\n42\n{root}\nextension\n"),
        format!("{NAME}\n42\n{root}\n\n"),
        format!("{NAME}\n42\n"),
        format!("{NAME} \n42\n{root}\n"),
        format!("{NAME}+\n42\n{root}\n"),
        format!("example.org/other\n42\n{root}\n"),
        format!("\n42\n{root}\n"),
        format!("{NAME}\n42\n{root}\n{}\n", "x".repeat(MAX_LEN)),
    ];
    for text in texts {
        let note = signed(&text, &[(NAME, 1)]).unwrap();
        assert!(!add(&one, &note), "{note}");
    }
    hostile_keys(cases);
}

/// Keys of small order, and other forms of one that is good.
fn hostile_keys(cases: &mut Cases) {
    let of = |bytes: [u8; 32]| {
        let key = PublicKey::from_bytes(bytes);
        VerifierKey::new(&provider(), KeyName::new(NAME).unwrap(), key).to_string()
    };
    let mut weak = vec![[0; 32], [0; 32]];
    weak[1][0] = 1;
    for first in [0xec, 0xed, 0xee] {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (first, 0x7f);
        weak.push(bytes);
    }
    for bytes in weak.clone() {
        let mut negative = bytes;
        negative[31] |= 0x80;
        weak.push(negative);
    }
    for bytes in weak {
        assert!(!cases.add(Kind::Key, &[], of(bytes).as_bytes(), &[]));
    }
    let good = of([0x55; 32]);
    assert!(cases.add(Kind::Key, &[], good.as_bytes(), &[]));
    for form in [
        good.to_uppercase(),
        good.replace('+', " "),
        format!("{good}="),
        format!("{good}\n"),
        format!(" {good}"),
        good.replacen("example", "ex\u{e4}mple", 1),
        String::new(),
    ] {
        assert!(!cases.add(Kind::Key, &[], form.as_bytes(), &[]), "{form}");
    }
}
