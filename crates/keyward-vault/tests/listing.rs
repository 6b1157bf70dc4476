//! Listing: 10,000 credentials without a key, and verified without decryption.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)] // Tests: a panic is the report.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_base::{
    Encoded, ErrorKind, Reason, Result, Role, SecretArray, SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Root, RootVersion, Wrapped};
use keyward_store::{
    Applied, BoxFuture, Collection, Content, DamagedRow, Erased, Find, Found, Outline, Record,
    RecordKey, Records, Scan, StoreId, Words, Write,
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

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        self.one().check_counts()
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

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        self.one().damaged()
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        self.one().set_aside(place)
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
    assert_eq!(found, (ErrorKind::Corrupt, Some(Reason::DAMAGED)));

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
            .all(|r| r.reason == Some(keyward_keys::reason::DISABLED_KEY))
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

#[tokio::test]
async fn debug_shows_hints_and_numbers() {
    let world = World::in_memory().await;
    fill(&world.vault, 1).await;
    let page = world.vault.list(&acme(), None, 1).await.unwrap();
    let hint = &page.items[0].hint;
    assert_eq!(format!("{hint:?}"), format!("UnverifiedHint({hint})"));
    let opened = world.vault.open(&slot(0), &Role::none()).await.unwrap();
    let revision = opened.revision().number();
    let shown = format!("Opened(Credential(api-key, {hint}), revision {revision})");
    assert_eq!(format!("{opened:?}"), shown);
    let wrong = opened.credential().oauth_token().unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Misuse);
    assert!(wrong.to_string().contains("of kind api-key"), "{wrong}");
    let vault = format!("{:?}", world.vault);
    assert!(vault.contains("Keyring("), "{vault}");
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(&kind.to_string()).unwrap(), kind);
    }
    assert!(Kind::parse("api key").is_err());
}

#[tokio::test]
async fn whose_credentials_there_are_is_told_in_pages() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    for owner in ["acme", "globex", "umbrella"] {
        let token = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");
        let token = world.vault.credential(Kind::ApiKey, token).unwrap();
        let slot = Slot::new(owner, "account.token", "1").unwrap();
        let none = Role::none();
        let put = world.vault.put(&slot, &token, &none, Expect::Any).await;
        put.unwrap();
    }
    let strange = Write::Insert {
        key: RecordKey {
            collection: Collection::named("vault"),
            owner: "no tenant".to_owned(),
            id: "1".to_owned(),
        },
        content: Content::default(),
    };
    let _written = data.apply(vec![strange]).await.unwrap();
    let first = world.vault.tenants(None, 2).await.unwrap();
    let names: Vec<_> = first.items.iter().map(Tenant::as_str).collect();
    assert_eq!(names, ["acme", "globex"]);
    let rest = world.vault.tenants(first.next.as_deref(), 4096).await;
    let rest = rest.unwrap();
    let names: Vec<_> = rest.items.iter().map(Tenant::as_str).collect();
    assert_eq!((names, rest.next), (vec!["umbrella"], None));
    assert_eq!(rest.strange, ["no tenant"]);
    for limit in [0, 4097] {
        let refused = world.vault.tenants(None, limit).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
}

/// Whether the fault is the record's, or nothing can be said of it now.
#[tokio::test]
async fn a_record_whose_key_is_disabled_is_refused_and_a_keyring_that_is_away_ends_the_listing() {
    let (keys, data) = (memory(), memory());
    let staged = keyward_testkit::Staged::over(keys);
    let world = World::on(staged.clone(), data).await;
    fill(&world.vault, 2).await;
    let admin = world.vault.keyring().admin();
    let old = world.vault.keyring().status().keys[0].id;
    admin.rotate(world.vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    admin.disable(old).await.unwrap();
    let cold = world.reopened().await;
    let page = all(&cold, 10, true).await;
    assert!(page.items.is_empty());
    let reasons: Vec<_> = page.refused.iter().map(|refused| refused.reason).collect();
    assert_eq!(reasons, [Some(keyward_keys::reason::DISABLED_KEY); 2]);
    admin.enable(old).await.unwrap();
    let cold = world.reopened().await;
    staged.interrupt(0, keyward_testkit::Interrupt::DieBefore);
    let away = cold.list_verified(&acme(), None, 10).await.unwrap_err();
    assert_eq!(away.kind(), ErrorKind::Unavailable);
    assert!(staged.fired());
    assert_eq!(all(&cold, 10, true).await.items.len(), 2);
}

/// Metadata that are not what a vault writes are not shown.
#[tokio::test]
async fn metadata_are_read_strictly_where_nothing_is_verified() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    fill(&world.vault, 1).await;
    let key = RecordKey {
        collection: Collection::named("vault"),
        owner: "acme".to_owned(),
        id: "account.token/00000".to_owned(),
    };
    let held = data.fetch(&key).await.unwrap().unwrap();
    let text = String::from_utf8(held.data.clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let with = |name: &str, value: serde_json::Value| {
        let mut json = json.clone();
        json[name] = value;
        json.to_string()
    };
    let most = 256 * 1024;
    let padded = |len: usize| text.clone() + &" ".repeat(len - text.len());
    for (written, fits) in [
        (text.clone(), true),
        (padded(most), true),
        (padded(most + 1), false),
        (with("v", 1.into()), false),
        (with("v", 3.into()), false),
        (with("revision", 0.into()), false),
        (with("event", "no event".into()), false),
        (
            with("facts", serde_json::json!({"scopes": ["read"]})),
            false,
        ),
    ] {
        let version = data.fetch(&key).await.unwrap().unwrap().version;
        let swap = Write::Swap {
            key: key.clone(),
            version,
            content: Content {
                sealed: held.sealed.clone(),
                data: written.clone().into_bytes(),
                ..Content::default()
            },
        };
        let applied = data.apply(vec![swap]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
        let page = all(&world.vault, 10, false).await;
        let shown = written.get(..200).unwrap_or(&written);
        assert_eq!(page.items.len(), usize::from(fits), "{shown}");
        assert_eq!(page.refused.is_empty(), fits, "{shown}");
        if written.contains("\"v\":1") {
            let error = world.vault.open(&slot(0), &Role::none()).await;
            let said = error.unwrap_err().to_string();
            assert!(said.contains("earlier release"), "{said}");
        }
    }
}
