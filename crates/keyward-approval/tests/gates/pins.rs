//! What comes between the steps of a claim: another who forgets pins, time, and an anchor that has gone
//! on.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyward_approval::action::Step;
use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, ClaimOf, ClaimPin, Seen};
use keyward_approval::danger::MemoryClaims;
use keyward_approval::executor::{Effect, Executor, Job, OnceBy, Target, Trusting};
use keyward_approval::{Asking, Ballot, ExecutorName, GateId, Requester, State, Trust};
use keyward_base::{
    BoxFuture, Clock as _, Error, ErrorKind, ManualClock, Result, Retry, Timestamp,
};
use keyward_sqlite::SqliteStore;
use keyward_store::Stores;

use crate::target::{Does, Journal};
use crate::world::{MINUTE, World, subject, tenant, why};

const SECOND: Duration = Duration::from_secs(1);

type Hook = Box<dyn FnOnce() + Send>;

/// The world's anchor; something happens as soon as a gate's pin is asked for, or is to be set.
struct Hooked {
    inner: Arc<MemoryClaims>,
    on_load: Mutex<Option<Hook>>,
    on_advance: Mutex<Option<Hook>>,
}

impl Hooked {
    fn new(inner: &Arc<MemoryClaims>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            on_load: Mutex::default(),
            on_advance: Mutex::default(),
        })
    }

    fn take(at: &Mutex<Option<Hook>>, name: ClaimName) -> Option<Hook> {
        let of_gate = name.of == ClaimOf::Gate;
        at.lock().unwrap().take_if(|_| of_gate)
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

impl ClaimAnchor for Hooked {
    fn load(&self, name: ClaimName) -> BoxFuture<'_, Result<Seen>> {
        if let Some(hook) = Self::take(&self.on_load, name) {
            hook();
        }
        self.inner.load(name)
    }

    /// What the hook is there for comes first, and the pin is another's by then.
    fn advance(&self, name: ClaimName, next: ClaimPin) -> BoxFuture<'_, Result<Advanced>> {
        if let Some(hook) = Self::take(&self.on_advance, name) {
            hook();
            return Box::pin(std::future::ready(Ok(Advanced::Held(next))));
        }
        self.inner.advance(name, next)
    }

    fn prune(&self, until: Timestamp) -> BoxFuture<'_, Result<usize>> {
        self.inner.prune(until)
    }

    fn describe(&self) -> String {
        "in memory".to_owned()
    }
}

/// What comes at once.
fn now<T>(task: impl Future<Output = T>) -> T {
    let mut task = Box::pin(task);
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(given) => given,
        Poll::Pending => panic!("it waits"),
    }
}

fn executor(world: &World, anchor: Arc<Hooked>) -> (Executor, Arc<Journal>) {
    let target = Journal::new(OnceBy::Nothing);
    let name = ExecutorName::new("worker").unwrap();
    let built = Executor::builder(world.gates.clone(), name, anchor, target.clone());
    let built = built.lease(SECOND * 10);
    (built.build().unwrap(), target)
}

/// A file of trust that cannot be read: whoever goes by it takes a gate in hand, and comes no further.
#[derive(Debug)]
struct Down;

impl Trusting for Down {
    fn trust(&self) -> Result<Arc<Trust>> {
        Err(Error::unavailable("the file of trust cannot be read"))
    }
}

/// A copy of a database as it is, beside it.
fn copied(from: &std::path::Path) -> Arc<dyn Stores> {
    use std::os::unix::fs::PermissionsExt as _;
    let copy = from.with_extension("copy");
    let conn = rusqlite::Connection::open(from).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    Arc::new(SqliteStore::open(copy).unwrap())
}

async fn approve(world: &World) -> GateId {
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    id
}

async fn run(world: &World, executor: &Executor, id: GateId) -> Result<State> {
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    executor.run(approved).await
}

#[tokio::test]
async fn a_pin_that_is_forgotten_before_it_is_looked_for_lets_nothing_run_again() {
    for forgets in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("data.db");
        let world = World::on(Arc::new(SqliteStore::open(&at).unwrap())).await;
        let id = approve(&world).await;
        let copy = copied(&at);
        let (first, target) = world.executor(OnceBy::Nothing);
        assert_eq!(run(&world, &first, id).await.unwrap(), State::Executed);
        assert_eq!(target.done().len(), 1);

        // The whole database is put back; and while it is judged, one whose clock is right forgets what
        // by that can run no more.
        let back = world.again_on(copy).await;
        let anchor = Hooked::new(&world.anchor);
        let (executor, again) = executor(&back, anchor.clone());
        if forgets {
            let clock = Arc::clone(&world.clock);
            let hook: Hook = Box::new(move || {
                let slow: Timestamp = clock.now().unwrap();
                clock.advance(MINUTE * 60 * 27);
                assert_eq!(now(first.prune()).unwrap(), 1);
                clock.set(slow);
            });
            *anchor.on_load.lock().unwrap() = Some(hook);
        }
        let ran = run(&back, &executor, id).await;
        match forgets {
            true => assert_eq!(why(ran), "clock-is-behind"),
            false => assert_eq!(ran.unwrap(), State::Indeterminate),
        }
        assert_eq!(again.tries(), 0);
    }
}

