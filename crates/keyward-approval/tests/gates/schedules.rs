//! Many at once, switched at each call of the store as a seed has it: people who ask, vote, deny, edit
//! and take back, and executors of two processes, some of which are killed.
//!
//! `KEYWARD_APPROVAL_SEEDS` says how many schedules: 120 unless told; the full form is 10,000, in a
//! release build.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyward_approval::executor::{Executor, OnceBy};
use keyward_approval::gate::{Decision, Once, State, What};
use keyward_approval::{Answer, ArgumentName, Asking, Ballot, GateId, Requester, Scope};
use keyward_base::Purpose;
use keyward_store::{Collection, MemoryStore, RecordKey, Records as _};

use crate::onces::place;
use crate::switching::{Seeded, Switching, Task, drive};
use crate::target::{Does, Journal};
use crate::world::{MINUTE, World, subject, tenant};

pub(crate) fn seeds() -> u64 {
    let told = std::env::var("KEYWARD_APPROVAL_SEEDS");
    told.map_or(120, |text| text.parse().unwrap())
}

struct Round {
    world: Arc<World>,
    other: Arc<World>,
    journal: Arc<Journal>,
    executors: [Executor; 2],
    gates: Vec<GateId>,
}

impl Round {
    fn votes(&self, id: GateId, name: &'static str, ballot: Ballot, elsewhere: bool) -> Task {
        let world = Arc::clone(if elsewhere { &self.other } else { &self.world });
        Box::pin(async move {
            for _ in 0..4 {
                // Of a lost answer, whether it counted is not known.
                let said = world.vote(id, name, ballot.clone()).await;
                if said.is_ok_and(|_| true) {
                    break;
                }
            }
        })
    }

    fn withdraws(&self, id: GateId) -> Task {
        let world = Arc::clone(&self.world);
        Box::pin(async move {
            let _done_or_not = world.withdraw(id, "ada").await;
        })
    }

    fn edits(&self, id: GateId) -> Task {
        let world = Arc::clone(&self.other);
        Box::pin(async move {
            let asking = Asking::new(world.asked("server.wipe", "web-2"));
            let shown = world.shown("ada");
            let _done_or_not = world.gates.edit(id, shown, asking).await;
        })
    }

    fn runs(&self, id: GateId, of: usize) -> Task {
        let executor = self.executors[of].clone();
        Box::pin(async move {
            // It may not be approved yet.
            for _ in 0..40 {
                if let Ok(approved) = executor.gates().approved(&tenant(), id).await {
                    let _ran_or_not = executor.run(approved).await;
                }
                crate::switching::switch().await;
            }
        })
    }

    fn tasks(&self, seeded: &Seeded) -> Vec<(bool, Task)> {
        let mut tasks: Vec<(bool, Task)> = Vec::new();
        for (nth, id) in self.gates.iter().enumerate() {
            tasks.push((false, self.votes(*id, "bob", Ballot::approve(), false)));
            tasks.push((false, self.votes(*id, "eve", Ballot::approve(), true)));
            let late = seeded.below(150);
            match seeded.below(6) {
                0 => tasks.push((
                    false,
                    after(late, self.votes(*id, "bob", Ballot::deny("no"), true)),
                )),
                1 => tasks.push((false, after(late, self.withdraws(*id)))),
                2 => tasks.push((false, after(late, self.edits(*id)))),
                _ => {}
            }
            tasks.push((true, self.runs(*id, nth % 2)));
            tasks.push((true, self.runs(*id, (nth + 1) % 2)));
        }
        tasks
    }
}

/// The same, some steps later.
pub(crate) fn after(steps: usize, task: Task) -> Task {
    Box::pin(async move {
        for _ in 0..steps {
            crate::switching::switch().await;
        }
        task.await;
    })
}

