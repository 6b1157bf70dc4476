//! Notes and the keys that verify them.

use keyward_audit::note::{self, MAX_LEN};
use keyward_audit::reason::{BAD_CHECKPOINT, BAD_KEY, BAD_NOTE, OTHER_LOG, UNKNOWN_SIGNER};
use keyward_audit::{Checkpoint, KeyName, Others, VerifierKey};
use keyward_base::{ErrorKind, Reason, Result, SecretArray};
use keyward_crypto::sign::{PublicKey, SigningKey};

use crate::trees::provider;

/// The key and the note that the documents of Go's `sumdb/note` show.
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

pub(crate) fn signer(name: &str, seed: u8) -> (VerifierKey, SigningKey) {
    let key = SigningKey::new(SecretArray::copy_of(&[seed; 32]).unwrap()).unwrap();
    let name = KeyName::new(name).unwrap();
    (VerifierKey::new(&provider(), name, key.public()), key)
}

/// `text` signed by the keys of these seeds.
pub(crate) fn signed(text: &str, keys: &[(&str, u8)]) -> Result<String> {
    let keys: Vec<_> = keys
        .iter()
        .map(|(name, seed)| signer(name, *seed))
        .collect();
    let keys: Vec<_> = keys
        .iter()
        .map(|(public, key)| (public.clone(), |text: &[u8]| key.sign_bytes(text)))
        .collect();
    note::sign(text, &keys)
}

fn reason(refused: Result<&str>) -> Reason {
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    refused.reason().unwrap()
}

#[test]
fn the_published_note_opens() {
    let key = VerifierKey::parse(&provider(), KEY).unwrap();
    assert_eq!(key.to_string(), KEY);
    assert_eq!(key.name().as_str(), "PeterNeumann");
    let (text, _) = NOTE.split_once("\n\n").unwrap();
    let opened = note::open(NOTE, &[key], Others::Refused).unwrap();
    assert_eq!(opened.strip_suffix('\n'), Some(text));
}

#[test]
fn a_note_is_signed_and_opened() {
    let text = "one\n\ntwo \u{2014} three\n\n\u{2014} log AAAA\n";
    let note = signed(text, &[("log", 1), ("log", 2)]).unwrap();
    let keys = [signer("log", 1).0, signer("log", 2).0];
    assert_eq!(note::open(&note, &keys, Others::Refused).unwrap(), text);
    // With one of them, the other is unknown.
    for key in keys {
        let key = [key];
        assert_eq!(note::open(&note, &key, Others::PassedOver).unwrap(), text);
        assert_eq!(
            reason(note::open(&note, &key, Others::Refused)),
            UNKNOWN_SIGNER
        );
    }
    // Neither by name, nor by key.
    for other in [signer("log", 3).0, signer("other", 1).0] {
        let opened = note::open(&note, &[other], Others::PassedOver);
        assert_eq!(reason(opened), Reason::NOT_AUTHENTIC);
    }
}

#[test]
fn a_signature_of_a_known_key_must_hold() {
    let note = signed("text\n", &[("log", 1)]).unwrap();
    let other = signed("other\n", &[("log", 1)]).unwrap();
    let (_, line) = other.split_once("\n\n").unwrap();
    let keys = [signer("log", 1).0];
    // Beside one that holds, too.
    let second = signed("other\n", &[("log", 2)]).unwrap();
    let both = format!("{note}{}", second.split_once("\n\n").unwrap().1);
    let known = [signer("log", 1).0, signer("log", 2).0];
    assert_eq!(
        reason(note::open(&both, &known, Others::PassedOver)),
        Reason::NOT_AUTHENTIC
    );
    assert_eq!(
        reason(note::open(
            &format!("text\n\n{line}"),
            &keys,
            Others::PassedOver
        )),
        Reason::NOT_AUTHENTIC
    );
}

#[test]
fn each_bit_of_a_note_counts() {
    let note = signed("a log\n42\ntext\n", &[("a.log", 1)]).unwrap();
    let keys = [signer("a.log", 1).0];
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(other) = String::from_utf8(bytes) {
                assert!(
                    note::open(&other, &keys, Others::Refused).is_err(),
                    "{other:?}"
                );
            }
        }
        assert!(
            note::open(
                &note[..note.floor_char_boundary(at)],
                &keys,
                Others::Refused
            )
            .is_err()
        );
    }
}

