//! What goes on for long, again and again, or over a change of rules.

use std::sync::Arc;
use std::time::Duration;

use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, ClaimPin, Seen};
use keyward_approval::danger::MemoryClaims;
use keyward_approval::executor::OnceBy;
use keyward_approval::gate::{Resolution, State};
use keyward_approval::{ArgumentName, Asking, Ballot, GateId, Gates, Scope};
use keyward_base::{BoxFuture, ErrorKind, Result, Timestamp};
use keyward_store::{Collection, RecordKey, Write};

use crate::target::Does;
use crate::world::{MINUTE, NOW, POLICY, USERS, World, policy, subject, tenant, why};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn approve(world: &World) -> GateId {
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    id
}

#[tokio::test]
async fn a_step_that_never_answers_is_tried_again_64_times_and_then_nobody_knows() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Batch);
    let id = approve(&world).await;
    target.on(0, Does::Silent);
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    executor.run(approved).await.unwrap_err();
    for _ in 0..64 {
        world.pass(MINUTE + Duration::from_secs(1)).await;
        target.on(0, Does::Silent);
        let again = executor.recover(&tenant(), id).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Unavailable);
    }
    world.pass(MINUTE * 2).await;
    let recovered = executor.recover(&tenant(), id).await.unwrap();
    assert_eq!(recovered, Some(State::Indeterminate));
    assert_eq!(target.tries(), 65);
    world.check_log(id).await;
}

/// The mark goes no further than what is forgotten.
#[tokio::test]
async fn a_clock_that_is_far_ahead_stops_no_executor_for_good() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    world.clock.advance(DAY * 365);
    assert_eq!(executor.prune().await.unwrap(), 0);
    world.clock.set(NOW);
    let id = approve(&world).await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    assert_eq!(target.done().len(), 1);
}

#[tokio::test]
async fn ticks_forget_what_can_run_no_more() {
    let world = World::new().await;
    let (executor, _) = world.executor(OnceBy::Nothing);
    for _ in 0..3 {
        let _approved = approve(&world).await;
    }
    assert_eq!(executor.tick(10).await.unwrap().len(), 3);
    assert_eq!(world.anchor.count(), 3);
    world.pass(MINUTE * 60 * 27).await;
    assert_eq!(executor.tick(10).await.unwrap().len(), 0);
    assert_eq!(world.anchor.count(), 0);
}

/// An anchor in which something comes between the look at it and the claim.
#[derive(Debug)]
struct Between {
    claims: MemoryClaims,
    /// Another process claims the gate; else, one forgets what ended by then.
    claimed: bool,
}

impl ClaimAnchor for Between {
    fn load(&self, name: ClaimName) -> BoxFuture<'_, Result<Seen>> {
        self.claims.load(name)
    }

    fn advance(&self, name: ClaimName, next: ClaimPin) -> BoxFuture<'_, Result<Advanced>> {
        Box::pin(async move {
            let digest = [9; 32];
            let _pinned = self
                .claims
                .advance(name, ClaimPin { digest, ..next })
                .await?;
            if !self.claimed {
                self.claims.prune(name.until).await?;
            }
            self.claims.advance(name, next).await
        })
    }

    fn prune(&self, until: Timestamp) -> BoxFuture<'_, Result<usize>> {
        self.claims.prune(until)
    }

    fn describe(&self) -> String {
        "between".to_owned()
    }
}

#[tokio::test]
async fn what_another_claimed_or_forgot_since_it_was_looked_at_does_not_run() {
    for claimed in [true, false] {
        let world = World::new().await;
        let claims = MemoryClaims::default();
        let anchor = Arc::new(Between { claims, claimed });
        let (executor, target) = world.executor_anchored(anchor, OnceBy::Nothing);
        let id = approve(&world).await;
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let ran = executor.run(approved).await;
        match claimed {
            true => assert_eq!(ran.unwrap(), State::Indeterminate),
            false => assert_eq!(why(ran), "clock-is-behind"),
        }
        assert_eq!(target.tries(), 0);
    }
}

