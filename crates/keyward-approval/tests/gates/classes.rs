//! A class, its uses, and who ends it, switched at each call of the store as a seed has it, by executors
//! of two processes, some of which are killed.
//!
//! `KEYWARD_APPROVAL_SEEDS` says how many schedules, as it does of those of [`schedules`](crate::schedules):
//! a fourth of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use keyward_approval::executor::{Executor, OnceBy};
use keyward_approval::gate::{State, What};
use keyward_approval::{ArgumentName, Asking, Ballot, GateId, Scope};
use keyward_audit::Of;
use keyward_store::MemoryStore;

use crate::schedules::{after, seeds};
use crate::switching::{Seeded, Switching, Task, drive, poll_times, switch};
use crate::target::{Does, Journal};
use crate::world::{MINUTE, World, tenant};

const COUNT: u32 = 2;

struct Round {
    worlds: [Arc<World>; 2],
    executors: [Executor; 2],
    journal: Arc<Journal>,
    class: GateId,
    /// What was asked under it.
    uses: Arc<Mutex<BTreeSet<GateId>>>,
}

impl Round {
    /// Asks under the class once it is approved, and runs what that gives.
    fn uses(&self, nth: usize) -> Task {
        let (world, class) = (Arc::clone(&self.worlds[nth % 2]), self.class);
        let executor = self.executors[(nth / 2) % 2].clone();
        let uses = Arc::clone(&self.uses);
        Box::pin(async move {
            for _ in 0..30 {
                let asked = world.regional(i64::try_from(nth).unwrap(), "eu", "web-1");
                if let Ok(answer) = world.gates.ask_under(class, asked).await {
                    uses.lock().unwrap().insert(answer.gate());
                    return run(&executor, answer.gate()).await;
                }
                switch().await;
            }
        })
    }

    fn runs(&self, nth: usize) -> Task {
        let (executor, class) = (self.executors[nth].clone(), self.class);
        Box::pin(async move {
            for _ in 0..20 {
                run(&executor, class).await;
                switch().await;
            }
        })
    }

    /// Nothing, or what ends it.
    fn ends(&self, how: usize) -> Option<Task> {
        let (world, class) = (Arc::clone(&self.worlds[1]), self.class);
        (how < 4).then(|| -> Task {
            Box::pin(async move {
                let of = tenant();
                match how {
                    0 => drop(world.vote(class, "eve", Ballot::deny("no")).await),
                    1 => drop(world.withdraw(class, "ada").await),
                    2 => drop(world.gates.end_class(&of, class, world.shown("ada")).await),
                    _ => drop(world.gates.end_class(&of, class, world.shown("eve")).await),
                }
            })
        })
    }
}

async fn run(executor: &Executor, id: GateId) {
    if let Ok(approved) = executor.gates().approved(&tenant(), id).await {
        let _ran_or_not = executor.run(approved).await;
    }
}

/// Where the log has that a gate did one of these: the last time.
async fn logged(world: &World, id: GateId, words: &[&str]) -> Option<u64> {
    let (id, of, mut at) = (id.to_string(), Of::Tenant(tenant()), Some(0));
    let mut last = None;
    while let Some(from) = at {
        let page = world.audit.entries(&of, from, 1_000).await.unwrap();
        let found = page.entries.iter().rfind(|kept| {
            let text = &kept.body.as_ref().unwrap().1;
            let says = |word: &&str| text.contains(&format!("{{\"word\":\"{word}\"}}"));
            text.contains(&id) && words.iter().any(says)
        });
        last = found.map(|found| found.seq).or(last);
        at = page.next;
    }
    last
}

