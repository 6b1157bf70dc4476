//! Many writers of one slot, on a real file: one wins what only one may.

use std::sync::Arc;

use crate::support::{World, memory};
use keyward_base::{ErrorKind, Reason, Result, Revision, Role, SecretBytes};
use keyward_sqlite::SqliteStore;
use keyward_vault::{Expect, Kind, Listed, Rewrap, Slot, Vault};

const WRITERS: usize = 64;

fn slot() -> Slot {
    Slot::new("acme", "account.token", "42").unwrap()
}

fn value(writer: usize) -> Vec<u8> {
    format!("written-by-{writer:032}").into_bytes()
}

/// All writers at once, each with a value of its own.
async fn race(vault: &Vault, expect: Expect) -> Vec<Result<Listed>> {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let vault = vault.clone();
            tokio::spawn(async move {
                let token = SecretBytes::new(value(writer));
                let token = vault.credential(Kind::ApiKey, token)?;
                vault.put(&slot(), &token, &Role::none(), expect).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for writer in writers {
        results.push(writer.await.unwrap());
    }
    results
}

/// One writer won, the others were told so, and what is stored is the winner's.
async fn one_won(vault: &Vault, results: Vec<Result<Listed>>) -> Revision {
    let opened = vault.open(&slot(), &Role::none()).await.unwrap();
    let revision = opened.revision();
    let mut winners = Vec::new();
    for (writer, result) in results.into_iter().enumerate() {
        match result {
            Ok(listed) => {
                assert_eq!(listed.revision, revision);
                winners.push(writer);
            }
            Err(error) => {
                let found = (error.kind(), error.reason());
                assert_eq!(found, (ErrorKind::Rejected, Some(Reason::CONFLICT)));
            }
        }
    }
    let [winner] = winners.as_slice() else {
        unreachable!("{winners:?} won")
    };
    assert_eq!(opened.bytes().expose(), value(*winner));
    revision
}

async fn world(folder: &tempfile::TempDir) -> World {
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    World::on(memory(), Arc::new(store)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_puts_wins_an_empty_slot_and_one_a_revision() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let results = race(&world.vault, Expect::Absent).await;
    let first = one_won(&world.vault, results).await;
    let results = race(&world.vault, Expect::Revision(first)).await;
    let second = one_won(&world.vault, results).await;
    assert_eq!(second, first.next().unwrap());
    // The tenant got one key, however many asked for its first.
    let usage = world.vault.keyring().admin();
    let usage = usage.usage().await.unwrap().keys;
    let keys: u64 = usage.iter().map(|usage| usage.tenant_keys).sum();
    assert_eq!(keys, 1);
}

/// Writers that expect anything may lose again and again; a revision is never given twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_revision_is_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let results = race(&world.vault, Expect::Any).await;
    let mut revisions: Vec<u64> = Vec::new();
    for result in results {
        match result {
            Ok(listed) => revisions.push(listed.revision.number()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
    }
    revisions.sort_unstable();
    let (first, last) = (revisions[0], *revisions.last().unwrap());
    assert_eq!(revisions, (first..=last).collect::<Vec<u64>>());
    let opened = world.vault.open(&slot(), &Role::none()).await.unwrap();
    assert_eq!(opened.revision().number(), last);
}

/// Puts while the fence goes up and everything moves: none stays under the old key.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rewrap_beside_writers_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let vault = world.vault.clone();
    let put = |vault: Vault, at: usize| async move {
        let slot = Slot::new("acme", "account.token", &format!("{}", at % 50)).unwrap();
        let token = SecretBytes::new(value(at));
        let token = vault.credential(Kind::ApiKey, token).unwrap();
        let put = vault.put(&slot, &token, &Role::none(), Expect::Any).await;
        put.unwrap();
    };
    for at in 0..50 {
        put(vault.clone(), at).await;
    }
    let writing = vault.clone();
    let writer = tokio::spawn(async move {
        for at in 50..550 {
            put(writing.clone(), at).await;
        }
    });
    for _ in 0..3 {
        let admin = vault.keyring().admin();
        admin.rotate(vault.purpose()).await.unwrap();
        let _promoted = admin.promote_ready().await.unwrap();
        let report = Rewrap::new(&vault).batch(8).run().await.unwrap();
        assert_eq!((report.quarantined, report.left), (0, 0));
    }
    writer.await.unwrap();
    let report = Rewrap::new(&vault).run().await.unwrap();
    assert_eq!((report.moved, report.left), (0, 0));
    for at in 500..550 {
        let slot = Slot::new("acme", "account.token", &format!("{}", at % 50)).unwrap();
        let opened = vault.open(&slot, &Role::none()).await.unwrap();
        assert_eq!(opened.bytes().expose(), value(at));
    }
}
