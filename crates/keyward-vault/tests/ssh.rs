//! SSH keys as `ssh-keygen` makes them.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod support;

use base64ct::{Base64, Encoding as _};
use keyward_base::{Error, ErrorKind, Result, Role, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_testkit::{bit_flips, truncations};
use keyward_vault::{Credential, Expect, Kind, Note, Slot, SshKey};
use support::{World, loads_in_openssh, new_key, ssh_keygen};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END: &str = "-----END OPENSSH PRIVATE KEY-----\n";

/// Type, bits or cipher; the type it must be read as; the passphrase.
const KEYS: [(&[&str], &str, &str); 9] = [
    (&["-t", "ed25519"], "ssh-ed25519", ""),
    (&["-t", "rsa", "-b", "2048"], "ssh-rsa", ""),
    (&["-t", "ecdsa", "-b", "256"], "ecdsa-sha2-nistp256", ""),
    (&["-t", "ecdsa", "-b", "384"], "ecdsa-sha2-nistp384", ""),
    (&["-t", "ecdsa", "-b", "521"], "ecdsa-sha2-nistp521", ""),
    (&["-t", "ed25519"], "ssh-ed25519", "correct horse"),
    (
        &["-t", "rsa", "-b", "2048", "-Z", "aes128-gcm@openssh.com"],
        "ssh-rsa",
        "correct horse",
    ),
    (
        &["-t", "ed25519", "-Z", "aes256-gcm@openssh.com"],
        "ssh-ed25519",
        "correct horse",
    ),
    (
        &["-t", "ed25519", "-Z", "chacha20-poly1305@openssh.com"],
        "ssh-ed25519",
        "correct horse",
    ),
];

/// The bytes inside the armour.
fn decoded(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let inside = text.strip_prefix(BEGIN).unwrap().strip_suffix(END).unwrap();
    Base64::decode_vec(&inside.replace('\n', "")).unwrap()
}

fn armoured(bytes: &[u8]) -> Vec<u8> {
    format!("{BEGIN}{}\n{END}", Base64::encode_string(bytes)).into_bytes()
}

fn parsed(bytes: &[u8]) -> Result<Credential> {
    let bytes = SecretBytes::copy_of(bytes);
    let now = Timestamp::from_millis(1);
    Credential::parse(Kind::SshKey, bytes, &Provider::default(), now)
}

#[test]
fn a_key_given_as_another_kind_is_told_as_what_it_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    let path = new_key(folder.path(), "key", &["-t", "ed25519"], "");
    let text = std::fs::read_to_string(path).unwrap();
    let damaged = &text[..text.len() / 2];
    let blank = format!("\n  {text}");
    let now = Timestamp::from_millis(1);
    for given in [&text, damaged, &blank] {
        let read = |kind| {
            let bytes = SecretBytes::copy_of(given.as_bytes());
            Credential::parse(kind, bytes, &Provider::default(), now)
        };
        for kind in [Kind::ApiKey, Kind::Env, Kind::OAuthToken] {
            let error = read(kind).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
            let said =
                format!("looks like an OpenSSH private key, which is no {kind}: use kind ssh-key");
            assert!(error.to_string().ends_with(&said), "{error}");
        }
        // Any bytes may be opaque.
        let opaque = read(Kind::Opaque).unwrap();
        assert_eq!(opaque.notes(), [Note::LooksLikeSshKey]);
        assert_eq!(opaque.bytes().expose(), given.as_bytes());
        assert!(opaque.notes()[0].to_string().contains("as kind ssh-key"));
    }
    // What holds a key, and is none.
    let quoted = format!("KEY='{text}'\n");
    let env = Credential::env_file(SecretBytes::copy_of(quoted.as_bytes()));
    assert!(env.unwrap().notes().is_empty());
}

