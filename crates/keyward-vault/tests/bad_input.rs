//! Bad input and bad days: an error of the right kind, and nothing half-written.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyward_base::{
    Clock, Error, ErrorKind, Purpose, Reason, Result, Role, SecretBytes, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_sqlite::SqliteStore;
use keyward_store::{Applied, Collection, Content, Record, RecordKey, Records, Scan, Write};
use keyward_testkit::bit_flips;
use keyward_vault::{Expect, Kind, Listed, Note, Opened, Rewrap, Slot, Vault};
use support::{World, memory};

const TOKEN: &str = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";
const MIB: usize = 1024 * 1024;

fn slot(id: &str) -> Slot {
    Slot::new("acme", "account.token", id).unwrap()
}

fn key(slot: &Slot) -> RecordKey {
    RecordKey {
        collection: Collection::named("vault"),
        owner: slot.tenant.as_str().to_owned(),
        id: format!("{}/{}", slot.place, slot.record),
    }
}

async fn put(vault: &Vault, slot: &Slot, kind: Kind, bytes: &[u8]) -> Result<Listed> {
    let credential = vault.credential(kind, SecretBytes::copy_of(bytes))?;
    vault
        .put(slot, &credential, &Role::none(), Expect::Any)
        .await
}

async fn open(vault: &Vault, slot: &Slot) -> Result<Opened> {
    vault.open(slot, &Role::none()).await
}

async fn overwrite(store: &dyn Records, slot: &Slot, sealed: String, data: Vec<u8>) {
    let key = key(slot);
    let version = store.fetch(&key).await.unwrap().unwrap().version;
    let expires = None;
    let swap = Write::Swap {
        key,
        version,
        content: Content {
            sealed,
            data,
            expires,
            ..Content::default()
        },
    };
    assert!(matches!(
        store.apply(vec![swap]).await.unwrap(),
        Applied::Done(_)
    ));
}

/// The row with its suite byte replaced.
fn of_suite(record: &Record, suite: u8) -> String {
    let mut bytes = keyward_base::encoding::from_base64url(&record.sealed[4..]).unwrap();
    bytes[0] = suite;
    format!("kw1.{}", keyward_base::encoding::base64url(&bytes))
}

#[tokio::test]
async fn a_credential_that_is_not_one_is_refused_before_anything_is_written() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let long = vec![b'a'; MIB + 1];
    let cases: [(Kind, &[u8], &str); 9] = [
        (Kind::Opaque, &long, "1048576"),
        (Kind::Opaque, b"", "empty"),
        (Kind::ApiKey, b"\n", "one line"),
        (Kind::ApiKey, b"two\nlines", "one line"),
        (Kind::ApiKey, b"with space", "one line"),
        (Kind::ApiKey, b"\xc3\xa9", "one line"),
        (Kind::Env, b"A=1\n=2", "line 2"),
        (Kind::OAuthToken, b"{}", "access_token"),
        (
            Kind::SshKey,
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "ssh-keygen",
        ),
    ];
    for (kind, bytes, says) in cases {
        let error = put(&world.vault, &slot("1"), kind, bytes)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{kind}");
        assert!(error.to_string().contains(says), "{kind}: {error}");
    }
    assert_eq!(
        data.count(&Collection::named("vault"), "").await.unwrap(),
        0
    );

    put(&world.vault, &slot("1"), Kind::Opaque, &long[1..])
        .await
        .unwrap();
    let opened = open(&world.vault, &slot("1")).await.unwrap();
    assert_eq!(opened.bytes().expose(), &long[1..]);
    // A final newline is part of what was given.
    put(&world.vault, &slot("2"), Kind::ApiKey, b"abc\r\n")
        .await
        .unwrap();
    let opened = open(&world.vault, &slot("2")).await.unwrap();
    assert_eq!(opened.bytes().expose(), b"abc\r\n");
    for (bytes, said) in [(&b"abc"[..], 0), (b"abc\n", 1), (b"abc\r\n", 1)] {
        let key = SecretBytes::copy_of(bytes);
        let key = world.vault.credential(Kind::ApiKey, key).unwrap();
        assert_eq!(key.notes(), &[Note::EndsInLineEnd][..said]);
    }
}

