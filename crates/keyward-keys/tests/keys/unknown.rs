//! Key ids that nobody has: what they cost, and that they keep no genuine one from being found.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keyward_base::{ErrorKind, KeyId, Reason, Tenant};
use keyward_keys::Keyring;

use crate::world::{World, purpose, tenant, tenant_key};

fn made_up(n: u64) -> KeyId {
    KeyId::from_bytes(n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
}

fn calls(world: &World) -> usize {
    world.store.staged.take_calls().len()
}

#[tokio::test]
async fn ten_thousand_made_up_ids_cost_no_call_of_the_store() {
    let world = World::new();
    let ring = world.create().await;
    for (name, warm) in [("warm", true), ("cold", false), ("absent", false)] {
        let owner = tenant(name);
        if name != "absent" {
            let other = world.builder().open().await.unwrap();
            other.sealing_key(&purpose(), &owner, 0).await.unwrap();
        }
        if warm {
            ring.sealing_key(&purpose(), &owner, 0).await.unwrap();
        }
        calls(&world);
        for n in 0..10_000 {
            let refused = ring
                .opening_key(&purpose(), &owner, made_up(n))
                .await
                .unwrap_err();
            assert_eq!(
                (refused.kind(), refused.reason()),
                (ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC))
            );
        }
        assert_eq!(calls(&world), 0, "{name}");
    }
}

#[tokio::test]
async fn the_ids_of_another_tenant_or_purpose_cost_no_call_either() {
    let world = World::new();
    let other = keyward_base::Purpose::new("other").unwrap();
    let ring = world
        .builder()
        .create(&[purpose(), other.clone()], &[])
        .await
        .unwrap();
    let (a, b) = (tenant("a"), tenant("b"));
    let key = ring.sealing_key(&purpose(), &a, 0).await.unwrap().id();
    let cold = world.builder().open().await.unwrap();
    calls(&world);
    for (purpose, owner) in [(purpose(), &b), (other, &a)] {
        let moved = cold.opening_key(&purpose, owner, key).await.unwrap_err();
        assert_eq!(moved.reason(), Some(Reason::NOT_AUTHENTIC));
    }
    assert_eq!(calls(&world), 0);
}

/// Keys of `owner` that were genuine and are gone with its record.
async fn gone(world: &World, ring: &Keyring, owner: &Tenant, count: usize) -> Vec<KeyId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let other = world.builder().open().await.unwrap();
        ids.push(other.sealing_key(&purpose(), owner, 0).await.unwrap().id());
        world.store.remove(tenant_key(owner.as_str())).await;
    }
    // The tenant is in memory, as one without these keys.
    ring.sealing_key(&purpose(), owner, 0).await.unwrap();
    ids
}

#[tokio::test]
async fn a_genuine_id_opens_during_a_flood_of_others() {
    let world = World::new();
    let ring = world.create().await;
    let mut floods = Vec::new();
    for n in 0..20 {
        let owner = tenant(&format!("flood-{n}"));
        let ids = gone(&world, &ring, &owner, 12).await;
        floods.push((owner, ids));
    }
    let acme = tenant("acme");
    ring.sealing_key(&purpose(), &acme, 0).await.unwrap();

    calls(&world);
    let mut unavailable = 0;
    for (owner, ids) in &floods {
        for (at, id) in ids.iter().enumerate() {
            ring.opening_key(&purpose(), owner, made_up(at as u64))
                .await
                .unwrap_err();
            let refused = ring.opening_key(&purpose(), owner, *id).await.unwrap_err();
            assert_eq!(refused.reason(), Some(keyward_keys::reason::UNKNOWN_KEY));
            // What was not looked for is not said to be rejected for good.
            match refused.kind() {
                ErrorKind::Unavailable => unavailable += 1,
                kind => assert_eq!(kind, ErrorKind::Rejected),
            }
        }
    }
    let spent = calls(&world);
    assert!(spent <= 64 + floods.len(), "{spent} calls");
    assert!(unavailable > 0, "the budget was spent");

    // Another process rotates, and issues a key to a tenant that this one knows.
    let other = world.builder().open().await.unwrap();
    other.admin().rotate(&purpose()).await.unwrap();
    other.admin().promote_ready().await.unwrap();
    let new = other.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let found = ring.opening_key(&purpose(), &acme, new).await.unwrap();
    assert_eq!(found.id(), new);
}

#[tokio::test]
async fn one_tenant_has_a_budget_of_its_own() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let ids = gone(&world, &ring, &acme, 12).await;
    calls(&world);
    let mut kinds = Vec::new();
    for id in &ids {
        let refused = ring.opening_key(&purpose(), &acme, *id).await.unwrap_err();
        kinds.push(refused.kind());
    }
    let looked = ring.policy().unknown_lookups_tenant as usize;
    assert!(kinds[..looked].iter().all(|k| *k == ErrorKind::Rejected));
    assert!(kinds[looked..].iter().all(|k| *k == ErrorKind::Unavailable));
    assert_eq!(calls(&world), looked);
    // What was looked for is remembered, and costs nothing.
    let known = ring.opening_key(&purpose(), &acme, ids[0]).await;
    assert_eq!(known.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(calls(&world), 0);
    // A rewrap goes through all of them without a budget.
    for id in &ids {
        let refused = ring.admin().opening_key(&purpose(), &acme, *id).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Rejected);
    }
    calls(&world);
    world
        .clock
        .advance(ring.policy().unknown_refresh - Duration::from_millis(1));
    let early = ring.opening_key(&purpose(), &acme, ids[0]).await;
    assert_eq!(early.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(calls(&world), 0);
    world.clock.advance(Duration::from_millis(1));
    let again = ring
        .opening_key(&purpose(), &acme, ids[11])
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Rejected);
    assert_eq!(calls(&world), 1, "it is looked for once more");
}

#[tokio::test]
async fn a_refusal_for_one_purpose_says_nothing_of_another() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let ids = gone(&world, &ring, &acme, 1).await;
    world.store.scans.store(0, Ordering::SeqCst);
    let refused = ring.opening_key(&purpose(), &acme, ids[0]).await;
    assert_eq!(
        refused.unwrap_err().reason(),
        Some(keyward_keys::reason::UNKNOWN_KEY)
    );
    // The same eight bytes for another purpose are judged by that purpose's filter.
    let other = keyward_base::Purpose::new("other").unwrap();
    let refused = ring.opening_key(&other, &acme, ids[0]).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    assert_eq!(world.store.scans.load(Ordering::SeqCst), 0, "no scan");
}
