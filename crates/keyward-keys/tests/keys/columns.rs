//! The registry of columns: what nobody can count keeps its keys.

use std::sync::atomic::Ordering;

use keyward_base::{ErrorKind, KeyId, Purpose};
use keyward_keys::{
    Barrier, ColumnId, Coverage as _, Destruction, KeyState, Keyring, RecordColumn, Registered,
};
use keyward_store::{Applied, Collection, MemoryStore, RecordKey, Records, StoreId, Write};
use keyward_testkit::{Call, Staged};

use crate::world::{Column, World, coverage_key, purpose, tenant};

/// A ring whose first key is disabled, and that key.
async fn retired(world: &World, purposes: &[Purpose]) -> (Keyring, KeyId) {
    let ring = world.builder().create(purposes, &[]).await.unwrap();
    let old = ring.status().keys[0].id;
    ring.admin().rotate(&purposes[0]).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    (ring, old)
}

#[tokio::test]
async fn one_column_of_a_name_does_not_stand_for_another() {
    let other = Purpose::new("other").unwrap();
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose(), other.clone()]).await;
    let here = Column::new("store-a", &purpose(), true);
    let there = Column::new("store-b", &purpose(), true);
    let elsewhere = Column::new("store-a", &other, true);
    for column in [&here, &there, &elsewhere] {
        ring.cover(column.clone()).await.unwrap();
    }
    assert_eq!(ring.registered().await.unwrap().len(), 3);
    ring.admin().disable(old).await.unwrap();

    // Who knows one store counts 0 there, and must not destroy what the second needs.
    let blind = world.open().await;
    blind.coverages().add(here.clone());
    let refused = blind.admin().destroy(old).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("store-b"), "{refused}");
    // A column of another purpose is none of this key's.
    blind.coverages().add(there.clone());
    there.keys.lock().unwrap().push(old);
    let refused = blind.admin().destroy(old).await.unwrap_err();
    assert!(refused.to_string().contains("1 values"), "{refused}");
    there.keys.lock().unwrap().clear();
    there.broken.store(true, Ordering::SeqCst);
    let refused = blind.admin().destroy(old).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "cannot be counted");
    there.broken.store(false, Ordering::SeqCst);
    blind.admin().destroy(old).await.unwrap();
    let promoted = blind.promoted_epoch(&purpose()).unwrap();
    assert_eq!(here.closed.load(Ordering::SeqCst), promoted);
    assert_eq!(there.closed.load(Ordering::SeqCst), promoted);
    assert_eq!(elsewhere.closed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_registry_has_no_end_that_is_ignored() {
    const COUNT: usize = 4_200;
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose()]).await;
    ring.admin().disable(old).await.unwrap();
    let name = |n: usize| format!("table{n}.column");
    let entry = |n: usize| {
        let store = StoreId::new("app").unwrap();
        Registered {
            column: ColumnId::new(store, &name(n), purpose()).unwrap(),
            has_barrier: true,
        }
    };
    for from in (0..COUNT).step_by(300) {
        let some: Vec<Registered> = (from..COUNT.min(from + 300)).map(entry).collect();
        ring.register_all(&some).await.unwrap();
    }
    let epoch = ring.status().epoch;
    ring.register_all(&[entry(7), entry(COUNT - 1)])
        .await
        .unwrap();
    assert_eq!(ring.status().epoch, epoch, "registered already");
    let fresh = world.open().await;
    let all = fresh.registered().await.unwrap();
    assert_eq!(all.len(), COUNT);
    assert_eq!(all[COUNT - 1].column.name(), name(COUNT - 1));
    // A process that can count all but the last destroys nothing.
    for entry in &all[..COUNT - 1] {
        fresh
            .coverages()
            .add(std::sync::Arc::new(Empty(entry.column.clone())));
    }
    let refused = fresh.admin().destroy(old).await.unwrap_err();
    assert!(refused.to_string().contains(&name(COUNT - 1)), "{refused}");
    let last = all[COUNT - 1].column.clone();
    fresh.coverages().add(std::sync::Arc::new(Empty(last)));
    fresh.admin().destroy(old).await.unwrap();
}

/// A column that holds nothing.
#[derive(Debug)]
struct Empty(ColumnId);

impl keyward_keys::Coverage for Empty {
    fn id(&self) -> &ColumnId {
        &self.0
    }

    fn has_barrier(&self) -> bool {
        true
    }

    fn close(&self, _: u64) -> keyward_store::BoxFuture<'_, keyward_base::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, _: &'a str) -> keyward_store::BoxFuture<'a, keyward_base::Result<u64>> {
        Box::pin(std::future::ready(Ok(0)))
    }
}