#[tokio::test]
async fn a_newer_release_is_named_and_its_rows_are_left_alone() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let vault = &world.vault;
    for id in ["old", "suite", "metadata"] {
        put(vault, &slot(id), Kind::ApiKey, TOKEN.as_bytes())
            .await
            .unwrap();
    }
    let held = data.fetch(&key(&slot("suite"))).await.unwrap().unwrap();
    let newer_suite = of_suite(&held, 3);
    overwrite(
        data.as_ref(),
        &slot("suite"),
        newer_suite,
        held.content.data,
    )
    .await;
    let held = data.fetch(&key(&slot("metadata"))).await.unwrap().unwrap();
    let text = String::from_utf8(held.content.data)
        .unwrap()
        .replace("\"v\":2", "\"v\":3");
    overwrite(
        data.as_ref(),
        &slot("metadata"),
        held.content.sealed,
        text.into_bytes(),
    )
    .await;

    for id in ["suite", "metadata"] {
        let error = open(vault, &slot(id)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("upgrade"), "{error}");
    }
    // Nor may it be written over with less than it holds: its metadata cannot be read.
    let error = put(vault, &slot("metadata"), Kind::ApiKey, b"other")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = Rewrap::new(vault).run().await.unwrap();
    let found = (report.moved, report.skipped, report.quarantined);
    assert_eq!(found, (1, 2, 0), "{report:?}");
    assert_eq!(
        data.count(&Collection::named("quarantine/vault"), "")
            .await
            .unwrap(),
        0
    );
    let _opened = open(vault, &slot("old")).await.unwrap();
}

#[tokio::test]
async fn no_flipped_bit_of_a_record_opens() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let (vault, slot) = (&world.vault, slot("1"));
    put(vault, &slot, Kind::ApiKey, TOKEN.as_bytes())
        .await
        .unwrap();
    let held = data.fetch(&key(&slot)).await.unwrap().unwrap();
    let sealed = bit_flips(held.sealed.as_bytes()).filter_map(|text| String::from_utf8(text).ok());
    let sealed = sealed.map(|text| (text, held.data.clone()));
    let json = bit_flips(&held.data).map(|json| (held.sealed.clone(), json));
    for (sealed, json) in sealed.chain(json) {
        overwrite(data.as_ref(), &slot, sealed.clone(), json.clone()).await;
        let error = open(vault, &slot).await.unwrap_err();
        let known = matches!(
            (error.kind(), error.reason()),
            (ErrorKind::Rejected | ErrorKind::Corrupt, _) | (ErrorKind::Unavailable, None)
        );
        assert!(
            known,
            "{error:?}: {sealed} {}",
            String::from_utf8_lossy(&json)
        );
    }
    overwrite(data.as_ref(), &slot, held.content.sealed, held.content.data).await;
    let _opened = open(vault, &slot).await.unwrap();
}

/// Whoever can write to the store wrote rows that are none: each is set aside, and not taken for
/// one of a newer release. A key store that is away ends the run, and condemns nothing.
#[tokio::test]
async fn rows_that_are_none_are_set_aside_and_a_key_store_that_is_away_condemns_none() {
    let (keys, data) = (memory(), memory());
    let staged = keyward_testkit::Staged::over(keys);
    let world = World::on(staged.clone(), Arc::clone(&data)).await;
    let vault = &world.vault;
    for id in ["1", "2", "3"] {
        put(vault, &slot(id), Kind::ApiKey, TOKEN.as_bytes())
            .await
            .unwrap();
    }
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let noted = || async {
        let notes = Scan::of(Collection::named("quarantine/vault"));
        data.scan(notes).await.unwrap().items.len()
    };
    for at in 0..12 {
        let cold = world.reopened().await;
        staged.interrupt(at, keyward_testkit::Interrupt::DieBefore);
        let ended = Rewrap::new(&cold).run().await;
        if staged.fired()
            && let Err(error) = ended
        {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "at {at}");
        }
        assert_eq!(noted().await, 0, "at {at}");
    }
    let held = data.fetch(&key(&slot("1"))).await.unwrap().unwrap();
    overwrite(
        data.as_ref(),
        &slot("1"),
        held.content.sealed,
        b"{}".to_vec(),
    )
    .await;
    let held = data.fetch(&key(&slot("2"))).await.unwrap().unwrap();
    overwrite(
        data.as_ref(),
        &slot("2"),
        "plain".to_owned(),
        held.content.data,
    )
    .await;
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = Rewrap::new(vault).run().await.unwrap();
    let found = (report.moved, report.quarantined, report.skipped);
    assert_eq!(found, (1, 2, 0), "{report:?}");
    assert_eq!(noted().await, 2);
}

