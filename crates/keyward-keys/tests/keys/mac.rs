//! The ring's MAC key is replaced; damaged records cost their owner only.

use keyward_base::ErrorKind;
use keyward_store::{Collection, RecordKey, Records};
use keyward_testkit::{Interrupt, Staged};

use crate::world::{World, purpose, tenant, tenant_key};

#[tokio::test]
async fn a_new_mac_key_is_under_every_record_and_the_old_one_is_gone() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let old = world.store.data(&tenant_key("acme")).await;
    let web = world.builder().replica("web").open().await.unwrap();

    let begun = ring.admin().rotate_mac(|_| {}).await.unwrap();
    assert_eq!(begun.tenants, 1);
    assert_eq!(begun.behind.len(), 1, "a lease is under the old key");
    assert!(ring.status().mac_rotates);
    // The replica opens what is under either key, and renews.
    web.opening_key(&purpose(), &acme, key).await.unwrap();
    web.tick().await.unwrap();
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    let ended = ring.admin().rotate_mac(|_| {}).await.unwrap();
    assert!(ended.behind.is_empty());
    assert_eq!(
        ended.mac_epoch, begun.mac_epoch,
        "gone on with, not begun anew"
    );
    assert!(!ring.status().mac_rotates);
    for handle in [&ring, &web, &world.open().await] {
        handle.refresh().await.unwrap();
        handle.opening_key(&purpose(), &acme, key).await.unwrap();
    }
    assert_eq!(ring.replicas().await.unwrap().len(), 1);
    // What the old key signed is not authentic any more.
    world.store.put(tenant_key("acme"), old).await;
    let cold = world.open().await;
    let refused = cold.opening_key(&purpose(), &acme, key).await.unwrap_err();
    assert_eq!(refused.reason(), Some(keyward_keys::reason::DAMAGED_KEYS));
    // And it goes on from here.
    let again = ring.admin().rotate_mac(|_| {}).await.unwrap();
    assert!(again.mac_epoch > ended.mac_epoch);
    assert_eq!(again.damaged.len(), 1);
}

#[tokio::test]
async fn one_damaged_record_costs_its_owner_only_and_has_a_way_out() {
    let world = World::new();
    let ring = world.create().await;
    let mut keys = Vec::new();
    for name in ["a", "b", "c"] {
        let key = ring.sealing_key(&purpose(), &tenant(name), 0).await;
        keys.push(key.unwrap().id());
    }
    let old = ring.status().keys[0].id;
    let good = world.store.data(&tenant_key("b")).await;
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    world.store.put(tenant_key("b"), bad).await;
    let nowhere = RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: "no tenant at all".to_owned(),
        id: "vault".to_owned(),
    };
    world.store.put(nowhere.clone(), b"anything".to_vec()).await;

    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let rewrapped = admin.rewrap_keys(|_| {}).await.unwrap();
    assert_eq!((rewrapped.moved, rewrapped.damaged.len()), (2, 2));
    let usage = admin.usage().await.unwrap();
    let owners: Vec<_> = usage.damaged.iter().map(|d| d.owner.as_str()).collect();
    assert_eq!(owners, ["b", "no tenant at all"]);
    let cold = world.open().await;
    for (name, key) in ["a", "b", "c"].iter().zip(&keys) {
        let found = cold.opening_key(&purpose(), &tenant(name), *key).await;
        match *name {
            "b" => assert_eq!(
                found.unwrap_err().reason(),
                Some(keyward_keys::reason::DAMAGED_KEYS)
            ),
            _ => assert_eq!(found.unwrap().id(), *key),
        }
    }
    assert!(admin.locate(keys[2]).await.unwrap().is_some());

    // Its keys may be wrapped by the old one: that stays until the record is restored or given up.
    admin.disable(old).await.unwrap();
    let refused = admin.destroy(old).await.unwrap_err();
    assert!(
        refused.to_string().contains("keys set-aside b"),
        "{refused}"
    );
    assert_eq!(admin.damaged().await.unwrap().len(), 2);
    let sound = admin.set_aside("a").await.unwrap_err();
    assert_eq!(sound.kind(), ErrorKind::Misuse);
    assert_eq!(admin.set_aside("b").await.unwrap(), 1);
    assert_eq!(admin.set_aside("no tenant at all").await.unwrap(), 1);
    assert!(admin.damaged().await.unwrap().is_empty());
    admin.destroy(old).await.unwrap();
    let aside = keyward_store::Scan::of(Collection::named("set-aside"));
    let kept = world.store.inner.scan(aside).await.unwrap().items;
    assert_eq!(kept.len(), 2, "nothing is thrown away");
    // The owner begins anew.
    ring.sealing_key(&purpose(), &tenant("b"), 0).await.unwrap();
}

