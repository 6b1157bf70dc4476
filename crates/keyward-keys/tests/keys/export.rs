//! An export brings every key back, and nothing but an export is imported.

use keyward_base::ErrorKind;
use keyward_keys::danger;
use keyward_testkit::truncations;

use crate::world::{OddStore, World, purpose, tenant};

#[tokio::test]
async fn an_export_opens_what_was_sealed() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    let key = ring
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    let mut sealed = Vec::new();
    key.body()
        .seal(&crate::world::context(), b"secret", &mut sealed)
        .unwrap();
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let bytes = danger::export(&ring).await.unwrap();

    let elsewhere = World {
        store: OddStore::new(),
        ..world
    };
    danger::import(elsewhere.store.as_ref(), &bytes)
        .await
        .unwrap();
    let restored = elsewhere.builder().open().await.unwrap();
    assert_eq!(restored.status(), ring.status());
    let same = restored
        .opening_key(&purpose(), &tenant("acme"), key.id())
        .await
        .unwrap();
    assert_eq!(
        same.body()
            .open(&crate::world::context(), &sealed)
            .unwrap()
            .expose(),
        b"secret"
    );

    let again = danger::import(elsewhere.store.as_ref(), &bytes)
        .await
        .unwrap_err();
    assert_eq!(
        again.kind(),
        ErrorKind::Misuse,
        "a store in use is not written over"
    );
    let empty = World::new();
    for cut in truncations(&bytes) {
        let error = danger::import(empty.store.as_ref(), cut).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Misuse,
            "cut to {} bytes",
            cut.len()
        );
    }
    danger::import(empty.store.as_ref(), &bytes).await.unwrap();
}

/// The ring comes last: an import that died is not taken for a whole one.
#[tokio::test]
async fn an_import_that_died_holds_no_ring() {
    let world = World::new();
    let ring = world.create().await;
    for n in 0..300 {
        let owner = tenant(&format!("t{n:03}"));
        ring.sealing_key(&purpose(), &owner, 0).await.unwrap();
    }
    let bytes = danger::export(&ring).await.unwrap();
    let mut died = 0;
    for call in 0.. {
        let empty = OddStore::new();
        empty
            .staged
            .interrupt(call, keyward_testkit::Interrupt::DieAfter);
        let ended = danger::import(empty.as_ref(), &bytes).await;
        if !empty.staged.fired() {
            ended.unwrap();
            break;
        }
        let held = empty.inner.fetch(&crate::world::ring_key()).await.unwrap();
        let scan = keyward_store::Collection::named("tenant-keys");
        let scan = keyward_store::Scan::of(scan).limit(1000);
        let tenants = empty.inner.scan(scan).await.unwrap().items.len();
        assert!(held.is_none() || tenants == 300, "at {call}");
        died += usize::from(ended.is_err());
    }
    assert!(died > 4, "{died}");
}
