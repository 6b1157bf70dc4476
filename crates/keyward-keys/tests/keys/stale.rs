//! Processes whose view of the ring is old: they took no lease, and read nothing since.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_base::{ErrorKind, ManualClock, Result};
use keyward_keys::{ColumnId, Coverage, KeyState, KeyUse, Policy, TenantKeyMode};
use keyward_store::{BoxFuture, Records, StoreId};
use keyward_testkit::{Interrupt, Staged};

use crate::world::{Column, World, purpose, tenant};

/// A process without a lease slept across `rotate, disable, destroy`: what it seals for a column
/// that has no barrier would be lost.
#[tokio::test]
async fn who_holds_no_lease_seals_and_opens_under_no_key_that_is_long_gone() {
    for mode in [TenantKeyMode::Random, TenantKeyMode::Derived] {
        let world = World::new();
        let policy = Policy {
            tenant_keys: mode,
            ..Policy::default()
        };
        let ring = world.builder().policy(policy);
        let ring = ring.create(&[purpose()], &[]).await.unwrap();
        let slow = world.builder().policy(policy).open().await.unwrap();
        let acme = tenant("acme");
        let before = slow.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
        let old = ring.status().keys[0].id;
        let admin = ring.admin();
        admin.rotate(&purpose()).await.unwrap();
        admin.promote_ready().await.unwrap();
        admin.disable(old).await.unwrap();
        world.clock.advance(policy.lease);

        let after = slow.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
        assert_ne!(after, before, "{mode:?}");
        let refused = slow.opening_key(&purpose(), &acme, before).await;
        assert_eq!(
            refused.unwrap_err().reason(),
            Some(keyward_keys::reason::DISABLED_KEY)
        );
        admin.destroy(old).await.unwrap();
        let fresh = world.builder().policy(policy).open().await.unwrap();
        fresh.opening_key(&purpose(), &acme, after).await.unwrap();
        // A clock that went back says nothing of how old the view is.
        let reads = world.store.ring_reads.load(Ordering::SeqCst);
        world.clock.set(keyward_base::Timestamp::from_millis(1));
        slow.sealing_key(&purpose(), &acme, 0).await.unwrap();
        assert!(world.store.ring_reads.load(Ordering::SeqCst) > reads);
    }
}

/// Whoever has not read the ring since a key was promoted knows it as pending, and must not
/// reject what was sealed with it since.
#[tokio::test]
async fn a_derived_key_that_was_promoted_meanwhile_opens() {
    let world = World::new();
    let policy = Policy {
        tenant_keys: TenantKeyMode::Derived,
        ..Policy::default()
    };
    let ring = world.builder().policy(policy);
    let ring = ring.create(&[purpose()], &[]).await.unwrap();
    let new = ring.admin().rotate(&purpose()).await.unwrap();
    let other = world.builder().policy(policy).open().await.unwrap();
    let acme = tenant("acme");
    let refused = other.opening_key(&purpose(), &acme, new).await.unwrap_err();
    assert_eq!(refused.reason(), Some(keyward_keys::reason::PENDING_KEY));
    ring.admin().promote_ready().await.unwrap();
    let sealing = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    assert_eq!(sealing.id(), new);
    other.opening_key(&purpose(), &acme, new).await.unwrap();
}

/// Looking for a pending key costs reads of the ring, within the budget.
#[tokio::test]
async fn a_flood_of_values_of_a_pending_key_reads_within_the_budget() {
    let world = World::new();
    let policy = Policy {
        tenant_keys: TenantKeyMode::Derived,
        ..Policy::default()
    };
    let ring = world.builder().policy(policy);
    let ring = ring.create(&[purpose()], &[]).await.unwrap();
    let new = ring.admin().rotate(&purpose()).await.unwrap();
    let reads = world.store.ring_reads.load(Ordering::SeqCst);
    for _ in 0..1000 {
        let refused = ring.opening_key(&purpose(), &tenant("acme"), new).await;
        assert!(refused.is_err());
    }
    let reads = world.store.ring_reads.load(Ordering::SeqCst) - reads;
    assert!(reads <= 8, "{reads} reads");
}

/// A key that this handle has not seen yet is no exception to what nobody can count.
#[tokio::test]
async fn who_does_not_know_a_key_yet_does_not_disable_it_uncounted() {
    let world = World::new();
    let ring = world.create().await;
    let stale = world.open().await;
    let admin = ring.admin();
    let second = admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let column = Column::new("app", &purpose(), true);
    world
        .open()
        .await
        .register(column.id(), true)
        .await
        .unwrap();
    let refused = stale.admin().disable(second).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(
        refused.to_string().contains("--even-uncounted"),
        "{refused}"
    );
    ring.refresh().await.unwrap();
    let keys = ring.status().keys;
    let state = keys.iter().find(|key| key.id == second).unwrap().state;
    assert_eq!(state, KeyState::Retired);
}

