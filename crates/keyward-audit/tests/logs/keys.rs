//! The key that vouches for heads, from one to the next.

use std::sync::Arc;

use keyward_audit::{Audit, Of, danger};
use keyward_base::{ErrorKind, Purpose, Sink, Tenant};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyState, KeyUse, Keyring, Life, Signs, Stage};
use keyward_store::MemoryStore;

use crate::world::{World, acme, event};

fn heads() -> Purpose {
    Purpose::new("audit-head").unwrap()
}

fn other() -> Of {
    Of::Tenant(Tenant::new("other").unwrap())
}

async fn three_logs() -> World {
    let world = World::new().await;
    for of in [acme(), Of::Service, other()] {
        for n in 0..3 {
            world.audit.append(event(&of, n)).await.unwrap();
        }
    }
    world
}

#[tokio::test]
async fn a_key_that_vouched_for_heads_goes_when_all_are_under_the_next() {
    let world = three_logs().await;
    let old = world.keyring.mac(&heads()).unwrap().id();
    // A process that knows the ring of before, and has written.
    let elsewhere = world.elsewhere().await;
    elsewhere.append(event(&acme(), 3)).await.unwrap();
    let admin = world.keyring.admin();
    admin.rotate(&heads()).await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.disable(old).await.unwrap();
    let needed = admin.destroy(old).await.unwrap_err();
    assert_eq!(needed.kind(), ErrorKind::Misuse);
    // What a key vouches for that is disabled for a while was not edited.
    let later = world.again().await.append(event(&acme(), 4)).await;
    assert_eq!(later.unwrap_err().kind(), ErrorKind::Unavailable);
    admin.enable(old).await.unwrap();
    // The barrier is up: whoever is late learns of the key, and goes on.
    assert_eq!(elsewhere.append(event(&acme(), 4)).await.unwrap(), 4);
    assert_eq!(elsewhere.append(event(&other(), 3)).await.unwrap(), 3);
    let renewed = world.audit.renew().await.unwrap();
    assert_eq!((renewed.renewed, renewed.damaged), (1, 0));
    admin.disable(old).await.unwrap();
    admin.destroy(old).await.unwrap();
    let keys = world.keyring.status().keys;
    let state = keys.iter().find(|key| key.id == old).map(|key| key.state);
    assert_eq!(state, Some(KeyState::Destroyed));
    for (of, size) in [(acme(), 5), (Of::Service, 3), (other(), 4)] {
        assert_eq!(world.verify(&of).await.unwrap(), size);
        assert_eq!(elsewhere.append(event(&of, 9)).await.unwrap(), size);
    }
    assert_eq!(world.audit.renew().await.unwrap().renewed, 0);
}

