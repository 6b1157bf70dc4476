//! A passphrase as the root.

use std::sync::Arc;

use keyward_base::{Domain, Encoded, ErrorKind, SecretArray, SecretBytes, Suite};
use keyward_crypto::passphrase::{Argon2Cost, derive};
use keyward_crypto::{BodyKey, Provider};
use keyward_keys::{Keyring, PassphraseRoot, Root as _, RootVersion, Wrapped};
use keyward_store::MemoryStore;

use crate::world::{World, purpose};

pub(crate) fn bound(to: &str) -> Encoded {
    const BOUND: Domain<(&str,)> = Domain::new("test");
    BOUND.encode(&(to,)).unwrap()
}

fn words(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

fn cost_of(wrapped: &Wrapped) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(*wrapped.bytes[at..].first_chunk().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn a_passphrase_is_a_root() {
    let root = |text: &str| PassphraseRoot::new(words(text), &Provider::default()).unwrap();
    let text = "gravel orbit tulip magnet shiver plank";
    let key = SecretArray::copy_of(&[3; 32]).unwrap();
    let mut wrapped = root(text).wrap(&bound("context"), &key).await.unwrap();
    let opened = root(text)
        .unwrap(&bound("context"), &wrapped)
        .await
        .unwrap();
    assert_eq!(opened.expose(), &[3; 32]);
    let other = root("gravel orbit tulip magnet shiver planK");
    let refused = other.unwrap(&bound("context"), &wrapped).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    // A stored cost that would take the machine is refused before it is paid.
    wrapped.bytes[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
    let refused = root(text)
        .unwrap(&bound("context"), &wrapped)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    let short = PassphraseRoot::new(words("elevenchars"), &Provider::default());
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn a_ring_opens_by_its_passphrase_alone() {
    let world = World::new();
    let with = |text: &str| {
        let root = PassphraseRoot::new(words(text), &Provider::default()).unwrap();
        Keyring::builder(world.store.clone(), Arc::new(root))
    };
    let text = "six random words make it hard";
    let made = with(text).create(&[purpose()], &[]).await.unwrap();
    let open = with(text).open().await.unwrap();
    assert_eq!(made.status(), open.status());
    let other = with("six random words make it harD").open().await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Unavailable);
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
    builder(first).create(&[purpose()], &[]).await.unwrap();
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
