//! Who was overtaken while a step ran, and what is tried again for how long and by whom.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use keyward_approval::action::Step;
use keyward_approval::executor::{Effect, Executor, Job, OnceBy, Target};
use keyward_approval::gate::{Resolution, StepResult};
use keyward_approval::{
    ArgumentName, Asking, Ballot, ExecutorName, GateId, Requester, Scope, State,
};
use keyward_base::{BoxFuture, ErrorKind};

use crate::target::Does;
use crate::world::{MINUTE, World, subject, tenant, why};

type Hook = Box<dyn FnOnce() + Send>;

/// Something happens while its first step runs; then that is done, as each after it.
struct Meanwhile {
    once: OnceBy,
    hook: Mutex<Option<Hook>>,
    did: Mutex<Vec<usize>>,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Target for Meanwhile {
    fn once(&self, _: &Step) -> OnceBy {
        self.once
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        if let Some(hook) = self.hook.lock().unwrap().take() {
            hook();
        }
        self.did.lock().unwrap().push(job.index());
        Box::pin(std::future::ready(Effect::Done("late".to_owned())))
    }
}

/// What comes at once; none if it waits, and then it is given up.
fn now<T>(task: impl Future<Output = T>) -> Option<T> {
    let mut task = Box::pin(task);
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(given) => Some(given),
        Poll::Pending => None,
    }
}

async fn two_steps(world: &World) -> GateId {
    let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
    let steps = [("server.delete", "web-1"), ("server.delete", "web-2")];
    let asked = world.asked_by(requester, &steps);
    let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    id
}

#[tokio::test]
async fn who_was_overtaken_writes_nothing_and_goes_no_further() {
    for once in [OnceBy::Nothing, OnceBy::Key(MINUTE * 60)] {
        let world = World::new().await;
        let id = two_steps(&world).await;
        let (other, journal) = world.executor(once);
        // Whoever overtakes it does not come back from the first step either.
        journal.on(0, Does::Hangs);
        let clock = Arc::clone(&world.clock);
        let hook: Hook = Box::new(move || {
            clock.advance(std::time::Duration::from_secs(2));
            let recovered = now(other.recover(&tenant(), id));
            match once {
                OnceBy::Nothing => {
                    let recovered = recovered.unwrap().unwrap();
                    assert_eq!(recovered, Some(State::Indeterminate));
                }
                _ => assert!(recovered.is_none()),
            }
        });
        let target = Arc::new(Meanwhile {
            once,
            hook: Mutex::new(Some(hook)),
            did: Mutex::default(),
        });
        let name = ExecutorName::new("worker").unwrap();
        let anchor = world.anchor.clone();
        let executor = Executor::builder(world.gates.clone(), name, anchor, target.clone());
        let executor = executor.lease(std::time::Duration::from_secs(1));
        let executor = executor.build().unwrap();
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let lost = executor.run(approved).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::Unavailable, "{lost:?}");
        assert_eq!(*target.did.lock().unwrap(), [0], "{once:?}");
        let shown = world.show(id).await;
        let state = match once {
            OnceBy::Nothing => State::Indeterminate,
            _ => State::Executing,
        };
        assert_eq!(shown.state(), state);
        assert_eq!(shown.results(), [StepResult::Waits, StepResult::Waits]);
        world.check_log(id).await;
    }
}

#[tokio::test]
async fn a_step_is_tried_again_for_as_long_as_the_target_keeps_the_key_of_the_first_try() {
    for (last, state) in [(0, Some(State::Executed)), (1, Some(State::Indeterminate))] {
        let world = World::new().await;
        let (executor, target) = world.executor(OnceBy::Key(MINUTE * 10));
        let id = world.ask("server.delete").await;
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        target.on(0, Does::Silent);
        executor.run(approved).await.unwrap_err();
        for _ in 0..2 {
            world.pass(MINUTE * 4).await;
            target.on(0, Does::Silent);
            let wait = executor.recover(&tenant(), id).await;
            assert_eq!(wait.unwrap_err().kind(), ErrorKind::Unavailable);
            if last == 0 {
                break;
            }
        }
        world.pass(MINUTE * (4 - 3 * last)).await;
        let recovered = executor.recover(&tenant(), id).await.unwrap();
        assert_eq!(recovered, state);
        assert_eq!(target.done().len(), 1);
    }
}

