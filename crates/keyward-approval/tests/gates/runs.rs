//! What runs, how often, and what is left when it does not come to its end.

use std::time::Duration;

use keyward_approval::executor::{Effect, OnceBy};
use keyward_approval::gate::{Resolution, State, StepResult, What};
use keyward_approval::{Answer, ArgumentName, Asking, Ballot, Requester, Scope};
use keyward_base::Tenant;
use keyward_store::{Collection, Content, RecordKey, Write};

use crate::target::Does;
use crate::world::{MINUTE, POLICY, World, policy, subject, tenant, why};

const LEASE: Duration = Duration::from_secs(60);

async fn approve(world: &World, kind: &str) -> keyward_approval::GateId {
    let id = world.ask(kind).await;
    let vote = world.vote(id, "bob", Ballot::approve());
    assert_eq!(vote.await.unwrap().state, State::Approved);
    id
}

#[tokio::test]
async fn what_was_approved_runs_once_and_as_it_was_shown() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let again = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    assert_eq!(why(executor.run(again).await), "not-approved");
    assert_eq!(
        why(world.gates.approved(&tenant(), id).await),
        "not-approved"
    );
    let done = target.done();
    assert_eq!(done.len(), 1);
    assert_eq!(
        (done[0].kind.as_str(), done[0].target.as_str()),
        ("server.delete", "web-1")
    );
    assert_eq!(world.show(id).await.results(), [StepResult::Done("ok")]);
    let deny = world.vote(id, "bob", Ballot::deny("no"));
    assert_eq!(why(deny.await), "not-open");
    let withdrawn = world.withdraw(id, "ada");
    assert_eq!(why(withdrawn.await), "not-open");
    world.check_log(id).await;
}

#[tokio::test]
async fn only_the_executor_that_the_action_names_runs_it() {
    let world = World::new().await;
    let (other, target) = world.executor_named("other", OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(why(other.run(approved).await), "other-executor");
    assert_eq!(other.tick(10).await.unwrap().len(), 0);
    assert_eq!(target.done().len(), 0);
}

#[tokio::test]
async fn steps_run_in_order_and_a_failure_leaves_the_rest_not_run() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
    let steps = ["a", "b", "c"].map(|target| ("server.delete", target));
    let asked = world.asked_by(requester, &steps);
    let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
    let vote = world.vote(id, "bob", Ballot::approve());
    vote.await.unwrap();
    target.on(1, Does::Fails);
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Failed);
    let shown = world.show(id).await;
    let results = [
        StepResult::Done("ok"),
        StepResult::Failed("no"),
        StepResult::NotRun,
    ];
    assert_eq!(shown.results(), results);
    let targets: Vec<_> = target.done().into_iter().map(|done| done.target).collect();
    assert_eq!(targets, ["a"]);
    world.check_log(id).await;
}

#[tokio::test]
async fn a_denial_or_a_stricter_policy_before_the_claim_is_in_time() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let deny = world.vote(id, "eve", Ballot::deny("no"));
    deny.await.unwrap();
    assert_eq!(why(executor.run(approved).await), "not-approved");

    for (from, to) in [
        (
            "[case.restart]",
            "[case.more]\nkind = \"server.*\"\nthen = \"two\"\n\n[case.restart]",
        ),
        (
            "[case.restart]",
            "[case.no]\nkind = \"server.delete\"\nthen = \"forbidden\"\n\n[case.restart]",
        ),
        (
            "[rule.one]\nstrictness = 10\napprovers = [\"role:admin\"]",
            "[rule.one]\nstrictness = 10\napprovers = [\"zoe\"]",
        ),
    ] {
        let id = approve(&world, "server.delete").await;
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let text = POLICY
            .replace("version = 7", "version = 8")
            .replacen(from, to, 1);
        assert_ne!(text.len(), POLICY.len());
        world.gates.set_policy(policy(&text));
        assert_eq!(why(executor.run(approved).await), "policy-is-stricter");
        assert_eq!(world.show(id).await.state(), State::Superseded);
        world.gates.set_policy(policy(POLICY));
        world.check_log(id).await;
    }
    // Who voted is no approver any more.
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    world.roles.set("bob", &[]);
    assert_eq!(why(executor.run(approved).await), "policy-is-stricter");
    assert_eq!(target.done().len(), 0);
}

