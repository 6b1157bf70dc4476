//! What time does.

use std::sync::Arc;

use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, ClaimPin, Seen};
use keyward_approval::danger::MemoryClaims;
use keyward_approval::executor::{Executor, OnceBy};
use keyward_approval::gate::{State, What};
use keyward_approval::{Ballot, ExecutorName};
use keyward_base::{BoxFuture, ErrorKind, Result, Timestamp};
use keyward_store::MemoryStore;

use crate::switching::Switching;
use crate::target::Journal;
use crate::world::{MINUTE, POLICY, World, policy, tenant, why};

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

#[tokio::test]
async fn what_is_shown_goes_by_the_rule_that_a_vote_is_judged_by() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let rule = async || {
        let (shown, policy) = (world.show(id).await, world.gates.policy());
        shown.rule_in(&policy).unwrap().clone()
    };
    let vote = async |name, ballot| {
        let who = world.shown(name);
        world.gates.vote(&tenant(), id, who, ballot).await
    };
    let first = rule().await;
    assert_eq!(first.name().as_str(), "two");
    world.pass(MINUTE * 31).await;
    // Nobody ticked. Who saw the page of the first rule looks again, be it a yes or a no.
    let seen = Ballot::approve().under(&first);
    assert_eq!(why(vote("captain", seen).await), "rule-moved");
    let seen = Ballot::deny("no").under(&first);
    assert_eq!(why(vote("captain", seen).await), "rule-moved");
    assert!(world.show(id).await.votes().is_empty());
    let second = rule().await;
    assert_eq!(second.name().as_str(), "chiefs");
    assert!(world.show(id).await.is_escalated());
    // Of the same name, and another one by now.
    let text = POLICY.replace(
        "[\"chief\", \"captain\"]",
        "[\"chief\", \"captain\", \"zoe\"]",
    );
    world.gates.set_policy(policy(&text));
    let seen = Ballot::approve().under(&second);
    assert_eq!(why(vote("captain", seen).await), "rule-moved");
    let seen = Ballot::approve().under(&rule().await);
    assert_eq!(vote("captain", seen).await.unwrap().approvals, 1);
    world.check_log(id).await;
}

#[tokio::test]
async fn what_others_settled_first_is_told_once() {
    let world = World::new().await;
    let moved = world.ask("server.wipe").await;
    let (ended, unrun) = (
        world.ask("server.delete").await,
        world.ask("server.delete").await,
    );
    let vote = async |id, name| {
        let yes = Ballot::approve();
        world
            .gates
            .vote(&tenant(), id, world.shown(name), yes)
            .await
    };
    // Of many that ask at once, one is told.
    let told = async || {
        let ticks = (0..16).map(|_| {
            let gates = world.gates.clone();
            tokio::spawn(async move { gates.tick(100).await.unwrap() })
        });
        let mut all = Vec::new();
        for tick in ticks.collect::<Vec<_>>() {
            all.extend(tick.await.unwrap());
        }
        let of = |id| all.iter().filter(move |due| due.gate == id);
        [moved, ended, unrun].map(|id| of(id).map(|due| due.what).collect::<Vec<_>>())
    };
    assert_eq!(told().await, [vec![], vec![], vec![]]);
    vote(unrun, "bob").await.unwrap();
    world.pass(MINUTE * 31).await;
    assert_eq!(why(vote(moved, "bob").await), "not-an-approver");
    assert!(world.show(moved).await.is_escalated());
    let due = told().await;
    assert_eq!(due, [vec![What::Escalated], vec![What::Reminded], vec![]]);
    world.pass(MINUTE * 89).await;
    for id in [moved, ended, unrun] {
        assert_eq!(world.show(id).await.state(), State::Expired);
        let found = world.gates.list(&tenant(), State::Expired, None, 10).await;
        assert!(found.unwrap().0.contains(&id));
    }
    let ends = || vec![What::Expired];
    assert_eq!(told().await, [ends(), ends(), ends()]);
    assert_eq!(told().await, [vec![], vec![], vec![]]);
    for id in [moved, ended, unrun] {
        world.check_log(id).await;
        // What was told is in no export, and what the log vouches for is as it was.
        let mut out = Vec::new();
        world.gates.export(&tenant(), id, &mut out).await.unwrap();
    }
}

#[tokio::test]
async fn who_is_asked_second_is_reminded_as_his_own_rule_says() {
    let world = World::new().await;
    let (two, chiefs) = ("[rule.two]\n", "[rule.chiefs]\n");
    let text = POLICY.replace(two, &format!("{two}remind = [\"50m\", \"40m\"]\n"));
    let text = text.replace(chiefs, &format!("{chiefs}remind = [\"35m\", \"10m\"]\n"));
    world.gates.set_policy(policy(&text));
    let id = world.ask("server.wipe").await;
    let told = async |minutes| {
        world.pass(MINUTE * minutes).await;
        let due = world.gates.tick(100).await.unwrap();
        assert!(due.iter().all(|due| due.gate == id));
        due.into_iter().map(|due| due.what).collect::<Vec<_>>()
    };
    assert_eq!(told(10).await, [What::Reminded]);
    assert_eq!(told(10).await, [What::Reminded]);
    // What was due by then is told with it.
    assert_eq!(told(10).await, [What::Escalated]);
    assert_eq!(told(10).await, []);
    assert_eq!(told(10).await, [What::Reminded]);
    assert_eq!(told(5).await, []);
    assert_eq!(told(5).await, [What::Expired]);
}

#[tokio::test]
async fn what_was_done_before_a_store_failed_is_told() {
    let store = Switching::surely_over(Arc::new(MemoryStore::new(10_000)));
    let world = World::on(store.clone()).await;
    let id = world.ask("server.delete").await;
    world.pass(MINUTE * 60).await;
    let told = async || {
        let due = world.gates.tick(100).await?;
        Result::Ok(due.into_iter().map(|due| (due.gate, due.what)).collect())
    };
    // Before anything, after the staged and the pending ones, and no more.
    let kind = |told: Result<Vec<_>>| told.unwrap_err().kind();
    store.answer_finds(Some(1));
    assert_eq!(kind(told().await), ErrorKind::Unavailable);
    store.answer_finds(Some(2));
    assert_eq!(told().await.unwrap(), [(id, What::Expired)]);
    store.answer_finds(None);
    assert_eq!(told().await.unwrap(), []);
}

#[tokio::test]
async fn who_is_asked_no_more_need_not_be_told() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    world.pass(MINUTE * 31).await;
    for name in ["captain", "chief"] {
        let yes = Ballot::approve();
        let who = world.shown(name);
        let vote = world.gates.vote(&tenant(), id, who, yes).await;
        vote.unwrap();
    }
    assert_eq!(world.show(id).await.state(), State::Approved);
    assert_eq!(world.gates.tick(100).await.unwrap(), []);
}

/// An anchor with room for a few claims.
#[derive(Debug, Default)]
struct Small(MemoryClaims);

impl Small {
    const ROOM: usize = 2;
}

impl ClaimAnchor for Small {
    fn load(&self, name: ClaimName) -> BoxFuture<'_, Result<Seen>> {
        self.0.load(name)
    }

    fn advance(&self, name: ClaimName, next: ClaimPin) -> BoxFuture<'_, Result<Advanced>> {
        if self.0.count() >= Self::ROOM {
            return Box::pin(std::future::ready(Ok(Advanced::Full)));
        }
        self.0.advance(name, next)
    }

    fn prune(&self, until: Timestamp) -> BoxFuture<'_, Result<usize>> {
        self.0.prune(until)
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
