//! A random life of a ring, over a store that lies about its answers and a clock that jumps, beside
//! a model of what must come of it.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_base::{Clock as _, ErrorKind, KeyId, Timestamp};
use keyward_keys::{KeyState, Keyring};
use proptest::prelude::*;

use keyward_testkit::Answer;

use crate::world::{World, purpose, tenant};

#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    Back(u32),
    Destroy(usize),
    Disable(usize),
    Enable(usize),
    Fault(Answer),
    Open(usize),
    OldRing(usize),
    Promote,
    Refresh,
    Restart,
    RewrapKeys,
    RewrapRoot,
    Rotate,
    Seal(u8),
    Stale,
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        Just(Answer::WrongConflict),
        Just(Answer::Conflict),
        Just(Answer::LostAnswer),
        Just(Answer::LostWrite),
    ];
    prop_oneof![
        1 => (0_u32..4_000_000).prop_map(Step::Advance),
        1 => (0_u32..4_000_000).prop_map(Step::Back),
        2 => (0_usize..8).prop_map(Step::Destroy),
        2 => (0_usize..8).prop_map(Step::Disable),
        2 => (0_usize..8).prop_map(Step::Enable),
        4 => fault.prop_map(Step::Fault),
        8 => (0_usize..64).prop_map(Step::Open),
        1 => (0_usize..64).prop_map(Step::OldRing),
        3 => Just(Step::Promote),
        3 => Just(Step::Refresh),
        1 => Just(Step::Restart),
        1 => Just(Step::RewrapKeys),
        1 => Just(Step::RewrapRoot),
        3 => Just(Step::Rotate),
        6 => (0_u8..3).prop_map(Step::Seal),
        2 => Just(Step::Stale),
        2 => Just(Step::Tick),
    ]
}

struct Sealed {
    tenant: u8,
    key: KeyId,
    body: Vec<u8>,
}

type Model = BTreeMap<KeyId, KeyState>;

struct Run {
    world: World,
    handles: Vec<Keyring>,
    epochs: Vec<u64>,
    sealed: Vec<Sealed>,
    model: Model,
}

fn name(n: u8) -> keyward_base::Tenant {
    tenant(["a", "b", "c"][usize::from(n)])
}

impl Run {
    async fn new() -> Self {
        let world = World::new();
        let first = world.create().await;
        let replica = world.builder().replica("web").open().await.unwrap();
        let model = states(&first);
        Self {
            world,
            handles: vec![first, replica],
            epochs: vec![0, 0],
            sealed: Vec::new(),
            model,
        }
    }

    /// What the store holds, read without any trick.
    async fn truth(&self) -> Keyring {
        let faults = self.world.store.staged.take_answers();
        let stale = std::mem::take(&mut *self.world.store.stale.lock().unwrap());
        let truth = self.world.builder().open().await.unwrap();
        self.world.store.staged.answer(faults);
        *self.world.store.stale.lock().unwrap() = stale;
        truth
    }