#[tokio::test]
async fn what_was_automatic_and_is_not_any_more_does_not_run() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = world.ask("server.restart").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    let id = world.ask("server.restart").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    world.gates.set_policy(policy(&POLICY.replace(
        "free = [\"count\", \"region\", \"token\"]
then = \"auto\"",
        "then = \"one\"",
    )));
    assert_eq!(why(executor.run(approved).await), "policy-is-stricter");
    assert_eq!(target.done().len(), 1);
}

#[tokio::test]
async fn secrets_come_to_the_target_alone_and_go_with_the_end() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let secret = b"s3cr3t-of-the-target-0123456789";
    let asking = Asking::new(world.with_secret(secret));
    let id = world.gates.ask(asking).await.unwrap().gate();
    let vote = world.vote(id, "bob", Ballot::approve());
    vote.await.unwrap();
    let all = |collection| keyward_store::Scan::of(Collection::named(collection));
    let sealed = world
        .store
        .scan(all("approval-secret"))
        .await
        .unwrap()
        .items;
    assert_eq!(sealed.len(), 1);
    for collection in ["approval", "approval-action", "approval-secret"] {
        for record in world.store.scan(all(collection)).await.unwrap().items {
            let held = [record.data.as_slice(), record.sealed.as_bytes()].concat();
            assert!(
                !held.windows(8).any(|part| part == &secret[..8]),
                "{collection}"
            );
        }
    }
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    let name = ArgumentName::new("token").unwrap();
    assert_eq!(
        target.done()[0].secret.as_deref(),
        Some(secret.as_slice()),
        "{name}"
    );
    assert_eq!(
        world
            .store
            .scan(all("approval-secret"))
            .await
            .unwrap()
            .items
            .len(),
        0
    );
}

#[tokio::test]
async fn a_lost_lease_is_tried_again_under_the_same_key_while_the_target_keeps_it() {
    for (waits, again) in [(MINUTE * 2, true), (MINUTE * 9, false)] {
        let world = World::new().await;
        let (executor, target) = world.executor(OnceBy::Key(MINUTE * 10));
        let id = approve(&world, "server.delete").await;
        target.on(0, Does::Silent);
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        executor.run(approved).await.unwrap_err();
        assert_eq!(world.show(id).await.state(), State::Executing);
        assert_eq!(executor.recover(&tenant(), id).await.unwrap(), None);
        world.pass(waits).await;
        let (another, _) = world.executor_beside(&target, OnceBy::Key(MINUTE * 10));
        let recovered = another.recover(&tenant(), id).await.unwrap();
        let state = if again {
            State::Executed
        } else {
            State::Indeterminate
        };
        assert_eq!(recovered, Some(state));
        // Once, whatever was tried.
        assert_eq!(target.done().len(), 1);
        assert_eq!(target.tries(), if again { 2 } else { 1 });
        world.check_log(id).await;
    }
}

#[tokio::test]
async fn without_a_promise_a_lost_lease_is_for_a_person_to_say() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let mut gates = Vec::new();
    for _ in 0..3 {
        let id = approve(&world, "server.delete").await;
        target.on(0, Does::Hangs);
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let run = tokio::time::timeout(Duration::ZERO, executor.run(approved)).await;
        assert!(run.is_err());
        gates.push(id);
    }
    world.pass(LEASE + MINUTE).await;
    for said in executor.tick(10).await.unwrap() {
        assert_eq!(said.2.unwrap(), State::Indeterminate);
    }
    assert_eq!(executor.tick(10).await.unwrap().len(), 0);
    let resolve = async |id, name, found| {
        world
            .gates
            .resolve(&tenant(), id, world.shown(name), found, "looked")
            .await
    };
    assert_eq!(
        why(resolve(gates[0], "kim", Resolution::Done).await),
        "not-an-approver"
    );
    resolve(gates[0], "bob", Resolution::Done).await.unwrap();
    resolve(gates[1], "bob", Resolution::Failed).await.unwrap();
    assert_eq!(
        why(resolve(gates[1], "bob", Resolution::Done).await),
        "not-open"
    );
    let asking = Asking::new(world.asked("server.delete", "web-1"));
    let next = world
        .gates
        .ask_anew(gates[2], world.shown("bob"), asking)
        .await
        .unwrap();
    let states = [State::Executed, State::Failed, State::Superseded];
    for (id, state) in gates.iter().zip(states) {
        assert_eq!(world.show(*id).await.state(), state);
        world.check_log(*id).await;
    }
    assert_eq!(world.show(next.gate()).await.state(), State::Pending);
    assert_eq!(
        world.show(gates[2]).await.superseded_by(),
        Some(next.gate())
    );
}