/// Misuse, with no 12 characters of the key in what it says.
fn refused(bytes: &[u8]) -> Error {
    let error = SshKey::parse(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    let said = format!("{error} {error:?}");
    let lines = bytes
        .split(|b| *b == b'\n')
        .filter(|line| !line.starts_with(b"-----"));
    for piece in lines.flat_map(|line| line.windows(12)) {
        assert!(!said.as_bytes().windows(12).any(|w| w == piece), "{said}");
    }
    error
}

#[tokio::test]
async fn keys_of_ssh_keygen_have_its_fingerprint_and_come_back_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::in_memory().await;
    for (at, (how, key_type, passphrase)) in KEYS.into_iter().enumerate() {
        let path = new_key(folder.path(), &format!("key-{at}"), how, passphrase);
        let bytes = std::fs::read(&path).unwrap();
        let credential = world
            .vault
            .credential(Kind::SshKey, SecretBytes::copy_of(&bytes))
            .unwrap();
        let slot = Slot::new("acme", "server.ssh_key", &at.to_string()).unwrap();
        let role = Role::none();
        let put = world.vault.put(&slot, &credential, &role, Expect::Absent);
        let put = put.await.unwrap();
        assert_eq!(put.hint.to_string(), "");
        let facts = put.facts;

        // `256 SHA256:… comment (ED25519)`
        let printed = ssh_keygen(&["-l", "-E", "sha256", "-f", path.to_str().unwrap()]);
        let fingerprint = printed.split(' ').nth(1).map(str::to_owned);
        assert_eq!(facts.fingerprint, fingerprint, "{how:?}");
        assert_eq!(facts.key_type.as_deref(), Some(key_type));
        assert_eq!(facts.encrypted, !passphrase.is_empty(), "{how:?}");

        let key = SshKey::parse(&bytes).unwrap();
        assert_eq!(key.key_type(), key_type);
        assert_eq!(key.is_encrypted(), !passphrase.is_empty());
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        let line = key.public_line();
        assert!(public.starts_with(&format!("{line} ")), "{line}: {public}");

        let opened = world.vault.open(&slot, &role).await.unwrap();
        assert_eq!(opened.bytes().expose(), bytes);
        let shown = format!("{opened:?} {credential:?}");
        assert!(shown.contains("ssh-key") && shown.len() < 120, "{shown}");
    }
}

#[test]
fn line_ends_of_windows_and_white_space_around_are_let_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = new_key(folder.path(), "key", &["-t", "ed25519"], "");
    let text = std::fs::read_to_string(path).unwrap();
    let key = SshKey::parse(text.as_bytes()).unwrap();
    // As given, and whether OpenSSH loads it so.
    let others = [
        (text.clone(), true),
        (format!("{text}\nnotes\n"), true),
        (format!("{text}{text}"), true),
        (text.replace('\n', "\r\n"), false),
        (format!("\n{text}\n\n"), false),
        (format!("notes\n{text}"), false),
        (format!("\u{feff}{text}"), false),
        (text.trim().to_owned(), false),
        (text.replace('\n', "\n   "), false),
        (text.replacen("-----\n", "-----  \n", 1), false),
        (text.replace('\n', " "), false),
    ];
    for (other, loads) in others {
        assert_eq!(SshKey::parse(other.as_bytes()).unwrap(), key);
        let credential = parsed(other.as_bytes()).unwrap();
        assert_eq!(
            loads_in_openssh(folder.path(), other.as_bytes()),
            loads,
            "{other:?}"
        );
        let kept = credential.bytes().expose();
        assert!(loads_in_openssh(folder.path(), kept));
        if loads {
            assert_eq!(kept, other.as_bytes());
            assert!(credential.notes().is_empty());
        } else {
            assert_eq!(credential.notes(), [Note::Mended]);
            assert!(credential.notes()[0].to_string().contains("mended"));
        }
        // What is opened again is taken as it is.
        assert!(parsed(kept).unwrap().notes().is_empty());
    }
    // Within the base64, others are stricter than OpenSSH.
    let middle = BEGIN.len() + 30;
    let end = text.len() - END.len() - 1;
    for (at, what) in [(middle, " "), (middle, "\t"), (middle, "\r"), (end, "\0")] {
        let other = format!("{}{what}{}", &text[..at], &text[at..]);
        let credential = parsed(other.as_bytes()).unwrap();
        assert_eq!(credential.notes(), [Note::Mended], "{what:?}");
        assert_eq!(credential.bytes().expose(), text.as_bytes(), "{what:?}");
    }
}

