//! Roots that are not roots, and files that others may read.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use keyward_base::{
    Domain, Encoded, ErrorKind, Purpose, SecretArray, SecretBytes, Suite, encoding,
};
use keyward_crypto::passphrase::{Argon2Cost, derive};
use keyward_crypto::{BodyKey, Provider};
use keyward_keys::{EnvRoot, FileRoot, Keyring, PassphraseRoot, Root as _, RootVersion, Wrapped};
use keyward_store::MemoryStore;

const GOOD: &str = "q83vEjRWeJCrze8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ4=";

fn bound(to: &str) -> Encoded {
    const BOUND: Domain<(&str,)> = Domain::new("test");
    BOUND.encode(&(to,)).unwrap()
}

fn parse(text: &str) -> keyward_base::Result<EnvRoot> {
    EnvRoot::parse(&SecretBytes::copy_of(text.as_bytes()), &Provider::default())
}

fn of_bytes(bytes: &[u8]) -> String {
    format!("v1:{}", encoding::base64url(bytes))
}

#[test]
fn bad_roots_are_refused_with_what_to_do() {
    let counting: Vec<u8> = (0..32).collect();
    let stepping: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(7)).collect();
    let pair: Vec<u8> = [0xa7, 0x31].repeat(16);
    let half: Vec<u8> = (0..16_u8)
        .map(|n| n.wrapping_mul(37) ^ 0x5a)
        .collect::<Vec<_>>()
        .repeat(2);
    let few: Vec<u8> = (0..32_u8)
        .map(|n| (n.wrapping_mul(113) >> 4) ^ 0x51)
        .collect();
    let cases = [
        String::new(),
        "v1:".to_owned(),
        GOOD.to_owned(),
        format!("1:{GOOD}"),
        format!("v0:{GOOD}"),
        format!("v01:{GOOD}"),
        format!("v+1:{GOOD}"),
        format!("v4294967296:{GOOD}"),
        format!("v1:{GOOD},v1:{GOOD}"),
        format!("v1:{GOOD},"),
        format!("v1:{GOOD}x"),
        format!("v1: {GOOD}"),
        of_bytes(&[1; 31]),
        of_bytes(&[1; 33]),
        of_bytes(&[0; 32]),
        of_bytes(&[0xff; 32]),
        of_bytes(b"correct horse battery staple 123"),
        of_bytes(&counting),
        of_bytes(&stepping),
        of_bytes(&pair),
        of_bytes(&half),
        of_bytes(&few),
        "v1:not/base64!".to_owned(),
    ];
    for case in cases {
        let error = parse(&case).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{case}");
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("base64") || text.contains("version"),
            "{case}: {text}"
        );
        let key = case.split(':').nth(1).unwrap_or_default();
        assert!(
            key.len() < 8 || !text.contains(key),
            "the message quotes the key: {text}"
        );
    }
}

#[test]
fn good_roots_in_every_spelling() {
    let unpadded = GOOD.trim_end_matches('=');
    for text in [
        format!("v1:{GOOD}"),
        format!("v1:{unpadded}"),
        format!("v7:{unpadded}\n"),
        format!("v2:Zm3q0sVdA1j8yT7hBkN4wPuRxEo5gLcI9aMzvQ2eXyg, v1:{GOOD}"),
        "v1:__8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ6rze8SNFZ4kHc".to_owned(),
    ] {
        parse(&text).unwrap();
    }
}

#[tokio::test]
async fn a_wrapped_key_unwraps_in_its_own_context_alone() {
    let root = parse(&format!("v1:{GOOD}")).unwrap();
    let key = SecretArray::copy_of(&[9; 32]).unwrap();
    let wrapped = root.wrap(&bound("one"), &key).await.unwrap();
    assert_eq!(
        root.unwrap(&bound("one"), &wrapped).await.unwrap().expose(),
        &[9; 32]
    );
    assert_eq!(
        root.unwrap(&bound("two"), &wrapped)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Unavailable
    );
}

#[test]
fn a_root_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    let provider = Provider::default();
    FileRoot::create(&path, &provider).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(
        FileRoot::create(&path, &provider).unwrap_err().kind(),
        ErrorKind::Misuse
    );
    for loose in [0o640, 0o604, 0o660, 0o644, 0o620, 0o601] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(loose)).unwrap();
        let error = FileRoot::open(&path, &provider).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    FileRoot::open(&path, &provider).unwrap();

    let missing = FileRoot::open(&folder.path().join("none"), &provider).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Misuse);
    let folder_itself = FileRoot::open(folder.path(), &provider).unwrap_err();
    assert_eq!(folder_itself.kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn a_passphrase_is_a_root() {
    let provider = Provider::default();
    let root =
        |text: &str| PassphraseRoot::new(SecretBytes::copy_of(text.as_bytes()), &provider).unwrap();
    let words = "gravel orbit tulip magnet shiver plank";
    let key = SecretArray::copy_of(&[3; 32]).unwrap();
    let mut wrapped = root(words).wrap(&bound("context"), &key).await.unwrap();
    let opened = root(words)
        .unwrap(&bound("context"), &wrapped)
        .await
        .unwrap();
    assert_eq!(opened.expose(), &[3; 32]);
    let other = root("gravel orbit tulip magnet shiver planks");
    assert_eq!(
        other
            .unwrap(&bound("context"), &wrapped)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Unavailable
    );
    // A stored cost that would take the machine is refused before it is paid.
    wrapped
        .bytes
        .get_mut(16..20)
        .unwrap()
        .copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        root(words)
            .unwrap(&bound("context"), &wrapped)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Corrupt
    );
    let short = PassphraseRoot::new(SecretBytes::copy_of(b"elevenchars"), &provider);
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Misuse);
}