#[tokio::test]
async fn a_page_that_was_deleted_altered_or_put_back_is_noticed() {
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose()]).await;
    ring.cover(Column::new("one", &purpose(), true))
        .await
        .unwrap();
    let before = world.store.data(&coverage_key(0)).await;
    ring.cover(Column::new("two", &purpose(), true))
        .await
        .unwrap();
    let good = world.store.data(&coverage_key(0)).await;
    ring.admin().disable(old).await.unwrap();
    let mut altered = good.clone();
    altered[10] ^= 1;
    for page in [Some(before), Some(altered), None] {
        match page {
            Some(page) => world.store.put(coverage_key(0), page).await,
            None => world.store.remove(coverage_key(0)).await,
        }
        let refused = ring.admin().destroy(old).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        let refused = ring.registered().await.unwrap_err();
        assert!(refused.to_string().contains("restore"), "{refused}");
        let column = Column::new("three", &purpose(), true);
        assert!(ring.cover(column).await.is_err(), "nor written over");
    }
    world.store.put(coverage_key(0), good).await;
    ring.admin().destroy(old).await.unwrap();
}

#[tokio::test]
async fn a_column_registered_while_a_key_is_destroyed_is_seen() {
    use keyward_testkit::{Interrupt, Staged};
    for at in 0.. {
        let world = World::new();
        let (ring, old) = retired(&world, &[purpose()]).await;
        ring.admin().disable(old).await.unwrap();
        let store = Staged::over(world.store.clone());
        let records: std::sync::Arc<dyn Records> = store.clone();
        let admin = Keyring::builder(records, world.root.clone())
            .clock(world.clock.clone())
            .open()
            .await
            .unwrap()
            .admin();
        let other = world.open().await;
        let column = Column::new("late", &purpose(), true);
        column.keys.lock().unwrap().push(old);
        let register = Interrupt::Run(Box::new(move || {
            Box::pin(async move {
                other.register(column.id(), true).await.unwrap();
            })
        }));
        store.interrupt(at, register);
        let ended = admin.destroy(old).await;
        if !store.fired() {
            ended.unwrap();
            return;
        }
        let fresh = world.open().await;
        let late = fresh.registered().await.unwrap();
        assert_eq!(late.len(), 1);
        // Registered after the key was gone, or in time to keep it.
        match ended {
            Ok(receipt) => assert!(fresh.status().epoch > receipt.epoch, "at {at}"),
            Err(e) => {
                assert!(e.to_string().contains("late"), "{e}");
                assert_eq!(fresh.status().keys[0].state, KeyState::Disabled);
            }
        }
    }
}

#[tokio::test]
async fn a_column_without_a_barrier_asks_for_a_minimum_age() {
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose()]).await;
    let column = Column::new("app", &purpose(), true);
    ring.cover(column.clone()).await.unwrap();
    // Registered without one later, it has none for good.
    ring.register(column.id(), false).await.unwrap();
    ring.register(column.id(), true).await.unwrap();
    let entries = ring.registered().await.unwrap();
    assert_eq!((entries.len(), entries[0].has_barrier), (1, false));

    ring.admin().disable(old).await.unwrap();
    let age = ring.policy().minimum_age();
    world
        .clock
        .advance(age - std::time::Duration::from_millis(1));
    let waits = ring.admin().destroy_ready(old).await.unwrap();
    assert!(
        matches!(&waits, Destruction::Waiting { behind, until: Some(_) } if behind.is_empty()),
        "{waits:?}"
    );
    assert_eq!(
        ring.admin().destroy(old).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    // Enabled and disabled again, the time begins anew.
    ring.admin().enable(old).await.unwrap();
    ring.admin().disable(old).await.unwrap();
    world
        .clock
        .advance(age - std::time::Duration::from_millis(1));
    let waits = ring.admin().destroy_ready(old).await.unwrap();
    assert!(matches!(waits, Destruction::Waiting { .. }));
    world.clock.advance(std::time::Duration::from_millis(1));
    ring.admin().destroy(old).await.unwrap();
}

#[tokio::test]
async fn destroying_puts_up_a_barrier_that_is_absent() {
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose()]).await;
    let data: std::sync::Arc<dyn Records> = std::sync::Arc::new(MemoryStore::new(10));
    let vault = Collection::named("vault");
    // A stale process claimed the barrier, and somebody removed it.
    let stale = Barrier::claim(data.as_ref(), &vault, &purpose())
        .await
        .unwrap();
    let Write::Require { key, version } = stale.require() else {
        unreachable!("a condition")
    };
    let version = version.unwrap();
    let gone = Write::Delete { key, version };
    assert!(matches!(
        data.apply(vec![gone]).await.unwrap(),
        Applied::Done(_)
    ));
    let column = RecordColumn::new(data.clone(), vault.clone(), purpose()).unwrap();
    ring.cover(std::sync::Arc::new(column)).await.unwrap();
    ring.admin().disable(old).await.unwrap();
    ring.admin().destroy(old).await.unwrap();
    let late = data.apply(vec![stale.require()]).await.unwrap();
    assert_eq!(late, Applied::Conflict { index: 0 });
    let now = Barrier::claim(data.as_ref(), &vault, &purpose())
        .await
        .unwrap();
    assert_eq!(
        now.promoted_epoch(),
        ring.promoted_epoch(&purpose()).unwrap()
    );
}