#[tokio::test]
async fn a_key_that_is_disabled_costs_the_logs_that_it_vouches_for() {
    let world = three_logs().await;
    let old = world.keyring.mac(&heads()).unwrap().id();
    for root_too in [false, true] {
        let admin = world.keyring.admin();
        if !root_too {
            world.audit.round(|_| ()).await.unwrap();
            admin.rotate(&heads()).await.unwrap();
            admin.promote_ready().await.unwrap();
            // The root log's head and the service's are under the next one.
            world.audit.append(event(&Of::Service, 3)).await.unwrap();
            world.audit.round(|_| ()).await.unwrap();
            admin.disable(old).await.unwrap();
        } else {
            let now = world.keyring.mac(&heads()).unwrap().id();
            admin.enable(old).await.unwrap();
            world.audit.renew().await.unwrap();
            let mut intent = event(&acme(), 4);
            intent.outcome = keyward_base::audit::Outcome::Intended;
            intent.id = Some(keyward_base::EventId::new([1; 8], [2; 8]));
            world.audit.append(intent).await.unwrap();
            world.audit.round(|_| ()).await.unwrap();
            admin.rotate(&heads()).await.unwrap();
            admin.promote_ready().await.unwrap();
            world.audit.append(event(&Of::Service, 5)).await.unwrap();
            admin.disable(now).await.unwrap();
        }
        // For who is started now: others go on, and what is of those logs waits.
        let audit = world.again().await;
        assert!(audit.open_intents().await.unwrap().is_empty());
        audit.append(event(&Of::Service, 9)).await.unwrap();
        let refused = audit.append(event(&acme(), 9)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        if root_too {
            let refused = audit.round(|_| ()).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unavailable);
            continue;
        }
        let round = audit.round(|_| ()).await.unwrap();
        assert_eq!(round.noted, 1);
        assert!(audit.checkpoint(&Of::Service).await.unwrap().is_some());
        let refused = audit.checkpoint(&acme()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(
            audit
                .rooted()
                .await
                .unwrap()
                .dropped()
                .await
                .unwrap()
                .is_empty()
        );
    }
    // Enabled again, all goes on.
    for key in world.keyring.status().keys {
        if key.state == KeyState::Disabled {
            world.keyring.admin().enable(key.id).await.unwrap();
        }
    }
    let audit = world.again().await;
    assert_eq!(audit.open_intents().await.unwrap().len(), 1);
    audit.append(event(&acme(), 10)).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    assert_eq!(world.verify(&acme()).await.unwrap(), 5);
}

/// What is due of the logs behind it goes.
#[tokio::test]
async fn a_log_under_a_disabled_key_keeps_no_other_from_retention() {
    let world = crate::sweep::due().await;
    let first = Of::Tenant(Tenant::new("aaa").unwrap());
    world.audit.append(event(&first, 0)).await.unwrap();
    let old = world.keyring.mac(&heads()).unwrap().id();
    let admin = world.keyring.admin();
    admin.rotate(&heads()).await.unwrap();
    admin.promote_ready().await.unwrap();
    for of in [acme(), Of::Service] {
        world.audit.append(event(&of, 99)).await.unwrap();
    }
    admin.disable(old).await.unwrap();
    let audit = world.again().await;
    let (mut erased, mut failed) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let told = audit.retain(10_000).await.unwrap();
        erased.extend(told.erased.into_iter().map(|(of, _)| of));
        failed.extend(told.failed.into_iter().map(|(of, _)| of));
    }
    assert!(failed.iter().all(|of| *of == first) && !failed.is_empty());
    assert_eq!(erased, [Of::Service, acme()]);
}

