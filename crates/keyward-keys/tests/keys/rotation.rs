//! A rotation from the new key to the end of the old, gone on with wherever it was left.

use std::sync::Arc;

use keyward_base::{ErrorKind, KeyId};
use keyward_keys::{KeyState, Keyring, Stage};
use keyward_store::{BoxFuture, Records};
use keyward_testkit::{Interrupt, Staged};

use crate::world::{Column, World, purpose, tenant};

fn state(ring: &Keyring, id: KeyId) -> KeyState {
    let status = ring.status();
    status.keys.iter().find(|key| key.id == id).unwrap().state
}

#[tokio::test]
async fn a_rotation_waits_rewraps_and_ends_beside_a_replica() {
    let world = World::new();
    let ring = world.create().await;
    let column = Column::new("app", &purpose(), false);
    ring.cover(column.clone()).await.unwrap();
    let web = world.builder().replica("web").open().await.unwrap();
    let acme = tenant("acme");
    let key = web.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    column.keys.lock().unwrap().push(key);
    let old = ring.status().keys[0].id;

    let mut rotation = ring.admin().rotation(&purpose());
    let mut seen = Vec::new();
    let receipts = loop {
        match rotation.step().await.unwrap() {
            Stage::Waiting { to, .. } => {
                seen.push(to);
                world.clock.advance(ring.policy().refresh);
                web.tick().await.unwrap();
            }
            Stage::Rewrap { rows } => {
                assert_eq!(rows, 1);
                // What a rewrap of values does.
                let barrier = ring.promoted_epoch(&purpose()).unwrap();
                let new = ring.sealing_key(&purpose(), &acme, barrier).await.unwrap();
                *column.keys.lock().unwrap() = vec![new.id()];
            }
            Stage::Done { destroyed, kept } => {
                assert!(kept.is_empty());
                break destroyed;
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].key, old);
    seen.dedup();
    assert_eq!(seen, [KeyState::Active, KeyState::Destroyed]);
    let status = ring.status();
    assert!(status.keys.iter().all(|key| !key.ending));
    let again = ring.admin().rotation(&purpose()).step().await.unwrap();
    assert!(matches!(
        again,
        Stage::Waiting { .. } | Stage::Rewrap { .. }
    ));
    assert_eq!(ring.status().keys.len(), 3, "a new run is a new rotation");
}

#[tokio::test]
async fn another_process_goes_on_and_no_key_of_an_operator_is_destroyed() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    // A key that an operator disabled by hand, long ago.
    let by_hand = ring.status().keys[0].id;
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.disable(by_hand).await.unwrap();
    // And one that is Retired when the rotation begins, and is disabled by hand while it goes on.
    let meanwhile = ring.status().keys[1].id;
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let third = ring.status().keys[2].id;
    let column = Column::new("store", &purpose(), true);
    column.keys.lock().unwrap().push(third);
    ring.cover(column.clone()).await.unwrap();

    let stage = admin.rotation(&purpose()).step().await.unwrap();
    assert_eq!(stage, Stage::Rewrap { rows: 1 });
    admin.disable(meanwhile).await.unwrap();
    column.keys.lock().unwrap().clear();

    let other = world.open().await;
    other.cover(column).await.unwrap();
    let stage = other.admin().rotation(&purpose()).step().await.unwrap();
    let Stage::Done { destroyed, .. } = stage else {
        panic!("{stage:?}")
    };
    assert_eq!(destroyed.len(), 1);
    assert_eq!(state(&other, third), KeyState::Destroyed);
    assert_eq!(state(&other, by_hand), KeyState::Disabled);
    assert_eq!(state(&other, meanwhile), KeyState::Disabled);
    other.admin().enable(by_hand).await.unwrap();
}