/// What must hold of each gate, whatever happened.
async fn holds(round: &Round, id: GateId, seed: u64) -> State {
    let shown = round.world.show(id).await;
    let (state, history) = (shown.state(), shown.history());
    let at = |what| history.iter().position(|past| past.what() == what);
    let effects = round
        .journal
        .done()
        .iter()
        .filter(|done| done.gate == id)
        .count();
    let approvals = shown
        .votes()
        .iter()
        .filter(|vote| vote.decision() == Decision::Approve);
    let people: std::collections::BTreeSet<_> = approvals
        .map(|vote| format!("{:?}", vote.voter()))
        .collect();
    if effects > 0 {
        // None without an approval, and none twice.
        assert!(
            at(What::Approved).is_some() && at(What::Approved) < at(What::Claimed),
            "{seed}: {history:?}"
        );
        assert!(people.len() >= 2, "{seed}: {history:?}");
    }
    // Two said yes, and it was not run for want of a third.
    assert!(
        state != State::Expired || people.len() < 2,
        "{seed}: {history:?}"
    );
    let steps = shown.action().steps().len();
    let mut each = BTreeMap::new();
    for done in round.journal.done().iter().filter(|done| done.gate == id) {
        *each.entry(done.index).or_insert(0) += 1;
        // None different from what was shown.
        let step = &shown.action().steps()[done.index];
        assert_eq!(done.target, step.target());
        assert_eq!(done.arguments, format!("{:?}", step.arguments()));
    }
    assert!(
        each.values().all(|times| *times == 1),
        "{seed}: {each:?} {history:?}"
    );
    match state {
        State::Executed => assert_eq!(effects, steps, "{seed}: {history:?}"),
        State::Denied | State::Withdrawn | State::Superseded | State::Expired => {
            assert_eq!(
                (effects, at(What::Claimed)),
                (0, None),
                "{seed}: {history:?}"
            );
        }
        State::Failed | State::Indeterminate => assert!(at(What::Approved).is_some()),
        other => panic!("{seed}: {other}: {history:?}"),
    }
    round.world.check_log(id).await;
    state
}

fn schedules(once: OnceBy, from: u64) -> BTreeMap<&'static str, usize> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut states = BTreeMap::new();
    let mut world: Option<(Arc<World>, Arc<World>, Arc<Switching>)> = None;
    for seed in from..from + seeds() / 2 {
        if seed % 64 == 0 || world.is_none() {
            let store = Switching::over(Arc::new(MemoryStore::new(1_000_000)));
            world = Some(runtime.block_on(async {
                let one = World::on(store.clone()).await;
                let other = one.again_on(store.clone()).await;
                (Arc::new(one), Arc::new(other), store)
            }));
        }
        let (one, other, store) = world.as_ref().unwrap();
        let seeded = Seeded::new(seed);
        let journal = Journal::new(once);
        let executors = [
            one.executor_beside(&journal, once).0,
            other.executor_beside(&journal, once).0,
        ];
        let gates = runtime.block_on(async {
            let mut gates = Vec::new();
            for _ in 0..2 {
                let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
                let steps = [("server.wipe", "a"), ("server.wipe", "b")];
                let asked = one.asked_by(requester, &steps[..=seeded.below(2)]);
                let Answer::Waits(id) = one.gates.ask(Asking::new(asked)).await.unwrap() else {
                    panic!()
                };
                gates.push(id);
            }
            gates
        });
        if matches!(once, OnceBy::Key(_)) && seeded.below(3) == 0 {
            journal.on(0, Does::Silent);
        }
        let round = Round {
            world: Arc::clone(one),
            other: Arc::clone(other),
            journal,
            executors,
            gates,
        };
        store.seed(Some(Arc::clone(&seeded)));
        drive(&seeded, round.tasks(&seeded), 3);
        // The leases of those that were killed end, and two processes see to what is left at once.
        store.seed(None);
        runtime.block_on(round.world.pass(MINUTE * 2));
        store.seed(Some(Arc::clone(&seeded)));
        let sees = |nth: usize| -> (bool, Task) {
            let executor = round.executors[nth].clone();
            let task = Box::pin(async move {
                let _seen = executor.tick(100).await;
            });
            (false, task)
        };
        drive(&seeded, vec![sees(0), sees(1)], 3);
        store.seed(None);
        runtime.block_on(async {
            for _ in 0..4 {
                round.world.pass(MINUTE * 2).await;
                let _seen = round.executors[0].tick(100).await.unwrap();
            }
            round.world.pass(MINUTE * 120).await;
            for id in &round.gates {
                let state = holds(&round, *id, seed).await;
                *states.entry(state.as_str()).or_insert(0) += 1;
            }
        });
    }
    states
}

