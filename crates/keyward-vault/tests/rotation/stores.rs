//! Several vaults: in one store, of one purpose in two stores, of two purposes in two.

use std::sync::Arc;

use keyward_base::{ErrorKind, KeyId, ManualClock, Purpose, Reason, Role, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Root, Stage};
use keyward_store::{Collection, Records};
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};

use crate::support::memory;

const TOKEN: &[u8] = b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

/// One key store, whose ring has keys for two purposes.
struct Service {
    keys: Arc<dyn Records>,
    root: Arc<dyn Root>,
    clock: Arc<ManualClock>,
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

fn slot(record: &str) -> Slot {
    Slot::new("acme", "account.token", record).unwrap()
}

impl Service {
    async fn new() -> Self {
        let service = Self {
            keys: memory(),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000))),
        };
        let purposes = [purpose("vault"), purpose("billing")];
        let ring = service.builder().create(&purposes, &[]).await;
        drop(ring.unwrap());
        service
    }

    fn builder(&self) -> keyward_keys::KeyringBuilder {
        Keyring::builder(Arc::clone(&self.keys), Arc::clone(&self.root)).clock(self.clock.clone())
    }

    /// Another process, that knows no column yet.
    async fn ring(&self) -> Keyring {
        self.builder().open().await.unwrap()
    }
}

async fn vault(ring: &Keyring, store: &Arc<dyn Records>, of: &str, collection: &str) -> Vault {
    let vault = Vault::builder(ring.clone(), Arc::clone(store))
        .purpose(purpose(of))
        .collection(Collection::new(collection).unwrap());
    vault.build().await.unwrap()
}

async fn put(vault: &Vault, record: &str) {
    let token = vault.credential(Kind::ApiKey, SecretBytes::copy_of(TOKEN));
    let (slot, token, none) = (slot(record), token.unwrap(), Role::none());
    let put = vault.put(&slot, &token, &none, Expect::Absent);
    put.await.unwrap();
}

async fn opens(vault: &Vault, record: &str) {
    let opened = vault.open(&slot(record), &Role::none()).await.unwrap();
    assert_eq!(opened.bytes().expose(), TOKEN);
}

/// Rotates `of` as far as its keys are promoted, and gives the one that was Active.
async fn rotate(ring: &Keyring, of: &str) -> KeyId {
    let of = purpose(of);
    ring.refresh().await.unwrap();
    let mut keys = ring.status().keys.into_iter();
    let active = |key: &keyward_keys::KeyStatus| {
        key.purpose == of && key.state == keyward_keys::KeyState::Active
    };
    let old = keys.find(active).unwrap().id;
    ring.admin().rotate(&of).await.unwrap();
    let _promoted = ring.admin().promote_ready().await.unwrap();
    old
}

#[tokio::test]
async fn two_vaults_in_one_store_keep_apart_and_rotate_apart() {
    let (service, store) = (Service::new().await, memory());
    let ring = service.ring().await;
    let tokens = vault(&ring, &store, "vault", "vault").await;
    let cards = vault(&ring, &store, "billing", "cards").await;
    put(&tokens, "1").await;
    // The same slot, and another's.
    put(&cards, "1").await;
    put(&cards, "2").await;
    let none = tokens.open(&slot("2"), &Role::none()).await.unwrap_err();
    assert_eq!(none.reason(), Some(Reason::NOT_FOUND));
    let listed = cards.list(&slot("1").tenant, None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 2);
    let tenants = tokens.tenants(None, 10).await.unwrap();
    assert_eq!(tenants.items.len(), 1);

    // A collection has one purpose.
    let taken = Vault::builder(ring.clone(), Arc::clone(&store))
        .purpose(purpose("billing"))
        .build()
        .await;
    let taken = taken.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Misuse);
    assert!(
        taken.to_string().contains("collection of its own"),
        "{taken}"
    );

    let old = rotate(&ring, "billing").await;
    let report = Rewrap::new(&cards).run().await.unwrap();
    assert_eq!((report.seen, report.moved, report.left), (2, 2, 0));
    ring.admin().disable(old).await.unwrap();
    ring.admin().destroy(old).await.unwrap();
    opens(&tokens, "1").await;
    opens(&cards, "2").await;
    cards.delete(&slot("1"), Expect::Any).await.unwrap();
    opens(&tokens, "1").await;
}