#[tokio::test]
async fn a_rotation_stops_where_it_cannot_count_and_keeps_what_is_detached() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    ring.mark_unregistered(&purpose(), &acme, key)
        .await
        .unwrap();
    let old = ring.status().keys[0].id;
    let column = Column::new("app", &purpose(), true);
    world
        .open()
        .await
        .register(keyward_keys::Coverage::id(column.as_ref()), true)
        .await
        .unwrap();

    let mut rotation = ring.admin().rotation(&purpose());
    let refused = rotation.step().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("app"), "{refused}");
    assert_eq!(
        state(&ring, old),
        KeyState::Retired,
        "the new key is in use"
    );
    ring.cover(column.clone()).await.unwrap();
    // A rewrap that moves nothing ends it, with the word of what to look at.
    column.keys.lock().unwrap().push(old);
    let mut stuck = ring.admin().rotation(&purpose());
    let stage = stuck.step().await.unwrap();
    let Stage::Done { destroyed, kept } = stage else {
        panic!("{stage:?}")
    };
    assert!(destroyed.is_empty());
    assert_eq!(kept, [old], "it sealed what nobody can count");
    assert_eq!(state(&ring, old), KeyState::Retired);
}

#[tokio::test]
async fn a_rewrap_that_moves_nothing_does_not_go_round_for_ever() {
    let world = World::new();
    let ring = world.create().await;
    let old = ring.status().keys[0].id;
    let column = Column::new("app", &purpose(), true);
    column.keys.lock().unwrap().push(old);
    ring.cover(column.clone()).await.unwrap();
    let mut rotation = ring.admin().rotation(&purpose());
    assert_eq!(rotation.step().await.unwrap(), Stage::Rewrap { rows: 1 });
    let stuck = rotation.step().await.unwrap_err();
    assert!(stuck.to_string().contains("vault rewrap"), "{stuck}");
    // A row that comes back under a key that is disabled already enables it again.
    column.keys.lock().unwrap().clear();
    let web = world.builder().replica("web").open().await.unwrap();
    let stage = rotation.step().await.unwrap();
    assert!(
        matches!(
            stage,
            Stage::Waiting {
                to: KeyState::Destroyed,
                of: 1,
                ..
            }
        ),
        "{stage:?}"
    );
    column.keys.lock().unwrap().push(old);
    assert_eq!(rotation.step().await.unwrap(), Stage::Rewrap { rows: 1 });
    assert_eq!(state(&ring, old), KeyState::Retired);
    column.keys.lock().unwrap().clear();
    rotation.step().await.unwrap();
    web.refresh().await.unwrap();
    web.tick().await.unwrap();
    let stage = rotation.step().await.unwrap();
    assert!(matches!(stage, Stage::Done { .. }), "{stage:?}");
}

/// An operator disabled the new key before it was promoted: the rotation needs another.
#[tokio::test]
async fn a_rotation_whose_new_key_was_disabled_by_hand_makes_another() {
    let world = World::new();
    let ring = world.create().await;
    let web = world.builder().replica("web").open().await.unwrap();
    let old = ring.status().keys[0].id;
    let mut rotation = ring.admin().rotation(&purpose());
    let Stage::Waiting { key, to, .. } = rotation.step().await.unwrap() else {
        panic!("the replica knows no new key")
    };
    assert_eq!(to, KeyState::Active);
    ring.admin().disable(key).await.unwrap();
    web.leave().await.unwrap();
    for mut rotation in [rotation, world.open().await.admin().rotation(&purpose())] {
        let stage = rotation.step().await.unwrap();
        assert!(matches!(stage, Stage::Done { .. }), "{stage:?}");
        ring.refresh().await.unwrap();
        assert_eq!(state(&ring, old), KeyState::Destroyed);
        assert_eq!(state(&ring, key), KeyState::Disabled, "the operator's own");
    }
}

/// Two drive one rotation: who finds it ended by the other is at its end too.
#[tokio::test]
async fn who_finds_the_rotation_ended_by_another_begins_no_second() {
    let world = World::new();
    let ring = world.create().await;
    let old = ring.status().keys[0].id;
    let column = Column::new("store", &purpose(), true);
    column.keys.lock().unwrap().push(old);
    ring.cover(column.clone()).await.unwrap();
    let other = world.open().await;
    other.cover(column.clone()).await.unwrap();
    let mut first = ring.admin().rotation(&purpose());
    assert_eq!(first.step().await.unwrap(), Stage::Rewrap { rows: 1 });
    column.keys.lock().unwrap().clear();
    let stage = other.admin().rotation(&purpose()).step().await.unwrap();
    assert!(matches!(stage, Stage::Done { .. }), "{stage:?}");
    let stage = first.step().await.unwrap();
    let Stage::Done { destroyed, kept } = stage else {
        panic!("{stage:?}")
    };
    assert!(destroyed.is_empty() && kept.is_empty());
    assert_eq!(ring.status().keys.len(), 2, "one rotation, one new key");
}

