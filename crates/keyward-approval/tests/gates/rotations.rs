//! Keys of gates that go while something is asked.

use std::sync::Arc;

use keyward_approval::gate::{Gates, PURPOSE, State};
use keyward_approval::{Asking, GateId};
use keyward_audit::Audit;
use keyward_base::{ManualClock, Purpose};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Stage};
use keyward_store::{MemoryStore, Stores};

use crate::schedules::seeds;
use crate::switching::{Seeded, Switching, Task, drive};
use crate::world::{NOW, POLICY, USERS, World, policy, tenant};

/// The key that there is goes at once: nothing was MACed with it.
async fn rotate(keyring: &Keyring) {
    let purpose = Purpose::new(PURPOSE).unwrap();
    let mut rotation = keyring.admin().rotation(&purpose);
    // Or something lies under it by now, and it stays for that.
    let _stage = rotation.step().await.unwrap();
}

#[test]
fn what_is_asked_while_its_key_goes_lies_under_one_that_stays() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for seed in 0..seeds() / 3 {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(10_000)));
        let world = Arc::new(runtime.block_on(World::on(store.clone())));
        let answer = Arc::new(std::sync::Mutex::new(None::<GateId>));
        let (asks, rotates, at) = (Arc::clone(&world), Arc::clone(&world), Arc::clone(&answer));
        let tasks: Vec<(bool, Task)> = vec![
            (
                false,
                Box::pin(async move {
                    let id = asks.ask("server.delete").await;
                    *at.lock().unwrap() = Some(id);
                }),
            ),
            (
                false,
                Box::pin(async move { rotate(&rotates.keyring).await }),
            ),
        ];
        let seeded = Seeded::new(seed);
        store.seed(Some(Arc::clone(&seeded)));
        drive(&seeded, tasks, 3);
        store.seed(None);
        let id = answer.lock().unwrap().take().unwrap();
        assert_eq!(runtime.block_on(world.show(id)).state(), State::Pending);
    }
}

#[tokio::test]
async fn a_process_that_did_not_hear_of_a_rotation_writes_under_no_key_that_is_gone() {
    let clock = Arc::new(ManualClock::new(NOW));
    let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let keys = Arc::new(MemoryStore::new(10_000));
    let builder = || Keyring::builder(keys.clone(), root.clone()).clock(clock.clone());
    let vault = Purpose::new("vault").unwrap();
    let one = builder().create(&[vault], &[]).await.unwrap();
    let store: Arc<dyn Stores> = Arc::new(MemoryStore::new(10_000));
    let gates = async |keyring: &Keyring, is_first| {
        let audit = Audit::builder(keyring.clone(), Arc::clone(&store));
        let audit = match is_first {
            true => audit.install().await.unwrap(),
            false => audit,
        };
        let audit = audit.build().await.unwrap();
        let gates = Gates::builder(keyring.clone(), audit, policy(POLICY)).door(USERS);
        let gates = match is_first {
            true => gates.install().await.unwrap(),
            false => gates,
        };
        gates.build().await.unwrap()
    };
    let first = gates(&one, true).await;
    let other = builder().open().await.unwrap();
    let second = gates(&other, false).await;
    let purpose = Purpose::new(PURPOSE).unwrap();
    let stage = one.admin().rotation(&purpose).step().await.unwrap();
    let Stage::Done { destroyed, .. } = stage else {
        panic!("{stage:?}")
    };
    assert_eq!(destroyed.len(), 1);
    let world = World::new().await;
    let asking = Asking::new(world.asked("server.delete", "web-1"));
    let id = second.ask(asking).await.unwrap().gate();
    let shown = first.show(&tenant(), id).await.unwrap();
    assert_eq!(shown.state(), State::Pending);
}