/// A row of the one is none of the other's, whoever copies it there.
#[tokio::test]
async fn a_row_copied_to_the_collection_of_another_purpose_does_not_open() {
    use keyward_store::{Applied, RecordKey, Write};
    let (service, store) = (Service::new().await, memory());
    let ring = service.ring().await;
    let tokens = vault(&ring, &store, "vault", "vault").await;
    let cards = vault(&ring, &store, "billing", "cards").await;
    put(&cards, "2").await;
    put(&tokens, "1").await;
    let key = |collection: &str| RecordKey {
        collection: Collection::new(collection).unwrap(),
        owner: "acme".to_owned(),
        id: "account.token/2".to_owned(),
    };
    let found = store.fetch(&key("cards")).await.unwrap().unwrap();
    let content = found.content;
    let key = key("vault");
    let copied = store.apply(vec![Write::Insert { key, content }]).await;
    assert!(matches!(copied.unwrap(), Applied::Done(_)));
    let refused = tokens.open(&slot("2"), &Role::none()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
}

#[tokio::test]
async fn one_purpose_in_two_stores_is_counted_in_both() {
    let service = Service::new().await;
    let (here, there) = (memory(), memory());
    let ring = service.ring().await;
    let first = vault(&ring, &here, "vault", "vault").await;
    let second = vault(&ring, &there, "vault", "vault").await;
    put(&first, "1").await;
    put(&second, "2").await;
    // A process that knows one of the two.
    let partial = service.ring().await;
    let _first = vault(&partial, &here, "vault", "vault").await;

    let old = rotate(&ring, "vault").await;
    partial.refresh().await.unwrap();
    let refused = partial.admin().disable(old).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse, "{refused}");
    let report = Rewrap::new(&vault(&partial, &here, "vault", "vault").await)
        .run()
        .await;
    let report = report.unwrap();
    assert_eq!((report.seen, report.moved, report.left), (1, 1, 0));
    partial.admin().disable_even_uncounted(old).await.unwrap();
    let refused = partial.admin().destroy(old).await.unwrap_err();
    assert!(refused.to_string().contains("cannot count"), "{refused}");
    // Who knows both sees what the other store needs.
    let refused = ring.admin().destroy(old).await.unwrap_err();
    assert!(
        refused.to_string().contains("1 values still need"),
        "{refused}"
    );
    ring.admin().enable(old).await.unwrap();
    let report = Rewrap::new(&first).run().await.unwrap();
    assert_eq!((report.moved, report.left), (1, 0), "both stores");
    ring.admin().disable(old).await.unwrap();
    ring.admin().destroy(old).await.unwrap();
    opens(&first, "1").await;
    opens(&second, "2").await;
}

#[tokio::test]
async fn two_purposes_in_two_stores_rotate_to_the_end_by_one_driver() {
    let service = Service::new().await;
    let (here, there) = (memory(), memory());
    let ring = service.ring().await;
    let tokens = vault(&ring, &here, "vault", "vault").await;
    let cards = vault(&ring, &there, "billing", "vault").await;
    put(&tokens, "1").await;
    put(&cards, "1").await;
    for of in ["vault", "billing"] {
        let of = purpose(of);
        let mut rotation = ring.admin().rotation(&of);
        let destroyed = loop {
            match rotation.step().await.unwrap() {
                // The driver knows no vault.
                Stage::Rewrap { rows } => {
                    assert_eq!(rows, 1);
                    let report = ring.admin().rewrap_values(&of, |_| {}).await.unwrap();
                    assert_eq!((report.moved, report.left), (1, 0));
                }
                Stage::Done { destroyed, .. } => break destroyed,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(destroyed.len(), 1);
        opens(&tokens, "1").await;
        opens(&cards, "1").await;
    }
}
