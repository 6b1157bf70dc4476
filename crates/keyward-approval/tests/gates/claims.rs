//! What a claim is judged by, at the moment at which it is written, and what goes on after one was lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keyward_approval::action::Step;
use keyward_approval::executor::{Effect, Executor, Job, OnceBy, Target, Trusting};
use keyward_approval::{
    ArgumentName, Asking, Ballot, ExecutorName, GateId, Requester, Scope, State, Trust,
};
use keyward_audit::Of;
use keyward_base::{BoxFuture, Error, ErrorKind, Result, Retry};
use keyward_store::{Applied, Collection, MemoryStore, Record, RecordKey, Stores, Write};

use crate::switching::{Seeded, Switching, Task, drive, switch};
use crate::target::{Does, Journal};
use crate::world::{MINUTE, POLICY, World, policy, subject, tenant, why};

async fn approve(world: &World, kind: &str) -> GateId {
    let id = world.ask(kind).await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    id
}

/// A file of trust that cannot be read.
#[derive(Debug)]
struct Down;

impl Trusting for Down {
    fn trust(&self) -> Result<Arc<Trust>> {
        Err(Error::unavailable("the file of trust cannot be read"))
    }
}

#[tokio::test]
async fn what_another_process_has_in_hand_is_left_to_it_until_its_lease_is_over() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    // Takes it, and comes no further.
    let name = ExecutorName::new("worker").unwrap();
    let other = Executor::builder(
        world.gates.clone(),
        name,
        world.anchor.clone(),
        target.clone(),
    );
    let other = other.trust(Arc::new(Down)).lease(MINUTE * 5);
    let other = other.build().unwrap();
    let until = world.now().saturating_add(MINUTE * 5);
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let down = other.run(approved).await.unwrap_err();
    assert_eq!(down.kind(), ErrorKind::Unavailable);
    let run = async || {
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        executor.run(approved).await
    };
    world.pass(MINUTE * 4).await;
    let held = run().await.unwrap_err();
    assert_eq!(held.kind(), ErrorKind::Unavailable);
    assert_eq!(held.retry_when(), Some(Retry::At(until)));
    assert_eq!(target.tries(), 0);
    world.pass(MINUTE).await;
    assert_eq!(run().await.unwrap(), State::Executed);
    assert_eq!(target.done().len(), 1);
}

async fn class(world: &World, count: u32) -> GateId {
    let scope = Scope::Class {
        fixed: vec![ArgumentName::new("region").unwrap()],
        until: world.now().saturating_add(MINUTE * 60),
        count,
    };
    let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
    let class = world.gates.ask(asking).await.unwrap().gate();
    world.vote(class, "bob", Ballot::approve()).await.unwrap();
    class
}

/// Where the log has that a gate did that.
async fn logged(world: &World, id: GateId, word: &str) -> Option<u64> {
    let of = Of::Tenant(tenant());
    let page = world.audit.entries(&of, 0, 1_000).await.unwrap();
    let (id, word) = (id.to_string(), format!("{{\"word\":\"{word}\"}}"));
    let mut entries = page.entries.iter();
    let found = entries.find(|kept| {
        let text = &kept.body.as_ref().unwrap().1;
        text.contains(&id) && text.contains(&word)
    });
    found.map(|kept| kept.seq)
}

#[test]
fn no_use_of_a_class_is_claimed_once_the_class_was_ended() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (mut ran, mut ended) = (0, 0);
    for seed in 0..60 {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(1_000_000)));
        let (world, class, used) = runtime.block_on(async {
            let world = World::on(store.clone()).await;
            let class = class(&world, 2).await;
            let asked = world.regional(7, "eu", "web-1");
            let used = world.gates.ask_under(class, asked).await.unwrap().gate();
            (Arc::new(world), class, used)
        });
        let journal = Journal::new(OnceBy::Nothing);
        let executor = world.executor_beside(&journal, OnceBy::Nothing).0;
        let (runs, ends) = (Arc::clone(&world), Arc::clone(&world));
        let tasks: Vec<(bool, Task)> = vec![
            (
                false,
                Box::pin(async move {
                    let approved = runs.gates.approved(&tenant(), used).await.unwrap();
                    let _ran_or_not = executor.run(approved).await;
                }),
            ),
            (
                false,
                Box::pin(async move {
                    // A claim reads much before it writes.
                    for _ in 0..seed {
                        switch().await;
                    }
                    let ada = ends.shown("ada");
                    ends.gates.end_class(&tenant(), class, ada).await.unwrap();
                }),
            ),
        ];
        let seeded = Seeded::new(seed);
        store.seed(Some(Arc::clone(&seeded)));
        drive(&seeded, tasks, 3);
        store.seed(None);
        let (claimed, end) = runtime.block_on(async {
            let claimed = logged(&world, used, "claimed").await;
            (claimed, logged(&world, class, "class-ended").await.unwrap())
        });
        match claimed {
            Some(claimed) => {
                // Who may end it need not know of the run: it began before.
                assert!(
                    claimed < end,
                    "{seed}: claimed at {claimed}, ended at {end}"
                );
                assert_eq!(journal.done().len(), 1);
                ran += 1;
            }
            None => {
                assert_eq!(journal.tries(), 0);
                ended += 1;
            }
        }
    }
    assert!(ran > 0 && ended > 0, "{ran} ran, {ended} did not");
}

