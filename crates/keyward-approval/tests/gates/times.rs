//! What time does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_approval::executor::{Executor, OnceBy};
use keyward_approval::gate::{State, What};
use keyward_approval::{Ballot, ExecutorName};
use keyward_base::{Error, ErrorKind, Result};
use keyward_keys::{Advance, Anchor, Pin, PinName};

use crate::target::Journal;
use crate::world::{InMemory, MINUTE, World, tenant, why};

#[tokio::test]
async fn silence_is_no_and_an_approval_does_not_keep() {
    let world = World::new().await;
    let (silent, kept) = (
        world.ask("server.delete").await,
        world.ask("server.delete").await,
    );
    let vote = async |id| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote(&tenant(), id, world.shown("bob"), ballot)
            .await
    };
    vote(kept).await.unwrap();
    world.pass(MINUTE * 60).await;
    // To the millisecond: not at decide-by any more.
    assert_eq!(why(vote(silent).await), "not-open");
    assert_eq!(world.show(silent).await.state(), State::Expired);
    let _may_run = world.gates.approved(&tenant(), kept).await.unwrap();
    world.pass(MINUTE * 60).await;
    assert_eq!(
        why(world.gates.approved(&tenant(), kept).await),
        "not-approved"
    );
    assert_eq!(world.show(kept).await.state(), State::Expired);
    world.check_log(silent).await;
    world.check_log(kept).await;
}

#[tokio::test]
async fn approvers_are_reminded_then_others_are_asked_then_it_ends_each_once() {
    let world = World::new().await;
    let (one, two) = (
        world.ask("server.delete").await,
        world.ask("server.wipe").await,
    );
    let tick = async || {
        let due = world.gates.tick(100).await.unwrap();
        let of = |id| {
            due.iter()
                .filter(|due| due.gate == id)
                .map(|due| due.what)
                .collect()
        };
        let (of_one, of_two): (Vec<_>, Vec<_>) = (of(one), of(two));
        (of_one, of_two)
    };
    assert_eq!(tick().await, (vec![], vec![]));
    world.pass(MINUTE * 30).await;
    assert_eq!(tick().await, (vec![What::Reminded], vec![What::Escalated]));
    assert_eq!(tick().await, (vec![], vec![]));
    world.pass(MINUTE * 20).await;
    assert_eq!(tick().await, (vec![What::Reminded], vec![]));
    // The second rule asks another.
    let vote = async |name| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote(&tenant(), two, world.shown(name), ballot)
            .await
    };
    assert_eq!(why(vote("bob").await), "not-an-approver");
    assert_eq!(vote("captain").await.unwrap().approvals, 1);
    assert_eq!(vote("chief").await.unwrap().state, State::Approved);
    world.pass(MINUTE * 10).await;
    assert_eq!(tick().await, (vec![What::Expired], vec![]));
    world.check_log(one).await;
    world.check_log(two).await;
}

#[tokio::test]
async fn the_second_rule_holds_from_its_time_on_whether_or_not_anybody_ticked() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    world.pass(MINUTE * 31).await;
    let vote = async |name| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote(&tenant(), id, world.shown(name), ballot)
            .await
    };
    assert_eq!(why(vote("bob").await), "not-an-approver");
    assert_eq!(vote("captain").await.unwrap().approvals, 1);
    world.check_log(id).await;
}

/// An anchor with room for a few pins.
#[derive(Debug, Default)]
struct Small(InMemory, AtomicUsize);

impl Small {
    const ROOM: usize = 3;
}

impl Anchor for Small {
    fn load(&self, name: &PinName) -> Result<Option<Pin>> {
        self.0.load(name)
    }

    fn advance(&self, name: &PinName, next: &Pin) -> Result<Advance> {
        if self.0.load(name)?.is_none() {
            if self.1.load(Ordering::SeqCst) >= Self::ROOM {
                return Err(Error::misuse("an anchor holds at most so many pins"));
            }
            self.1.fetch_add(1, Ordering::SeqCst);
        }
        self.0.advance(name, next)
    }

    fn replace(&self, name: &PinName, held: Option<&Pin>, next: &Pin) -> Result<bool> {
        self.0.replace(name, held, next)
    }

    fn prune(&self, ended: &dyn Fn(&PinName) -> bool) -> Result<usize> {
        let gone = self.0.prune(ended)?;
        self.1.fetch_sub(gone, Ordering::SeqCst);
        Ok(gone)
    }

    fn describe(&self) -> String {
        "small".to_owned()
    }
}

#[tokio::test]
async fn an_anchor_that_is_full_forgets_what_can_run_no_more_and_else_says_so() {
    let world = World::new().await;
    let target = Journal::new(OnceBy::Nothing);
    let name = ExecutorName::new("worker").unwrap();
    let anchor = Arc::new(Small::default());
    let executor = Executor::builder(world.gates.clone(), name, anchor, target.clone());
    let executor = executor.build().unwrap();
    let approved = async || {
        let id = world.ask("server.delete").await;
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        world.gates.approved(&tenant(), id).await.unwrap()
    };
    for _ in 0..2 {
        let ran = executor.run(approved().await).await;
        assert_eq!(ran.unwrap(), State::Executed);
    }
    let third = approved().await;
    let id = third.gate();
    let refused = executor.run(third).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    // Nothing became of it: it may run where there is room.
    assert_eq!(world.show(id).await.state(), State::Approved);
    world.pass(MINUTE * 60 * 27).await;
    let ran = executor.run(approved().await).await;
    assert_eq!(ran.unwrap(), State::Executed);
    assert_eq!(target.done().len(), 3);
}

#[tokio::test]
async fn many_that_end_early_keep_no_other_from_its_second_rule() {
    let world = World::new().await;
    for _ in 0..2 {
        let _ends_first = world.ask("server.delete").await;
    }
    world.pass(MINUTE).await;
    let later = world.ask("server.wipe").await;
    world.pass(MINUTE * 30).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let due = world.gates.tick(1).await.unwrap();
        seen.extend(due.into_iter().map(|due| (due.gate, due.what)));
    }
    assert!(seen.contains(&(later, What::Escalated)), "{seen:?}");
    // Then from the front again.
    world.pass(MINUTE * 20).await;
    let mut reminded = 0;
    for _ in 0..4 {
        reminded += world.gates.tick(1).await.unwrap().len();
    }
    assert_eq!(reminded, 2);
}