#[tokio::test]
async fn an_effect_that_commits_with_its_result_is_there_once_or_not_at_all() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Batch);
    let key = RecordKey {
        collection: Collection::named("servers"),
        owner: "acme".to_owned(),
        id: "web-1".to_owned(),
    };
    let content = Content {
        data: b"deleted".to_vec(),
        ..Content::default()
    };
    let insert = || {
        Effect::Written(
            "gone".to_owned(),
            vec![Write::Insert {
                key: key.clone(),
                content: content.clone(),
            }],
        )
    };
    for (nth, state) in [State::Executed, State::Failed].into_iter().enumerate() {
        let id = approve(&world, "server.delete").await;
        target.gives(insert());
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        // The second finds what the first wrote: nothing is written.
        assert_eq!(executor.run(approved).await.unwrap(), state, "{nth}");
        world.check_log(id).await;
    }
    assert_eq!(
        world.store.fetch(&key).await.unwrap().unwrap().data,
        b"deleted"
    );
    // A try that was cut off is made again: its effect is not there.
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    target.gives(Effect::Unknown);
    executor.run(approved).await.unwrap_err();
    world.pass(LEASE + MINUTE).await;
    target.gives(Effect::Written("gone".to_owned(), Vec::new()));
    let recovered = executor.recover(&tenant(), id).await.unwrap();
    assert_eq!(recovered, Some(State::Executed));
    // What was promised otherwise is not taken.
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    target.gives(Effect::Done("by other means".to_owned()));
    assert_eq!(executor.run(approved).await.unwrap(), State::Indeterminate);
}

#[tokio::test]
async fn a_class_runs_as_often_as_was_approved_with_its_fixed_arguments() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let scope = |count, span| Scope::Class {
        fixed: vec![ArgumentName::new("region").unwrap()],
        until: world.now().saturating_add(span),
        count,
    };
    let day = MINUTE * 60 * 24;
    for (kind, count, span) in [
        ("server.wipe", 2, MINUTE),
        ("server.delete", 4, MINUTE),
        ("server.delete", 2, day + MINUTE),
    ] {
        let asking = Asking::new(world.asked(kind, "web-1")).scope(scope(count, span));
        assert_eq!(why(world.gates.ask(asking).await), "out-of-scope");
    }
    let asked = |count: i64, region: &str, target: &str| world.regional(count, region, target);
    let asking = Asking::new(asked(1, "eu", "web-1")).scope(scope(2, day));
    let class = world.gates.ask(asking).await.unwrap().gate();
    assert_eq!(
        why(world.gates.ask_under(class, asked(1, "eu", "web-1")).await),
        "out-of-scope"
    );
    let vote = world.vote(class, "bob", Ballot::approve());
    vote.await.unwrap();
    let approved = world.gates.approved(&tenant(), class).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    for (count, region, target) in [(1, "us", "web-1"), (1, "eu", "web-2")] {
        let other = world
            .gates
            .ask_under(class, asked(count, region, target))
            .await;
        assert_eq!(why(other), "out-of-scope");
    }
    let mut held = Vec::new();
    for count in [7, 8] {
        let answer = world
            .gates
            .ask_under(class, asked(count, "eu", "web-1"))
            .await
            .unwrap();
        let Answer::Approved(id) = answer else {
            panic!()
        };
        held.push(id);
    }
    let third = world.gates.ask_under(class, asked(9, "eu", "web-1")).await;
    assert_eq!(why(third), "out-of-scope");
    let approved = world.gates.approved(&tenant(), held[0]).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    assert_eq!(
        (world.show(class).await.used(), target.done().len()),
        (2, 2)
    );
    // Taken back between the ask and the run.
    world.roles.set("bob", &[]);
    let approved = world.gates.approved(&tenant(), held[1]).await.unwrap();
    assert_eq!(why(executor.run(approved).await), "policy-is-stricter");
    world.roles.set("bob", &["admin"]);
    world
        .gates
        .end_class(&tenant(), class, world.shown("ada"))
        .await
        .unwrap();
    assert_eq!(
        why(world.gates.ask_under(class, asked(7, "eu", "web-1")).await),
        "out-of-scope"
    );
    world.check_log(class).await;
    world.check_log(held[0]).await;
}

