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
