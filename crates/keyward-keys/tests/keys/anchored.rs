//! The anchor is asked at every refresh and before every change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_base::ErrorKind;
use keyward_keys::{Advance, Anchor, FileAnchor, KeyUse, Keyring, Pin, PinName, Standing, danger};
use keyward_store::Records;
use keyward_testkit::{Act, Interrupt, Staged};

use crate::world::{World, purpose, ring_key};

struct Home {
    world: World,
    folder: tempfile::TempDir,
}

impl Home {
    async fn new() -> (Self, Keyring) {
        let home = Self {
            world: World::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        let builder = home.world.builder().anchor(home.anchor());
        let ring = builder.create(&[purpose()], &[]).await.unwrap();
        (home, ring)
    }

    fn anchor(&self) -> Arc<FileAnchor> {
        Arc::new(FileAnchor::new(self.folder.path().join("a").join("ring")))
    }

    async fn open(&self) -> Result<Keyring, keyward_base::Error> {
        self.world.builder().anchor(self.anchor()).open().await
    }

    async fn blind(&self) -> Keyring {
        self.world.open().await
    }
}

#[tokio::test]
async fn a_ring_put_back_under_a_running_process_is_noticed_and_not_forked() {
    let (home, first) = Home::new().await;
    // This process knows the ring as it is put back to later.
    let stale = home.open().await.unwrap();
    let old = home.world.store.inner.fetch(&ring_key()).await;
    let old = old.unwrap().unwrap();
    first.admin().rotate(&purpose()).await.unwrap();
    first.admin().promote_ready().await.unwrap();
    // The whole store is put back: the same bytes under the same version.
    *home.world.store.put_back.lock().unwrap() = Some(old);

    let refused = stale.refresh().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("accept-restore"), "{refused}");
    let refused = stale.admin().rotate(&purpose()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(home.open().await.is_err(), "a fresh process refuses");
    assert_eq!(home.world.store.forks.load(Ordering::SeqCst), 0);
    *home.world.store.put_back.lock().unwrap() = None;
    stale.refresh().await.unwrap();
    home.open().await.unwrap();
}

#[tokio::test]
async fn a_key_store_that_lost_the_ring_of_the_anchor_is_to_be_restored() {
    let (home, ring) = Home::new().await;
    home.world.store.remove(ring_key()).await;
    let lost = home.open().await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let said = lost.to_string();
    assert!(said.contains("restore it"), "{said}");
    assert!(said.contains(&ring.status().ring.to_string()), "{said}");
    let none = home.world.builder().open().await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn a_ring_put_back_between_the_look_and_the_change_is_not_forked() {
    for at in 0.. {
        let (home, first) = Home::new().await;
        let store = Staged::over(home.world.store.clone());
        let records: Arc<dyn Records> = store.clone();
        let builder = Keyring::builder(records, home.world.root.clone())
            .clock(home.world.clock.clone())
            .anchor(home.anchor());
        let slow = builder.open().await.unwrap();
        let odd = home.world.store.clone();
        let put_back = Interrupt::Run(Box::new(move || {
            Box::pin(async move {
                let old = odd.inner.fetch(&ring_key()).await.unwrap();
                first.admin().rotate(&purpose()).await.unwrap();
                *odd.put_back.lock().unwrap() = old;
            })
        }));
        store.interrupt(at, put_back);
        let changed = slow.admin().add_purpose(&other(), KeyUse::Seal).await;
        if !store.fired() {
            changed.unwrap();
            return;
        }
        let last = home.world.store.forks.load(Ordering::SeqCst);
        // After the write it was done, and the next look refuses.
        assert!(changed.is_err() || at > 1, "at {at}");
        // Put back before the anchor was asked, nothing is written. In the very instant of the write
        // the store's version refuses it, or, if a copy of the store gave that out again, the next
        // look does.
        assert!(last <= at, "at {at}: {last} forks");
        assert!(home.open().await.is_err());
    }
}

fn other() -> keyward_base::Purpose {
    keyward_base::Purpose::new("other").unwrap()
}

#[tokio::test]
async fn a_fork_at_the_anchors_own_epoch_is_refused_by_everybody() {
    let (home, ring) = Home::new().await;
    let before = home.world.store.ring().await;
    ring.admin().rotate(&purpose()).await.unwrap();
    let genuine = home.world.store.ring().await;
    // Another history, as long: made by a process that asks no anchor.
    home.world.store.put_ring(before).await;
    let forger = home.blind().await;
    forger.admin().rotate(&purpose()).await.unwrap();
    assert_eq!(forger.status().epoch, ring.status().epoch);

    let refused = home.open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("another than"), "{refused}");
    assert!(ring.refresh().await.is_err());
    // Nor does the forger's own change, seen by a process that asks.
    let pinned = home.anchor().load(&PinName::ring()).unwrap().unwrap();
    assert_eq!(pinned.counter, ring.status().epoch);
    home.world.store.put_ring(genuine).await;
    ring.refresh().await.unwrap();
    home.open().await.unwrap();
}

#[tokio::test]
async fn opening_and_refreshing_beside_a_rotation_raise_no_false_alarm() {
    for after in [false, true] {
        for at in 0.. {
            let (home, ring) = Home::new().await;
            let store = Staged::over(home.world.store.clone());
            let records: Arc<dyn Records> = store.clone();
            let builder = Keyring::builder(records, home.world.root.clone())
                .clock(home.world.clock.clone())
                .anchor(home.anchor());
            let rotate = |ring: Keyring| {
                let act: Act = Box::new(move || {
                    Box::pin(async move {
                        ring.admin().rotate(&purpose()).await.unwrap();
                        ring.admin().promote_ready().await.unwrap();
                    })
                });
                if after {
                    Interrupt::RunAfter(act)
                } else {
                    Interrupt::Run(act)
                }
            };
            store.interrupt(at, rotate(ring.clone()));
            let cold = builder.open().await.unwrap();
            let opening = store.fired();
            store.interrupt(at, rotate(ring.clone()));
            cold.refresh().await.unwrap();
            cold.admin().rotate(&purpose()).await.unwrap();
            if !store.fired() && !opening {
                break;
            }
        }
    }
}

#[tokio::test]
async fn the_anchor_of_one_keyring_takes_no_other() {
    let (home, ring) = Home::new().await;
    let pinned = home.anchor().load(&PinName::ring()).unwrap();
    let beside = World::new();
    let other = beside.create().await;
    other.admin().rotate(&purpose()).await.unwrap();
    home.world.store.put_ring(beside.store.ring().await).await;
    let refused = home.open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("of keyring"), "{refused}");
    assert!(ring.refresh().await.is_err());
    assert_eq!(home.anchor().load(&PinName::ring()).unwrap(), pinned);
}

