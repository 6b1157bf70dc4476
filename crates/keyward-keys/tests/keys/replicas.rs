//! Long-running processes: acknowledgements, leases, and clocks that jump.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keyward_base::{Clock as _, ErrorKind, Timestamp};
use keyward_keys::{Policy, Promotion};
use keyward_store::{Collection, Scan};

use crate::world::{Column, World, purpose, tenant};

#[tokio::test]
async fn a_promotion_waits_for_all_or_for_the_window() {
    let world = World::new();
    let ring = world.create().await;
    let one = world.builder().replica("one").open().await.unwrap();
    let two = world.builder().replica("two").open().await.unwrap();
    let admin = ring.admin();
    let key = admin.rotate(&purpose()).await.unwrap();
    one.refresh().await.unwrap();
    one.tick().await.unwrap();
    let waits = admin.promote_ready().await.unwrap();
    assert!(
        matches!(
            waits,
            Promotion::Waiting {
                acknowledged: 1,
                of: 2,
                ..
            }
        ),
        "{waits:?}"
    );
    two.refresh().await.unwrap();
    two.tick().await.unwrap();
    let all = admin.promote_ready().await.unwrap();
    assert_eq!(all, Promotion::Promoted(vec![key]), "at once");
    assert_eq!(admin.promote_ready().await.unwrap(), Promotion::Nothing);

    let next = admin.rotate(&purpose()).await.unwrap();
    let window = Policy::default().propagation();
    world.clock.advance(window - Duration::from_millis(1));
    let early = admin.promote_ready().await.unwrap();
    assert!(matches!(early, Promotion::Waiting { .. }), "{early:?}");
    world.clock.advance(Duration::from_millis(1));
    let due = admin.promote_ready().await.unwrap();
    assert_eq!(due, Promotion::Promoted(vec![next]));
    // Neither replica knows, and both open what the new key sealed.
    let sealed = ring
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    for replica in [&one, &two] {
        let found = replica
            .opening_key(&purpose(), &tenant("acme"), sealed.id())
            .await;
        assert_eq!(found.unwrap().id(), sealed.id());
    }
}

#[tokio::test]
async fn a_replica_without_a_lease_refuses() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let web = world.builder().replica("web").open().await.unwrap();
    web.opening_key(&purpose(), &acme, key).await.unwrap();
    let start = world.clock.now().unwrap();
    let back = Timestamp::from_millis(start.as_millis() - 31_000);
    for at in [
        start.saturating_add(Duration::from_secs(60)),
        back,
        Timestamp::from_millis(0),
    ] {
        world.clock.set(at);
        for refused in [
            web.opening_key(&purpose(), &acme, key).await.unwrap_err(),
            web.sealing_key(&purpose(), &acme, 0).await.unwrap_err(),
        ] {
            assert_eq!(refused.kind(), ErrorKind::Unavailable, "at {at:?}");
        }
    }
    web.tick().await.unwrap();
    web.opening_key(&purpose(), &acme, key).await.unwrap();
    world.clock.set(Timestamp::from_millis(u64::MAX));
    assert!(
        web.opening_key(&purpose(), &acme, key).await.is_err(),
        "the end of time"
    );
    let _no_panic = (web.tick().await, ring.admin().promote_ready().await);
}

#[tokio::test]
async fn a_key_is_not_destroyed_before_every_replica_dropped_it() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let admin = ring.admin();
    let old = ring.status().keys[0].id;
    admin.rotate(&purpose()).await.unwrap();
    world.clock.advance(Policy::default().propagation());
    web.tick().await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.disable(old).await.unwrap();
    let early = admin.destroy(old).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Unavailable);
    assert!(early.to_string().contains("web"), "{early}");
    // Its lease has run out by our clock, and may not have by its own.
    world.clock.advance(Policy::default().lease);
    let skewed = admin.destroy(old).await.unwrap_err();
    assert_eq!(skewed.kind(), ErrorKind::Unavailable);
    world.clock.advance(Policy::default().skew);
    admin.destroy(old).await.unwrap();
    // Dead leases are swept away by the next process that starts.
    let _next = world.builder().replica("next").open().await.unwrap();
    let names: Vec<String> = ring
        .replicas()
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.name)
        .collect();
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("next-"));
    let all = Scan::of(Collection::named("replica"));
    assert_eq!(world.store.inner.scan(all).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_tick_reads_and_renews_when_it_is_due() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let policy = ring.policy();
    let reads = || world.store.ring_reads.swap(0, Ordering::SeqCst);
    let until = async || ring.replicas().await.unwrap().remove(0).until;
    let (first, third) = (until().await, policy.lease / 3);
    reads();
    let moment = Duration::from_millis(1);
    world.clock.advance(policy.refresh.min(third) - moment);
    web.tick().await.unwrap();
    assert_eq!(reads(), 0);
    assert_eq!(until().await, first);
    world
        .clock
        .advance(third.saturating_sub(policy.refresh.min(third)));
    web.tick().await.unwrap();
    assert_eq!(until().await, first, "a moment before its third is gone");
    world.clock.advance(moment);
    web.tick().await.unwrap();
    assert_eq!(until().await, first.saturating_add(third));

    let world = World::new();
    let _ring = world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let reads = || world.store.ring_reads.swap(0, Ordering::SeqCst);
    world.clock.advance(web.policy().refresh - moment);
    reads();
    web.tick().await.unwrap();
    assert_eq!(reads(), 0);
    world.clock.advance(moment);
    web.tick().await.unwrap();
    assert_eq!(reads(), 1);
}

