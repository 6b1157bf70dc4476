//! What keys that MAC and sign must not do once they are withdrawn, and what must not be done to
//! keys of one algorithm by what is for another.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Domain, ErrorKind, KeyId, Purpose};
use keyward_keys::{Barrier, KeyState, KeyUse, Keyring, Life, RecordColumn, Signs, Stage, danger};
use keyward_store::{Applied, Collection, Content, MemoryStore, RecordKey, Records as _, Write};

use crate::world::{Column, World, purpose, tenant};

const RECEIPT: Domain<(&str,)> = Domain::new("acme/receipt/v1");

fn links() -> Purpose {
    Purpose::new("links").unwrap()
}

fn receipts() -> Purpose {
    Purpose::new("receipts").unwrap()
}

async fn with(world: &World, purpose: &Purpose, what: KeyUse) -> Keyring {
    let ring = world.create().await;
    ring.admin().add_purpose(purpose, what).await.unwrap();
    ring
}

async fn rotated(ring: &Keyring, purpose: &Purpose) -> KeyId {
    let id = ring.admin().rotate(purpose).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    id
}

fn state(ring: &Keyring, id: KeyId) -> KeyState {
    let keys = ring.status().keys;
    keys.iter().find(|key| key.id == id).unwrap().state
}

#[tokio::test]
async fn an_early_end_is_for_macs_alone_whatever_this_process_knew() {
    let world = World::new();
    let ring = with(&world, &receipts(), KeyUse::Sign(Signs::Fields)).await;
    let stale = world.open().await;
    let sealing = rotated(&ring, &purpose()).await;
    let signing = rotated(&ring, &receipts()).await;
    let column = Column::new("app", &purpose(), true);
    ring.cover(column.clone()).await.unwrap();
    let acme = tenant("acme");
    let value = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    column.keys.lock().unwrap().push(value);
    for purpose in [purpose(), receipts()] {
        rotated(&ring, &purpose).await;
    }
    ring.admin().disable(sealing).await.unwrap();
    for id in [sealing, signing] {
        let refused = danger::destroy_early(&stale.admin(), id).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
        ring.refresh().await.unwrap();
        assert_ne!(state(&ring, id), KeyState::Destroyed);
    }
    ring.admin().enable(sealing).await.unwrap();
    assert!(ring.opening_key(&purpose(), &acme, value).await.is_ok());
}

#[tokio::test]
async fn a_rotation_gives_back_a_mac_key_that_a_late_record_needs() {
    let world = World::new();
    let ring = with(&world, &links(), KeyUse::Mac(Life::Endless)).await;
    let data: Arc<MemoryStore> = Arc::new(MemoryStore::new(100));
    let collection = Collection::named("session");
    let column = RecordColumn::of_macs(data.clone(), collection.clone(), links()).unwrap();
    ring.cover(Arc::new(column)).await.unwrap();
    let web = world.builder().replica("web").open().await.unwrap();
    let held = web.mac(&links()).unwrap();
    let barrier = Barrier::claim_macs(data.as_ref(), &collection, &links())
        .await
        .unwrap();
    let mut rotation = ring.admin().rotation(&links());
    assert!(matches!(
        rotation.step().await.unwrap(),
        Stage::Waiting {
            to: KeyState::Active,
            ..
        }
    ));
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    // Nothing names the old key: it is disabled, and the replica does not know yet.
    assert!(matches!(
        rotation.step().await.unwrap(),
        Stage::Waiting {
            to: KeyState::Destroyed,
            ..
        }
    ));
    let insert = Write::Insert {
        key: RecordKey {
            collection: collection.clone(),
            owner: "acme".to_owned(),
            id: "1".to_owned(),
        },
        content: Content {
            mac_key: held.tag(),
            ..Content::default()
        },
    };
    let late = data.apply(vec![barrier.require(), insert]).await.unwrap();
    assert!(matches!(late, Applied::Done(_)));
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    let Stage::Draining { keys, rows, .. } = rotation.step().await.unwrap() else {
        panic!("a record needs it");
    };
    assert_eq!((keys, rows), (vec![held.id()], 1));
    ring.mac_by_id(&links(), held.id()).unwrap();
    web.refresh().await.unwrap();
    web.mac_by_id(&links(), held.id()).unwrap();
    // The rotation ends it all the same, once the record is gone.
    data.delete_owner(&collection, "acme").await.unwrap();
    let ended = loop {
        world.clock.advance(Duration::from_secs(1));
        web.refresh().await.unwrap();
        web.tick().await.unwrap();
        match rotation.step().await.unwrap() {
            Stage::Waiting { .. } => web.refresh().await.map(drop).unwrap(),
            ended => break ended,
        }
    };
    assert!(matches!(ended, Stage::Done { .. }), "{ended:?}");
    assert_eq!(state(&ring, held.id()), KeyState::Destroyed);
}