#[tokio::test]
async fn a_row_that_does_not_open_is_set_aside_and_the_others_move() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let vault = &world.vault;
    for id in ["1", "2", "3"] {
        put(vault, &slot(id), Kind::ApiKey, TOKEN.as_bytes())
            .await
            .unwrap();
    }
    let held = data.fetch(&key(&slot("2"))).await.unwrap().unwrap();
    let other = data.fetch(&key(&slot("3"))).await.unwrap().unwrap();
    overwrite(
        data.as_ref(),
        &slot("2"),
        other.content.sealed,
        held.data.clone(),
    )
    .await;
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    for moved in [2, 0] {
        let report = Rewrap::new(vault).run().await.unwrap();
        assert_eq!(
            (report.moved, report.quarantined, report.left),
            (moved, 1, 1)
        );
    }
    let quarantine = RecordKey {
        collection: Collection::named("quarantine/vault"),
        ..key(&slot("2"))
    };
    let note = data.fetch(&quarantine).await.unwrap().unwrap();
    assert_eq!(note.data, Reason::NOT_AUTHENTIC.as_str().as_bytes());
    let events = world.audit.events();
    let noted = events
        .iter()
        .find(|e| e.action == "vault.quarantine")
        .unwrap();
    assert_eq!(noted.record.as_ref().unwrap().as_str(), "2");
    // Its bytes are as they were, for whoever mends it.
    overwrite(
        data.as_ref(),
        &slot("2"),
        held.content.sealed,
        held.content.data,
    )
    .await;
    let report = Rewrap::new(vault).run().await.unwrap();
    assert_eq!((report.moved, report.quarantined, report.left), (1, 0, 0));
    let _opened = open(vault, &slot("2")).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_went_back_closes_nothing() {
    let world = World::in_memory().await;
    let (vault, slot) = (&world.vault, slot("1"));
    let first = put(vault, &slot, Kind::ApiKey, TOKEN.as_bytes())
        .await
        .unwrap();
    world.clock.set(Timestamp::from_millis(1_600_000_000_000));
    let _opened = open(vault, &slot).await.unwrap();
    let again = put(vault, &slot, Kind::ApiKey, TOKEN.as_bytes())
        .await
        .unwrap();
    assert_eq!(again.revision, first.revision.next().unwrap());
    assert_eq!(again.created.as_millis(), 1_700_000_000_000);
    world.clock.advance(Duration::from_secs(400_000_000));
    let _opened = open(vault, &slot).await.unwrap();
}

/// A clock that may be lost.
#[derive(Debug, Default)]
struct Losable(AtomicBool);

impl Clock for Losable {
    fn now(&self) -> Result<Timestamp> {
        if self.0.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the clock is lost"));
        }
        Ok(Timestamp::from_millis(1_700_000_000_000))
    }
}

#[tokio::test]
async fn without_a_clock_nothing_is_written_or_opened() {
    let (data, clock) = (memory(), Arc::new(Losable::default()));
    let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let ring = Keyring::builder(memory(), root)
        .clock(clock.clone())
        .create(&[Purpose::new("vault").unwrap()], &[])
        .await
        .unwrap();
    let vault = Vault::builder(ring, Arc::clone(&data))
        .build()
        .await
        .unwrap();
    let token = SecretBytes::copy_of(TOKEN.as_bytes());
    let token = vault.credential(Kind::ApiKey, token).unwrap();
    let none = Role::none();
    vault
        .put(&slot("1"), &token, &none, Expect::Any)
        .await
        .unwrap();
    clock.0.store(true, Ordering::SeqCst);
    let put = vault.put(&slot("2"), &token, &none, Expect::Any).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Unavailable);
    let error = open(&vault, &slot("1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        data.count(&Collection::named("vault"), "").await.unwrap(),
        1
    );
}