#[tokio::test]
async fn a_use_is_of_the_rule_of_its_class_when_it_is_asked_and_when_it_runs() {
    // More than ten are another rule's.
    let many = "[case.many]\nkind = \"server.delete\"\nwhen.count = { at-least = 11 }\nthen = \"two\"\n\n[case.two]";
    let stricter = POLICY.replace("[case.two]", many);
    assert_ne!(stricter, POLICY);
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let class = class(&world, 3).await;
    // Its other arguments are free, and the policy was another when it was asked for.
    let few = world
        .gates
        .ask_under(class, world.regional(7, "eu", "web-1"));
    let few = few.await.unwrap().gate();
    let lot = world
        .gates
        .ask_under(class, world.regional(70, "eu", "web-1"));
    let lot = lot.await.unwrap().gate();
    world.gates.set_policy(policy(&stricter));
    let asked = world.regional(70, "eu", "web-1");
    assert_eq!(
        why(world.gates.ask_under(class, asked).await),
        "out-of-scope"
    );
    let run = async |id| {
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        executor.run(approved).await
    };
    assert_eq!(why(run(lot).await), "policy-is-stricter");
    assert!(target.done().is_empty());
    assert_eq!(run(few).await.unwrap(), State::Executed);
}

#[tokio::test]
async fn each_step_is_tried_again_for_as_long_as_the_target_keeps_its_own_key() {
    for (waits, state) in [(8, State::Executed), (9, State::Indeterminate)] {
        let world = World::new().await;
        let (executor, target) = world.executor(OnceBy::Key(MINUTE * 10));
        let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
        let steps = [("server.delete", "web-1"), ("server.delete", "web-2")];
        let asked = world.asked_by(requester, &steps);
        let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        target.on(0, Does::Silent);
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        executor.run(approved).await.unwrap_err();
        // The second is begun eight minutes after the first.
        world.pass(MINUTE * 8).await;
        target.on(1, Does::Silent);
        executor.recover(&tenant(), id).await.unwrap_err();
        world.pass(MINUTE * waits).await;
        let recovered = executor.recover(&tenant(), id).await.unwrap();
        assert_eq!(recovered, Some(state), "{waits}");
        assert_eq!(target.done().len(), 2);
    }
}

/// Keeps the gate's record as it is while the first step runs; of the second nobody hears.
#[derive(Debug)]
struct Keeps {
    store: Arc<dyn Stores>,
    kept: Mutex<Option<Record>>,
    tries: AtomicUsize,
}

impl Target for Keeps {
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Key(MINUTE * 60)
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        Box::pin(async move {
            self.tries.fetch_add(1, Ordering::SeqCst);
            if job.index() > 0 {
                return Effect::Unknown;
            }
            let record = self.store.fetch(&place(job.gate())).await.unwrap();
            *self.kept.lock().unwrap() = record;
            Effect::Done("ok".to_owned())
        })
    }
}

fn place(id: GateId) -> RecordKey {
    RecordKey {
        collection: Collection::named("approval"),
        owner: tenant().as_str().to_owned(),
        id: id.to_string(),
    }
}

#[tokio::test]
async fn nothing_goes_on_from_a_record_that_was_put_back_while_it_ran() {
    for puts_back in [false, true] {
        let world = World::new().await;
        let target = Arc::new(Keeps {
            store: Arc::clone(&world.store),
            kept: Mutex::default(),
            tries: AtomicUsize::default(),
        });
        let name = ExecutorName::new("worker").unwrap();
        let anchor = world.anchor.clone();
        let executor = Executor::builder(world.gates.clone(), name, anchor, target.clone());
        let executor = executor.build().unwrap();
        let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
        let steps = [("server.delete", "web-1"), ("server.delete", "web-2")];
        let asked = world.asked_by(requester, &steps);
        let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        executor.run(approved).await.unwrap_err();
        assert_eq!(target.tries.load(Ordering::SeqCst), 2);
        // Of the same claim, from before the first step's result was written.
        if puts_back {
            let kept = target.kept.lock().unwrap().take().unwrap();
            let now = world.store.fetch(&place(id)).await.unwrap().unwrap();
            let write = Write::put(place(id), Some(now.version), kept.content);
            let written = world.store.apply(vec![write]).await.unwrap();
            assert!(matches!(written, Applied::Done(_)));
        }
        world.pass(MINUTE * 2).await;
        let recovered = executor.recover(&tenant(), id).await;
        if puts_back {
            assert_eq!(recovered.unwrap(), Some(State::Indeterminate));
            assert_eq!(target.tries.load(Ordering::SeqCst), 2);
        } else {
            recovered.unwrap_err();
            assert_eq!(target.tries.load(Ordering::SeqCst), 3);
        }
    }
}