#[tokio::test]
async fn what_fails_each_time_keeps_nothing_from_its_turn() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    for _ in 0..2 {
        let id = approve(&world).await;
        let key = RecordKey {
            collection: Collection::named("approval-action"),
            owner: "acme".to_owned(),
            id: format!("{id}/0"),
        };
        let version = world.store.fetch(&key).await.unwrap().unwrap().version;
        let gone = world.store.apply(vec![Write::Delete { key, version }]);
        let _gone = gone.await.unwrap();
    }
    world.clock.advance(Duration::from_secs(1));
    let good = approve(&world).await;
    let said = executor.tick(2).await.unwrap();
    assert!(said.len() == 2 && said.iter().all(|(_, _, said)| said.is_err()));
    let said = executor.tick(2).await.unwrap();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].1, good);
    assert_eq!(target.done().len(), 1);
    // Then from the front again.
    assert_eq!(executor.tick(2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_became_of_it_is_said_by_the_rule_of_what_no_case_is_about_if_its_own_is_gone() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world).await;
    target.on(0, Does::Silent);
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let ran = executor.run(approved).await;
    assert_eq!(ran.unwrap(), State::Indeterminate);
    let text = POLICY.replace("\"one\"", "\"uno\"");
    let text = text.replace("[rule.one]", "[rule.uno]");
    world
        .gates
        .set_policy(policy(&text.replace("version = 7", "version = 8")));
    let resolve = async |name| {
        let shown = world.shown(name);
        let done = Resolution::Done;
        world.gates.resolve(&tenant(), id, shown, done, "saw").await
    };
    assert_eq!(why(resolve("kim").await), "not-an-approver");
    assert_eq!(
        why(resolve("ada").await.and(resolve("ada").await)),
        "not-open"
    );
    assert_eq!(world.show(id).await.state(), State::Executed);
}

#[tokio::test]
async fn a_denial_says_why() {
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    for nothing in ["", " \n\t"] {
        let denied = world.vote(id, "bob", Ballot::deny(nothing)).await;
        assert_eq!(why(denied), "no-reason-given");
    }
    assert_eq!(world.show(id).await.state(), State::Pending);
}

#[tokio::test]
async fn one_approver_lends_to_four_and_to_each_once() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let lend = async |from, to: &str, span| {
        let shown = world.shown(from);
        world
            .gates
            .lend(&tenant(), id, shown, &subject(to), span)
            .await
    };
    for to in ["a", "b", "c", "d"] {
        lend("bob", to, MINUTE).await.unwrap();
    }
    let fifth = lend("bob", "e", MINUTE).await.unwrap_err();
    assert_eq!(fifth.kind(), ErrorKind::Misuse);
    for _ in 0..5 {
        lend("bob", "d", MINUTE * 60).await.unwrap();
    }
    // It is on record each time, and what else is said of the gate needs the room.
    let again = lend("bob", "d", MINUTE * 60).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Misuse);
    lend("eve", "d", MINUTE).await.unwrap();
    // The last span holds.
    world.pass(MINUTE * 20).await;
    let vote = async |to, from| {
        let ballot = Ballot::approve().lent_by(subject(from));
        world.vote(id, to, ballot).await
    };
    assert_eq!(why(vote("a", "bob").await), "not-an-approver");
    assert_eq!(vote("d", "bob").await.unwrap().approvals, 1);
}

