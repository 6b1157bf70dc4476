//! A rotation, from the new key to the rewrap, that is faster than a put at any of its calls.

use std::sync::Arc;

use crate::support::{World, memory};
use keyward_base::{Role, SecretBytes};
use keyward_testkit::{Interrupt, Staged};
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};

fn slot(record: usize) -> Slot {
    Slot::new("acme", "account.token", &record.to_string()).unwrap()
}

async fn put(vault: &Vault, record: usize) {
    let token = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");
    let token = vault.credential(Kind::ApiKey, token).unwrap();
    let slot = slot(record);
    let none = Role::none();
    let put = vault.put(&slot, &token, &none, Expect::Any);
    put.await.unwrap();
}

/// The put holds a key and a barrier of before; nothing of it is left under the old key, and what
/// the rewrap counted stays true.
#[tokio::test]
async fn no_row_is_written_under_a_key_that_was_rotated_away_meanwhile() {
    for after in 0.. {
        let (keys, data) = (memory(), memory());
        let world = World::on(Arc::clone(&keys), Arc::clone(&data)).await;
        let other = world.reopened().await;
        let staged = Staged::over(Arc::clone(&data));
        let slow = Vault::builder(world.vault.keyring().clone(), staged.clone());
        let slow = slow.build().await.unwrap();
        put(&slow, 0).await;
        let old = slow.keyring().status().keys.first().unwrap().id;
        let rotation = other.clone();
        let act = move || -> keyward_store::BoxFuture<'static, ()> {
            Box::pin(async move {
                let admin = rotation.keyring().admin();
                admin.rotate(rotation.purpose()).await.unwrap();
                let _promoted = admin.promote_ready().await.unwrap();
                let report = Rewrap::new(&rotation).run().await.unwrap();
                assert_eq!(report.left, 0);
            })
        };
        staged.interrupt(after, Interrupt::Run(Box::new(act)));
        put(&slow, 1).await;
        if !staged.fired() {
            assert!(after >= 2, "at the reading and at the batch");
            return;
        }
        let admin = other.keyring().admin();
        let usage = admin.usage().await.unwrap();
        assert_eq!(usage.rows(old), 0, "interrupted at call {after}");
        admin.disable(old).await.unwrap();
        assert_eq!(admin.destroy(old).await.unwrap().key, old);
        for record in 0..2 {
            let fresh = world.reopened().await;
            let _opened = fresh.open(&slot(record), &Role::none()).await.unwrap();
        }
    }
}

/// A rewrap that is slow: another process promotes a new key and ends the one that the rewrap seals
/// under, which protects nothing yet. No row is lost at any call.
#[tokio::test]
async fn a_rewrap_does_not_seal_under_a_key_that_was_ended_meanwhile() {
    for after in 0.. {
        let (keys, data) = (memory(), memory());
        let world = World::on(Arc::clone(&keys), Arc::clone(&data)).await;
        for record in 0..3 {
            put(&world.vault, record).await;
        }
        let admin = world.vault.keyring().admin();
        let second = admin.rotate(world.vault.purpose()).await.unwrap();
        let _promoted = admin.promote_ready().await.unwrap();
        let staged = Staged::over(Arc::clone(&data));
        let slow = Vault::builder(world.reopened().await.keyring().clone(), staged.clone());
        let slow = slow.build().await.unwrap();
        let other = world.reopened().await;
        let act = move || -> keyward_store::BoxFuture<'static, ()> {
            Box::pin(async move {
                let admin = other.keyring().admin();
                admin.rotate(other.purpose()).await.unwrap();
                let _promoted = admin.promote_ready().await.unwrap();
                admin.disable(second).await.unwrap();
                // Refused once rows were sealed under it: then they need it.
                let _either_way = admin.destroy(second).await;
            })
        };
        staged.interrupt(after, Interrupt::Run(Box::new(act)));
        let _ended = Rewrap::new(&slow).batch(1).run().await;
        let fired = staged.fired();
        let fresh = world.reopened().await;
        let destroyed = !fresh
            .keyring()
            .status()
            .keys
            .iter()
            .any(|key| key.id == second && key.state != keyward_keys::KeyState::Destroyed);
        if !destroyed && fired {
            fresh.keyring().admin().enable(second).await.unwrap();
        }
        for record in 0..3 {
            let opened = fresh.open(&slot(record), &Role::none()).await;
            let _opened = opened.unwrap_or_else(|e| panic!("{e} at call {after}"));
        }
        let report = Rewrap::new(&fresh).run().await.unwrap();
        assert_eq!(report.left, 0, "{report:?}");
        if !fired {
            assert!(after >= 8, "{after} calls");
            return;
        }
    }
}