    async fn step(&mut self, at: usize, step: Step) {
        let handle = self.handles[at].clone();
        let admin = handle.admin();
        let nth = |n: usize| *self.model.keys().nth(n % self.model.len()).unwrap();
        let mut allowed = vec![self.model.clone()];
        let mut failed = None;
        let mut ends = |result: Result<(), keyward_base::Error>| failed = result.err();
        match step {
            Step::Advance(ms) => self.world.clock.advance(Duration::from_millis(ms.into())),
            Step::Back(ms) => {
                let now = self.world.clock.now().unwrap().as_millis();
                self.world
                    .clock
                    .set(Timestamp::from_millis(now - u64::from(ms)));
            }
            Step::Destroy(n) => {
                let id = nth(n);
                allowed.extend(moved(
                    &self.model,
                    id,
                    &[KeyState::Disabled],
                    KeyState::Destroyed,
                ));
                ends(admin.destroy(id).await.map(|_| ()));
            }
            Step::Disable(n) => {
                let (id, from) = (nth(n), [KeyState::Pending, KeyState::Retired]);
                allowed.extend(moved(&self.model, id, &from, KeyState::Disabled));
                ends(admin.disable(id).await);
            }
            Step::Enable(n) => {
                let id = nth(n);
                allowed.extend(moved(
                    &self.model,
                    id,
                    &[KeyState::Disabled],
                    KeyState::Retired,
                ));
                ends(admin.enable(id).await);
            }
            Step::Fault(fault) => self.world.store.staged.answer([fault]),
            Step::Open(n) => self.open(&handle, n).await,
            Step::OldRing(n) => self.old_ring(&handle, n).await,
            Step::Promote => {
                allowed.extend(promoted(&self.model));
                ends(admin.promote_ready().await.map(|_| ()));
            }
            Step::Refresh => ends(handle.refresh().await.map(|_| ())),
            Step::Restart => {
                self.handles[at] = self.truth().await;
                self.epochs[at] = 0;
            }
            Step::RewrapKeys => ends(admin.rewrap_keys(|_| ()).await.map(|_| ())),
            Step::RewrapRoot => ends(admin.rewrap_root().await.map(|_| ())),
            Step::Rotate => {
                let before = self.model.clone();
                ends(admin.rotate(&purpose()).await.map(|_| ()));
                let now = states(&self.truth().await);
                let new: Vec<_> = now
                    .iter()
                    .filter(|(id, _)| !before.contains_key(id))
                    .collect();
                assert!(new.len() <= 1 && new.iter().all(|(_, s)| **s == KeyState::Pending));
                if let Some((id, state)) = new.first() {
                    assert!(!before.values().any(|s| *s == KeyState::Pending));
                    let mut next = before;
                    next.insert(**id, **state);
                    allowed.push(next);
                }
            }
            Step::Seal(n) => {
                if let Ok(key) = handle.sealing_key(&purpose(), &name(n), 0).await {
                    let mut body = Vec::new();
                    key.body()
                        .seal(&crate::world::context(), &[n], &mut body)
                        .unwrap();
                    self.sealed.push(Sealed {
                        tenant: n,
                        key: key.id(),
                        body,
                    });
                }
            }
            Step::Stale => *self.world.store.stale.lock().unwrap() = 1,
            Step::Tick => ends(handle.tick().await),
        }
        if let Some(e) = failed {
            assert!(
                matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::Misuse),
                "{e:?}"
            );
        }
        self.model = states(&self.truth().await);
        assert!(
            allowed.contains(&self.model),
            "{:?} is none of {allowed:?}",
            self.model
        );
        let count = |state| self.model.values().filter(|s| **s == state).count();
        assert_eq!(count(KeyState::Active), 1);
        assert!(count(KeyState::Pending) <= 1);
        for (handle, epoch) in self.handles.iter().zip(&mut self.epochs) {
            assert!(handle.status().epoch >= *epoch, "a handle went back");
            *epoch = handle.status().epoch;
        }
    }

    /// What a handle opens is what was sealed; it refuses for a reason the ring it knows has.
    async fn open(&self, handle: &Keyring, n: usize) {
        let Some(sealed) = self.sealed.get(n % self.sealed.len().max(1)) else {
            return;
        };
        let found = handle
            .opening_key(&purpose(), &name(sealed.tenant), sealed.key)
            .await;
        match found {
            Ok(key) => {
                let opened = key
                    .body()
                    .open(&crate::world::context(), &sealed.body)
                    .unwrap();
                assert_eq!(opened.expose(), [sealed.tenant]);
            }
            Err(e) => assert_ne!(e.kind(), ErrorKind::Corrupt, "{e:?}"),
        }
    }

    /// Puts an older ring in the place of the newest, lets `handle` meet it, and puts it right.
    async fn old_ring(&self, handle: &Keyring, n: usize) {
        let rings = self.world.store.rings.lock().unwrap().clone();
        let Some(old) = rings.get(n % rings.len().max(1)) else {
            return;
        };
        let newest = self.world.store.ring().await;
        self.world.store.put_ring(old.data.clone()).await;
        let before = handle.status();
        let refreshed = handle.refresh().await;
        let after = handle.status();
        assert!(after.epoch >= before.epoch);
        if before.epoch == epoch_of(&newest) && epoch_of(&old.data) < before.epoch {
            assert!(refreshed.is_err(), "an older ring was taken without a word");
        }
        self.world.store.put_ring(newest).await;
    }

    /// At the end nothing lies: every value opens unless its key was withdrawn.
    async fn finish(&self) {
        self.world.store.staged.take_answers();
        *self.world.store.stale.lock().unwrap() = 0;
        let truth = self.truth().await;
        for sealed in &self.sealed {
            let found = truth
                .opening_key(&purpose(), &name(sealed.tenant), sealed.key)
                .await;
            let ring_key = truth
                .admin()
                .locate(sealed.key)
                .await
                .unwrap()
                .map(|u| u.wrapped_by);
            match ring_key.map(|id| self.model[&id]) {
                Some(KeyState::Active | KeyState::Retired) => {
                    let key = found.unwrap();
                    let opened = key
                        .body()
                        .open(&crate::world::context(), &sealed.body)
                        .unwrap();
                    assert_eq!(opened.expose(), [sealed.tenant]);
                }
                Some(KeyState::Disabled) => {
                    assert_eq!(found.unwrap_err().kind(), ErrorKind::Unavailable);
                }
                state => {
                    let destroyed = self.model.values().any(|s| *s == KeyState::Destroyed);
                    assert!(destroyed, "{state:?}: lost without being destroyed");
                    assert_eq!(found.unwrap_err().kind(), ErrorKind::Rejected);
                }
            }
        }
    }
}

/// The epoch in the bytes of a ring.
fn epoch_of(ring: &[u8]) -> u64 {
    u64::from_be_bytes(ring[21..29].try_into().unwrap())
}

fn states(ring: &Keyring) -> Model {
    ring.status()
        .keys
        .into_iter()
        .map(|key| (key.id, key.state))
        .collect()
}

/// The model after `id` went from one of `from` to `to`, where it may.
fn moved(model: &Model, id: KeyId, from: &[KeyState], to: KeyState) -> Option<Model> {
    let mut next = model.clone();
    let state = next.get_mut(&id).filter(|state| from.contains(state))?;
    *state = to;
    Some(next)
}

fn promoted(model: &Model) -> Option<Model> {
    let pending = *model.iter().find(|(_, s)| **s == KeyState::Pending)?.0;
    let mut next = model.clone();
    for (id, state) in &mut next {
        if *state == KeyState::Active {
            *state = KeyState::Retired;
        }
        if *id == pending {
            *state = KeyState::Active;
        }
    }
    Some(next)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_ring_keeps_its_word(steps in proptest::collection::vec((0_usize..2, step()), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for (at, step) in steps {
                run.step(at, step).await;
            }
            run.finish().await;
        });
    }
}
