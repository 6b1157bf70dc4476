//! The life of a ring: made, used, rotated, disabled, destroyed.

use std::time::Duration;

use keyward_base::ErrorKind;
use keyward_keys::{KeyState, Promotion};

use crate::world::{World, purpose, tenant};

#[tokio::test]
async fn a_rotation_from_end_to_end() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    let first = ring
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    let mut sealed = Vec::new();
    first
        .body()
        .seal(&crate::world::context(), b"secret", &mut sealed)
        .unwrap();

    let other = world.builder().open().await.unwrap();
    let same = other
        .opening_key(&purpose(), &tenant("acme"), first.id())
        .await
        .unwrap();
    assert_eq!(
        same.body()
            .open(&crate::world::context(), &sealed)
            .unwrap()
            .expose(),
        b"secret"
    );
    assert_eq!(
        other
            .sealing_key(&purpose(), &tenant("acme"), 0)
            .await
            .unwrap()
            .id(),
        first.id()
    );

    let old = ring.status().keys[0].id;
    let new = ring.admin().rotate(&purpose()).await.unwrap();
    assert_eq!(
        ring.admin().rotate(&purpose()).await.unwrap(),
        new,
        "repeating makes no second"
    );
    assert_eq!(
        ring.admin().promote_ready().await.unwrap(),
        Promotion::Promoted(vec![new])
    );
    let second = ring
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    assert_ne!(second.id(), first.id(), "the next put is under the new key");
    assert!(second.issued_epoch() >= ring.promoted_epoch(&purpose()).unwrap());

    // A handle that has not refreshed meets the new key's id, and reads the ring anew by itself.
    let found = other
        .opening_key(&purpose(), &tenant("acme"), second.id())
        .await
        .unwrap();
    assert_eq!(found.id(), second.id());

    ring.admin().disable(old).await.unwrap();
    let refused = ring
        .opening_key(&purpose(), &tenant("acme"), first.id())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.reason()),
        (
            ErrorKind::Unavailable,
            Some(keyward_keys::reason::DISABLED_KEY)
        )
    );
    ring.admin().enable(old).await.unwrap();
    ring.opening_key(&purpose(), &tenant("acme"), first.id())
        .await
        .unwrap();

    ring.admin().disable(old).await.unwrap();
    let receipt = ring.admin().destroy(old).await.unwrap();
    assert_eq!((receipt.key, receipt.tenant_keys), (old, 1));
    let gone = ring
        .opening_key(&purpose(), &tenant("acme"), first.id())
        .await
        .unwrap_err();
    assert_eq!(gone.reason(), Some(keyward_keys::reason::DESTROYED_KEY));
    assert_eq!(ring.status().keys[0].state, KeyState::Destroyed);
    assert!(
        ring.admin().disable(new).await.is_err(),
        "the active key stays"
    );
}

#[tokio::test]
async fn promotion_waits_for_live_replicas() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    let replica = world.builder().replica("web").open().await.unwrap();
    let new = ring.admin().rotate(&purpose()).await.unwrap();
    let waiting = ring.admin().promote_ready().await.unwrap();
    assert!(
        matches!(waiting, Promotion::Waiting { key, acknowledged: 0, of: 1, .. } if key == new)
    );
    world.clock.advance(Duration::from_secs(6));
    replica.tick().await.unwrap();
    assert_eq!(
        ring.admin().promote_ready().await.unwrap(),
        Promotion::Promoted(vec![new])
    );

    world.clock.advance(Duration::from_secs(61));
    let lost = replica
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap_err();
    assert_eq!(
        lost.kind(),
        ErrorKind::Unavailable,
        "a replica past its lease refuses"
    );
    replica.tick().await.unwrap();
    replica
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    replica.leave().await.unwrap();
    assert!(ring.replicas().await.unwrap().is_empty());
}