#[test]
fn whatever_comes_between_two_calls_nothing_runs_unapproved_twice_or_otherwise() {
    let states = schedules(OnceBy::Nothing, 0);
    let of = |state: &str| states.get(state).copied().unwrap_or(0);
    println!("{states:?}");
    assert!(
        of("executed") > 0 && of("denied") > 0 && of("withdrawn") > 0,
        "{states:?}"
    );
    assert!(
        of("superseded") > 0 && of("indeterminate") > 0,
        "{states:?}"
    );
}

#[test]
fn where_the_target_keeps_its_key_little_is_left_for_a_person() {
    let states = schedules(OnceBy::Key(MINUTE * 60), 1_000_000);
    let of = |state: &str| states.get(state).copied().unwrap_or(0);
    println!("{states:?}");
    assert!(of("executed") > of("indeterminate"), "{states:?}");
}

#[test]
fn uses_of_a_class_that_meet_each_other_are_lost_by_none() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for seed in 0..seeds() / 3 {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(1_000_000)));
        let (world, class) = runtime.block_on(async {
            let world = World::on(store.clone()).await;
            let scope = Scope::Class {
                fixed: vec![ArgumentName::new("region").unwrap()],
                until: world.now().saturating_add(MINUTE * 60),
                count: 3,
            };
            let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
            let class = world.gates.ask(asking).await.unwrap().gate();
            for _ in 0..4 {
                let link = world
                    .gates
                    .add_link(&tenant(), class, None, Some([9; 32]))
                    .await;
                link.unwrap();
            }
            let vote = world.vote(class, "bob", Ballot::approve());
            vote.await.unwrap();
            (Arc::new(world), class)
        });
        let journal = Journal::new(OnceBy::Nothing);
        let executor = world.executor_beside(&journal, OnceBy::Nothing).0;
        let mut tasks: Vec<(bool, Task)> = Vec::new();
        for nth in 0..3 {
            let (world, executor) = (Arc::clone(&world), executor.clone());
            tasks.push((
                false,
                Box::pin(async move {
                    let asked = world.regional(nth, "eu", "web-1");
                    let used = world.gates.ask_under(class, asked).await.unwrap();
                    run(&executor, used.gate()).await;
                }),
            ));
        }
        // Whoever tries its links' codes changes its record meanwhile.
        let tries = Arc::clone(&world);
        tasks.push((
            false,
            Box::pin(async move {
                for nth in 0..16 {
                    let gates = &tries.gates;
                    let _dead_or_not = gates.reserve_try(&tenant(), class, nth % 4).await;
                }
            }),
        ));
        let seeded = Seeded::new(seed);
        store.seed(Some(Arc::clone(&seeded)));
        drive(&seeded, tasks, 3);
        store.seed(None);
        assert_eq!(journal.done().len(), 3, "{seed}");
    }
}

