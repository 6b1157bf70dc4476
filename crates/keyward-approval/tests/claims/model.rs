//! Random calls, against a model of what was promised.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyward_approval::GateId;
use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, ClaimOf, ClaimPin, Seen};
use keyward_approval::danger::MemoryClaims;
use proptest::prelude::*;

use crate::{at, open, pin};

#[derive(Clone, Debug)]
enum Call {
    Load(ClaimName),
    Advance(ClaimName, ClaimPin),
    Prune(u64),
    Again,
}

fn name() -> impl Strategy<Value = ClaimName> {
    (0..3_u8, 0..2_u8, any::<bool>(), 1..6_u64).prop_map(|(shard, nth, is_class, until)| {
        let mut bytes = [shard; 16];
        bytes[15] = nth;
        let of = match is_class {
            true => ClaimOf::Class,
            false => ClaimOf::Gate,
        };
        let (id, until) = (GateId::from_bytes(bytes), at(until));
        ClaimName { id, of, until }
    })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => name().prop_map(Call::Load),
        6 => (name(), 0..4_u64, 0..2_u8)
            .prop_map(|(name, counter, of)| Call::Advance(name, pin(counter, of))),
        1 => (0..6_u64).prop_map(Call::Prune),
        1 => Just(Call::Again),
    ]
}

/// What may be forgotten, and what is.
#[derive(Default)]
struct Model {
    pins: BTreeMap<ClaimName, ClaimPin>,
    /// Up to where somebody asked to forget.
    asked: u64,
    /// What was said to be forgotten, which it stays.
    forgotten: Vec<ClaimName>,
}

impl Model {
    fn forgets(&mut self, name: ClaimName) {
        assert!(name.until <= at(self.asked), "{name:?} had not ended");
        self.forgotten.push(name);
    }

    fn knows(&self, name: ClaimName) {
        let gone = self.forgotten.iter();
        let mut same = gone.filter(|gone| {
            let first = |name: &ClaimName| name.id.to_bytes()[0];
            first(gone) == first(&name) && name.until <= gone.until
        });
        assert!(same.next().is_none(), "{name:?} was forgotten");
    }

    fn loaded(&mut self, name: ClaimName, seen: Seen) {
        match seen {
            Seen::Forgotten => self.forgets(name),
            Seen::Nothing => {
                self.knows(name);
                assert_eq!(self.pins.get(&name), None);
            }
            Seen::Pinned(pin) => {
                self.knows(name);
                assert_eq!(self.pins.get(&name), Some(&pin));
            }
        }
    }

    fn advanced(&mut self, name: ClaimName, next: ClaimPin, said: Advanced) {
        let held = self.pins.get(&name).copied();
        match said {
            Advanced::Forgotten => return self.forgets(name),
            Advanced::Pinned => {
                assert!(held.is_none_or(|held| held == next || held.counter < next.counter));
                self.pins.insert(name, next);
            }
            Advanced::Held(pin) => {
                assert_eq!(held, Some(pin));
                assert!(pin != next && pin.counter >= next.counter);
            }
            Advanced::Full => panic!("there is room"),
        }
        self.knows(name);
    }
}

async fn follow(calls: Vec<Call>, mut open: impl FnMut() -> Arc<dyn ClaimAnchor>) {
    let (mut model, mut anchor) = (Model::default(), open());
    for call in calls {
        match call {
            Call::Load(name) => model.loaded(name, anchor.load(name).await.unwrap()),
            Call::Advance(name, pin) => {
                let said = anchor.advance(name, pin).await.unwrap();
                model.advanced(name, pin, said);
            }
            Call::Prune(until) => {
                let gone = anchor.prune(at(until)).await.unwrap();
                model.asked = model.asked.max(until);
                let ended = model.pins.keys().filter(|name| name.until <= at(until));
                assert!(gone <= ended.count());
            }
            Call::Again => anchor = open(),
        }
    }
    let names: Vec<_> = model.pins.keys().copied().collect();
    for name in names {
        model.loaded(name, anchor.load(name).await.unwrap());
    }
}

fn cases(default: u32) -> ProptestConfig {
    let told = std::env::var("KEYWARD_APPROVAL_CASES");
    ProptestConfig::with_cases(told.map_or(default, |text| text.parse().unwrap()))
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future);
}

proptest! {
    #![proptest_config(cases(256))]
    #[test]
    fn in_memory_it_keeps_its_promises(calls in proptest::collection::vec(call(), 1..60)) {
        let one: Arc<dyn ClaimAnchor> = Arc::new(MemoryClaims::default());
        block_on(follow(calls, || Arc::clone(&one)));
    }
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn in_a_folder_it_keeps_its_promises(calls in proptest::collection::vec(call(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        block_on(follow(calls, || open(folder.path())));
    }
}
