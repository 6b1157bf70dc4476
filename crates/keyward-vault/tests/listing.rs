//! Listing: 10,000 credentials without a key, and verified without decryption.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // Tests: a panic is the report.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_base::{
    Encoded, ErrorKind, Reason, Result, Role, SecretArray, SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Root, RootVersion, Wrapped};
use keyward_store::{
    Applied, BoxFuture, Collection, Content, Erased, Find, Found, Outline, Record, RecordKey,
    Records, Scan, StoreId, Words, Write,
};
use keyward_vault::{Expect, Kind, Listed, Page, Slot, Vault};
use support::{World, memory};

/// Counts what is asked of a root, or of the store of the keys.
#[derive(Debug)]
struct Counting<T>(T, AtomicU64);

impl<T> Counting<T> {
    fn new(inner: T) -> Arc<Self> {
        Arc::new(Self(inner, AtomicU64::new(0)))
    }

    fn one(&self) -> &T {
        self.1.fetch_add(1, Ordering::SeqCst);
        &self.0
    }

    fn calls(&self) -> u64 {
        self.1.swap(0, Ordering::SeqCst)
    }
}

impl Root for Counting<EphemeralRoot> {
    fn version(&self) -> RootVersion {
        self.0.version()
    }

    fn wrap<'a>(
        &'a self,
        context: &'a Encoded,
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        self.one().wrap(context, key)
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a Encoded,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        self.one().unwrap(context, wrapped)
    }
}

impl Records for Counting<Arc<dyn Records>> {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        self.one().apply(batch)
    }

    fn count<'a>(&'a self, set: &'a Collection, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.one().count(set, prefix)
    }

    fn delete_owner<'a>(
        &'a self,
        set: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        self.one().delete_owner(set, owner)
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        self.one().erase()
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        self.one().fetch(key)
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.one().fetch_many(keys)
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        self.one().count_words(collection, owner, words)
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<keyward_store::Page<Record, Found>>> {
        self.one().find(find)
    }

    fn identity(&self) -> Result<StoreId> {
        self.one().identity()
    }

    fn outline(
        &self,
        scan: Scan,
        front: usize,
    ) -> BoxFuture<'_, Result<keyward_store::Page<Outline>>> {
        self.one().outline(scan, front)
    }

    fn purge<'a>(
        &'a self,
        set: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.one().purge(set, now, limit)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<keyward_store::Page<Record>>> {
        self.one().scan(scan)
    }
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

fn slot(at: usize) -> Slot {
    Slot::new("acme", "account.token", &format!("{at:05}")).unwrap()
}

async fn fill(vault: &Vault, rows: usize) {
    for at in 0..rows {
        let token = format!("ghp_{at:032}{:04}", at % 10_000);
        let token = SecretBytes::copy_of(token.as_bytes());
        let token = vault.credential(Kind::ApiKey, token).unwrap();
        let (slot, none) = (slot(at), Role::none());
        let put = vault.put(&slot, &token, &none, Expect::Absent).await;
        put.unwrap();
    }
}

async fn all(vault: &Vault, limit: usize, verified: bool) -> Page {
    let mut after = None;
    let mut whole: Option<Page> = None;
    loop {
        let mut page = if verified {
            vault
                .list_verified(&acme(), after.as_deref(), limit)
                .await
                .unwrap()
        } else {
            vault.list(&acme(), after.as_deref(), limit).await.unwrap()
        };
        assert!(page.items.len() <= limit);
        after = page.next.take();
        whole = Some(match whole {
            None => page,
            Some(mut so_far) => {
                so_far.items.append(&mut page.items);
                so_far.refused.append(&mut page.refused);
                so_far
            }
        });
        if after.is_none() {
            return whole.unwrap();
        }
    }
}

/// Flips a bit of the last byte of every sealed value: of the tag of its chunk.
async fn damage_every_chunk(data: &dyn Records) {
    let mut pages = Scan::of(Collection::named("vault")).pages(data);
    while let Some(records) = pages.next().await.unwrap() {
        let damaged = records.into_iter().map(|record| {
            let text = record.sealed.strip_prefix("kw1.").unwrap();
            let mut bytes = keyward_base::encoding::from_base64url(text).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            Write::Swap {
                key: record.key,
                version: record.version,
                content: Content {
                    sealed: format!("kw1.{}", keyward_base::encoding::base64url(&bytes)),
                    data: record.content.data,
                    ..Content::default()
                },
            }
        });
        let applied = data.apply(damaged.collect()).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    }
}

