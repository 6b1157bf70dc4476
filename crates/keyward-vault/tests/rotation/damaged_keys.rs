//! A damaged key record costs its own owner only, and has a way out.

use std::sync::Arc;

use crate::support::{World, memory};
use keyward_base::{ErrorKind, Role, SecretBytes};
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Write};
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};

const OWNERS: [&str; 3] = ["acme", "globex", "umbrella"];

fn slot(owner: &str, record: usize) -> Slot {
    Slot::new(owner, "account.token", &record.to_string()).unwrap()
}

async fn fill(vault: &Vault) {
    for owner in OWNERS {
        for record in 0..4 {
            let token = SecretBytes::copy_of(format!("token-of-{owner}-{record:020}").as_bytes());
            let token = vault.credential(Kind::ApiKey, token).unwrap();
            let slot = slot(owner, record);
            let none = Role::none();
            let put = vault.put(&slot, &token, &none, Expect::Absent);
            put.await.unwrap();
        }
    }
}

/// Flips a bit of the key record of `owner`, or puts it back.
async fn write_keys(keys: &dyn Records, owner: &str, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let key = RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: owner.to_owned(),
        id: "vault".to_owned(),
    };
    let held = keys.fetch(&key).await.unwrap().unwrap();
    let before = held.content.data.clone();
    let mut data = held.content.data;
    change(&mut data);
    let swap = Write::Swap {
        key,
        version: held.version,
        content: Content {
            data,
            ..Content::default()
        },
    };
    let applied = keys.apply(vec![swap]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
    before
}

#[tokio::test]
async fn one_damaged_record_neither_condemns_a_row_nor_stops_the_others() {
    let (keys, data) = (memory(), memory());
    let world = World::on(Arc::clone(&keys), Arc::clone(&data)).await;
    fill(&world.vault).await;
    let sound = write_keys(keys.as_ref(), "globex", |data| {
        if let Some(byte) = data.last_mut() {
            *byte ^= 1;
        }
    })
    .await;
    // Another process, which has none of them in memory.
    let vault = world.reopened().await;
    let error = vault.open(&slot("globex", 0), &Role::none()).await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Corrupt, Some(keyward_keys::reason::DAMAGED_KEYS))
    );
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = Rewrap::new(&vault).run().await.unwrap();
    let found = (report.moved, report.skipped, report.damaged);
    assert_eq!(found, (8, 4, 4), "{report:?}");
    assert_eq!(
        report.skipped_because,
        Some(keyward_keys::reason::DAMAGED_KEYS)
    );
    assert_eq!(report.quarantined, 0, "the rows are sound");
    let noted = data.count(&Collection::named("quarantine/vault"), "").await;
    assert_eq!(noted.unwrap(), 0);
    for owner in ["acme", "umbrella"] {
        let _opened = vault.open(&slot(owner, 3), &Role::none()).await.unwrap();
    }
    let damaged = admin.damaged().await.unwrap();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged.first().unwrap().owner, "globex");

    // The way out is the record itself, from a backup: then nothing was lost.
    write_keys(keys.as_ref(), "globex", |data| data.clone_from(&sound)).await;
    let report = Rewrap::new(&vault).run().await.unwrap();
    let found = (report.moved, report.skipped, report.left);
    assert_eq!(found, (4, 0, 0), "{report:?}");
    let _opened = vault.open(&slot("globex", 0), &Role::none()).await.unwrap();
}

/// A record that says it is of a newer ring, MAC key or release: nobody authenticated its word, and
/// it stops nobody else.
#[tokio::test]
async fn a_record_that_claims_to_be_newer_does_not_stop_a_rewrap() {
    for (at, byte) in [(4, 9), (5, 0x7f), (13, 0x7f)] {
        let (keys, data) = (memory(), memory());
        let world = World::on(Arc::clone(&keys), Arc::clone(&data)).await;
        fill(&world.vault).await;
        write_keys(keys.as_ref(), "globex", |data| {
            if let Some(held) = data.get_mut(at) {
                *held = byte;
            }
        })
        .await;
        let vault = world.reopened().await;
        let admin = vault.keyring().admin();
        admin.rotate(vault.purpose()).await.unwrap();
        let _promoted = admin.promote_ready().await.unwrap();
        let report = Rewrap::new(&vault).run().await.unwrap();
        let found = (report.moved, report.skipped, report.damaged);
        assert_eq!(found, (8, 4, 4), "byte {at}: {report:?}");
        assert_eq!(report.quarantined, 0, "the rows are sound");
        assert_eq!(admin.damaged().await.unwrap().len(), 1);
    }
}

/// A cursor that anybody may have written costs a scan from the beginning, and nothing else.
#[tokio::test]
async fn a_cursor_beyond_what_a_store_holds_does_not_stop_a_rewrap() {
    for (owner, id) in [
        ("x".repeat(129), String::new()),
        ("acme".to_owned(), "x".repeat(301)),
    ] {
        let (keys, data) = (memory(), memory());
        let world = World::on(keys, Arc::clone(&data)).await;
        fill(&world.vault).await;
        let admin = world.vault.keyring().admin();
        admin.rotate(world.vault.purpose()).await.unwrap();
        let _promoted = admin.promote_ready().await.unwrap();
        let least = world
            .vault
            .keyring()
            .promoted_epoch(world.vault.purpose())
            .unwrap();
        let mut text = b"kwcu\x02".to_vec();
        text.extend_from_slice(&least.to_be_bytes());
        text.push(u8::try_from(owner.len()).unwrap());
        text.extend_from_slice(owner.as_bytes());
        text.extend_from_slice(&u16::try_from(id.len()).unwrap().to_be_bytes());
        text.extend_from_slice(id.as_bytes());
        let cursor = Write::Insert {
            key: RecordKey {
                collection: Collection::named("rewrap"),
                owner: "vault".to_owned(),
                id: "cursor".to_owned(),
            },
            content: Content {
                data: text,
                ..Content::default()
            },
        };
        let applied = data.apply(vec![cursor]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
        let report = Rewrap::new(&world.vault).run().await.unwrap();
        assert_eq!((report.moved, report.left), (12, 0), "{report:?}");
    }
}