#[tokio::test]
async fn what_may_still_run_is_kept_however_short_records_are() {
    let world = World::new().await;
    let text = POLICY.replace("span = \"1d\"", "span = \"5d\"");
    let gates = Gates::builder(world.keyring.clone(), world.audit.clone(), policy(&text));
    let gates = gates.door(USERS).roles(world.roles.clone());
    let gates = gates.kept(Duration::ZERO).build().await.unwrap();
    let world = World { gates, ..world };
    let (executor, target) = world.executor(OnceBy::Key(DAY));
    // Claimed just before its run-by.
    let id = approve(&world).await;
    target.on(0, Does::Silent);
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    executor.run(approved).await.unwrap_err();
    let scope = Scope::Class {
        fixed: vec![ArgumentName::new("region").unwrap()],
        until: world.now().saturating_add(DAY * 4),
        count: 1,
    };
    let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
    let class = world.gates.ask(asking).await.unwrap().gate();
    world.vote(class, "bob", Ballot::approve()).await.unwrap();
    world.pass(MINUTE * 180).await;
    world.gates.purge(1_000).await.unwrap();
    let recovered = executor.recover(&tenant(), id).await.unwrap();
    assert_eq!(recovered, Some(State::Executed));
    // Long after the class itself could run.
    world.pass(DAY * 3).await;
    world.gates.purge(1_000).await.unwrap();
    let used = world.regional(2, "eu", "web-1");
    let used = world.gates.ask_under(class, used).await.unwrap().gate();
    let approved = world.gates.approved(&tenant(), used).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    assert_eq!(why_gone(&world, id).await, "not-found");
    // And no longer than that.
    world.pass(DAY * 3).await;
    world.gates.purge(1_000).await.unwrap();
    assert_eq!(why_gone(&world, class).await, "not-found");
}

async fn why_gone(world: &World, id: GateId) -> &'static str {
    why(world.gates.show(&tenant(), id).await)
}

#[tokio::test]
async fn all_that_may_be_said_of_a_gate_leaves_room_for_its_end() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let names: Vec<_> = (0..16).map(|nth| format!("admin-{nth}")).collect();
    let mut lends = 0;
    for name in &names {
        world.roles.set(name, &["admin"]);
        for to in ["a", "b", "c", "d"] {
            loop {
                let shown = world.shown(name);
                let (of, to) = (tenant(), subject(to));
                let lend = world.gates.lend(&of, id, shown, &to, MINUTE);
                if lend.await.is_err() {
                    break;
                }
                lends += 1;
            }
        }
    }
    assert_eq!(lends, 16 * 4 * 6);
    for slot in 0..64 {
        let of = tenant();
        let made = world.gates.add_link(&of, id, None, None).await.unwrap();
        assert_eq!(made, slot);
        world.gates.fetched(&of, id, slot).await.unwrap();
        world.gates.kill_link(&of, id, slot).await.unwrap();
    }
    world.pass(MINUTE * 31).await;
    assert!(world.show(id).await.is_escalated());
    let yes = Ballot::approve();
    assert_eq!(world.vote(id, "chief", yes).await.unwrap().approvals, 1);
    world.vote(id, "captain", Ballot::deny("no")).await.unwrap();
    assert_eq!(world.show(id).await.state(), State::Denied);
    world.check_log(id).await;
}

#[tokio::test]
async fn what_was_lent_lasts_no_longer_than_the_second_rule_lets_it() {
    let world = World::new().await;
    let head = "[rule.chiefs]\n";
    let text = POLICY.replace(head, &format!("{head}delegation = \"5m\"\n"));
    world.gates.set_policy(policy(&text));
    world.roles.set("captain", &["admin"]);
    for (waits, counts) in [(34, true), (37, false)] {
        let id = world.ask("server.wipe").await;
        let hour = MINUTE * 60;
        let shown = world.shown("captain");
        let lent = world
            .gates
            .lend(&tenant(), id, shown, &subject("dan"), hour)
            .await;
        lent.unwrap();
        world.pass(MINUTE * 31).await;
        let _due = world.gates.tick(100).await.unwrap();
        world.pass(MINUTE * (waits - 31)).await;
        let ballot = Ballot::approve().lent_by(subject("captain"));
        let voted = world.vote(id, "dan", ballot).await;
        assert_eq!(voted.is_ok(), counts, "{waits}");
    }
}
