//! `docs/formats/vault.md`, held to what is written.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::{
    Context, CredentialKind, ErrorKind, Place, Purpose, RecordId, Revision, Role, SecretBytes,
    Tenant,
};
use keyward_crypto::Provider;
use keyward_crypto::sealed::Parsed;
use keyward_store::{Applied, Collection, Content, Record, RecordKey, Records, StoreId, Write};
use keyward_vault::{Cell, Expect, Kind, Rewrap, Slot, Vault};
use support::{World, memory};

const PAGE: &str = include_str!("../../../docs/formats/vault.md");

/// The line of the page's vectors that begins so.
fn vector(begin: &str) -> &'static str {
    let line = PAGE.lines().find(|line| line.starts_with(begin));
    line.expect("the page has the vector")
}

async fn put(vault: &Vault, record: &str) {
    try_put(vault, record).await.unwrap();
}

async fn try_put(vault: &Vault, record: &str) -> keyward_base::Result<()> {
    let token = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");
    let token = vault.credential(Kind::ApiKey, token).unwrap();
    let slot = Slot::new("acme", "account.token", record).unwrap();
    let put = vault.put(&slot, &token, &Role::none(), Expect::Any).await;
    put.map(|_| ())
}

async fn rotate(vault: &Vault) {
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
}

async fn at(data: &dyn Records, collection: &'static str, owner: &str, id: &str) -> Option<Record> {
    data.fetch(&key(collection, owner, id)).await.unwrap()
}

fn key(collection: &'static str, owner: &str, id: &str) -> RecordKey {
    RecordKey {
        collection: Collection::named(collection),
        owner: owner.to_owned(),
        id: id.to_owned(),
    }
}

async fn insert(store: &dyn Records, key: RecordKey, data: Vec<u8>) {
    let (sealed, expires) = (String::new(), None);
    let write = Write::Insert {
        key,
        content: Content {
            sealed,
            data,
            expires,
            ..Content::default()
        },
    };
    let applied = store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

#[tokio::test]
async fn metadata_is_as_the_page_says() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    put(&world.vault, "42").await;
    let row = at(data.as_ref(), "vault", "acme", "account.token/42").await;
    let written = String::from_utf8(row.unwrap().content.data).unwrap();
    // Revision and event are random: the page's in their places, it is the page's.
    let field = |name: &str, text: &'static str| {
        let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap();
        rest.split_once(',').unwrap().0
    };
    let page = vector("{\"v\":2,\"kind\"");
    let written: &'static str = written.leak();
    let ours = ["revision", "event"].map(|name| (field(name, written), field(name, page)));
    let [revision, event] = ours;
    let same = written
        .replace(revision.0, revision.1)
        .replace(event.0, event.1);
    assert_eq!(same, page);
    assert!(revision.0.parse::<u64>().unwrap() < 1 << 48);
    assert_eq!(event.0.len(), 34, "32 digits in quotes");
    let digest = hex(&Provider::default().sha256(&[page.as_bytes()]));
    assert_eq!(vector(&digest), digest);
}

/// Opens `value` of acme with its key, by a context of the page's words.
async fn opens(vault: &Vault, value: &str, domain: &'static str, words: &Words<'_>) -> Vec<u8> {
    let parsed = Parsed::parse(value).unwrap();
    let tenant = Tenant::new("acme").unwrap();
    let key = parsed.header().key;
    let key = vault.keyring().opening_key(vault.purpose(), &tenant, key);
    let context = |header: &[u8]| {
        Context {
            purpose: &Purpose::new("vault").unwrap(),
            tenant: &tenant,
            role: &Role::new("operator").unwrap(),
            place: &Place::new("account.token").unwrap(),
            record: &RecordId::new("42").unwrap(),
            kind: &CredentialKind::new(words.kind).unwrap(),
            metadata: words.metadata,
            revision: words.revision,
        }
        .encode(domain, header)
    };
    let opened = parsed.open(key.await.unwrap().body(), context).unwrap();
    opened.expose().to_vec()
}

struct Words<'a> {
    kind: &'a str,
    metadata: Option<&'a [u8; 32]>,
    revision: Revision,
}