#[test]
fn other_files_are_refused_and_told_how_to_convert() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = ["-t", "rsa", "-b", "2048", "-m"];
    let mut files = Vec::new();
    for format in ["PEM", "PKCS8"] {
        let path = new_key(folder.path(), format, &[&rsa[..], &[format]].concat(), "");
        files.push(std::fs::read(&path).unwrap());
        let public = std::fs::read(path.with_extension("pub")).unwrap();
        let said = refused(&public).to_string();
        assert!(said.contains("without .pub"), "{said}");
        // What the message says to do does it.
        ssh_keygen(&["-q", "-p", "-N", "", "-P", "", "-f", path.to_str().unwrap()]);
        SshKey::parse(&std::fs::read(path).unwrap()).unwrap();
    }
    files.push(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec());
    files.push(b"hello".to_vec());
    files.push(b"\xff\xfe\x00".to_vec());
    for file in files {
        let said = refused(&file).to_string();
        assert!(said.contains("ssh-keygen -p -f FILE"), "{said}");
    }
    let putty = b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n";
    let said = refused(putty).to_string();
    assert!(
        said.contains("puttygen KEY.ppk -O private-openssh -o KEY"),
        "{said}"
    );
}

#[test]
fn no_flipped_bit_makes_another_key_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::default();
    for how in [&["-t", "ed25519"][..], &["-t", "ecdsa"]] {
        let path = new_key(folder.path(), how[1], how, "");
        let whole = decoded(&std::fs::read(path).unwrap());
        let key = SshKey::parse(&armoured(&whole)).unwrap();
        let print = key.fingerprint(&provider);
        for flipped in bit_flips(&whole) {
            match SshKey::parse(&armoured(&flipped)) {
                Ok(read) => assert_eq!(read.fingerprint(&provider), print),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
            }
        }
        for cut in truncations(&whole) {
            refused(&armoured(cut));
        }
        refused(&armoured(&[&whole[..], &[0]].concat()));
    }
}

/// The private half repeats the public key; one of another key is no pair.
#[test]
fn halves_of_two_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for how in [
        &["-t", "ed25519"][..],
        &["-t", "ecdsa"],
        &["-t", "rsa", "-b", "2048"],
    ] {
        let [one, two] = ["one", "two"].map(|name| {
            let name = format!("{name}-{}", how[1]);
            decoded(&std::fs::read(new_key(folder.path(), &name, how, "")).unwrap())
        });
        // Magic, three short strings and the number of keys are alike: then the public key.
        let at = 15 + 4 + 4 + 4 + 4 + 4 + 4;
        let len = |key: &[u8]| 4 + u32::from_be_bytes(key[at..at + 4].try_into().unwrap()) as usize;
        let mixed = [&one[..at + len(&one)], &two[at + len(&two)..]].concat();
        let said = refused(&armoured(&mixed)).to_string();
        assert!(said.contains("another public key"), "{said}");
    }
}

/// An Ed25519 secret is its seed and the public key once more. OpenSSH loads it with another one.
#[test]
fn an_ed25519_secret_that_ends_in_another_public_key_is_taken_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = new_key(folder.path(), "key", &["-t", "ed25519"], "");
    let mut whole = decoded(&std::fs::read(path).unwrap());
    let public: Vec<u8> = whole[39 + 4 + 15 + 4..][..32].to_vec();
    let last = whole.windows(32).rposition(|w| w == public).unwrap();
    whole[last] ^= 1;
    let file = armoured(&whole);
    assert!(loads_in_openssh(folder.path(), &file));
    assert_eq!(parsed(&file).unwrap().notes(), [Note::OtherPublicHalf]);
}

#[test]
fn a_file_longer_than_any_key_is_refused() {
    let long = format!("{BEGIN}{}\n{END}", "A".repeat(70_000));
    assert!(refused(long.as_bytes()).to_string().contains("65536"));
    let folder = tempfile::tempdir().unwrap();
    let path = new_key(folder.path(), "key", &["-t", "ed25519"], "");
    let mut file = std::fs::read(path).unwrap();
    file.resize(65_536, b'\n');
    SshKey::parse(&file).unwrap();
    file.push(b'\n');
    assert!(refused(&file).to_string().contains("65536"));
}
