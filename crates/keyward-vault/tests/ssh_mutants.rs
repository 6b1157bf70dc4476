//! SSH keys that are damaged or made by hand: what `ssh-keygen -y` loads without a passphrase is
//! taken and loads again, and what it refuses is refused.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod support;

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use keyward_base::{SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_vault::{Credential, Kind, SshKey};
use num_bigint::BigUint;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use support::{loads_in_openssh, new_key};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END: &str = "-----END OPENSSH PRIVATE KEY-----\n";

/// Both must say the same of an unencrypted key; what we take must load as it is kept.
fn agree(folder: &Path, file: &[u8], why: &str) {
    let now = Timestamp::from_millis(1);
    let bytes = SecretBytes::copy_of(file);
    let taken = Credential::parse(Kind::SshKey, bytes, &Provider::default(), now);
    let loads = loads_in_openssh(folder, file);
    match taken {
        Ok(credential) => {
            let kept = credential.bytes().expose();
            assert!(
                loads_in_openssh(folder, kept),
                "taken, and does not load: {why}"
            );
            if kept == file {
                assert!(loads, "{why}");
            }
        }
        Err(error) => assert!(!loads, "{why}: {error}"),
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes()[..], bytes].concat()
}

/// The parts of a key file, to be put together otherwise.
#[derive(Clone, Debug)]
struct Parts {
    cipher: Vec<u8>,
    kdf: Vec<u8>,
    options: Vec<u8>,
    count: u32,
    public: Vec<u8>,
    private: Vec<u8>,
    after: Vec<u8>,
}

impl Parts {
    fn plain(public: Vec<u8>, private: Vec<u8>) -> Self {
        Self {
            cipher: b"none".to_vec(),
            kdf: b"none".to_vec(),
            options: Vec::new(),
            count: 1,
            public,
            private,
            after: Vec::new(),
        }
    }

    fn of(file: &[u8]) -> Self {
        let text = std::str::from_utf8(file).unwrap();
        let inside = text.strip_prefix(BEGIN).unwrap().strip_suffix(END).unwrap();
        let bytes = Base64::decode_vec(&inside.replace('\n', "")).unwrap();
        let mut rest = &bytes[15..];
        let mut next = || {
            let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let (part, after) = rest[4..].split_at(len);
            rest = after;
            part.to_vec()
        };
        let (cipher, kdf, options) = (next(), next(), next());
        rest = &rest[4..];
        let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let public = rest[4..][..len].to_vec();
        Self {
            cipher,
            kdf,
            options,
            count: 1,
            public,
            private: rest[4 + len + 4..].to_vec(),
            after: Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [
            b"openssh-key-v1\0".to_vec(),
            string(&self.cipher),
            string(&self.kdf),
            string(&self.options),
            self.count.to_be_bytes().to_vec(),
            string(&self.public),
            string(&self.private),
            self.after.clone(),
        ]
        .concat()
    }

    fn file(&self) -> Vec<u8> {
        armoured(&self.bytes())
    }

    /// With padding up to a multiple of `block`, and `more` blocks of it.
    fn padded(mut self, block: usize, more: usize) -> Self {
        let open = block - self.private.len() % block;
        let len = open % block + more * block;
        self.private
            .extend((1..=u8::MAX).chain([0]).cycle().take(len));
        self
    }
}

fn armoured(bytes: &[u8]) -> Vec<u8> {
    let text = Base64::encode_string(bytes);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!("{BEGIN}{}\n{END}", lines.join("\n")).into_bytes()
}

const TYPES: [&[&str]; 5] = [
    &["-t", "ed25519"],
    &["-t", "ecdsa", "-b", "256"],
    &["-t", "ecdsa", "-b", "384"],
    &["-t", "ecdsa", "-b", "521"],
    &["-t", "rsa", "-b", "1024"],
];

fn keys(folder: &Path) -> Vec<Parts> {
    let key = |(at, how): (usize, &&[&str])| {
        Parts::of(&std::fs::read(new_key(folder, &format!("key-{at}"), how, "")).unwrap())
    };
    TYPES.iter().enumerate().map(key).collect()
}

/// How often each kind of damage is tried: `ssh-keygen` takes some milliseconds each time.
fn tries() -> usize {
    let cases = std::env::var("PROPTEST_CASES").ok();
    cases.and_then(|n| n.parse().ok()).unwrap_or(120)
}

#[test]
fn bytes_changed_at_random() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let mut runner = TestRunner::default();
    let damage = (
        0..keys.len(),
        any::<prop::sample::Index>(),
        prop_oneof![
            (0_u8..8).prop_map(|bit| (0, 1_u8 << bit)),
            any::<u8>().prop_map(|byte| (1, byte)),
            any::<u8>().prop_map(|byte| (2, byte)),
            Just((3, 0)),
        ],
        // The same place of the public key and of its copy in the private section.
        any::<bool>(),
    );
    for _ in 0..tries() * 2 {
        let (key, at, (how, byte), both) = damage.new_tree(&mut runner).unwrap().current();
        let key = &keys[key];
        let mut bytes = key.bytes();
        let mut places = vec![at.index(bytes.len())];
        if both {
            let tail = &key.public[key.public.len() - 20..];
            let twice = |w: (usize, &[u8])| (w.1 == tail).then_some(w.0 + at.index(20));
            places = bytes.windows(20).enumerate().filter_map(twice).collect();
        }
        for at in places.into_iter().rev() {
            match how {
                0 => bytes[at] ^= byte,
                1 => bytes[at] = byte,
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        agree(
            folder.path(),
            &armoured(&bytes),
            &format!("{damage:?} {how} {byte} {key:?}"),
        );
    }
}

#[test]
fn text_changed_at_random() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<Vec<u8>> = keys(folder.path()).iter().map(Parts::file).collect();
    let mut runner = TestRunner::default();
    let piece = prop::sample::select(vec![
        "\n",
        "\r\n",
        " ",
        "\t",
        "=",
        "A",
        "-",
        "\0",
        "é",
        "Comment: x\n",
    ]);
    let change = (
        0..files.len(),
        any::<prop::sample::Index>(),
        piece,
        0_usize..3,
        any::<bool>(),
    );
    for _ in 0..tries() {
        let (file, at, piece, removed, edge) = change.new_tree(&mut runner).unwrap().current();
        let file = &files[file];
        // At an edge: near the marks and the end.
        let near = [
            0,
            BEGIN.len() - 1,
            BEGIN.len(),
            file.len() - END.len(),
            file.len() - 1,
        ];
        let at = if edge {
            near[at.index(near.len())]
        } else {
            at.index(file.len())
        };
        let end = (at + removed).min(file.len());
        let changed = [&file[..at], piece.as_bytes(), &file[end..]].concat();
        agree(folder.path(), &changed, &String::from_utf8_lossy(&changed));
    }
}

#[test]
fn padding_comment_and_count() {
    let folder = tempfile::tempdir().unwrap();
    for key in keys(folder.path()) {
        let unpadded = key.private.iter().rposition(|byte| *byte == b't').unwrap() + 1;
        let body = Parts {
            private: key.private[..unpadded].to_vec(),
            ..key.clone()
        };
        for (block, more) in [
            (8, 0),
            (8, 1),
            (16, 0),
            (16, 1),
            (64, 0),
            (512, 1),
            (1, 0),
            (7, 0),
        ] {
            agree(
                folder.path(),
                &body.clone().padded(block, more).file(),
                &format!("{block} {more}"),
            );
        }
        for (what, other) in [
            (
                "two keys",
                Parts {
                    count: 2,
                    ..key.clone()
                },
            ),
            (
                "no key",
                Parts {
                    count: 0,
                    ..key.clone()
                },
            ),
            (
                "more",
                Parts {
                    after: vec![0],
                    ..key.clone()
                },
            ),
            (
                "a tag",
                Parts {
                    after: vec![0; 16],
                    ..key.clone()
                },
            ),
            (
                "options",
                Parts {
                    options: b"some".to_vec(),
                    ..key.clone()
                },
            ),
            (
                "kdf",
                Parts {
                    kdf: b"bcrypt".to_vec(),
                    ..key.clone()
                },
            ),
            (
                "cipher",
                Parts {
                    cipher: b"aes256-ctr".to_vec(),
                    ..key.clone()
                },
            ),
            (
                "unknown",
                Parts {
                    cipher: b"rot13".to_vec(),
                    ..key.clone()
                },
            ),
            (
                "NUL",
                Parts {
                    cipher: b"none\0".to_vec(),
                    ..key.clone()
                },
            ),
            (
                "NUL inside",
                Parts {
                    cipher: b"no\0ne".to_vec(),
                    ..key.clone()
                },
            ),
            (
                "a longer public key",
                Parts {
                    public: [&key.public[..], &[0]].concat(),
                    ..key.clone()
                },
            ),
        ] {
            agree(folder.path(), &other.file(), what);
        }
        // Comments of every length, with bytes that are no text, and with a NUL.
        let comment = b"deploy@example.test";
        let begin = body.private.len() - comment.len() - 4;
        for comment in [&b""[..], b"a", b"\xff\xfe", b"a\0", b"a\0b", &[b'x'; 5000]] {
            let private = [&body.private[..begin], &string(comment)].concat();
            let other = Parts {
                private,
                ..key.clone()
            }
            .padded(8, 0);
            agree(
                folder.path(),
                &other.file(),
                &format!("comment {comment:?}"),
            );
        }
    }
}

/// Keys that live on a security token, which no software makes: put together by hand.
/// The strings of a private section after its check numbers, without the padding.
fn fields(private: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut rest = &private[8..];
    let mut next = || {
        let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let (field, after) = rest[4..].split_at(len);
        rest = after;
        field.to_vec()
    };
    (0..count).map(|_| next()).collect()
}

fn with_fields(parts: &Parts, fields: &[Vec<u8>]) -> Parts {
    let fields = fields.iter().flat_map(|field| string(field));
    let private = parts.private[..8].iter().copied().chain(fields).collect();
    Parts::plain(parts.public.clone(), private).padded(8, 0)
}

/// The secret number of a curve, at its bounds and of each length.
#[test]
fn secret_numbers_of_curves() {
    let folder = tempfile::tempdir().unwrap();
    for (bits, order) in [
        (
            "256",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".to_owned(),
        ),
        (
            "384",
            format!(
                "{}c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
                "f".repeat(48)
            ),
        ),
        (
            "521",
            format!(
                "01{}a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
                "f".repeat(63)
            ),
        ),
    ] {
        let path = new_key(folder.path(), bits, &["-t", "ecdsa", "-b", bits], "");
        let parts = Parts::of(&std::fs::read(path).unwrap());
        let whole = fields(&parts.private, 5);
        assert_eq!(with_fields(&parts, &whole).file(), parts.file(), "{bits}");
        let last = order.len() - 2;
        let order: Vec<u8> = (0..=last)
            .step_by(2)
            .map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap())
            .collect();
        let below = |less: u8| {
            let mut number = order.clone();
            *number.last_mut().unwrap() -= less;
            number
        };
        let mut numbers = vec![below(0), below(1), below(2), below(3)];
        for len in 1..=order.len() + 1 {
            numbers.extend([0x01, 0x02, 0x7f].map(|first| {
                let mut number = vec![0x55; len];
                number[0] = first;
                number
            }));
        }
        for mut number in numbers {
            if number[0] >= 0x80 {
                number.insert(0, 0);
            }
            let mut other = whole.clone();
            other[3] = number;
            let why = format!("{bits}: {:02x?}", other[3]);
            agree(folder.path(), &with_fields(&parts, &other).file(), &why);
        }
    }
}

/// The public point of a curve: on it, with coordinates at the bounds that OpenSSH sets.
#[test]
fn points_of_curves() {
    let folder = tempfile::tempdir().unwrap();
    let one = BigUint::from(1_u8);
    for (bits, p, b, n) in [
        (
            "256",
            "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
            "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            "384",
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ),
        (
            "521",
            "1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ),
    ] {
        let [p, b, n] = [p, b, n].map(|hex| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap());
        // Half of the x have a point: y is the root of this, if it has one.
        let y = |x: &BigUint| {
            let square = (x * x * x + (&p - BigUint::from(3_u8)) * x + &b) % &p;
            let y = square.modpow(&((&p + &one) / BigUint::from(4_u8)), &p);
            (&y * &y % &p == square).then_some(y)
        };
        let upwards = |mut x: BigUint| {
            while y(&x).is_none() {
                x += &one;
            }
            x
        };
        let downwards = |mut x: BigUint| {
            while y(&x).is_none() {
                x -= &one;
            }
            x
        };
        let half = &one << (n.bits() / 2);
        let (short, long) = (downwards(&half - &one), upwards(half));
        assert_eq!(
            (short.bits(), long.bits()),
            (n.bits() / 2, n.bits() / 2 + 1)
        );
        let largest = downwards(&n - BigUint::from(2_u8));
        let path = new_key(folder.path(), bits, &["-t", "ecdsa", "-b", bits], "");
        let parts = Parts::of(&std::fs::read(path).unwrap());
        let whole = fields(&parts.private, 5);
        for (x, loads) in [
            (upwards(one.clone()), false),
            (short, false),
            (long, true),
            (largest, true),
            (&n - &one, false),
            (n.clone(), false),
            (upwards(n.clone()), false),
        ] {
            let Some(y) = y(&x) else { continue };
            let len = whole[2].len() / 2;
            let padded = |number: &BigUint| {
                let bytes = number.to_bytes_be();
                [vec![0; len - bytes.len()], bytes].concat()
            };
            let mut other = whole.clone();
            other[2] = [vec![4], padded(&x), padded(&y)].concat();
            let public = other[..3].iter().flat_map(|field| string(field)).collect();
            let both = Parts {
                public,
                ..parts.clone()
            };
            let file = with_fields(&both, &other).file();
            assert_eq!(SshKey::parse(&file).is_ok(), loads, "{bits}: {x:x}");
            agree(folder.path(), &file, &format!("{bits}: {x:x}"));
        }
    }
}

/// An RSA key whose modulus is even, and one whose primes are 0, 1 or even.
#[test]
fn numbers_of_rsa() {
    let folder = tempfile::tempdir().unwrap();
    let path = new_key(folder.path(), "rsa", &["-t", "rsa", "-b", "1024"], "");
    let parts = Parts::of(&std::fs::read(path).unwrap());
    let whole = fields(&parts.private, 8);
    assert_eq!(with_fields(&parts, &whole).file(), parts.file());
    // Type, n, e, d, the inverse of q, p, q, and a comment.
    for at in 3..7 {
        for number in [
            vec![],
            vec![0],
            vec![1],
            vec![2],
            vec![0, 1],
            vec![4; 64],
            // At most 16384 bits, beside one zero in front.
            vec![0x7f; 2048],
            [vec![0], vec![0xff; 2048]].concat(),
            [vec![0, 0], vec![0x7f; 2047]].concat(),
            vec![0x7f; 2049],
            vec![0; 2050],
            [vec![0], vec![0x7f; 2049]].concat(),
        ] {
            let mut other = whole.clone();
            other[at] = number;
            let why = format!("{at}: {:02x?}", other[at]);
            agree(folder.path(), &with_fields(&parts, &other).file(), &why);
        }
    }
    let n = &whole[1];
    for n in [
        [&n[..], &[0]].concat(),
        [&n[..n.len() - 1], &[0xfe]].concat(),
    ] {
        let public = [string(&whole[0]), string(&whole[2]), string(&n)].concat();
        let mut other = whole.clone();
        other[1] = n;
        let both = Parts {
            public,
            ..parts.clone()
        };
        agree(
            folder.path(),
            &with_fields(&both, &other).file(),
            "an even modulus",
        );
    }
    for e in [vec![], vec![1], vec![2], vec![3], vec![4; 64]] {
        let public = [string(&whole[0]), string(&e), string(n)].concat();
        let mut other = whole.clone();
        let why = format!("e: {e:02x?}");
        other[2] = e;
        let both = Parts {
            public,
            ..parts.clone()
        };
        agree(folder.path(), &with_fields(&both, &other).file(), &why);
    }
}

/// As OpenSSH loads them up to its version 9.
#[test]
fn keys_of_dsa() {
    let numbers = [vec![5; 128], vec![6; 20], vec![7; 128], vec![8; 128]];
    let public = [b"ssh-dss".to_vec()].into_iter().chain(numbers);
    let public: Vec<u8> = public.flat_map(|field| string(&field)).collect();
    let rest = [string(&[9; 20]), string(b"comment")].concat();
    let private = [&[1, 2, 3, 4, 1, 2, 3, 4], &public[..], &rest].concat();
    let key = Parts::plain(public, private).padded(8, 0).file();
    assert_eq!(SshKey::parse(&key).unwrap().key_type(), "ssh-dss");
}

#[test]
fn keys_of_security_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let point = |key: &Parts| key.public[key.public.len() - 65..].to_vec();
    let ed25519 = keys[0].public[keys[0].public.len() - 32..].to_vec();
    let application = string(b"ssh:");
    let ed = [
        string(b"sk-ssh-ed25519@openssh.com"),
        string(&ed25519),
        application.clone(),
    ];
    let ec = [
        string(b"sk-ecdsa-sha2-nistp256@openssh.com"),
        string(b"nistp256"),
        string(&point(&keys[1])),
        application,
    ];
    let rest = [vec![1], string(&[7; 64]), string(b""), string(b"comment")].concat();
    for public in [ed.concat(), ec.concat()] {
        let private =
            |public: &[u8], rest: &[u8]| [&[1, 2, 3, 4, 1, 2, 3, 4], public, rest].concat();
        let whole = Parts::plain(public.clone(), private(&public, &rest)).padded(8, 0);
        assert!(loads_in_openssh(folder.path(), &whole.file()));
        agree(folder.path(), &whole.file(), "whole");
        for cut in 0..rest.len() {
            let cut = Parts::plain(public.clone(), private(&public, &rest[..cut])).padded(8, 0);
            agree(folder.path(), &cut.file(), "cut");
        }
        for at in 0..public.len() {
            let mut other = public.clone();
            other[at] ^= 0x81;
            let both = Parts::plain(other.clone(), private(&other, &rest)).padded(8, 0);
            agree(folder.path(), &both.file(), &format!("both at {at}"));
        }
    }
}

/// An encrypted key is judged by its shape: each cipher of OpenSSH is taken, cut ones are not.
#[test]
fn keys_with_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    for cipher in support::ssh_keygen_ciphers() {
        let how = ["-t", "ed25519", "-a", "1", "-Z", &cipher];
        let path = new_key(
            folder.path(),
            &cipher.replace('@', "-"),
            &how,
            "correct horse",
        );
        let file = std::fs::read(path).unwrap();
        let now = Timestamp::from_millis(1);
        let parse = |file: &[u8]| {
            Credential::parse(
                Kind::SshKey,
                SecretBytes::copy_of(file),
                &Provider::default(),
                now,
            )
        };
        assert!(parse(&file).unwrap().facts().encrypted, "{cipher}");
        let text = std::str::from_utf8(&file).unwrap();
        let inside = text.strip_prefix(BEGIN).unwrap().strip_suffix(END).unwrap();
        let bytes = Base64::decode_vec(&inside.replace('\n', "")).unwrap();
        for len in 0..bytes.len() {
            assert!(parse(&armoured(&bytes[..len])).is_err(), "{cipher} {len}");
        }
        assert!(
            parse(&armoured(&[&bytes[..], &[0]].concat())).is_err(),
            "{cipher}"
        );
    }
    let path = new_key(
        folder.path(),
        "key",
        &["-t", "ed25519", "-a", "1"],
        "correct horse",
    );
    let whole = Parts::of(&std::fs::read(path).unwrap());
    let takes = |parts: &Parts| match SshKey::parse(&parts.file()) {
        Ok(key) => {
            assert!(key.is_encrypted());
            true
        }
        Err(_) => false,
    };
    let options = |salt: &[u8], rounds: u32| [string(salt), rounds.to_be_bytes().to_vec()].concat();
    for (salt, rounds, taken) in [
        (&b"0123456789abcdef"[..], 1, true),
        (b"0123456789abcdef", 0, false),
        (b"", 1, false),
    ] {
        let other = Parts {
            options: options(salt, rounds),
            ..whole.clone()
        };
        assert_eq!(takes(&other), taken, "{salt:?} {rounds}");
    }
    for (len, taken) in [(16, true), (32, true), (0, false), (8, false), (24, false)] {
        let other = Parts {
            private: vec![0; len],
            ..whole.clone()
        };
        assert_eq!(takes(&other), taken, "{len}");
    }
    for (cipher, kdf) in [
        ("none", "bcrypt"),
        ("aes256-ctr", "none"),
        ("aes256-ctr", "scrypt"),
        ("none", "none"),
    ] {
        let other = Parts {
            cipher: cipher.into(),
            kdf: kdf.into(),
            ..whole.clone()
        };
        assert!(!takes(&other), "{cipher} {kdf}");
    }
}
