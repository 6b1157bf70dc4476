//! A policy that asks for more by now, under the same names: what was approved under it as it was does
//! not run by what it no longer allows.

use std::time::Duration;

use keyward_approval::executor::OnceBy;
use keyward_approval::gate::Standing;
use keyward_approval::{ArgumentName, Asking, Ballot, GateId, Scope, State};
use keyward_base::Result;

use crate::world::{MINUTE, POLICY, World, policy, subject, tenant, why};

const HOUR: Duration = Duration::from_secs(3_600);

/// What becomes of a gate that is run under the policy with these changes.
async fn run_under(world: &World, id: GateId, changes: &[(&str, &str)]) -> &'static str {
    let (executor, _) = world.executor(OnceBy::Nothing);
    let text = POLICY.replace("version = 7", "version = 8");
    let text = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    world.gates.set_policy(policy(&text));
    let approved = world.gates.approved(&tenant(), id).await.unwrap();
    let ran = executor.run(approved).await;
    world.gates.set_policy(policy(POLICY));
    match ran {
        Ok(state) => {
            assert_eq!(state, State::Executed);
            "ran"
        }
        Err(_) => {
            assert_eq!(world.show(id).await.state(), State::Superseded);
            why(ran)
        }
    }
}

/// Of `one`, which stands before the others.
const ONE: &str = "owner-may-approve = true\ndecide-within = \"1h\"\nrun-within = \"1h\"";

#[tokio::test]
async fn what_the_spans_of_now_would_have_ended_does_not_run() {
    let spans = |decide: &str, run: &str| {
        let spans = format!("decide-within = \"{decide}\"\nrun-within = \"{run}\"");
        format!("owner-may-approve = true\n{spans}")
    };
    // Approved, and an hour and a half later.
    for (decide, run, says) in [
        ("1h", "1h", "ran"),
        ("1h", "31m", "ran"),
        ("1h", "30m", "policy-is-stricter"),
        ("31m", "1h", "ran"),
        ("31m", "59m", "policy-is-stricter"),
        ("2h", "1h", "ran"),
    ] {
        let world = World::new().await;
        let id = world.ask("server.delete").await;
        let vote = world.vote(id, "bob", Ballot::approve());
        assert_eq!(vote.await.unwrap().state, State::Approved);
        world.pass(MINUTE * 90).await;
        let spans = spans(decide, run).replace("\"31m\"\nrun", "\"31m\"\nremind = []\nrun");
        let spans = [(ONE, spans.as_str()), ("remind = [\"10m\", \"30m\"]\n", "")];
        let spans: Vec<_> = spans
            .iter()
            .map(|(from, to)| (*from, to.replace("remind = []\n", "")))
            .collect();
        let spans: Vec<_> = spans
            .iter()
            .map(|(from, to)| (*from, to.as_str()))
            .collect();
        assert_eq!(run_under(&world, id, &spans).await, says, "{decide} {run}");
    }
    // What needed nobody, and still does.
    for (span, says) in [("31m", "ran"), ("30m", "policy-is-stricter")] {
        let world = World::new().await;
        let id = world.ask("server.restart").await;
        world.pass(MINUTE * 30).await;
        let within = format!("otherwise = \"one\"\nauto-run-within = \"{span}\"");
        let changes = [("otherwise = \"one\"", within.as_str())];
        assert_eq!(run_under(&world, id, &changes).await, says, "{span}");
    }
    // Laxer by now: nothing of that ends what was approved.
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    let vote = world.vote(id, "bob", Ballot::approve());
    assert_eq!(vote.await.unwrap().state, State::Approved);
    world.pass(MINUTE * 90).await;
    let auto = "[case.delete]\nkind = \"server.delete\"\nfree = [\"count\"]\nthen = \"auto\"\n\n[case.restart]";
    let changes = [
        ("[case.restart]", auto),
        (
            "otherwise = \"one\"",
            "otherwise = \"one\"\nauto-run-within = \"1m\"",
        ),
    ];
    assert_eq!(run_under(&world, id, &changes).await, "ran");
}

#[tokio::test]
async fn a_vote_that_was_lent_for_longer_than_is_allowed_by_now_does_not_count() {
    let lent = "quorum = 2\ndecide-within = \"1h\"\nrun-within = \"1h\"\ndelegation = \"1h\"";
    for (delegation, says) in [
        ("delegation = \"1h\"", "ran"),
        // Half an hour of it was left when he voted.
        ("delegation = \"30m\"", "ran"),
        ("delegation = \"29m\"", "policy-is-stricter"),
        ("", "policy-is-stricter"),
    ] {
        let world = World::new().await;
        let id = world.ask("server.wipe").await;
        let (acme, bob, kim) = (tenant(), world.shown("bob"), subject("kim"));
        let lend = world.gates.lend(&acme, id, bob, &kim, HOUR);
        lend.await.unwrap();
        world.pass(MINUTE * 29).await;
        world.vote(id, "eve", Ballot::approve()).await.unwrap();
        world.pass(MINUTE).await;
        // At thirty minutes it goes to the second rule.
        world.gates.set_policy(policy(
            &POLICY.replace("after = \"30m\"", "after = \"40m\""),
        ));
        let ballot = Ballot::approve().lent_by(subject("bob"));
        let vote = world.vote(id, "kim", ballot).await.unwrap();
        assert_eq!(vote.state, State::Approved);
        let less = lent.replace("delegation = \"1h\"", delegation);
        let later = ("after = \"30m\"", "after = \"40m\"");
        let changes = [(lent, less.as_str()), later];
        assert_eq!(run_under(&world, id, &changes).await, says, "{delegation}");
    }
}

