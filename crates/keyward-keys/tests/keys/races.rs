//! What happens at each call of the store while something else is going on.
//!
//! Each test goes through all calls that an action makes, and lets another party act, from
//! beginning to end, before one of them; or lets the process die there.

use std::sync::Arc;

use keyward_base::{ErrorKind, KeyId};
use keyward_keys::{KeyState, Keyring};
use keyward_store::{BoxFuture, Records};
use keyward_testkit::{Interrupt, Staged};

use crate::world::{CountedRoot, V1, V2, World, purpose, tenant};

/// A handle whose every call of the store can be interrupted.
async fn staged(world: &World) -> (Arc<Staged>, Keyring) {
    let store = Staged::over(world.store.clone());
    let records: Arc<dyn Records> = store.clone();
    let ring = Keyring::builder(records, world.root.clone())
        .clock(world.clock.clone())
        .open()
        .await
        .unwrap();
    (store, ring)
}

/// Tenants with values under the Active key; returns the ids that the values name.
async fn sealed(ring: &Keyring, tenants: usize) -> Vec<(String, KeyId)> {
    let mut sealed = Vec::new();
    for n in 0..tenants {
        let name = format!("t{n}");
        let key = ring.sealing_key(&purpose(), &tenant(&name), 0).await;
        sealed.push((name, key.unwrap().id()));
    }
    sealed
}

/// Nothing is lost: whatever a value names opens from a fresh process, unless it was under `gone`
/// from the start.
async fn all_open(world: &World, sealed: &[(String, KeyId)]) {
    let fresh = world.open().await;
    for (name, id) in sealed {
        let found = fresh.opening_key(&purpose(), &tenant(name), *id).await;
        assert_eq!(found.unwrap().id(), *id, "{name}");
    }
}

async fn active(ring: &Keyring) -> KeyId {
    ring.refresh().await.unwrap();
    let status = ring.status();
    let key = status.keys.iter().find(|k| k.state == KeyState::Active);
    key.unwrap().id
}

/// `rotate, promote`, wraps the tenant keys anew, and ends the key that was active, as far as that
/// goes.
fn rotate_and_end(ring: Keyring) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let admin = ring.admin();
        let old = active(&ring).await;
        admin.rotate(&purpose()).await.unwrap();
        admin.promote_ready().await.unwrap();
        admin.rewrap_keys(|_| {}).await.unwrap();
        admin.disable(old).await.unwrap();
        admin.destroy(old).await.unwrap();
    })
}

