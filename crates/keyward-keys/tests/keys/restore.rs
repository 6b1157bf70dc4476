//! An older ring put back, and the way out.

use std::sync::Arc;

use keyward_base::ErrorKind;
use keyward_keys::{Anchor as _, FileAnchor, KeyState, PinName, danger};

use crate::world::{World, purpose, tenant};

#[tokio::test]
async fn an_older_ring_is_refused_until_it_is_accepted_by_name() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.anchor");
    let anchor = || Arc::new(FileAnchor::new(path.clone()));
    let ring = world
        .builder()
        .anchor(anchor())
        .create(&[purpose()], &[])
        .await
        .unwrap();
    let acme = tenant("acme");
    let first = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    let backup = world.store.ring().await;
    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let pinned = anchor().load(&PinName::ring()).unwrap().unwrap();
    assert_eq!(pinned.counter, ring.status().epoch);

    world.store.put_ring(backup).await;
    let running = ring.refresh().await.unwrap_err();
    assert_eq!(running.kind(), ErrorKind::Unavailable);
    let started = world.builder().anchor(anchor()).open().await.unwrap_err();
    assert_eq!(started.kind(), ErrorKind::Unavailable);
    assert!(
        started.to_string().contains("keys accept-restore"),
        "{started}"
    );
    assert!(
        started.to_string().contains(&path.display().to_string()),
        "{started}"
    );

    let back = danger::accept_restore(world.builder(), anchor())
        .await
        .unwrap();
    assert!(
        back.status().epoch > pinned.counter,
        "above all that was seen"
    );
    assert_eq!(
        anchor().load(&PinName::ring()).unwrap().unwrap().counter,
        back.status().epoch
    );
    back.opening_key(&purpose(), &acme, first.id())
        .await
        .unwrap();
    // The barrier of the data store may name the key that was lost: the next one is above it.
    let barrier = pinned.counter;
    let behind = back
        .sealing_key(&purpose(), &acme, barrier)
        .await
        .unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::Unavailable);
    back.admin().rotate(&purpose()).await.unwrap();
    back.admin().promote_ready().await.unwrap();
    back.sealing_key(&purpose(), &acme, barrier).await.unwrap();
    assert_eq!(back.status().keys[0].state, KeyState::Retired);
}
