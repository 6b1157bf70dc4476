//! A ring or tenant record that is not what was written.

use keyward_base::{ErrorKind, Purpose};
use keyward_keys::format::{inspect_replica, inspect_ring, inspect_tenant};
use keyward_keys::{KeyUse, Signs};
use keyward_store::{Collection, Scan};
use keyward_testkit::{bit_flips, truncations};
use proptest::prelude::*;

use crate::vectors::sign_ring;
use crate::world::{World, purpose, tenant, tenant_key};

#[tokio::test]
async fn no_flipped_bit_or_cut_of_a_ring_is_accepted() {
    let world = World::new();
    let ring = world.create().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    let good = world.store.ring().await;
    let bad = bit_flips(&good).chain(truncations(&good).map(<[u8]>::to_vec));
    let longer = [good.clone(), vec![0]].concat();
    let mut tried = 0;
    for data in bad.chain([longer]) {
        world.store.put_ring(data).await;
        let e = world.builder().open().await.unwrap_err();
        // A flip in the wrapped MAC key or its version is told as another root's.
        assert!(
            matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable),
            "{e:?}"
        );
        assert!(
            ring.refresh().await.is_err(),
            "nor by a handle that is open"
        );
        tried += 1;
    }
    assert!(tried > 9 * good.len());
    world.store.put_ring(good).await;
    world.builder().open().await.unwrap();
    ring.refresh().await.unwrap();
}

/// The MAC is right, and what it covers makes no sense: made by a fault, not by an attacker.
#[tokio::test]
async fn a_ring_that_contradicts_itself_is_refused_under_a_right_mac() {
    let world = World::new();
    let ring = world.create().await;
    let receipts = Purpose::new("receipts").unwrap();
    let signs = KeyUse::Sign(Signs::Fields);
    ring.admin().add_purpose(&receipts, signs).await.unwrap();
    // A key that signs is the one that was published.
    let public = ring.signing(&receipts).unwrap().public().to_bytes();
    let good = world.store.ring().await;
    let at = good.windows(32).position(|bytes| bytes == public).unwrap();
    let mut other = good.clone();
    other[at] ^= 1;
    world.store.put_ring(sign_ring(other).await).await;
    let refused = world.builder().open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("published"), "{refused}");
    world.store.put_ring(sign_ring(good).await).await;
    // The MAC key before is older than the one of now.
    let _web = world.builder().replica("web").open().await.unwrap();
    let rotated = ring.admin().rotate_mac(|_| ()).await.unwrap();
    assert_eq!(rotated.behind.len(), 1, "the key before stays");
    let mut swapped = world.store.ring().await;
    const MAC: usize = 8 + 4 + 2 + 104;
    let (now, before) = swapped[37..37 + 2 * MAC].split_at_mut(MAC);
    now.swap_with_slice(before);
    world.store.put_ring(sign_ring(swapped).await).await;
    let refused = world.builder().open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("MAC key"), "{refused}");
}

#[tokio::test]
async fn no_flipped_bit_or_cut_of_a_tenant_record_is_accepted() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let place = tenant_key("acme");
    let good = world
        .store
        .inner
        .fetch(&place)
        .await
        .unwrap()
        .unwrap()
        .content
        .data;
    let cold = world.builder().open().await.unwrap();
    let bad = bit_flips(&good).chain(truncations(&good).map(<[u8]>::to_vec));
    for data in bad {
        world.store.put(place.clone(), data).await;
        let e = cold.opening_key(&purpose(), &acme, key).await.unwrap_err();
        assert!(
            matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable),
            "{e:?}"
        );
    }
    // Another tenant's record, whole.
    world.store.put(tenant_key("other"), good.clone()).await;
    let e = cold
        .sealing_key(&purpose(), &tenant("other"), 0)
        .await
        .unwrap_err();
    assert_eq!(
        (e.kind(), e.reason()),
        (ErrorKind::Corrupt, Some(keyward_keys::reason::DAMAGED_KEYS))
    );
    world.store.put(place, good).await;
    cold.opening_key(&purpose(), &acme, key).await.unwrap();
}

#[tokio::test]
async fn a_replica_record_is_read_strictly() {
    let world = World::new();
    world.create().await;
    let _web = world.builder().replica("web").open().await.unwrap();
    let scan = Scan::of(Collection::named("replica")).limit(1);
    let good = world
        .store
        .inner
        .scan(scan)
        .await
        .unwrap()
        .items
        .remove(0)
        .content
        .data;
    inspect_replica(&good).unwrap();
    for cut in truncations(&good) {
        assert_eq!(inspect_replica(cut).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let longer = [good, vec![0]].concat();
    assert!(inspect_replica(&longer).is_err());
}

proptest! {
    #[test]
    fn readers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for magic in [&b"kwrg\x01"[..], b"kwtk\x01", b"kwrp\x01", b""] {
            let bytes = [magic, &bytes].concat();
            let _ = (inspect_ring(&bytes), inspect_tenant(&bytes), inspect_replica(&bytes));
        }
        let _ = keyward_keys::anchor::Pins::parse(&bytes);
    }
}

/// Somebody wrote a record of a name as long as a store holds: it can be set aside all the same.
#[tokio::test]
async fn a_record_of_the_longest_name_is_set_aside() {
    let world = World::new();
    let ring = world.create().await;
    let mut place = tenant_key("acme");
    place.id = "x".repeat(300);
    world.store.put(place, b"nothing of ours".to_vec()).await;
    assert_eq!(ring.admin().damaged().await.unwrap().len(), 1);
    assert_eq!(ring.admin().set_aside("acme").await.unwrap(), 1);
    assert!(ring.admin().damaged().await.unwrap().is_empty());
    // The longest to which a version can be added keeps its name, and a longer one has a digest.
    let names = |scan: keyward_store::Page<keyward_store::Record>| {
        let ids = scan.items.into_iter().map(|record| record.key.id);
        ids.collect::<Vec<_>>()
    };
    for (len, kept) in [(5, true), (279, true), (280, false), (300, false)] {
        let mut place = tenant_key("globex");
        place.id = "y".repeat(len);
        world.store.put(place.clone(), b"nothing".to_vec()).await;
        assert_eq!(ring.admin().set_aside("globex").await.unwrap(), 1);
        let scan = Scan::of(Collection::named("set-aside")).owner("globex");
        let all = names(world.store.inner.scan(scan).await.unwrap());
        let prefix = format!("{}-", place.id);
        let named = all.iter().filter(|id| id.starts_with(&prefix)).count();
        assert_eq!(named == 1, kept, "{len}: {all:?}");
    }
}