#[tokio::test]
async fn a_class_that_is_wider_than_is_allowed_by_now_does_not_run() {
    let allowed = "class = { span = \"1d\", count = 3 }";
    for (class, says) in [
        (allowed, "ran"),
        ("class = { span = \"12h\", count = 2 }", "ran"),
        (
            "class = { span = \"11h\", count = 2 }",
            "policy-is-stricter",
        ),
        (
            "class = { span = \"12h\", count = 1 }",
            "policy-is-stricter",
        ),
        ("", "policy-is-stricter"),
    ] {
        let world = World::new().await;
        let scope = Scope::Class {
            fixed: vec![ArgumentName::new("region").unwrap()],
            until: world.now().saturating_add(HOUR * 12),
            count: 2,
        };
        let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
        let id = world.gates.ask(asking).await.unwrap().gate();
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        let used = world.regional(2, "eu", "web-1");
        let used = world.gates.ask_under(id, used).await.unwrap().gate();
        let changes = [(allowed, class)];
        // A use of it, and what it was approved with.
        for id in [used, id] {
            assert_eq!(run_under(&world, id, &changes).await, says, "{class}");
        }
    }
}

/// What a vote of somebody, whose vote is another's, came to.
async fn lent(world: &World, id: GateId, to: &str, from: &str) -> Result<Standing> {
    let ballot = Ballot::approve().lent_by(subject(from));
    world.vote(id, to, ballot).await
}

#[tokio::test]
async fn a_vote_that_one_lent_who_is_no_approver_by_now_does_not_count() {
    for (turns, says) in [("", "ran"), ("bob", "policy-is-stricter")] {
        let world = World::new().await;
        let id = world.ask("server.wipe").await;
        for to in ["kim", "ken"] {
            let (acme, bob, to) = (tenant(), world.shown("bob"), subject(to));
            let lend = world.gates.lend(&acme, id, bob, &to, HOUR);
            lend.await.unwrap();
        }
        // Not while he is none.
        world.roles.set("bob", &[]);
        assert_eq!(why(lent(&world, id, "kim", "bob").await), "not-an-approver");
        world.roles.set("bob", &["admin"]);
        lent(&world, id, "kim", "bob").await.unwrap();
        let second = world.vote(id, "eve", Ballot::approve()).await.unwrap();
        assert_eq!(second.state, State::Approved);
        world.roles.set(turns, &[]);
        assert_eq!(run_under(&world, id, &[]).await, says);
    }
}

#[tokio::test]
async fn who_broke_the_glass_has_to_have_the_role_when_it_runs() {
    for (roles, says) in [(&["oncall"][..], "ran"), (&[], "policy-is-stricter")] {
        let world = World::new().await;
        let id = world.ask("server.delete").await;
        let (acme, kim) = (tenant(), world.shown("kim"));
        let broken = world.gates.break_glass(&acme, id, kim, "it burns");
        broken.await.unwrap();
        world.roles.set("kim", roles);
        assert_eq!(run_under(&world, id, &[]).await, says);
    }
}

#[tokio::test]
async fn what_was_approved_by_a_rule_that_is_gone_does_not_run() {
    // The same for all that it asks, by another name.
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    let changes = [
        ("otherwise = \"one\"", "otherwise = \"uno\""),
        ("[rule.one]", "[rule.uno]"),
    ];
    assert_eq!(run_under(&world, id, &changes).await, "policy-is-stricter");
}
#[tokio::test]
async fn one_who_voted_twice_counts_once_when_both_count_again() {
    let rule = "approvers = [\"role:admin\", \"zoe\"]\nquorum = 2\ndecide-within = \"1h\"\nrun-within = \"1h\"\ndelegation = \"1h\"";
    let unlent = rule.replace("delegation = \"1h\"", "");
    let unlent = policy(&POLICY.replacen(rule, &unlent, 1));
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let (acme, eve, kim) = (tenant(), world.shown("eve"), subject("kim"));
    world.gates.lend(&acme, id, eve, &kim, HOUR).await.unwrap();
    lent(&world, id, "kim", "eve").await.unwrap();
    // Nobody lends by now: what kim said counts for nothing, and eve says it herself.
    world.gates.set_policy(unlent);
    let said = world.vote(id, "eve", Ballot::approve()).await.unwrap();
    assert_eq!((said.state, said.approvals), (State::Pending, 1));
    // Both count again, and are one.
    let three = POLICY.replace("quorum = 2", "quorum = 3");
    let three = three.replace("\"captain\"]", "\"captain\", \"boss\"]");
    world.gates.set_policy(policy(&three));
    let said = world.vote(id, "bob", Ballot::approve()).await.unwrap();
    assert_eq!((said.state, said.approvals), (State::Pending, 2));
}