#[tokio::test]
async fn a_view_that_is_too_old_verifies_no_signature() {
    let world = World::new();
    let ring = with(&world, &receipts(), KeyUse::Sign(Signs::Fields)).await;
    let one_shot = world.open().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let leaked = ring.signing(&receipts()).unwrap();
    let signature = leaked.sign(RECEIPT, &("paid",)).unwrap();
    let check = |ring: &Keyring| {
        ring.verify_signature(&receipts(), leaked.id(), RECEIPT, &("paid",), &signature)
    };
    world.clock.advance(Duration::from_secs(59));
    check(&one_shot).unwrap();
    check(&web).unwrap();
    rotated(&ring, &receipts()).await;
    assert_eq!(
        state(&ring, leaked.id()),
        KeyState::Active,
        "the replica lags"
    );
    web.tick().await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(leaked.id()).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    for keyring in [&one_shot, &web] {
        let refused = check(keyring).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.reason()),
            (ErrorKind::Unavailable, None)
        );
    }
    one_shot.refresh().await.unwrap();
    web.tick().await.unwrap();
    for keyring in [&one_shot, &web] {
        let refused = check(keyring).unwrap_err();
        assert_eq!(refused.reason(), Some(keyward_keys::reason::DISABLED_KEY));
    }
}

#[tokio::test]
async fn signatures_of_a_disabled_key_are_not_accepted_again_by_destroying_it() {
    let world = World::new();
    let ring = with(&world, &receipts(), KeyUse::Sign(Signs::Fields)).await;
    let admin = ring.admin();
    let leaked = ring.signing(&receipts()).unwrap();
    let signature = leaked.sign(RECEIPT, &("paid",)).unwrap();
    let check = || ring.verify_signature(&receipts(), leaked.id(), RECEIPT, &("paid",), &signature);
    rotated(&ring, &receipts()).await;
    admin.disable(leaked.id()).await.unwrap();
    let refused = admin.destroy(leaked.id()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let even = danger::destroy_unregistered(&admin, leaked.id()).await;
    assert_eq!(even.unwrap_err().kind(), ErrorKind::Misuse);
    // Nor by a rotation.
    let ended = admin.rotation(&receipts()).step().await.unwrap();
    assert!(matches!(ended, Stage::Done { .. }));
    assert_eq!(
        check().unwrap_err().reason(),
        Some(keyward_keys::reason::DISABLED_KEY)
    );
    // Whoever accepts them says so.
    admin.enable(leaked.id()).await.unwrap();
    admin.destroy(leaked.id()).await.unwrap();
    check().unwrap();
    // One that never signed has nothing to accept.
    let unused = admin.rotate(&receipts()).await.unwrap();
    admin.disable(unused).await.unwrap();
    admin.destroy(unused).await.unwrap();
}

#[tokio::test]
async fn a_collection_is_covered_for_what_its_purpose_is_for() {
    let world = World::new();
    let ring = with(&world, &links(), KeyUse::Mac(Life::Endless)).await;
    let data: Arc<MemoryStore> = Arc::new(MemoryStore::new(100));
    let session = Collection::named("session");
    // Its barrier would be one that nobody who MACs requires.
    let sealing = RecordColumn::new(data.clone(), session.clone(), links());
    let macs = RecordColumn::of_macs(data.clone(), session.clone(), purpose());
    for wrong in [sealing.unwrap(), macs.unwrap()] {
        let refused = ring.cover(Arc::new(wrong)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
    assert!(ring.registered().await.unwrap().is_empty());
    let right = RecordColumn::of_macs(data, session, links()).unwrap();
    ring.cover(Arc::new(right)).await.unwrap();
}