/// A table that takes its time to count.
#[derive(Debug)]
struct Slow {
    id: ColumnId,
    clock: Arc<ManualClock>,
    counts: AtomicUsize,
}

impl Coverage for Slow {
    fn id(&self) -> &ColumnId {
        &self.id
    }

    fn has_barrier(&self) -> bool {
        false
    }

    fn close(&self, _: u64) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.clock.advance(std::time::Duration::from_secs(5));
        self.counts.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(1)))
    }
}

/// Counting is for others to see: it does not cost the process its lease.
#[tokio::test]
async fn a_column_that_is_slow_to_count_does_not_cost_the_lease() {
    let world = World::new();
    world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    for n in 0..40 {
        let tenant = tenant(&format!("t{n}"));
        web.sealing_key(&purpose(), &tenant, 0).await.unwrap();
    }
    let column = Arc::new(Slow {
        id: ColumnId::new(StoreId::new("app").unwrap(), "server.password", purpose()).unwrap(),
        clock: world.clock.clone(),
        counts: AtomicUsize::new(0),
    });
    web.cover(column.clone()).await.unwrap();
    web.tick().await.unwrap();
    assert!(column.counts.load(Ordering::SeqCst) >= 40);
    web.sealing_key(&purpose(), &tenant("t0"), 0).await.unwrap();
    let live = web.replicas().await.unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].columns.len(), 1);
}

/// Without an anchor, a process knows by itself that a ring of the epoch it holds is another.
#[tokio::test]
async fn a_ring_that_was_put_back_and_changed_differently_is_refused_without_an_anchor() {
    let world = World::new();
    let ring = world.create().await;
    let before = world.store.ring().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    world.store.put_ring(before).await;
    let other = world.open().await;
    let pepper = keyward_base::Purpose::new("pepper").unwrap();
    other
        .admin()
        .add_purpose(&pepper, KeyUse::Seal)
        .await
        .unwrap();
    assert_eq!(other.status().epoch, ring.status().epoch);
    let refused = ring.refresh().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(
        refused.to_string().contains("changed differently"),
        "{refused}"
    );
    let refused = ring.admin().rotate(&purpose()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

/// A MAC key that was replaced may be known to somebody: what it made is refused, however new the
/// ring under it says it is.
#[tokio::test]
async fn a_newer_ring_under_a_mac_key_that_was_replaced_is_refused_without_an_anchor() {
    let world = World::new();
    let ring = world.create().await;
    let before = world.store.ring().await;
    ring.admin().rotate_mac(|_| ()).await.unwrap();
    let here = ring.status();
    world.store.put_ring(before).await;
    let other = world.open().await;
    for at in 0.. {
        if other.status().epoch > here.epoch {
            break;
        }
        let added = keyward_base::Purpose::new(&format!("other{at}")).unwrap();
        let admin = other.admin();
        admin.add_purpose(&added, KeyUse::Seal).await.unwrap();
    }
    assert!(other.status().mac_epoch < here.mac_epoch);
    let refused = ring.refresh().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("put back"), "{refused}");
    assert_eq!(ring.status(), here);
}

/// The ring of another home, under the same root, is no newer state of this one.
#[tokio::test]
async fn the_ring_of_another_home_is_refused_by_who_runs_already() {
    let (world, beside) = (World::new(), World::new());
    let ring = world.create().await;
    let here = ring.status();
    let other = beside.create().await;
    other.admin().rotate(&purpose()).await.unwrap();
    assert!(other.status().epoch > here.epoch);
    world.store.put_ring(beside.store.ring().await).await;
    let refused = ring.refresh().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("another keyring"), "{refused}");
    assert_eq!(ring.status(), here);
}