fn words(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

fn cost_of(wrapped: &Wrapped) -> (u32, u32) {
    let number =
        |at: usize| u32::from_be_bytes(*wrapped.bytes.get(at..).unwrap().first_chunk().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn a_forged_header_is_never_wrapped_under() {
    let provider = Provider::default();
    let text = "gravel orbit tulip magnet shiver plank";
    let root = PassphraseRoot::new(words(text), &provider).unwrap();
    let key = SecretArray::copy_of(&[3; 32]).unwrap();
    let good = PassphraseRoot::new(words(text), &provider)
        .unwrap()
        .wrap(&bound("context"), &key)
        .await
        .unwrap();
    // Whoever writes to the store shows a salt of theirs and the least cost.
    let mut forged = good.clone();
    forged.bytes[..16].copy_from_slice(&[0x41; 16]);
    forged.bytes[16..20].copy_from_slice(&19_456_u32.to_be_bytes());
    forged.bytes[20..24].copy_from_slice(&2_u32.to_be_bytes());
    root.unwrap(&bound("context"), &forged).await.unwrap_err();
    let next = root.wrap(&bound("context"), &key).await.unwrap();
    assert_eq!(cost_of(&next), (65_536, 3));
    assert_ne!(next.bytes[..16], [0x41; 16]);
    // What unwrapped is kept: one salt for a ring.
    root.unwrap(&bound("context"), &good).await.unwrap();
    let after = root.wrap(&bound("context"), &key).await.unwrap();
    assert_eq!(after.bytes[..24], good.bytes[..24]);
    // A genuine key at a lower cost opens, and the next is wrapped at ours.
    let low = Argon2Cost::new(19_456, 2).unwrap();
    let derived = derive(&words(text), &[9; 16], low).unwrap();
    let body = BodyKey::new(&provider, Suite::Chunked1, &derived).unwrap();
    let mut bytes = [
        &[9; 16][..],
        &19_456_u32.to_be_bytes(),
        &2_u32.to_be_bytes(),
    ]
    .concat();
    body.seal(&bound("context"), &[3; 32], &mut bytes).unwrap();
    let version = RootVersion::new(1);
    let cheap = Wrapped { version, bytes };
    let root = PassphraseRoot::new(words(text), &provider).unwrap();
    root.unwrap(&bound("context"), &cheap).await.unwrap();
    assert_eq!(
        cost_of(&root.wrap(&bound("context"), &key).await.unwrap()),
        (65_536, 3)
    );
    for (memory, passes) in [(19_455, 2), (65_536, 1), (1_048_577, 2), (1_048_576, 5)] {
        assert!(Argon2Cost::new(memory, passes).is_err());
    }
    Argon2Cost::new(1_048_576, 4).unwrap();
}

#[tokio::test]
async fn a_passphrase_is_replaced() {
    let provider = Provider::default();
    let (one, two) = ("gravel orbit tulip magnet", "shiver plank acorn velvet");
    let versions = |list: &[(u32, &str)]| {
        let list: Vec<_> = list
            .iter()
            .map(|(v, text)| (RootVersion::new(*v), words(text)))
            .collect();
        PassphraseRoot::with_versions(list, &provider)
    };
    let store = Arc::new(MemoryStore::new(1000));
    let builder = |root: PassphraseRoot| Keyring::builder(store.clone(), Arc::new(root));
    let secret = secrecy::SecretString::from(one);
    let first = PassphraseRoot::new(secret, &provider).unwrap();
    let vault = Purpose::new("vault").unwrap();
    builder(first).create(&[vault], &[]).await.unwrap();
    let both = builder(versions(&[(2, two), (1, one)]).unwrap())
        .open()
        .await
        .unwrap();
    both.admin().rewrap_root().await.unwrap();
    builder(versions(&[(2, two)]).unwrap())
        .open()
        .await
        .unwrap();
    let old = builder(versions(&[(1, one)]).unwrap())
        .open()
        .await
        .unwrap_err();
    assert_eq!(old.kind(), ErrorKind::Unavailable);
    assert!(old.to_string().contains("passphrase of root v2"), "{old}");
    for bad in [&[][..], &[(0, one)], &[(1, one), (1, two)], &[(1, "short")]] {
        assert_eq!(versions(bad).unwrap_err().kind(), ErrorKind::Misuse);
    }
}