/// An anchor that other processes raise: it holds one pin when it is first asked, and another then.
#[derive(Debug)]
struct Raised {
    asked: AtomicUsize,
    /// What is pinned at the first so many calls.
    first: (usize, Pin),
    then: Pin,
}

impl Anchor for Raised {
    fn load(&self, _: &PinName) -> Result<Option<Pin>, keyward_base::Error> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Some(if at < self.first.0 {
            self.first.1
        } else {
            self.then
        }))
    }

    fn advance(&self, _: &PinName, next: &Pin) -> Result<Advance, keyward_base::Error> {
        Ok(match self.then.judge(next) {
            Standing::Newer | Standing::Same => Advance::Pinned,
            Standing::Older => Advance::Older(self.then),
            Standing::Fork => Advance::Fork(self.then),
            Standing::Foreign => Advance::Foreign(self.then),
        })
    }

    fn replace(&self, _: &PinName, _: Option<&Pin>, _: &Pin) -> Result<bool, keyward_base::Error> {
        Ok(false)
    }

    fn describe(&self) -> String {
        "raised".to_owned()
    }
}

/// Between the look at the anchor and what follows from it, another process pins another history
/// or another keyring.
#[tokio::test]
async fn what_another_process_pinned_meanwhile_is_obeyed() {
    let (home, ring) = Home::new().await;
    let before = home.anchor().load(&PinName::ring()).unwrap().unwrap();
    ring.admin().rotate(&purpose()).await.unwrap();
    let here = home.anchor().load(&PinName::ring()).unwrap().unwrap();
    let fork = Pin {
        digest: [7; 32],
        ..here
    };
    let foreign = Pin {
        id: [7; 16],
        ..here
    };
    for (then, word) in [(fork, "another than"), (foreign, "of keyring")] {
        // The older pin was read, and the ring is to be pinned in its place.
        let anchor = Arc::new(Raised {
            asked: AtomicUsize::new(0),
            first: (usize::MAX, before),
            then,
        });
        let opened = home.world.builder().anchor(anchor).open().await;
        let refused = opened.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(refused.to_string().contains(word), "{refused}");
        // Opened, and read anew for a change, which is refused before it is written.
        let anchor = Arc::new(Raised {
            asked: AtomicUsize::new(0),
            first: (2, here),
            then,
        });
        let opened = home.world.builder().anchor(anchor).open().await.unwrap();
        let written = home.world.store.ring().await;
        let added = opened.admin().add_purpose(&other(), KeyUse::Seal).await;
        assert_eq!(added.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(home.world.store.ring().await, written);
    }
}

/// Who accepts an older ring by name accepts it over what was pinned then, and nothing newer.
#[tokio::test]
async fn a_restore_is_not_accepted_over_what_was_pinned_meanwhile() {
    let (home, _ring) = Home::new().await;
    let pinned = home.anchor().load(&PinName::ring()).unwrap().unwrap();
    // It takes no pin in the place of another: the one that was read is gone.
    let anchor = Arc::new(Raised {
        asked: AtomicUsize::new(0),
        first: (usize::MAX, pinned),
        then: pinned,
    });
    let accepted = danger::accept_restore(home.world.builder(), anchor).await;
    let refused = accepted.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("meanwhile"), "{refused}");
}