#[test]
fn what_is_no_note_is_refused() {
    let note = signed("text\n", &[("log", 1)]).unwrap();
    let (text, line) = note.split_once("\n\n").unwrap();
    let keys = [signer("log", 1).0];
    let many = line.repeat(17);
    let long = "x".repeat(MAX_LEN);
    let forms = [
        String::new(),
        "\n".to_owned(),
        "\n\n".to_owned(),
        format!("{text}\n\n"),
        format!("{text}\n{line}"),
        format!("{text}\n\n{line}\n"),
        format!("{text}\n\n {line}"),
        format!("{text}\n\n{line}x"),
        format!("{text}\r\n\n{line}"),
        format!("{text}\t\n\n{line}"),
        format!("{text}\n\n{}", line.replace(' ', "  ")),
        format!("{text}\n\n{}", line.replace(" log", " lo+g")),
        format!("{text}\n\n{}", line.replace(" log", " lo\u{2003}g")),
        format!("{text}\n\n{}", line.replace('=', "")),
        format!("{text}\n\n\u{2014} log AAA=\n"),
        format!("{text}\n\n\u{2014} log AAAAAA==\n{line}"),
        format!("{text}\n\n{line}{line}"),
        format!("{text}\n\n{many}"),
        format!("{long}\n\n{line}"),
    ];
    for form in forms {
        assert_eq!(
            reason(note::open(&form, &keys, Others::PassedOver)),
            BAD_NOTE,
            "{form:?}"
        );
    }
    let known: Vec<_> = (1..=17).map(|seed| ("log", seed)).collect();
    let keys: Vec<_> = known
        .iter()
        .map(|(name, seed)| signer(name, *seed).0)
        .collect();
    let sixteen = signed("text\n", &known[..16]).unwrap();
    assert!(note::open(&sixteen, &keys, Others::Refused).is_ok());
    assert!(signed("text\n", &known).is_err());
    for text in ["", "no end", "a\tb\n", "a\rb\n"] {
        let refused = signed(text, &[("log", 1)]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{text:?}");
    }
    assert!(signed("text\n", &[]).is_err());
    assert!(signed("text\n", &[("log", 1), ("log", 2), ("log", 1)]).is_err());
}

#[test]
fn what_is_no_key_is_refused() {
    let changed = [
        KEY.replace("c74f20a3", "c74f20a4"),
        KEY.replace("c74f20a3", "C74F20A3"),
        KEY.replace("PeterNeumann", "PeterNeuman"),
        KEY.replace("PeterNeumann", ""),
        KEY.replace("PeterNeumann", "Peter Neumann"),
        KEY.replace("+ARpc", "+ABpc"),
        KEY.replace("10TW", "10TX"),
        KEY.replace("10TW", "10T"),
        format!("{KEY}="),
        format!("{KEY}\n"),
        format!("{KEY}+"),
        String::new(),
        "a+b".to_owned(),
        KEY.replace("PeterNeumann", &"n".repeat(129)),
    ];
    for text in changed {
        let refused = VerifierKey::parse(&provider(), &text).unwrap_err();
        assert_eq!(refused.reason(), Some(BAD_KEY), "{text}");
    }
}

#[test]
fn a_key_under_which_anybody_signs_is_no_key() {
    let weak = PublicKey::from_bytes({
        let mut neutral = [0; 32];
        neutral[0] = 1;
        neutral
    });
    let key = VerifierKey::new(&provider(), KeyName::new("log").unwrap(), weak);
    let refused = VerifierKey::parse(&provider(), &key.to_string()).unwrap_err();
    assert_eq!(refused.reason(), Some(BAD_KEY));
}

#[test]
fn a_checkpoint_is_three_lines_of_its_own_log() {
    let (public, key) = signer("example.org/log", 4);
    let checkpoint = Checkpoint {
        origin: public.name().clone(),
        size: 42,
        root: [9; 32],
    };
    assert_eq!(Checkpoint::parse(&checkpoint.text()).unwrap(), checkpoint);
    let keys = [(public.clone(), |text: &[u8]| key.sign_bytes(text))];
    let note = checkpoint.sign(&keys).unwrap();
    let opened = Checkpoint::open(&note, &[public], Others::Refused).unwrap();
    assert_eq!(opened, checkpoint);
    // One of another log, by a key of this name and by one that is known beside it.
    let other = Checkpoint {
        origin: KeyName::new("example.org/other").unwrap(),
        ..checkpoint.clone()
    };
    assert_eq!(other.sign(&keys).unwrap_err().kind(), ErrorKind::Misuse);
    let note = signed(&other.text(), &[("example.org/log", 4)]).unwrap();
    let refused = Checkpoint::open(&note, &[signer("example.org/log", 4).0], Others::Refused);
    assert_eq!(refused.unwrap_err().reason(), Some(OTHER_LOG));
    let text = checkpoint.text();
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    let [origin, size, root] = lines[..] else {
        panic!()
    };
    let forms = [
        String::new(),
        format!("{origin}\n{size}\n{root}"),
        format!("{origin}\n{size}\n{root}\nmore\n"),
        format!("{origin}\n{size}\n{root}\n\n"),
        format!("{origin}\n{size}\n"),
        format!("{origin}\n042\n{root}\n"),
        format!("{origin}\n+42\n{root}\n"),
        format!("{origin}\n-0\n{root}\n"),
        format!("{origin}\n\n{root}\n"),
        format!("{origin}\n9223372036854775808\n{root}\n"),
        format!("{origin}\n18446744073709551616\n{root}\n"),
        format!("{origin}\n{size}\n{}\n", root.replace('=', "")),
        format!("\n{size}\n{root}\n"),
        format!("a b\n{size}\n{root}\n"),
    ];
    for form in forms {
        let refused = Checkpoint::parse(&form).unwrap_err();
        assert_eq!(refused.reason(), Some(BAD_CHECKPOINT), "{form:?}");
    }
    let largest = format!("{origin}\n9223372036854775807\n{root}\n");
    assert_eq!(Checkpoint::parse(&largest).unwrap().text(), largest);
}