#[tokio::test]
async fn pins_go_a_day_after_run_by() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    executor.run(approved).await.unwrap();
    assert_eq!(executor.prune().await.unwrap(), 0);
    let asked = world.now();
    world.pass(MINUTE * 60 * 25).await;
    assert_eq!(executor.prune().await.unwrap(), 0);
    world.pass(MINUTE * 60).await;
    assert_eq!(executor.prune().await.unwrap(), 1);
    assert_eq!(executor.prune().await.unwrap(), 0);
    // A clock that was ahead stops nothing that is asked anew.
    world.clock.set(asked);
    world.keyring.refresh().await.unwrap();
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Executed);
    assert_eq!(target.done().len(), 2);
}

#[tokio::test]
async fn of_many_that_run_one_gate_one_does() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..16 {
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let executor = match nth % 2 {
            0 => executor.clone(),
            _ => world.executor_beside(&target, OnceBy::Nothing).0,
        };
        tasks.spawn(async move { executor.run(approved).await });
    }
    let all = tasks.join_all().await;
    let ran = all
        .iter()
        .filter(|said| matches!(said, Ok(State::Executed)));
    assert_eq!((ran.count(), target.done().len()), (1, 1));
    assert!(
        !world
            .show(id)
            .await
            .history()
            .iter()
            .any(|past| past.what() == What::Indeterminate)
    );
    let other = Tenant::new("other").unwrap();
    assert_eq!(why(executor.recover(&other, id).await), "not-found");
}

#[tokio::test]
async fn a_broken_glass_does_not_stand_for_passkeys_that_are_wanted_by_now() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = world.ask("server.delete").await;
    world
        .gates
        .break_glass(&tenant(), id, world.shown("kim"), "it burns")
        .await
        .unwrap();
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let text = ["one", "two", "chiefs"]
        .iter()
        .fold(POLICY.to_owned(), |text, rule| {
            let rule = format!("[rule.{rule}]\n");
            text.replace(&rule, &format!("{rule}passkey = true\n"))
        });
    world.gates.set_policy(policy(&text));
    assert_eq!(why(executor.run(approved).await), "policy-is-stricter");
    assert_eq!(target.done().len(), 0);
    world.check_log(id).await;
}

#[tokio::test]
async fn who_asks_anew_asks_the_same() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let id = approve(&world, "server.delete").await;
    target.on(0, Does::Hangs);
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let run = tokio::time::timeout(Duration::ZERO, executor.run(approved)).await;
    assert!(run.is_err());
    world.pass(LEASE + MINUTE).await;
    executor.tick(10).await.unwrap();
    let other = Asking::new(world.asked("server.delete", "all-of-them"));
    let anew = world.gates.ask_anew(id, world.shown("bob"), other).await;
    assert!(anew.is_err(), "an approver asked in the name of another");
}