#[tokio::test]
async fn an_applications_own_columns_are_counted_when_it_is_due() {
    let world = World::new();
    let ring = world.create().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    let web = world.builder().replica("web").open().await.unwrap();
    let own = Column::new("app", &purpose(), false);
    let old = ring.status().keys[0].id;
    own.keys.lock().unwrap().push(old);
    web.cover(own.clone()).await.unwrap();
    web.cover(Column::new("store", &purpose(), true))
        .await
        .unwrap();
    web.tick().await.unwrap();
    let told = async || ring.replicas().await.unwrap().remove(0).columns;
    let first = told().await;
    assert_eq!(first.len(), 2);
    // Of one with a barrier no number is told, and nothing was counted.
    assert_eq!(
        (first[1].column.store().as_str(), &first[1].keys[..]),
        ("store", &[][..])
    );
    let keys: Vec<_> = first[0].keys.iter().map(|k| (k.key, k.rows)).collect();
    assert_eq!(keys, [(old, 1)], "a key without rows is not told of");
    // What would be counted now could not be.
    own.broken.store(true, Ordering::SeqCst);
    web.tick().await.unwrap();
    let moment = Duration::from_millis(1);
    world.clock.advance(web.policy().report - moment);
    web.tick().await.unwrap();
    assert_eq!(told().await[0], first[0]);
    world.clock.advance(moment);
    web.tick().await.unwrap();
    let left = told().await;
    assert_eq!((left.len(), left[0].column.store().as_str()), (1, "store"));
    // Whoever has none of its own tells of it too, as soon as it is there, in one lease more.
    let worker = world.builder().replica("worker").open().await.unwrap();
    worker.tick().await.unwrap();
    let told = async || {
        let all = ring.replicas().await.unwrap();
        let worker = all.into_iter().find(|one| one.name.starts_with("worker"));
        worker.unwrap().columns
    };
    assert!(told().await.is_empty());
    worker
        .coverages()
        .add(Column::new("store", &purpose(), true));
    worker.tick().await.unwrap();
    let first = told().await;
    assert_eq!(
        (first.len(), first[0].column.store().as_str()),
        (1, "store")
    );
    world.clock.advance(moment);
    worker.tick().await.unwrap();
    assert_eq!(told().await, first, "what is no news is not written again");
}

#[tokio::test]
async fn a_tick_under_a_clock_that_went_back_reads_the_ring() {
    let world = World::new();
    let _ring = world.create().await;
    let web = world.open().await;
    let reads = || world.store.ring_reads.swap(0, Ordering::SeqCst);
    reads();
    web.tick().await.unwrap();
    assert_eq!(reads(), 0, "at the same moment");
    let now = world.clock.now().unwrap().as_millis();
    world.clock.set(Timestamp::from_millis(now - 1));
    web.tick().await.unwrap();
    assert_eq!(reads(), 1);
}

/// As many columns as a lease holds are told of, and a further one does no harm.
#[tokio::test]
async fn a_replica_tells_of_64_columns() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let key = ring.status().keys[0].id;
    for n in 0..65 {
        let column = Column::new(&format!("app{n}"), &purpose(), false);
        column.keys.lock().unwrap().push(key);
        web.coverages().add(column);
    }
    web.tick().await.unwrap();
    let told = ring.replicas().await.unwrap().remove(0);
    assert_eq!(told.columns.len(), 64);
    assert!(told.columns.iter().all(|column| column.keys.len() == 1));
    // Those that only it can count come first.
    web.coverages().add(Column::new("store", &purpose(), true));
    world.clock.advance(web.policy().report);
    web.tick().await.unwrap();
    let told = ring.replicas().await.unwrap().remove(0);
    assert_eq!(told.columns.len(), 64);
    assert!(told.columns.iter().all(|column| column.keys.len() == 1));
}