/// Those that go on from others are written to and listed, though the root log and what they go on from
/// are under a key that is disabled.
#[tokio::test]
async fn a_disabled_key_of_the_root_log_stops_no_log_that_goes_on() {
    let world = World::anchored().await;
    world.audit.append(event(&acme(), 0)).await.unwrap();
    world.audit.round(|_| ()).await.unwrap();
    std::fs::remove_file(world.folder.path().join("anchor")).unwrap();
    danger::accept_restore(&world.again().await).await.unwrap();
    let audit = world.again().await;
    audit.append(event(&acme(), 1)).await.unwrap();
    let log = audit.head(&acme()).await.unwrap().unwrap().log;
    let old = world.keyring.mac(&heads()).unwrap().id();
    let admin = world.keyring.admin();
    admin.rotate(&heads()).await.unwrap();
    admin.promote_ready().await.unwrap();
    audit.append(event(&acme(), 2)).await.unwrap();
    admin.disable(old).await.unwrap();
    let audit = world.again().await;
    assert_eq!(audit.append(event(&acme(), 3)).await.unwrap(), 3);
    assert_eq!(audit.head(&acme()).await.unwrap().unwrap().log, log);
    assert_eq!(audit.earlier(&acme()).await.unwrap().len(), 1);
    let refused = audit.round(|_| ()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    admin.enable(old).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    assert_eq!(
        audit
            .verify(&acme(), |_| ())
            .await
            .unwrap()
            .unwrap()
            .head
            .size(),
        4
    );
}

/// But for one that was noted before the service's was: that one may be the service's, with what is set
/// of all logs.
#[tokio::test]
async fn only_one_that_may_be_the_services_keeps_others_from_retention() {
    let world = World::anchored().await;
    world.audit.append(event(&acme(), 0)).await.unwrap();
    world.audit.round(|_| ()).await.unwrap();
    for of in [other(), Of::Service] {
        world.audit.append(event(&of, 0)).await.unwrap();
    }
    world.audit.round(|_| ()).await.unwrap();
    let old = world.keyring.mac(&heads()).unwrap().id();
    let admin = world.keyring.admin();
    admin.rotate(&heads()).await.unwrap();
    admin.promote_ready().await.unwrap();
    world.audit.append(event(&Of::Service, 1)).await.unwrap();
    // The root log, too. That of acme is under the old key, and so is the other's.
    world.audit.round(|_| ()).await.unwrap();
    admin.disable(old).await.unwrap();
    let refused = world.again().await.retain(1_000).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    admin.enable(old).await.unwrap();
    world.audit.append(event(&acme(), 1)).await.unwrap();
    admin.disable(old).await.unwrap();
    let told = world.again().await.retain(1_000).await.unwrap();
    let failed: Vec<_> = told.failed.into_iter().map(|(of, _)| of).collect();
    assert_eq!(failed, [other()]);
}

#[tokio::test]
async fn a_rotation_ends_once_heads_are_macd_anew() {
    let world = three_logs().await;
    let old = world.keyring.mac(&heads()).unwrap().id();
    let mut rotation = world.keyring.admin().rotation(&heads());
    let Stage::Draining { keys, rows, .. } = rotation.step().await.unwrap() else {
        panic!("heads need it");
    };
    assert_eq!((keys, rows), (vec![old], 3));
    assert_eq!(world.audit.renew().await.unwrap().renewed, 3);
    let last = rotation.step().await.unwrap();
    assert!(matches!(last, Stage::Done { .. }), "{last:?}");
}

#[tokio::test]
async fn a_head_that_is_damaged_is_not_vouched_for_anew() {
    let world = three_logs().await;
    let admin = world.keyring.admin();
    admin.rotate(&heads()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let flip =
        "UPDATE record SET data = CAST(substr(data, 1, 93) || x'07' || substr(data, 95) AS BLOB)
                WHERE collection = 'audit.head' AND owner = 'acme'";
    assert_eq!(world.edit(flip), 1);
    let to =
        "UPDATE record SET owner = 'No Tenant' WHERE collection = 'audit.head' AND owner = 'other'";
    assert_eq!(world.edit(to), 1);
    let renewed = world.audit.renew().await.unwrap();
    assert_eq!((renewed.renewed, renewed.damaged), (1, 2));
    let damaged = world.audit.head(&acme()).await.unwrap_err();
    assert_eq!(damaged.kind(), ErrorKind::Corrupt);
    // One of another log, or of before, put in its place: no better.
    assert!(world.again().await.append(event(&acme(), 3)).await.is_err());
    assert_eq!(world.verify(&Of::Service).await.unwrap(), 3);
}

#[tokio::test]
async fn a_ring_with_another_use_of_a_purpose_is_left_as_it_is() {
    for (name, what) in [
        ("audit-head", KeyUse::Seal),
        ("audit-sign", KeyUse::Mac(Life::Endless)),
        ("audit-sign", KeyUse::Sign(Signs::Fields)),
    ] {
        let keys = Arc::new(MemoryStore::new(1000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let vault = Purpose::new("vault").unwrap();
        let ring = Keyring::builder(keys.clone(), root);
        let ring = ring.create(&[vault], &[]).await.unwrap();
        let purpose = Purpose::new(name).unwrap();
        ring.admin().add_purpose(&purpose, what).await.unwrap();
        // With both purposes, a home keeps logs, and does nothing that it cannot record.
        let before = ring.status().keys.len();
        let refused = Audit::builder(ring.clone(), keys).install().await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse, "{name}");
        assert_eq!(ring.status().keys.len(), before, "{name}");
    }
}