/// Whoever has the key and the page opens each sort of value.
#[tokio::test]
async fn what_a_value_is_bound_to_is_as_the_page_says() {
    let token = b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let vault = &world.vault;
    let secret = || SecretBytes::copy_of(token);
    let credential = vault.credential(Kind::ApiKey, secret()).unwrap();
    let slot = Slot::new("acme", "account.token", "42").unwrap();
    let role = Role::new("operator").unwrap();
    let put = vault.put(&slot, &credential, &role, Expect::Absent).await;
    let revision = put.unwrap().revision;
    let row = at(data.as_ref(), "vault", "acme", "account.token/42").await;
    let row = row.unwrap();
    let digest = Provider::default().sha256(&[&row.data]);
    let words = Words {
        kind: "api-key",
        metadata: Some(&digest),
        revision,
    };
    assert_eq!(opens(vault, &row.sealed, "kw1/record", &words).await, token);

    let detached = vault.seal_detached(&slot, &role, &credential).await;
    let words = Words {
        kind: "api-key",
        metadata: None,
        revision: Revision::FIRST,
    };
    let detached = detached.unwrap();
    let opened = opens(vault, detached.as_str(), "kw1/detached", &words);
    assert_eq!(opened.await, token);

    let column = vault.column(StoreId::new("app").unwrap(), slot.place.clone());
    let revision = Revision::FIRST.next().unwrap();
    let cell = Cell {
        tenant: slot.tenant,
        record: slot.record,
        role,
        kind: CredentialKind::new("password").unwrap(),
        revision,
    };
    let sealed = column.await.unwrap().seal(&cell, &secret()).await.unwrap();
    let words = Words {
        kind: "password",
        metadata: None,
        revision,
    };
    let opened = opens(vault, sealed.as_str(), "kw1/column", &words);
    assert_eq!(opened.await, token);
}

/// Before anything is written: a ring without a key of the purpose makes no vault of it.
#[tokio::test]
async fn a_vault_of_a_purpose_that_the_ring_has_not_is_none() {
    let world = World::in_memory().await;
    let data = memory();
    let ring = world.vault.keyring().clone();
    let built = Vault::builder(ring, Arc::clone(&data));
    let built = built.purpose(Purpose::new("billing").unwrap());
    let error = built.build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    let barrier = Collection::named("barrier");
    assert_eq!(data.count(&barrier, "").await.unwrap(), 0);
    assert!(
        at(data.as_ref(), "barrier", "vault", "seal")
            .await
            .is_none()
    );
    let covered = world.vault.keyring().coverages().all().len();
    assert_eq!(covered, 1);
}

#[tokio::test]
async fn the_barrier_is_as_the_page_says() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    rotate(&world.vault).await;
    Rewrap::new(&world.vault).run().await.unwrap();
    let least = world.vault.keyring().promoted_epoch(world.vault.purpose());
    let barrier = |epoch: u64| [b"kwbr\x01", &epoch.to_be_bytes()[..], b"vault"].concat();
    let held = at(data.as_ref(), "barrier", "vault", "seal").await.unwrap();
    assert_eq!(held.data, barrier(least.unwrap()));
    assert!(vector("The barrier of purpose").contains(&hex(&barrier(258))));

    // A barrier of another form, or of another purpose, is not passed.
    for (barrier, kind, builds) in [
        // What was sealed opens without it.
        (&b"kwbr\x00"[..], ErrorKind::Corrupt, true),
        (b"kwbr\x02", ErrorKind::Unavailable, false),
        (b"kwbr\x01\0\0\0\0\0\0\0\0billing", ErrorKind::Misuse, false),
    ] {
        let data = memory();
        let place = key("barrier", "vault", "seal");
        insert(data.as_ref(), place, barrier.to_vec()).await;
        let ring = world.vault.keyring().clone();
        let built = Vault::builder(ring, Arc::clone(&data)).build().await;
        assert_eq!(built.is_ok(), builds);
        let refused = match built {
            Ok(vault) => try_put(&vault, "41").await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.kind(), kind);
        let all = Collection::named("vault");
        assert_eq!(data.count(&all, "").await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_cursor_is_as_the_page_says_and_cannot_hide_a_row() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    for record in ["41", "42", "43"] {
        put(&world.vault, record).await;
    }
    rotate(&world.vault).await;
    let least = world.vault.keyring().promoted_epoch(world.vault.purpose());
    // The vector is one of epoch 7.
    let cursor = vector("The cursor of a run");
    let cursor = cursor.split('`').rev().nth(1).unwrap();
    let cursor = cursor.replace("0000000000000007", &format!("{:016x}", least.unwrap()));
    let place = || key("rewrap", "vault", "cursor");
    insert(data.as_ref(), place(), unhex(&cursor)).await;
    let report = Rewrap::new(&world.vault).run().await.unwrap();
    assert_eq!((report.seen, report.moved, report.left), (1, 1, 2));
    assert!(
        at(data.as_ref(), "rewrap", "vault", "cursor")
            .await
            .is_none()
    );

    let report = Rewrap::new(&world.vault).run().await.unwrap();
    assert_eq!((report.seen, report.moved, report.left), (3, 2, 0));
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}