/// A key record that cannot be read now may be restored: its values open then, since nothing was
/// disabled under them meanwhile.
#[tokio::test]
async fn a_rotation_disables_nothing_that_a_damaged_record_may_need() {
    let world = World::new();
    let ring = world.create().await;
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
    let old = ring.status().keys[0].id;
    let place = crate::world::tenant_key("acme");
    let sound = world.store.data(&place).await;
    world.store.put(place.clone(), b"damaged".to_vec()).await;
    let mut rotation = ring.admin().rotation(&purpose());
    let refused = rotation.step().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("set-aside acme"), "{refused}");
    assert_eq!(state(&ring, old), KeyState::Retired);
    world.store.put(place, sound).await;
    let cold = world.open().await;
    cold.opening_key(&purpose(), &acme, key).await.unwrap();
    let stage = rotation.step().await.unwrap();
    assert!(matches!(stage, Stage::Done { .. }), "{stage:?}");
}

#[tokio::test]
async fn a_key_that_an_operator_enabled_is_out_of_the_rotation() {
    let world = World::new();
    let ring = world.create().await;
    let column = Column::new("app", &purpose(), false);
    ring.cover(column).await.unwrap();
    let old = ring.status().keys[0].id;
    let mut rotation = ring.admin().rotation(&purpose());
    while state(&ring, old) != KeyState::Disabled {
        let _on = rotation.step().await.unwrap();
    }
    ring.admin().enable(old).await.unwrap();
    assert!(ring.status().keys.iter().all(|key| !key.ending));
    for _ in 0..4 {
        world.clock.advance(ring.policy().minimum_age());
        if let Stage::Done { destroyed, .. } = rotation.step().await.unwrap() {
            assert!(destroyed.is_empty());
            break;
        }
    }
    assert_eq!(state(&ring, old), KeyState::Retired);
}