#[tokio::test]
async fn a_rewrap_beside_a_whole_rotation_loses_no_tenant() {
    for at in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let values = sealed(&ring, 3).await;
        // A second key, so that the rewrap has something to do.
        ring.admin().rotate(&purpose()).await.unwrap();
        ring.admin().promote_ready().await.unwrap();
        let (store, slow) = staged(&world).await;
        let other = world.open().await;
        store.interrupt(at, Interrupt::Run(Box::new(|| rotate_and_end(other))));
        slow.admin().rewrap_keys(|_| {}).await.unwrap();
        let fired = store.fired();
        all_open(&world, &values).await;
        if !fired {
            assert!(at >= 5, "{at} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_rewrap_beside_the_end_of_the_key_it_wraps_by_loses_no_tenant() {
    // The slow process has read the ring, and wraps by a key that is ended meanwhile, which has no
    // tenant keys yet.
    for at in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let values = sealed(&ring, 3).await;
        ring.admin().rotate(&purpose()).await.unwrap();
        ring.admin().promote_ready().await.unwrap();
        let (store, slow) = staged(&world).await;
        let other = world.open().await;
        let end = Interrupt::Run(Box::new(move || {
            Box::pin(async move {
                let (admin, old) = (other.admin(), active(&other).await);
                admin.rotate(&purpose()).await.unwrap();
                admin.promote_ready().await.unwrap();
                admin.disable(old).await.unwrap();
                // Refused if the slow one has wrapped by it already: then something needs it.
                let usage = admin.usage().await.unwrap();
                if usage.of(old).unwrap().tenant_keys == 0 {
                    admin.destroy(old).await.unwrap();
                } else {
                    admin.enable(old).await.unwrap();
                }
            })
        }));
        store.interrupt(at, end);
        slow.admin().rewrap_keys(|_| {}).await.unwrap();
        let fired = store.fired();
        all_open(&world, &values).await;
        if !fired {
            return;
        }
    }
}

#[tokio::test]
async fn a_key_is_not_issued_under_one_that_is_ended_meanwhile() {
    for at in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let (store, slow) = staged(&world).await;
        let other = world.open().await;
        store.interrupt(at, Interrupt::Run(Box::new(|| rotate_and_end(other))));
        let key = slow.sealing_key(&purpose(), &tenant("new"), 0).await;
        let fired = store.fired();
        all_open(&world, &[("new".to_owned(), key.unwrap().id())]).await;
        drop(ring);
        if !fired {
            assert!(at >= 2, "{at} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_mark_is_seen_by_who_destroys_or_is_refused() {
    for at in 0.. {
        let world = World::new();
        let ring = world.create().await;
        let (_, id) = sealed(&ring, 1).await.remove(0);
        let old = active(&ring).await;
        let (store, slow) = staged(&world).await;
        let other = world.open().await;
        let end = Interrupt::Run(Box::new(move || {
            Box::pin(async move {
                let admin = other.admin();
                admin.rotate(&purpose()).await.unwrap();
                admin.promote_ready().await.unwrap();
                admin.disable(old).await.unwrap();
                let _refused_or_done = admin.destroy(old).await;
            })
        }));
        store.interrupt(at, end);
        let marked = slow.mark_unregistered(&purpose(), &tenant("t0"), id).await;
        let fired = store.fired();
        let fresh = world.open().await;
        let state = fresh.status().keys[0].state;
        match marked {
            Ok(()) => assert_ne!(state, KeyState::Destroyed, "marked, at {at}"),
            Err(e) => assert!(
                matches!(e.kind(), ErrorKind::Rejected | ErrorKind::Unavailable),
                "{e:?}"
            ),
        }
        if !fired {
            return;
        }
    }
}

#[tokio::test]
async fn a_mark_that_stands_does_not_pass_a_key_that_is_gone() {
    let world = World::new();
    let ring = world.create().await;
    let (_, id) = sealed(&ring, 1).await.remove(0);
    let slow = world.open().await;
    let t0 = tenant("t0");
    slow.mark_unregistered(&purpose(), &t0, id).await.unwrap();
    let old = active(&ring).await;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    let refused = slow.mark_unregistered(&purpose(), &t0, id).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
}

type Act = fn(Keyring) -> BoxFuture<'static, ()>;

/// What an administrator does, for which a process may die at any call and another goes on.
fn actions() -> Vec<(&'static str, Act)> {
    vec![
        ("rotation", |ring| {
            Box::pin(async move {
                let mut rotation = ring.admin().rotation(&purpose());
                let _ended_or_died = rotation.step().await;
            })
        }),
        ("rewrap", |ring| {
            Box::pin(async move {
                let _ended_or_died = ring.admin().rewrap_keys(|_| {}).await;
            })
        }),
        ("root", |ring| {
            Box::pin(async move {
                let _ended_or_died = ring.admin().rewrap_root().await;
            })
        }),
        ("mac", |ring| {
            Box::pin(async move {
                let _ended_or_died = ring.admin().rotate_mac(|_| {}).await;
            })
        }),
        ("seal", |ring| {
            Box::pin(async move {
                let key = ring.sealing_key(&purpose(), &tenant("new"), 0).await;
                drop(key);
            })
        }),
    ]
}

#[tokio::test]
async fn a_process_that_dies_at_any_call_leaves_everything_to_go_on_with() {
    for (what, act) in actions() {
        for after in [false, true] {
            for at in 0.. {
                let world = World::new();
                let ring = world.create().await;
                let values = sealed(&ring, 2).await;
                let world = World {
                    root: CountedRoot::of(&format!("{V2},{V1}")),
                    ..world
                };
                let (store, dying) = staged(&world).await;
                let die = if after {
                    Interrupt::DieAfter
                } else {
                    Interrupt::DieBefore
                };
                store.interrupt(at, die);
                act(dying).await;
                if !store.fired() {
                    assert!(at > 1, "{what}: {at} calls");
                    break;
                }
                let other = world.open().await;
                let held = other
                    .opening_key(&purpose(), &tenant("t0"), values[0].1)
                    .await;
                assert!(
                    held.is_ok() || what == "rotation",
                    "{what}, at {at}: {held:?}"
                );
                act(other.clone()).await;
                other
                    .sealing_key(&purpose(), &tenant("t1"), 0)
                    .await
                    .unwrap();
                if what == "rotation" {
                    let status = world.open().await.status();
                    let count = |state| status.keys.iter().filter(|k| k.state == state).count();
                    assert_eq!(count(KeyState::Pending), 0, "{what}, at {at}");
                    assert_eq!(count(KeyState::Disabled), 0, "{what}, at {at}");
                } else {
                    all_open(&world, &values).await;
                }
                if what == "mac" {
                    assert!(!world.open().await.status().mac_rotates, "at {at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_record_read_before_a_rotation_is_not_kept_after_it() {
    for after in [false, true] {
        for at in 0.. {
            let world = World::new();
            let ring = world.create().await;
            let values = sealed(&ring, 1).await;
            let (store, slow) = staged(&world).await;
            let (other, here) = (world.open().await, slow.clone());
            let act: keyward_testkit::Act = Box::new(|| {
                Box::pin(async move {
                    rotate_and_end(other).await;
                    // The process that reads comes to know of it meanwhile.
                    here.refresh().await.unwrap();
                })
            });
            store.interrupt(
                at,
                match after {
                    true => Interrupt::RunAfter(act),
                    false => Interrupt::Run(act),
                },
            );
            let (name, id) = &values[0];
            for _ in 0..2 {
                let found = slow.opening_key(&purpose(), &tenant(name), *id).await;
                assert_eq!(found.unwrap().id(), *id, "at call {at}");
            }
            if !store.fired() {
                assert!(at > 0, "the record was read");
                break;
            }
        }
    }
}