#[tokio::test]
async fn no_executor_goes_on_with_what_another_was_named_for() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Key(MINUTE * 10));
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    target.on(0, Does::Silent);
    executor.run(approved).await.unwrap_err();
    world.pass(MINUTE * 2).await;
    let (other, journal) = world.executor_named("other", OnceBy::Key(MINUTE * 10));
    assert_eq!(why(other.recover(&tenant(), id).await), "other-executor");
    assert_eq!(world.show(id).await.state(), State::Executing);
    assert_eq!(journal.tries(), 0);
}

#[tokio::test]
async fn nothing_is_asked_under_a_class_that_is_over_and_nobody_else_ends_it() {
    let world = World::new().await;
    let class = async || {
        let scope = Scope::Class {
            fixed: vec![ArgumentName::new("region").unwrap()],
            until: world.now().saturating_add(MINUTE * 30),
            count: 3,
        };
        let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
        let class = world.gates.ask(asking).await.unwrap().gate();
        world.vote(class, "bob", Ballot::approve()).await.unwrap();
        class
    };
    let ask = async |class| {
        let asked = world.regional(2, "eu", "web-1");
        world.gates.ask_under(class, asked).await
    };
    let [withdrawn, denied, over] = [class().await, class().await, class().await];
    for id in [withdrawn, denied, over] {
        ask(id).await.unwrap();
        let (of, kim) = (tenant(), world.shown("kim"));
        let ended = world.gates.end_class(&of, id, kim).await;
        assert_eq!(why(ended), "not-an-approver");
        ask(id).await.unwrap();
    }
    world.withdraw(withdrawn, "ada").await.unwrap();
    world.vote(denied, "eve", Ballot::deny("no")).await.unwrap();
    for id in [withdrawn, denied] {
        assert_eq!(why(ask(id).await), "out-of-scope");
    }
    world.pass(MINUTE * 30).await;
    assert_eq!(why(ask(over).await), "out-of-scope");
}

#[tokio::test]
async fn what_was_approved_may_be_edited_until_it_is_claimed() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let asking = Asking::new(world.asked("server.delete", "web-2"));
    let edited = world.gates.edit(id, world.shown("ada"), asking).await;
    assert_eq!(
        world.show(edited.unwrap().gate()).await.state(),
        State::Pending
    );
    assert_eq!(world.show(id).await.state(), State::Superseded);
    assert_eq!(why(executor.run(approved).await), "not-approved");
    assert_eq!(target.tries(), 0);
}

#[tokio::test]
async fn what_needed_nobody_who_asked_says_what_became_of_and_asks_anew_for_himself() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let mut gates = Vec::new();
    for _ in 0..2 {
        let id = world.ask("server.restart").await;
        target.gives(Effect::Unknown);
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        assert_eq!(executor.run(approved).await.unwrap(), State::Indeterminate);
        gates.push(id);
    }
    let resolve = async |name| {
        let (of, who) = (tenant(), world.shown(name));
        let found = Resolution::Done;
        world
            .gates
            .resolve(&of, gates[0], who, found, "looked")
            .await
    };
    assert_eq!(why(resolve("bob").await), "not-an-approver");
    resolve("ada").await.unwrap();
    assert_eq!(world.show(gates[0]).await.state(), State::Executed);
    // As his own, and not as his program's.
    let own = Requester::person(subject("ada"));
    let asked = world.asked_by(own, &[("server.restart", "web-1")]);
    let anew = world
        .gates
        .ask_anew(gates[1], world.shown("ada"), Asking::new(asked));
    assert_eq!(why(anew.await), "not-who-asked");
    assert_eq!(world.show(gates[1]).await.state(), State::Indeterminate);
}