/// A row that another writer is faster at again and again is moved by itself; and when the barrier
/// goes up just then, it is not written under the key of before.
#[tokio::test]
async fn a_busy_row_is_moved_by_itself_behind_the_barrier() {
    for raises in [false, true] {
        let (keys, data) = (memory(), memory());
        let world = World::on(Arc::clone(&keys), Arc::clone(&data)).await;
        for record in 0..3 {
            put(&world.vault, record).await;
        }
        let admin = world.vault.keyring().admin();
        admin.rotate(world.vault.purpose()).await.unwrap();
        let _promoted = admin.promote_ready().await.unwrap();
        let staged = Staged::over(Arc::clone(&data));
        let slow = Vault::builder(world.reopened().await.keyring().clone(), staged.clone());
        let slow = slow.build().await.unwrap();
        let busy = Busy {
            staged: staged.clone(),
            other: world.reopened().await,
            left: 5,
            raises,
        };
        staged.take_calls();
        busy.at_next_batch(4);
        let report = Rewrap::new(&slow).run().await.unwrap();
        assert_eq!(report.left, 0, "{raises}: {report:?}");
        assert_eq!(report.quarantined, 0);
        let fresh = world.reopened().await;
        for record in 0..3 {
            let _opened = fresh.open(&slot(record), &Role::none()).await.unwrap();
        }
    }
}

/// Touches a row before each batch, and raises the barrier before the last.
struct Busy {
    staged: Arc<Staged>,
    other: Vault,
    left: usize,
    raises: bool,
}

impl Busy {
    fn at_next_batch(self, calls: usize) {
        let staged = Arc::clone(&self.staged);
        let act = move || -> keyward_store::BoxFuture<'static, ()> { Box::pin(self.act()) };
        staged.interrupt(calls, Interrupt::Run(Box::new(act)));
    }

    async fn act(mut self) {
        self.left -= 1;
        if self.left > 0 {
            // As it is, at another version: what a rewrap of another process does to it.
            let store = self.other.store();
            let key = keyward_store::RecordKey {
                collection: keyward_vault::slot::VAULT,
                owner: "acme".to_owned(),
                id: format!("account.token/{}", self.left % 3),
            };
            let found = store.fetch(&key).await.unwrap().unwrap();
            let write = keyward_store::Write::put(key, Some(found.version), found.content);
            let _done = store.apply(vec![write]).await.unwrap();
            // A batch and a reading of the rows.
            self.at_next_batch(1);
        } else if self.raises {
            let admin = self.other.keyring().admin();
            admin.rotate(self.other.purpose()).await.unwrap();
            let _promoted = admin.promote_ready().await.unwrap();
            let least = self.other.keyring().promoted_epoch(self.other.purpose());
            let (store, purpose) = (self.other.store(), self.other.purpose());
            let vault = keyward_vault::slot::VAULT;
            let raised =
                keyward_keys::Barrier::raise(store.as_ref(), &vault, purpose, least.unwrap());
            raised.await.unwrap();
        }
    }
}

/// A rewrap that is slow, and another that begins and ends at each of its calls, for a newer key
/// or for the same: nothing stays behind, and no row is lost.
#[tokio::test]
async fn a_rewrap_that_another_overtakes_leaves_nothing_behind() {
    for newer in [true, false] {
        for after in 0.. {
            let (keys, data) = (memory(), memory());
            let world = World::on(Arc::clone(&keys), Arc::clone(&data)).await;
            for record in 0..5 {
                put(&world.vault, record).await;
            }
            let admin = world.vault.keyring().admin();
            admin.rotate(world.vault.purpose()).await.unwrap();
            let _promoted = admin.promote_ready().await.unwrap();
            let staged = Staged::over(Arc::clone(&data));
            let slow = Vault::builder(world.reopened().await.keyring().clone(), staged.clone());
            let slow = slow.build().await.unwrap();
            let other = world.reopened().await;
            let act = move || -> keyward_store::BoxFuture<'static, ()> {
                Box::pin(async move {
                    let admin = other.keyring().admin();
                    if newer {
                        admin.rotate(other.purpose()).await.unwrap();
                        let _promoted = admin.promote_ready().await.unwrap();
                    }
                    let report = Rewrap::new(&other).batch(2).run().await.unwrap();
                    assert_eq!((report.left, report.quarantined), (0, 0));
                })
            };
            staged.interrupt(after, Interrupt::Run(Box::new(act)));
            let report = Rewrap::new(&slow).batch(2).run().await.unwrap();
            let fired = staged.fired();
            assert_eq!((report.left, report.quarantined), (0, 0), "at call {after}");
            for record in 0..5 {
                let fresh = world.reopened().await;
                let _opened = fresh.open(&slot(record), &Role::none()).await.unwrap();
            }
            if !fired {
                assert!(after >= 8, "{after} calls");
                break;
            }
        }
    }
}

/// A rewrap that died goes on where it was.
#[tokio::test]
async fn a_rewrap_that_died_goes_on_where_it_was() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    for record in 0..9 {
        put(&world.vault, record).await;
    }
    let admin = world.vault.keyring().admin();
    admin.rotate(world.vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let staged = Staged::over(Arc::clone(&data));
    let dies = Vault::builder(world.reopened().await.keyring().clone(), staged.clone());
    let dies = dies.build().await.unwrap();
    staged.interrupt(15, Interrupt::DieBefore);
    let mut moved = 0;
    let run = Rewrap::new(&dies).batch(1).progress(|p| moved = p.moved);
    assert!(run.run().await.is_err() && staged.fired());
    assert!((2..9).contains(&moved), "{moved}");
    let rest = world.reopened().await;
    let report = Rewrap::new(&rest).run().await.unwrap();
    assert_eq!((report.seen, report.moved), (9 - moved, 9 - moved));
    // And the next begins at the beginning.
    let report = Rewrap::new(&rest).run().await.unwrap();
    assert_eq!((report.seen, report.moved), (9, 0));
}