#[tokio::test]
async fn a_claim_that_is_tried_anew_goes_by_the_time_of_then() {
    for (passes, runs) in [(0, true), (1, false)] {
        let world = World::new().await;
        let id = approve(&world).await;
        // Its run-by is two hours after the ask.
        world.pass(MINUTE * 120 - SECOND).await;
        let anchor = Hooked::new(&world.anchor);
        let (executor, target) = executor(&world, anchor.clone());
        let clock = Arc::clone(&world.clock);
        let hook: Hook = Box::new(move || clock.advance(SECOND * passes));
        *anchor.on_advance.lock().unwrap() = Some(hook);
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let ran = executor.run(approved).await;
        match runs {
            true => assert_eq!(ran.unwrap(), State::Executed, "{passes}"),
            false => {
                assert_eq!(why(ran), "not-approved", "{passes}");
                assert_eq!(world.show(id).await.state(), State::Expired);
            }
        }
        assert_eq!(target.tries(), usize::from(runs), "{passes}");
    }
}

#[tokio::test]
async fn who_lost_a_gate_to_another_does_not_claim_it() {
    let world = World::new().await;
    let id = approve(&world).await;
    let anchor = Hooked::new(&world.anchor);
    let (executor, target) = executor(&world, anchor.clone());
    let name = ExecutorName::new("worker").unwrap();
    let other = Executor::builder(world.gates.clone(), name, anchor.clone(), target.clone());
    let other = other.trust(Arc::new(Down)).build().unwrap();
    let theirs = world.gates.approved(&tenant(), id).await.unwrap();
    // It takes longer than its lease, and another takes the gate: what the anchor has by then may be a
    // claim of his.
    let until = world.now().saturating_add(MINUTE + SECOND * 10);
    let clock = Arc::clone(&world.clock);
    let hook: Hook = Box::new(move || {
        clock.advance(SECOND * 10);
        // It takes it.
        now(other.run(theirs)).unwrap_err();
    });
    *anchor.on_advance.lock().unwrap() = Some(hook);
    let lost = run(&world, &executor, id).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    assert_eq!(lost.retry_when(), Some(Retry::At(until)));
    assert_eq!(target.tries(), 0);
    world.pass(MINUTE * 2).await;
    assert_eq!(run(&world, &executor, id).await.unwrap(), State::Executed);
}

#[tokio::test]
async fn a_claim_that_is_not_the_pinned_one_is_not_gone_on_with() {
    for (puts_back, anchored) in [(false, true), (true, true), (false, false)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("data.db");
        let world = World::on(Arc::new(SqliteStore::open(&at).unwrap())).await;
        let id = approve(&world).await;
        let (first, target) = world.executor(OnceBy::Key(MINUTE * 60));
        target.gives(Effect::Unknown);
        run(&world, &first, id).await.unwrap_err();
        let copy = copied(&at);
        world.pass(MINUTE * 2).await;
        let back = match puts_back {
            true => {
                let recovered = first.recover(&tenant(), id).await.unwrap();
                assert_eq!(recovered, Some(State::Executed));
                world.again_on(copy).await
            }
            false => world.again_on(Arc::clone(&world.store)).await,
        };
        let (executor, again) = match anchored {
            true => back.executor(OnceBy::Key(MINUTE * 60)),
            false => back.executor_unanchored(OnceBy::Key(MINUTE * 60)),
        };
        world.pass(MINUTE * 2).await;
        let recovered = executor.recover(&tenant(), id).await.unwrap();
        let is_pinned = anchored && !puts_back;
        let state = match is_pinned {
            true => State::Executed,
            false => State::Indeterminate,
        };
        assert_eq!(recovered, Some(state), "{puts_back} {anchored}");
        assert_eq!(again.tries(), usize::from(is_pinned));
    }
}

/// Takes half a lease for its first step, and does not come back from the second.
#[derive(Debug)]
struct Slow(Arc<ManualClock>);

impl Target for Slow {
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Key(MINUTE * 60)
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        if job.index() > 0 {
            return Box::pin(std::future::pending());
        }
        self.0.advance(SECOND * 15);
        Box::pin(std::future::ready(Effect::Done(String::new())))
    }
}

#[tokio::test]
async fn a_lease_is_a_whole_one_from_the_claim_on_and_from_each_step() {
    let world = World::new().await;
    let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
    for steps in [1, 2] {
        let all = [("server.delete", "a"), ("server.delete", "b")];
        let asked = world.asked_by(requester.clone(), &all[2 - steps..]);
        let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        let anchor = Hooked::new(&world.anchor);
        let name = ExecutorName::new("worker").unwrap();
        let target: Arc<dyn Target> = match steps {
            1 => {
                let target = Journal::new(OnceBy::Key(MINUTE * 60));
                target.on(0, Does::Hangs);
                // The claim comes half a lease after the gate was taken.
                let clock = Arc::clone(&world.clock);
                let hook: Hook = Box::new(move || clock.advance(SECOND * 15));
                *anchor.on_advance.lock().unwrap() = Some(hook);
                target
            }
            _ => Arc::new(Slow(Arc::clone(&world.clock))),
        };
        let executor = Executor::builder(world.gates.clone(), name, anchor, target);
        let executor = executor.lease(SECOND * 30).build().unwrap();
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let ran = tokio::time::timeout(Duration::ZERO, executor.run(approved)).await;
        assert!(ran.is_err());
        let (another, journal) = world.executor(OnceBy::Key(MINUTE * 60));
        world.pass(SECOND * 29).await;
        assert_eq!(
            another.recover(&tenant(), id).await.unwrap(),
            None,
            "{steps}"
        );
        world.pass(SECOND).await;
        let recovered = another.recover(&tenant(), id).await.unwrap();
        assert_eq!(recovered, Some(State::Executed), "{steps}");
        assert_eq!(journal.tries(), 1);
    }
}
