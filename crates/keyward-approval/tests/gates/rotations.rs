//! Keys of gates that go while something is asked.

use std::sync::Arc;

use keyward_approval::Asking;
use keyward_approval::gate::{Gates, PURPOSE, State};
use keyward_audit::Audit;
use keyward_base::{ManualClock, Purpose};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Stage};
use keyward_store::{MemoryStore, Stores};

use crate::switching::{Seeded, Switching, poll_times};
use crate::world::{NOW, POLICY, USERS, World, policy, tenant};

/// The key that there is goes at once: nothing was MACed with it.
async fn rotate(keyring: &Keyring) {
    let purpose = Purpose::new(PURPOSE).unwrap();
    let mut rotation = keyring.admin().rotation(&purpose);
    // Or something lies under it by now, and it stays for that.
    let _stage = rotation.step().await.unwrap();
}

#[tokio::test]
async fn what_is_asked_while_its_key_goes_lies_under_one_that_stays() {
    let mut ended = false;
    for steps in 0.. {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(10_000)));
        let world = World::on(store.clone()).await;
        let mut asks = Box::pin(world.ask("server.delete"));
        // So far, then all of the rotation, and the rest.
        store.seed(Some(Seeded::new(0)));
        let mut asked = poll_times(asks.as_mut(), steps);
        store.seed(None);
        rotate(&world.keyring).await;
        ended |= asked.is_some();
        let id = match asked.take() {
            Some(id) => id,
            None => poll_times(asks.as_mut(), 1_000).unwrap(),
        };
        assert_eq!(world.show(id).await.state(), State::Pending, "{steps}");
        if ended {
            assert!(steps > 8, "{steps}");
            return;
        }
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