async fn to_the_end(ring: &Keyring) {
    let mut rotation = ring.admin().rotation(&purpose());
    loop {
        match rotation.step().await.unwrap() {
            Stage::Done { .. } => return,
            Stage::Rewrap { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Another driver takes the rotation to its end at any call of the first: both come to theirs.
#[tokio::test]
async fn a_rotation_that_another_ends_at_any_call_ends_too() {
    for after in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let old = ring.status().keys[0].id;
        let other = world.open().await;
        let act =
            move || -> BoxFuture<'static, ()> { Box::pin(async move { to_the_end(&other).await }) };
        let staged = &world.store.staged;
        staged.interrupt(after, Interrupt::Run(Box::new(act)));
        to_the_end(&ring).await;
        assert_eq!(state(&ring, old), KeyState::Destroyed, "call {after}");
        assert!(ring.status().keys.iter().all(|key| !key.ending));
        if !staged.fired() {
            assert!(after > 10, "{after} calls");
            return;
        }
    }
}

#[tokio::test]
async fn who_goes_on_with_a_rotation_begins_no_second_either() {
    let world = World::new();
    let ring = world.create().await;
    let old = ring.status().keys[0].id;
    let column = Column::new("store", &purpose(), true);
    column.keys.lock().unwrap().push(old);
    ring.cover(column.clone()).await.unwrap();
    let other = world.open().await;
    other.cover(column.clone()).await.unwrap();
    let mut first = ring.admin().rotation(&purpose());
    assert_eq!(first.step().await.unwrap(), Stage::Rewrap { rows: 1 });
    let mut second = other.admin().rotation(&purpose());
    assert_eq!(second.step().await.unwrap(), Stage::Rewrap { rows: 1 });
    column.keys.lock().unwrap().clear();
    let done = first.step().await.unwrap();
    assert!(matches!(done, Stage::Done { .. }), "{done:?}");
    let done = second.step().await.unwrap();
    assert!(matches!(done, Stage::Done { .. }), "{done:?}");
    assert_eq!(other.status().keys.len(), 2, "one rotation, one new key");
}

/// What an operator does to the old key meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    Disables,
    Detaches,
    TakesOut,
}

/// At every call of a rotation an operator disables its old key by hand, or enables it again, which
/// takes it out of the rotation, or a value is sealed with it that is stored where nobody counts.
/// What was granted is kept to.
#[tokio::test]
async fn a_rotation_keeps_to_what_is_done_beside_it_at_any_moment() {
    for meanwhile in [
        Meanwhile::Disables,
        Meanwhile::Detaches,
        Meanwhile::TakesOut,
    ] {
        let mut granted = 0;
        for at in 0.. {
            let world = World::new();
            let ring = world.create().await;
            let acme = tenant("acme");
            let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap().id();
            let old = ring.status().keys[0].id;
            let store = Staged::over(world.store.clone());
            let records: Arc<dyn Records> = store.clone();
            let slow = Keyring::builder(records, world.root.clone());
            let slow = slow.clock(world.clock.clone()).open().await.unwrap();
            let (tell, told) = std::sync::mpsc::channel();
            let hand = world.open().await;
            let act = move || -> BoxFuture<'static, ()> {
                Box::pin(async move {
                    hand.refresh().await.unwrap();
                    let before = state(&hand, old);
                    let done = match meanwhile {
                        Meanwhile::Disables => hand.admin().disable(old).await,
                        Meanwhile::TakesOut => match hand.admin().disable(old).await {
                            Ok(()) => hand.admin().enable(old).await,
                            refused => refused,
                        },
                        Meanwhile::Detaches => {
                            let acme = tenant("acme");
                            hand.mark_unregistered(&purpose(), &acme, key).await
                        }
                    };
                    tell.send((before, done.is_ok())).unwrap();
                })
            };
            store.interrupt(at, Interrupt::Run(Box::new(act)));
            let mut rotation = slow.admin().rotation(&purpose());
            for _ in 0..4 {
                if let Ok(Stage::Done { .. }) = rotation.step().await {
                    break;
                }
            }
            let fresh = world.open().await;
            let end = state(&fresh, old);
            match (meanwhile, told.try_recv()) {
                (Meanwhile::Disables, Ok((KeyState::Retired, true))) => {
                    granted += 1;
                    assert_eq!(end, KeyState::Disabled, "at {at}");
                }
                (Meanwhile::TakesOut, Ok((KeyState::Retired, true))) => {
                    granted += 1;
                    assert_eq!(end, KeyState::Retired, "at {at}");
                }
                (Meanwhile::Detaches, Ok((_, true))) => {
                    granted += 1;
                    let opened = fresh.opening_key(&purpose(), &acme, key).await;
                    opened.unwrap_or_else(|e| panic!("at {at}: {e:?}"));
                }
                _ => {}
            }
            if !store.fired() {
                break;
            }
        }
        assert!(granted > 2, "{meanwhile:?}: {granted}");
    }
}

/// Whatever it asks for, a step that a store did not answer is told as that, and not as one that
/// goes on.
#[tokio::test]
async fn a_step_that_died_is_not_taken_for_one_that_goes_on() {
    for call in 0.. {
        let world = World::new();
        drop(world.create().await);
        let staged = Staged::over(world.store.clone());
        let records: Arc<dyn Records> = staged.clone();
        let dying = Keyring::builder(records, world.root.clone())
            .clock(world.clock.clone())
            .open()
            .await
            .unwrap();
        staged.interrupt(call, Interrupt::DieBefore);
        let stage = dying.admin().rotation(&purpose()).step().await;
        let fired = staged.fired();
        match stage {
            Ok(Stage::Done { destroyed, .. }) => assert_eq!(destroyed.len(), 1),
            Ok(other) => panic!("at {call}: {other:?}"),
            Err(e) => assert!(fired && e.kind() == ErrorKind::Unavailable, "{e}"),
        }
        if !fired {
            assert!(call > 10, "{call} calls");
            break;
        }
    }
}