#[tokio::test]
async fn a_locked_database_is_unavailable_and_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::builder(&path).busy_timeout(Duration::from_millis(50));
    let world = World::on(memory(), Arc::new(store.open().unwrap())).await;
    let (vault, slot) = (&world.vault, slot("1"));
    let first = put(vault, &slot, Kind::ApiKey, TOKEN.as_bytes())
        .await
        .unwrap()
        .revision;

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = put(vault, &slot, Kind::ApiKey, b"another")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = vault.delete(&slot, Expect::Any).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let opened = open(vault, &slot).await.unwrap();
    assert_eq!(
        opened.bytes().expose(),
        TOKEN.as_bytes(),
        "readers are not kept out"
    );
    other.execute_batch("ROLLBACK").unwrap();

    assert_eq!(open(vault, &slot).await.unwrap().revision(), first);
    let again = put(vault, &slot, Kind::ApiKey, b"another").await.unwrap();
    assert_eq!(again.revision, first.next().unwrap());
}

/// A row under an owner that is no tenant's name, or at an id that is no place's, ends no run.
#[tokio::test]
async fn a_row_that_lies_where_none_should_is_noted_and_left() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let vault = &world.vault;
    put(vault, &slot("1"), Kind::ApiKey, TOKEN.as_bytes())
        .await
        .unwrap();
    let held = data.fetch(&key(&slot("1"))).await.unwrap().unwrap();
    for (owner, id) in [
        ("no tenant", "account.token/1"),
        ("acme", "account.token"),
        ("acme", "no place/1"),
    ] {
        let strange = Write::Insert {
            key: RecordKey {
                collection: Collection::named("vault"),
                owner: owner.to_owned(),
                id: id.to_owned(),
            },
            content: Content {
                sealed: held.sealed.clone(),
                data: held.data.clone(),
                ..Content::default()
            },
        };
        let _applied = data.apply(vec![strange]).await.unwrap();
    }
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = Rewrap::new(vault).run().await.unwrap();
    let told = (report.moved, report.quarantined, report.left);
    assert_eq!(told, (1, 3, 3));
    // What was moved shows the hint it had.
    let moved = vault.describe(&slot("1")).await.unwrap().unwrap();
    assert_eq!(moved.hint.to_string(), "ghp_••••6aKo");
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = Arc::new(SqliteStore::builder(&path).max_pages(120).open().unwrap());
    let world = World::on(memory(), store.clone()).await;
    let vault = &world.vault;
    let value = |at: usize| format!("{at:040}").repeat(500).into_bytes();
    let mut revisions = Vec::new();
    let mut written = 0;
    let full = loop {
        match put(
            vault,
            &slot(&written.to_string()),
            Kind::Opaque,
            &value(written),
        )
        .await
        {
            Ok(listed) => {
                revisions.push(listed.revision);
                written += 1;
            }
            Err(error) => break error,
        }
        assert!(written < 1000, "it never was full");
    };
    assert_eq!(full.kind(), ErrorKind::Unavailable, "{full:?}");
    assert!(written > 2);
    let count = store.count(&Collection::named("vault"), "").await.unwrap();
    assert_eq!(count, u64::try_from(written).unwrap());
    let larger = vec![b'x'; 400_000];
    let error = put(vault, &slot("0"), Kind::Opaque, &larger)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    for (at, revision) in revisions.iter().enumerate() {
        let opened = open(vault, &slot(&at.to_string())).await.unwrap();
        assert!(opened.bytes().expose() == value(at));
        assert_eq!(opened.revision(), *revision);
    }
    let error = open(vault, &slot(&written.to_string())).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NOT_FOUND));

    // A rewrap that does not fit leaves every row as it was, and can be run again.
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    match Rewrap::new(vault).run().await {
        Ok(report) => assert_eq!((report.quarantined, report.left), (0, 0)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
    }
    for at in 0..written {
        let opened = open(vault, &slot(&at.to_string())).await.unwrap();
        assert_eq!(opened.bytes().expose(), &value(at)[..]);
    }
}
