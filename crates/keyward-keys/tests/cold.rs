//! What a cold start costs, and that the cache keeps its bounds.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use keyward_base::Tenant;
use keyward_keys::Policy;
use world::{World, acme, purpose};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_cold_opens_cost_one_read_and_no_further_root_call() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    let id = ring.sealing_key(&purpose(), &acme(), 0).await.unwrap().id();

    let cold = world.builder().open().await.unwrap();
    world.store.reads.store(0, Ordering::SeqCst);
    world.store.tenant_reads.store(0, Ordering::SeqCst);
    world.root.calls.store(0, Ordering::SeqCst);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let cold = cold.clone();
        tasks.spawn(async move {
            cold.opening_key(&purpose(), &acme(), id)
                .await
                .unwrap()
                .id()
        });
    }
    while let Some(opened) = tasks.join_next().await {
        assert_eq!(opened.unwrap(), id);
    }
    assert_eq!(
        world.store.tenant_reads.load(Ordering::SeqCst),
        1,
        "reads of the key record"
    );
    assert_eq!(
        world.store.reads.load(Ordering::SeqCst),
        1,
        "reads of any record"
    );
    assert!(world.root.calls.load(Ordering::SeqCst) <= 1, "root calls");
}

#[tokio::test]
async fn an_unknown_id_costs_one_look_a_second() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    ring.sealing_key(&purpose(), &acme(), 0).await.unwrap();
    let nobody = keyward_base::KeyId::from_bytes([7; 8]);
    ring.opening_key(&purpose(), &acme(), nobody)
        .await
        .unwrap_err();
    world.store.reads.store(0, Ordering::SeqCst);
    for _ in 0..100 {
        ring.opening_key(&purpose(), &acme(), nobody)
            .await
            .unwrap_err();
    }
    assert_eq!(world.store.reads.load(Ordering::SeqCst), 0);
    world.clock.advance(Duration::from_secs(1));
    ring.opening_key(&purpose(), &acme(), nobody)
        .await
        .unwrap_err();
    assert!(world.store.reads.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn the_cache_is_bounded_by_number_time_and_uses() {
    let world = World::new();
    let policy = Policy {
        cache_tenants: 2,
        cache_uses: 10,
        cache_for: Duration::from_secs(60),
        ..Policy::default()
    };
    let ring = world
        .builder()
        .policy(policy)
        .create(&[purpose()], &[])
        .await
        .unwrap();
    let reads = || world.store.tenant_reads.swap(0, Ordering::SeqCst);
    let tenants: Vec<Tenant> = ["a", "b", "c"]
        .iter()
        .map(|name| Tenant::new(name).unwrap())
        .collect();
    let mut ids = Vec::new();
    for tenant in &tenants {
        ids.push(ring.sealing_key(&purpose(), tenant, 0).await.unwrap().id());
    }
    reads();
    ring.opening_key(&purpose(), &tenants[2], ids[2])
        .await
        .unwrap();
    assert_eq!(reads(), 0, "the newest is in memory");
    ring.opening_key(&purpose(), &tenants[0], ids[0])
        .await
        .unwrap();
    assert_eq!(reads(), 1, "the oldest had to leave");
    world.clock.advance(Duration::from_secs(60));
    ring.opening_key(&purpose(), &tenants[0], ids[0])
        .await
        .unwrap();
    assert_eq!(reads(), 1, "a minute is all");
    for _ in 0..9 {
        ring.opening_key(&purpose(), &tenants[0], ids[0])
            .await
            .unwrap();
    }
    assert_eq!(reads(), 0, "ten uses are within bounds");
    for _ in 0..3 {
        ring.opening_key(&purpose(), &tenants[0], ids[0])
            .await
            .unwrap();
    }
    assert_eq!(reads(), 1, "then it is read anew");
    world.clock.set(keyward_base::Timestamp::from_millis(1_000));
    ring.opening_key(&purpose(), &tenants[0], ids[0])
        .await
        .unwrap();
    assert_eq!(reads(), 1, "what was read in the future is not trusted");
}