/// What must hold of the class and of all that was asked under it.
async fn holds(round: &Round, seed: u64, states: &mut BTreeMap<String, usize>) {
    let world = &round.worlds[0];
    let done = round.journal.done();
    // Whoever was killed has told nobody what he asked for.
    let mut gates = round.uses.lock().unwrap().clone();
    gates.extend(done.iter().map(|done| done.gate));
    gates.insert(round.class);
    let ends = ["denied", "withdrawn", "class-ended"];
    let end = logged(world, round.class, &ends).await;
    let mut claimed = 0;
    for id in gates {
        let shown = world.show(id).await;
        let (state, history) = (shown.state(), shown.history());
        let at = |what| history.iter().position(|past| past.what() == what);
        let did: Vec<_> = done.iter().filter(|done| done.gate == id).collect();
        assert!(did.len() <= 1, "{seed}: {did:?} {history:?}");
        for did in &did {
            let step = &shown.action().steps()[did.index];
            assert_eq!(did.target, step.target(), "{seed}");
            assert_eq!(did.arguments, format!("{:?}", step.arguments()), "{seed}");
            assert!(
                at(What::Approved).is_some() && at(What::Approved) < at(What::Claimed),
                "{seed}: {history:?}"
            );
        }
        match state {
            State::Executed => assert_eq!(did.len(), 1, "{seed}: {history:?}"),
            State::Indeterminate => {}
            _ => assert!(did.is_empty(), "{seed}: {state}: {history:?}"),
        }
        if id != round.class
            && let Some(at) = logged(world, id, &["claimed", "reclaimed"]).await
        {
            claimed += 1;
            // The class was not over by then.
            assert!(
                end.is_none_or(|end| at < end),
                "{seed}: claimed at {at}, ended at {end:?}"
            );
        }
        world.check_log(id).await;
        let of = if id == round.class { "class" } else { "use" };
        *states.entry(format!("{of} {state}")).or_insert(0) += 1;
    }
    assert!(claimed <= COUNT, "{seed}: {claimed} uses");
}

/// One schedule; gives what the steps were.
fn schedule(seed: u64, once: OnceBy, states: &mut BTreeMap<String, usize>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let store = Switching::over(Arc::new(MemoryStore::new(1_000_000)));
    let (one, other, class) = runtime.block_on(async {
        let one = World::on(store.clone()).await;
        let other = one.again_on(store.clone()).await;
        let scope = Scope::Class {
            fixed: vec![ArgumentName::new("region").unwrap()],
            until: one.now().saturating_add(MINUTE * 60),
            count: COUNT,
        };
        let asking = Asking::new(one.regional(100, "eu", "web-1")).scope(scope);
        let class = one.gates.ask(asking).await.unwrap().gate();
        (one, other, class)
    });
    let seeded = Seeded::new(seed);
    let journal = Journal::new(once);
    if matches!(once, OnceBy::Key(_)) && seeded.below(3) == 0 {
        journal.on(0, Does::Silent);
    }
    let executors = [&one, &other].map(|world| world.executor_beside(&journal, once).0);
    let round = Round {
        worlds: [Arc::new(one), Arc::new(other)],
        executors,
        journal,
        class,
        uses: Arc::default(),
    };
    let votes = Arc::clone(&round.worlds[0]);
    let mut tasks: Vec<(bool, Task)> = vec![(
        false,
        Box::pin(async move {
            for _ in 0..4 {
                let voted = votes.vote(class, "bob", Ballot::approve()).await;
                if voted.is_ok() {
                    break;
                }
            }
        }),
    )];
    tasks.extend((0..4).map(|nth| (true, round.uses(nth))));
    if seeded.below(2) == 0 {
        tasks.extend((0..2).map(|nth| (true, round.runs(nth))));
    }
    let late = seeded.below(250);
    let ends = round.ends(seeded.below(6));
    // While it is worked on, or while others see to what is left.
    let is_late = seeded.below(4) == 0;
    let mut left: Vec<(bool, Task)> = Vec::new();
    let among = if is_late { &mut left } else { &mut tasks };
    let late = if is_late { late / 4 } else { late };
    among.extend(ends.map(|task| (false, after(late, task))));
    store.seed(Some(Arc::clone(&seeded)));
    let mut trace = drive(&seeded, tasks, 4);
    store.seed(None);
    runtime.block_on(round.worlds[0].pass(MINUTE * 2));
    store.seed(Some(Arc::clone(&seeded)));
    let sees = |nth: usize| -> (bool, Task) {
        let executor = round.executors[nth].clone();
        let task = Box::pin(async move {
            let _seen = executor.tick(100).await;
        });
        (false, task)
    };
    left.extend([sees(0), sees(1)]);
    trace ^= drive(&seeded, left, 4).rotate_left(1);
    store.seed(None);
    runtime.block_on(async {
        for _ in 0..4 {
            round.worlds[0].pass(MINUTE * 2).await;
            let _seen = round.executors[0].tick(100).await.unwrap();
        }
        round.worlds[0].pass(MINUTE * 120).await;
        holds(&round, seed, states).await;
    });
    trace
}