#[tokio::test]
async fn a_replica_record_that_is_no_lease_holds_nobody_up() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let place = |id: &str| RecordKey {
        collection: Collection::named("replica"),
        owner: String::new(),
        id: id.to_owned(),
    };
    let name = ring.replicas().await.unwrap().remove(0).name;
    let genuine = world.store.data(&place(&name)).await;
    world
        .store
        .put(place("junk"), b"kwrp\x02junk".to_vec())
        .await;
    // A genuine lease under another name is none: its MAC says whose it is.
    world.store.put(place("web-copy"), genuine.clone()).await;
    let mut longer = genuine.clone();
    longer[28] ^= 0x40;
    world.store.put(place("forged"), longer).await;
    assert_eq!(ring.replicas().await.unwrap().len(), 1);
    let mut bad = ring.unreadable_replicas().await.unwrap();
    bad.sort();
    assert_eq!(bad, ["forged", "junk", "web-copy"]);
    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    let promoted = admin.promote_ready().await.unwrap();
    assert!(matches!(promoted, keyward_keys::Promotion::Promoted(_)));
    for name in &bad {
        admin.remove_replica(name).await.unwrap();
    }
    assert!(ring.unreadable_replicas().await.unwrap().is_empty());
    let live = admin.remove_replica(&name).await.unwrap_err();
    assert_eq!(live.kind(), ErrorKind::Misuse, "a lease stays");
}

/// One rotation of the MAC key is slow; another process ends it, begins the next, and dies there.
#[tokio::test]
async fn two_rotations_of_the_mac_key_lose_no_tenant() {
    for at in 0.. {
        let mut fired = false;
        for dies_at in 0..16 {
            let world = World::new();
            let ring = world.create().await;
            let mut keys = Vec::new();
            for name in ["a", "b", "c"] {
                let key = ring.sealing_key(&purpose(), &tenant(name), 0).await;
                keys.push((tenant(name), key.unwrap().id()));
            }
            let (staged, slow) = staged(&world).await;
            let other = world.open().await;
            let (dying, next) = self::staged(&world).await;
            let act = move || -> keyward_store::BoxFuture<'static, ()> {
                Box::pin(async move {
                    other.admin().rotate_mac(|_| {}).await.unwrap();
                    dying.interrupt(dies_at, Interrupt::DieBefore);
                    let _killed = next.admin().rotate_mac(|_| {}).await;
                })
            };
            staged.interrupt(at, Interrupt::Run(Box::new(act)));
            slow.admin().rotate_mac(|_| {}).await.unwrap();
            fired = staged.fired();
            let fresh = world.open().await;
            for (tenant, key) in &keys {
                let found = fresh.opening_key(&purpose(), tenant, *key).await;
                assert_eq!(found.unwrap().id(), *key, "at {at}, dies at {dies_at}");
            }
            let ended = fresh.admin().rotate_mac(|_| {}).await.unwrap();
            assert!(ended.damaged.is_empty());
        }
        if !fired {
            assert!(at >= 8, "{at} calls");
            return;
        }
    }
}

async fn staged(world: &World) -> (std::sync::Arc<Staged>, keyward_keys::Keyring) {
    let store = Staged::over(world.store.clone());
    let records: std::sync::Arc<dyn Records> = store.clone();
    let ring =
        keyward_keys::Keyring::builder(records, world.root.clone()).clock(world.clock.clone());
    (store, ring.open().await.unwrap())
}

/// Whoever can write to the store can say of a record that it is of a newer ring or release: that
/// too costs its owner only.
#[tokio::test]
async fn a_record_that_claims_to_be_newer_is_its_owners_damage() {
    let world = World::new();
    let ring = world.create().await;
    let key = ring.sealing_key(&purpose(), &tenant("acme"), 0).await;
    let key = key.unwrap().id();
    let sound = world.store.data(&tenant_key("acme")).await;
    for (at, byte) in [(4, 9), (5, 0x7f), (13, 0x7f)] {
        let mut forged = sound.clone();
        forged[at] = byte;
        world.store.put(tenant_key("acme"), forged).await;
        let cold = world.open().await;
        let refused = cold.opening_key(&purpose(), &tenant("acme"), key).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            refused.reason(),
            Some(keyward_keys::reason::DAMAGED_KEYS),
            "byte {at}"
        );
    }
}