#[test]
fn an_ask_with_secrets_gets_through_a_rotation_of_their_keys() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = Switching::surely_over(Arc::new(MemoryStore::new(1_000_000)));
    let world = Arc::new(runtime.block_on(World::on(store.clone())));
    let sealing = Purpose::new(keyward_approval::gate::SECRETS_PURPOSE).unwrap();
    for seed in 0..seeds() / 4 {
        let answer = Arc::new(std::sync::Mutex::new(None));
        let (asks, rotates, at) = (Arc::clone(&world), Arc::clone(&world), Arc::clone(&answer));
        let sealing = sealing.clone();
        let tasks: Vec<(bool, Task)> = vec![
            (
                false,
                Box::pin(async move {
                    let asking = Asking::new(asks.with_secret(b"hunter2"));
                    let asked = asks.gates.ask(asking).await;
                    *at.lock().unwrap() = Some(asked.unwrap().gate());
                }),
            ),
            (
                false,
                Box::pin(async move {
                    let admin = rotates.keyring.admin();
                    let mut rotation = admin.rotation(&sealing);
                    // To where values need the old key, or it has ended.
                    let _stage = rotation.step().await.unwrap();
                }),
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

#[test]
fn what_is_asked_once_lies_under_the_key_of_its_gate() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for seed in 0..seeds() / 4 {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(10_000)));
        let world = Arc::new(runtime.block_on(World::on(store.clone())));
        // The barriers are in mind by now.
        runtime.block_on(world.ask("server.delete"));
        let answer = Arc::new(std::sync::Mutex::new(None));
        let (asks, others, rotates, at) = (
            Arc::clone(&world),
            Arc::clone(&world),
            Arc::clone(&world),
            Arc::clone(&answer),
        );
        let tasks: Vec<(bool, Task)> = vec![
            (
                false,
                Box::pin(async move {
                    let asking = Asking::new(asks.asked("server.delete", "web-1"));
                    let once = Once::new("k-1", b"the bytes", 4).unwrap();
                    let asked = asks.gates.ask_once(asking, &once).await;
                    *at.lock().unwrap() = Some(asked.unwrap());
                }),
            ),
            (
                false,
                Box::pin(async move {
                    for _ in 0..4 {
                        others.ask("server.delete").await;
                    }
                }),
            ),
            (
                false,
                Box::pin(async move {
                    let purpose = Purpose::new(keyward_approval::gate::PURPOSE).unwrap();
                    let admin = rotates.keyring.admin();
                    let mut rotation = admin.rotation(&purpose);
                    let _stage = rotation.step().await.unwrap();
                }),
            ),
        ];
        let seeded = Seeded::new(seed);
        store.seed(Some(Arc::clone(&seeded)));
        drive(&seeded, tasks, 3);
        store.seed(None);
        let id = answer.lock().unwrap().take().unwrap();
        let gate = RecordKey {
            collection: Collection::named("approval"),
            owner: tenant().as_str().to_owned(),
            id: id.to_string(),
        };
        let key = |place: &RecordKey| {
            let found = runtime.block_on(store.fetch(place)).unwrap();
            found.unwrap().content.mac_key
        };
        assert_eq!(key(&place("k-1")), key(&gate), "{seed}");
    }
}

#[test]
fn a_link_that_was_ended_counts_for_nothing_though_its_last_try_was_in_time() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = Switching::surely_over(Arc::new(MemoryStore::new(1_000_000)));
    let world = Arc::new(runtime.block_on(World::on(store.clone())));
    let (mut ended_first, mut counted_first) = (0, 0);
    for seed in 0..seeds() / 2 {
        store.seed(None);
        let (id, link, code) = runtime.block_on(async {
            let id = world.ask("server.stop").await;
            let (link, code) = world.link(id, None).await;
            let slot = link.slot();
            for _ in 1..keyward_approval::gate::TRIES {
                let _spent = world.gates.reserve_try(&tenant(), id, slot).await.unwrap();
            }
            (id, link, code)
        });
        let slot = link.slot();
        let then = Arc::new(std::sync::Mutex::new(None));
        let (votes, ends, at) = (Arc::clone(&world), Arc::clone(&world), Arc::clone(&then));
        let tasks: Vec<(bool, Task)> = vec![
            (
                false,
                Box::pin(async move {
                    let gates = &votes.gates;
                    let yes = Ballot::approve();
                    let _counted_or_not = gates.vote_as_holder(&tenant(), &link, &code, yes).await;
                }),
            ),
            (
                false,
                after(
                    usize::try_from(seed % 32).unwrap(),
                    Box::pin(async move {
                        ends.gates.kill_link(&tenant(), id, slot).await.unwrap();
                        *at.lock().unwrap() = Some(ends.show(id).await.votes().len());
                    }),
                ),
            ),
        ];
        let seeded = Seeded::new(seed);
        store.seed(Some(Arc::clone(&seeded)));
        drive(&seeded, tasks, 3);
        store.seed(None);
        let votes = runtime.block_on(world.show(id)).votes().len();
        assert_eq!(Some(votes), *then.lock().unwrap(), "{seed}");
        *if votes == 0 {
            &mut ended_first
        } else {
            &mut counted_first
        } += 1;
        runtime.block_on(world.check_log(id));
    }
    assert!(ended_first > 0 && counted_first > 0);
}

async fn run(executor: &Executor, id: GateId) {
    let approved = executor.gates().approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
}