#[test]
fn no_use_of_a_class_runs_after_its_end_more_often_than_approved_or_twice() {
    let mut states = BTreeMap::new();
    for seed in 0..seeds() / 4 {
        let once = match seed % 3 {
            0 => OnceBy::Key(MINUTE * 60),
            _ => OnceBy::Nothing,
        };
        let _steps = schedule(seed, once, &mut states);
    }
    println!("{states:?}");
    let of = |state: &str| states.get(state).copied().unwrap_or(0);
    assert!(
        of("use executed") > 0 && of("use superseded") > 0,
        "{states:?}"
    );
    assert!(of("class executed") > 0 && of("class denied") + of("class withdrawn") > 0);
}

#[tokio::test]
async fn no_use_of_a_class_is_gone_on_with_once_the_class_was_ended() {
    let (mut went_on, mut ended) = (0, 0);
    for steps in 0.. {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(10_000)));
        let world = World::on(store.clone()).await;
        let scope = Scope::Class {
            fixed: vec![ArgumentName::new("region").unwrap()],
            until: world.now().saturating_add(MINUTE * 60),
            count: COUNT,
        };
        let asking = Asking::new(world.regional(100, "eu", "web-1")).scope(scope);
        let class = world.gates.ask(asking).await.unwrap().gate();
        let vote = world.vote(class, "bob", Ballot::approve());
        vote.await.unwrap();
        let asked = world.regional(1, "eu", "web-1");
        let used = world.gates.ask_under(class, asked).await.unwrap().gate();
        let other = world.again_on(store.clone()).await;
        let (executor, journal) = world.executor(OnceBy::Key(MINUTE * 60));
        journal.on(0, Does::Silent);
        run(&executor, used).await;
        world.pass(MINUTE * 2).await;
        // So far, then the end of the class, and the rest.
        let of = tenant();
        let mut recovers = Box::pin(executor.recover(&of, used));
        store.seed(Some(Seeded::new(0)));
        let recovered = poll_times(recovers.as_mut(), steps);
        store.seed(None);
        let end = other.gates.end_class(&of, class, world.shown("ada"));
        end.await.unwrap();
        if recovered.is_some() {
            break;
        }
        let _state = poll_times(recovers.as_mut(), 1_000).unwrap().unwrap();
        let again = logged(&world, used, &["reclaimed"]).await;
        let end = logged(&world, class, &["class-ended"]).await.unwrap();
        match again {
            Some(again) => {
                assert!(again < end, "{steps}: {again}, ended at {end}");
                went_on += 1;
            }
            None => {
                assert_eq!(world.show(used).await.state(), State::Indeterminate);
                assert_eq!(journal.tries(), 1);
                ended += 1;
            }
        }
    }
    assert!(went_on > 0 && ended > 8, "{went_on} {ended}");
}

#[test]
fn a_seed_is_one_schedule() {
    for seed in 0..4 {
        let [first, again] = [(); 2].map(|()| {
            let mut states = BTreeMap::new();
            (schedule(seed, OnceBy::Nothing, &mut states), states)
        });
        assert_eq!(first, again, "{seed}");
    }
}