#[tokio::test]
async fn ten_thousand_are_listed_without_a_key_and_verified_without_decryption() {
    let root = Counting::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let (keys, data) = (Counting::new(memory()), memory());
    let world = World::under(root.clone(), keys.clone(), Arc::clone(&data)).await;
    fill(&world.vault, 10_000).await;
    assert!(root.calls() > 0 && keys.calls() > 0, "the counters count");
    let before = world.audit.take().len();

    let listed = all(&world.vault, 1000, false).await;
    assert_eq!(
        (root.calls(), keys.calls()),
        (0, 0),
        "no root, no key store"
    );
    assert_eq!((listed.items.len(), listed.refused.len()), (10_000, 0));
    for (at, item) in listed.items.iter().enumerate() {
        assert_eq!(item.slot, slot(at));
        assert_eq!(item.hint.to_string(), format!("ghp_••••{:04}", at % 10_000));
    }
    assert_eq!(
        world.audit.take().len(),
        0,
        "nothing was opened, after {before} puts"
    );

    // Damaged chunks are seen by whoever decrypts them: neither listing does.
    damage_every_chunk(data.as_ref()).await;
    let same = |page: Page| page.items == listed.items && page.refused.is_empty();
    assert!(same(all(&world.vault, 777, false).await));
    assert!(same(all(&world.vault, 4096, true).await));
    assert_eq!(root.calls(), 0, "verifying a tenant's values asks no root");
    let error = world.vault.open(&slot(7), &Role::none()).await.unwrap_err();
    let found = (error.kind(), error.reason());
    assert_eq!(found, (ErrorKind::Corrupt, Some(Reason::Damaged)));

    // A disabled key keeps nothing from being listed.
    let ring = world.vault.keyring();
    let old = ring.status().keys[0].id;
    ring.admin().rotate(world.vault.purpose()).await.unwrap();
    let _promoted = ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    assert!(same(all(&world.vault, 4096, false).await));
    let refused = all(&world.vault, 4096, true).await.refused;
    assert_eq!(refused.len(), 10_000);
    assert!(
        refused
            .iter()
            .all(|r| r.reason == Some(Reason::DisabledKey))
    );
}

#[tokio::test]
async fn pages_meet_without_a_gap() {
    let world = World::in_memory().await;
    fill(&world.vault, 10).await;
    let whole = all(&world.vault, 4096, false).await.items;
    for limit in 1..=11 {
        assert_eq!(
            all(&world.vault, limit, false).await.items,
            whole,
            "{limit}"
        );
    }
    for limit in [0, 4097] {
        let error = world.vault.list(&acme(), None, limit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
    let other = world
        .vault
        .list(&Tenant::new("acm").unwrap(), None, 10)
        .await
        .unwrap();
    assert!(other.items.is_empty() && other.next.is_none());
}

#[tokio::test]
async fn a_short_secret_shows_nothing() {
    let world = World::in_memory().await;
    let none = Role::none();
    for secret in ["a", "hunter2", "0123456789abcdefghi"] {
        let token = SecretBytes::copy_of(secret.as_bytes());
        let token = world.vault.credential(Kind::ApiKey, token).unwrap();
        let listed: Listed = world
            .vault
            .put(&slot(1), &token, &none, Expect::Any)
            .await
            .unwrap();
        assert_eq!(listed.hint.to_string(), "••••");
    }
}

/// One bad record does not hide the others.
#[tokio::test]
async fn a_record_that_is_not_ours_is_named_among_the_refused() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    fill(&world.vault, 3).await;
    let key = RecordKey {
        collection: Collection::named("vault"),
        owner: "acme".to_owned(),
        id: "account.token/00001".to_owned(),
    };
    let held = data.fetch(&key).await.unwrap().unwrap();
    for (sealed, json) in [
        (held.sealed.clone(), b"{}".to_vec()),
        (held.sealed.clone(), b"\xff".to_vec()),
        ("kw1.".to_owned(), held.data.clone()),
        ("plain".to_owned(), held.data.clone()),
        (String::new(), held.data.clone()),
    ] {
        let version = data.fetch(&key).await.unwrap().unwrap().version;
        let swap = Write::Swap {
            key: key.clone(),
            version,
            content: Content {
                sealed,
                data: json,
                ..Content::default()
            },
        };
        assert!(matches!(
            data.apply(vec![swap]).await.unwrap(),
            Applied::Done(_)
        ));
        for verified in [false, true] {
            let page = all(&world.vault, 10, verified).await;
            assert_eq!(page.items.len(), 2);
            assert_eq!(page.refused[0].id, key.id);
        }
        let error = world.vault.open(&slot(1), &Role::none()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    }
}
