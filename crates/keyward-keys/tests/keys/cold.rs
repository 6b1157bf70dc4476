//! What a cold open costs, and what stays in memory.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{Clock, Result, SystemClock, Timestamp};
use keyward_keys::Policy;

use crate::world::{World, purpose, tenant};

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_cold_opens_of_a_tenant_are_one_read() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    for _ in 0..5 {
        // The system's clock moves meanwhile, as the one of a service does.
        let cold = world
            .builder()
            .clock(Arc::new(SystemClock::new()))
            .open()
            .await
            .unwrap();
        world.store.tenant_reads.store(0, Ordering::SeqCst);
        world.store.ring_reads.store(0, Ordering::SeqCst);
        world.root.calls.store(0, Ordering::SeqCst);
        let start = Arc::new(tokio::sync::Barrier::new(1000));
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let (cold, acme, start) = (cold.clone(), acme.clone(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    cold.opening_key(&purpose(), &acme, key).await.unwrap().id()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), key);
        }
        assert_eq!(world.store.tenant_reads.load(Ordering::SeqCst), 1);
        assert_eq!(world.store.ring_reads.load(Ordering::SeqCst), 0);
        assert_eq!(
            world.root.calls.load(Ordering::SeqCst),
            0,
            "the ring was open"
        );
    }
}

/// Tells a list of times, then the last one for good.
#[derive(Debug)]
struct Times(Mutex<Vec<u64>>);

impl Clock for Times {
    fn now(&self) -> Result<Timestamp> {
        let mut left = self.0.lock().unwrap();
        let at = if left.len() > 1 {
            left.remove(0)
        } else {
            left[0]
        };
        Ok(Timestamp::from_millis(at))
    }
}

#[tokio::test]
async fn who_asked_for_the_time_first_and_waited_reads_nothing_again() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let now = world.clock.now().unwrap().as_millis();
    // The handle opens; the one that reads asks at 101 and the one that waits at 100.
    let times = vec![now + 90, now + 101, now + 100, now + 102];
    let clock = Arc::new(Times(Mutex::new(times)));
    let cold = world.builder().clock(clock).open().await.unwrap();
    world.store.tenant_reads.store(0, Ordering::SeqCst);
    let purpose = purpose();
    let (reads, waits) = tokio::join!(
        cold.opening_key(&purpose, &acme, key),
        cold.opening_key(&purpose, &acme, key)
    );
    assert_eq!(reads.unwrap().id(), waits.unwrap().id());
    assert_eq!(world.store.tenant_reads.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_seals_of_a_tenant_make_one_key() {
    let world = World::new();
    world.create().await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let ring = world.builder().open().await.unwrap();
        tasks.push(tokio::spawn(async move {
            ring.sealing_key(&purpose(), &tenant("acme"), 0)
                .await
                .unwrap()
                .id()
        }));
    }
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "sixteen processes, one key");
}

#[tokio::test]
async fn memory_is_bounded_and_a_full_one_rejects_nothing() {
    let world = World::new();
    let maker = world.create().await;
    for policy in [
        Policy {
            cache_tenants: 2,
            ..Policy::default()
        },
        Policy {
            cache_keys: 2,
            ..Policy::default()
        },
        Policy {
            cache_tenants: 0,
            ..Policy::default()
        },
    ] {
        let ring = world.builder().policy(policy).open().await.unwrap();
        let mut keys = Vec::new();
        for name in ["a", "b", "c"] {
            keys.push((
                name,
                maker
                    .sealing_key(&purpose(), &tenant(name), 0)
                    .await
                    .unwrap()
                    .id(),
            ));
        }
        world.store.tenant_reads.store(0, Ordering::SeqCst);
        for _ in 0..2 {
            for (name, key) in &keys {
                let found = ring.opening_key(&purpose(), &tenant(name), *key).await;
                assert_eq!(found.unwrap().id(), *key);
            }
        }
        assert_eq!(
            world.store.tenant_reads.load(Ordering::SeqCst),
            6,
            "the oldest of three leaves a memory for two"
        );
    }
}

#[tokio::test]
async fn memory_for_two_holds_two() {
    let world = World::new();
    let maker = world.create().await;
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        let key = maker.sealing_key(&purpose(), &tenant(name), 0).await;
        keys.push((tenant(name), key.unwrap().id()));
    }
    let policy = Policy {
        cache_tenants: 2,
        cache_keys: 2,
        ..Policy::default()
    };
    let ring = world.builder().policy(policy).open().await.unwrap();
    world.store.tenant_reads.store(0, Ordering::SeqCst);
    for _ in 0..3 {
        for (tenant, key) in &keys {
            ring.opening_key(&purpose(), tenant, *key).await.unwrap();
        }
    }
    assert_eq!(world.store.tenant_reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn memory_ends_with_time_with_uses_and_with_a_clock_that_went_back() {
    let world = World::new();
    let maker = world.create().await;
    let acme = tenant("acme");
    let key = maker.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let policy = Policy {
        cache_uses: 10,
        ..Policy::default()
    };
    let ring = world.builder().policy(policy).open().await.unwrap();
    let reads = || world.store.tenant_reads.swap(0, Ordering::SeqCst);
    reads();
    for _ in 0..45 {
        ring.opening_key(&purpose(), &acme, key).await.unwrap();
    }
    assert_eq!(reads(), 5, "read anew after ten uses");
    let ring = world.builder().open().await.unwrap();
    for (span, back) in [(0, false), (600, false), (0, true)] {
        world.clock.advance(Duration::from_secs(span));
        if back {
            let now = world.clock.now().unwrap();
            world
                .clock
                .set(Timestamp::from_millis(now.as_millis() - 3_600_000));
        }
        ring.opening_key(&purpose(), &acme, key).await.unwrap();
        ring.opening_key(&purpose(), &acme, key).await.unwrap();
        assert_eq!(reads(), 1);
    }
}
