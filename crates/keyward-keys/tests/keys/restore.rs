//! An older ring put back, and the way out.

use std::sync::Arc;

use keyward_base::ErrorKind;
use keyward_keys::{Anchor as _, FileAnchor, KeyState, danger};

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
    let pinned = anchor().load().unwrap().unwrap();
    assert_eq!(pinned.epoch, ring.status().epoch);

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
        back.status().epoch > pinned.epoch,
        "above all that was seen"
    );
    assert_eq!(anchor().load().unwrap().unwrap().epoch, back.status().epoch);
    back.opening_key(&purpose(), &acme, first.id())
        .await
        .unwrap();
    // The fence of the data store may name the key that was lost: the next one is above it.
    let fence = pinned.epoch;
    let behind = back
        .sealing_key(&purpose(), &acme, fence)
        .await
        .unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::Unavailable);
    back.admin().rotate(&purpose()).await.unwrap();
    back.admin().promote_ready().await.unwrap();
    back.sealing_key(&purpose(), &acme, fence).await.unwrap();
    assert_eq!(back.status().keys[0].state, KeyState::Retired);
}

#[tokio::test]
async fn the_anchor_never_goes_back_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("x.anchor");
    let anchor = FileAnchor::new(path.clone());
    assert!(anchor.load().unwrap().is_none());
    let pin = |epoch| keyward_keys::Pin {
        ring: keyward_keys::RingId::from_bytes([7; 16]),
        epoch,
    };
    for epoch in [3, 9, 4] {
        anchor.store(pin(epoch)).unwrap();
    }
    assert_eq!(
        anchor.load().unwrap(),
        Some(pin(9)),
        "a slower process does not lower it"
    );
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the anchor");
    let good = std::fs::read_to_string(&path).unwrap();
    for bad in [
        String::new(),
        good.replace("/1", "/2"),
        good.replace('\n', "\r\n"),
        good.replace("\n9", "\n09"),
        good.replace("\n9", "\n+9"),
        good.trim_end().to_owned(),
        format!("{good}x\n"),
        good.replacen("07", "G7", 1),
    ] {
        std::fs::write(&path, &bad).unwrap();
        let e = anchor.load().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt, "{bad:?}");
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(anchor.load().unwrap_err().kind(), ErrorKind::Corrupt);
    std::fs::write(&path, &good).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let e = anchor.load().unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
}