#[tokio::test]
async fn other_approvers_of_a_stricter_rule_are_not_those_of_the_rule_that_is_wanted() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let rule = "[rule.ops]\nstrictness = 28\napprovers = [\"kim\", \"ken\"]\nquorum = 2\ndecide-within = \"1h\"\nrun-within = \"1h\"\n\n[case.restart]";
    let both = POLICY.replacen("[case.restart]", rule, 1);
    let ops = both.replace("then = \"two\"", "then = \"ops\"");
    for (then, runs) in [(&ops, true), (&both, false)] {
        world.gates.set_policy(policy(&ops));
        let id = world.ask("server.wipe").await;
        for name in ["kim", "ken"] {
            world.vote(id, name, Ballot::approve()).await.unwrap();
        }
        world.gates.set_policy(policy(then));
        let approved = world.gates.approved(&tenant(), id).await.unwrap();
        let ran = executor.run(approved).await;
        match runs {
            true => assert_eq!(ran.unwrap(), State::Executed),
            false => assert_eq!(why(ran), "policy-is-stricter"),
        }
    }
    assert_eq!(target.done().len(), 1);
}

#[tokio::test]
async fn a_class_that_was_ended_stops_uses_that_wait() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let scope = Scope::Class {
        fixed: vec![ArgumentName::new("region").unwrap()],
        until: world.now().saturating_add(MINUTE * 60),
        count: 2,
    };
    let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
    let class = world.gates.ask(asking).await.unwrap().gate();
    let vote = world.vote(class, "bob", Ballot::approve());
    vote.await.unwrap();
    let used = world
        .gates
        .ask_under(class, world.regional(2, "eu", "web-1"));
    let used = used.await.unwrap().gate();
    world.pass(MINUTE).await;
    for _ in 0..2 {
        let (tenant, ada) = (tenant(), world.shown("ada"));
        let end = world.gates.end_class(&tenant, class, ada);
        end.await.unwrap();
    }
    let approved = world.gates.approved(&tenant(), used).await.unwrap();
    assert_eq!(why(executor.run(approved).await), "out-of-scope");
    assert_eq!(target.done().len(), 0);
    // Once, however often it was ended.
    let ended = world.show(class).await;
    let ended = ended.history().iter().map(|past| past.what());
    assert_eq!(ended.filter(|what| *what == What::ClassEnded).count(), 1);
}

#[tokio::test]
async fn secrets_are_there_for_what_was_claimed_just_before_run_by() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Key(MINUTE * 600));
    let secret = b"s3cr3t-of-the-target-0123456789";
    let asking = Asking::new(world.with_secret(secret));
    let id = world.gates.ask(asking).await.unwrap().gate();
    let vote = world.vote(id, "bob", Ballot::approve());
    vote.await.unwrap();
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    target.gives(Effect::Unknown);
    assert!(executor.run(approved).await.is_err());
    // Its run-by goes by, and what is kept no longer is purged, before the lease is looked at.
    world.pass(MINUTE * 180).await;
    let _gone = world.gates.purge(1_000).await.unwrap();
    let seen = executor.tick(10).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(*seen[0].2.as_ref().unwrap(), State::Executed);
}

#[tokio::test]
async fn what_the_policy_forbids_by_now_is_not_tried_again() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Key(MINUTE * 60));
    let id = approve(&world, "server.delete").await;
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    target.gives(Effect::Unknown);
    assert!(executor.run(approved).await.is_err());
    let text = POLICY.replacen(
        "[case.restart]",
        "[case.no]\nkind = \"server.delete\"\nthen = \"forbidden\"\n\n[case.restart]",
        1,
    );
    world.gates.set_policy(policy(&text));
    world.pass(MINUTE * 2).await;
    let seen = executor.tick(10).await.unwrap();
    assert_eq!(*seen[0].2.as_ref().unwrap(), State::Indeterminate);
}

#[tokio::test]
async fn a_step_without_its_secret_is_left_to_a_person() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Key(MINUTE * 60));
    let asking = Asking::new(world.with_secret(b"s3cr3t-of-the-target-0123456789"));
    let id = world.gates.ask(asking).await.unwrap().gate();
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    let place = RecordKey {
        collection: Collection::named("approval-secret"),
        owner: tenant().as_str().to_owned(),
        id: id.to_string(),
    };
    let found = world.store.fetch(&place).await.unwrap().unwrap();
    let delete = Write::Delete {
        key: place,
        version: found.version,
    };
    let _gone = world.store.apply(vec![delete]).await.unwrap();
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(approved).await.unwrap(), State::Indeterminate);
    assert_eq!(target.tries(), 0);
    world.check_log(id).await;
}