/// A ring that was put back knows less than the tenants' records: they are refused, and no key is
/// dropped from them.
#[tokio::test]
async fn a_tenants_keys_that_a_restored_ring_does_not_know_are_refused_and_kept() {
    let world = World::new();
    let ring = world.create().await;
    let before = world.store.ring().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let acme = tenant("acme");
    let id = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let place = crate::world::tenant_key("acme");
    let held = world.store.data(&place).await;

    // The record is of a later epoch than this ring.
    world.store.put_ring(before).await;
    let fresh = world.open().await;
    for refused in [
        fresh.opening_key(&purpose(), &acme, id).await.map(drop),
        fresh.sealing_key(&purpose(), &acme, 0).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert_eq!(refused.reason(), Some(keyward_keys::reason::DAMAGED_KEYS));
        assert!(refused.to_string().contains("put back"), "{refused}");
    }
    // It went on from there, and reached that epoch with other keys.
    for at in 0.. {
        if fresh.status().epoch > ring.status().epoch {
            break;
        }
        let added = keyward_base::Purpose::new(&format!("other{at}")).unwrap();
        let admin = fresh.admin();
        admin.add_purpose(&added, KeyUse::Seal).await.unwrap();
    }
    for refused in [
        fresh.opening_key(&purpose(), &acme, id).await.map(drop),
        fresh.sealing_key(&purpose(), &acme, 0).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        assert_eq!(refused.reason(), Some(keyward_keys::reason::DAMAGED_KEYS));
    }
    assert_eq!(world.store.data(&place).await, held);
}

/// What is registered is told by the ring as it is, not as this process knew it.
#[tokio::test]
async fn a_column_that_another_registered_is_told_by_who_has_not_heard() {
    let world = World::new();
    let ring = world.create().await;
    let stale = world.open().await;
    let column = Column::new("app", &purpose(), true);
    ring.register(column.id(), true).await.unwrap();
    assert_eq!(stale.registered().await.unwrap().len(), 1);
    assert_eq!(stale.uncounted().await.unwrap().len(), 1);
}

/// A whole store put back gives a version out a second time: other bytes under it are another ring.
#[tokio::test]
async fn other_bytes_under_the_version_that_is_known_are_read() {
    let world = World::new();
    let ring = world.create().await;
    let before = world.store.ring().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    let held = world.store.inner.fetch(&crate::world::ring_key()).await;
    let mut forged = held.unwrap().unwrap();
    forged.content.data = before;
    *world.store.put_back.lock().unwrap() = Some(forged);
    let refused = ring.refresh().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("put back"), "{refused}");
    // Nor is the registry of columns read beside it.
    let refused = ring.registered().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    *world.store.put_back.lock().unwrap() = None;
    ring.refresh().await.unwrap();
    ring.registered().await.unwrap();
}

/// A lease is renewed over the ring as it is, or not at all: whoever changes the ring later knows
/// what a replica can still hold.
#[tokio::test]
async fn a_lease_is_not_renewed_over_a_ring_that_moved_on() {
    for at in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let store = Staged::over(world.store.clone());
        let records: Arc<dyn Records> = store.clone();
        let web = keyward_keys::Keyring::builder(records, world.root.clone())
            .clock(world.clock.clone())
            .replica("web");
        let web = web.open().await.unwrap();
        world.clock.advance(web.policy().lease / 2);
        let other = ring.clone();
        let act = move || -> BoxFuture<'static, ()> {
            Box::pin(async move {
                other.admin().rotate(&purpose()).await.unwrap();
            })
        };
        store.interrupt(at, Interrupt::Run(Box::new(act)));
        web.tick().await.unwrap();
        if !store.fired() {
            assert!(at >= 2, "{at} calls");
            return;
        }
        let live = ring.replicas().await.unwrap();
        assert_eq!(live[0].epoch, ring.status().epoch, "at call {at}");
        assert_eq!(web.status().epoch, ring.status().epoch, "at call {at}");
    }
}

/// A record that only an older ring cannot read is not given up once the newest is restored.
#[tokio::test]
async fn what_a_restored_ring_reads_is_not_set_aside() {
    for at in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let before = world.store.ring().await;
        ring.admin().rotate(&purpose()).await.unwrap();
        ring.admin().promote_ready().await.unwrap();
        ring.sealing_key(&purpose(), &tenant("acme"), 0)
            .await
            .unwrap();
        let newest = world.store.ring().await;
        world.store.put_ring(before).await;
        let staged = Staged::over(world.store.clone());
        let records: Arc<dyn Records> = staged.clone();
        let slow =
            keyward_keys::Keyring::builder(records, world.root.clone()).clock(world.clock.clone());
        let slow = slow.open().await.unwrap();
        let store = world.store.clone();
        let act = move || -> BoxFuture<'static, ()> {
            Box::pin(async move { store.put_ring(newest).await })
        };
        staged.interrupt(at, Interrupt::Run(Box::new(act)));
        let done = slow.admin().set_aside("acme").await;
        let place = crate::world::tenant_key("acme");
        let stays = world.store.inner.fetch(&place).await.unwrap().is_some();
        if !staged.fired() {
            assert!(done.is_ok() && !stays && at >= 3, "{at} calls");
            return;
        }
        assert!(stays, "at call {at}");
    }
}