/// An index that lost rows would call the key unused.
#[tokio::test]
async fn what_counts_go_by_is_checked_before_a_key_is_destroyed_by_them() {
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose()]).await;
    let data = Staged::over(std::sync::Arc::new(MemoryStore::new(10)));
    let vault = Collection::named("vault");
    let column = RecordColumn::new(data.clone(), vault, purpose()).unwrap();
    ring.cover(std::sync::Arc::new(column)).await.unwrap();
    ring.admin().disable(old).await.unwrap();
    data.take_calls();
    ring.admin().destroy(old).await.unwrap();
    let calls = data.take_calls();
    let checked = calls.iter().position(|call| *call == Call::CheckCounts);
    let counted = calls.iter().position(|call| matches!(call, Call::Count(_)));
    let written = calls.iter().position(|call| *call == Call::Apply);
    assert!(written < checked && checked < counted, "{calls:?}");
}

#[tokio::test]
async fn collections_of_one_store_have_barriers_of_their_own() {
    let data = MemoryStore::new(10);
    let other = Purpose::new("other").unwrap();
    let (vault, peppers) = (Collection::named("vault"), Collection::named("pepper"));
    Barrier::raise(&data, &vault, &purpose(), 7).await.unwrap();
    let own = Barrier::claim(&data, &peppers, &other).await.unwrap();
    assert_eq!(own.promoted_epoch(), 0);
    let refused = Barrier::claim(&data, &vault, &other).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let lower = Barrier::raise(&data, &vault, &purpose(), 3).await.unwrap();
    assert_eq!(lower.promoted_epoch(), 7, "it is never lowered");
    let higher = Barrier::raise(&data, &vault, &purpose(), 8).await.unwrap();
    assert_eq!(higher.promoted_epoch(), 8);
    let found = Barrier::claim(&data, &vault, &purpose()).await.unwrap();
    assert_eq!(found, higher);
    // Of a newer version it says nothing; of none it is not one of ours.
    let key = RecordKey {
        collection: Collection::named("barrier"),
        owner: "vault".to_owned(),
        id: "seal".to_owned(),
    };
    for (version, kind) in [(2, ErrorKind::Unavailable), (0, ErrorKind::Corrupt)] {
        let found = data.fetch(&key).await.unwrap().unwrap();
        let mut content = found.content;
        content.data[4] = version;
        let write = Write::Swap {
            key: key.clone(),
            version: found.version,
            content,
        };
        let _written = data.apply(vec![write]).await.unwrap();
        let refused = Barrier::claim(&data, &vault, &purpose()).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "version {version}");
    }
}

#[tokio::test]
async fn a_disabled_key_is_asked_for_by_columns_that_nobody_counts() {
    let world = World::new();
    let (ring, old) = retired(&world, &[purpose()]).await;
    let column = Column::new("app", &purpose(), false);
    let service = world.builder().replica("web").open().await.unwrap();
    service.cover(column.clone()).await.unwrap();
    let key = service
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    column.keys.lock().unwrap().extend([key.id(), old]);

    let refused = ring.admin().disable(old).await.unwrap_err();
    assert!(
        refused.to_string().contains("--even-uncounted"),
        "{refused}"
    );
    let usage = ring.admin().usage().await.unwrap();
    assert_eq!(usage.uncounted.len(), 1);
    assert_eq!(usage.rows(old), 0);
    // The service that owns the column tells what it counted.
    service.tick().await.unwrap();
    let told = ring.replicas().await.unwrap().remove(0).columns.remove(0);
    assert_eq!(told.column, *column.id());
    let rows: Vec<_> = told.keys.iter().map(|k| (k.key, k.rows)).collect();
    let active = ring.status().keys[1].id;
    let mut expected = vec![(old, 1), (active, 1)];
    expected.sort_unstable();
    assert_eq!(rows, expected);
    // Counted again when it is due, and what cannot be counted is left out.
    column.broken.store(true, Ordering::SeqCst);
    world.clock.advance(ring.policy().report);
    service.tick().await.unwrap();
    let told = ring.replicas().await.unwrap().remove(0);
    assert!(told.columns.is_empty());

    ring.admin().disable_even_uncounted(old).await.unwrap();
    let refused = ring.admin().destroy(old).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse, "{refused}");
}
