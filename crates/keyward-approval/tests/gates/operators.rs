//! What whoever runs the command line may say, and what it is worth.

use keyward_approval::danger::Operator;
use keyward_approval::executor::OnceBy;
use keyward_approval::gate::{Channel, State, What};
use keyward_approval::{Asking, Ballot, Requester};
use keyward_base::ErrorKind;

use crate::world::{MINUTE, POLICY, World, policy, subject, tenant, why};

/// In which two rules name a user of the system's.
async fn world() -> World {
    let world = World::new().await;
    let text = POLICY.replace("[\"role:admin\"]", "[\"role:admin\", \"uid:1000\"]");
    let text = text.replace("\"zoe\"]", "\"zoe\", \"uid:1000\"]");
    world.gates.set_policy(policy(&text));
    world
}

fn operator(name: &str) -> Operator {
    Operator::of(tenant(), subject(name))
}

#[tokio::test]
async fn an_operator_approves_where_the_rule_names_him_and_the_record_says_so() {
    let world = world().await;
    let yes = async |id, who| {
        let by = operator(who);
        let yes = Ballot::approve().because("fine");
        world.gates.approve_as_operator(&by, id, yes).await
    };
    let id = world.ask("server.delete").await;
    assert_eq!(why(yes(id, "uid:1001").await), "not-an-approver");
    assert_eq!(yes(id, "uid:1000").await.unwrap().state, State::Approved);
    let shown = world.show(id).await;
    assert_eq!(shown.votes()[0].channel(), Channel::Operator);
    assert_eq!(shown.votes()[0].reason(), "fine");
    let last = shown.history().last().unwrap();
    assert_eq!(
        (last.what(), last.channel(), last.by()),
        (
            What::Approved,
            Channel::Operator,
            Some(&subject("uid:1000"))
        )
    );
    world.check_log(id).await;
    let (executor, journal) = world.executor(OnceBy::Nothing);
    let may_run = world.gates.approved(&tenant(), id).await.unwrap();
    executor.run(may_run).await.unwrap();
    assert_eq!(journal.done().len(), 1);

    // One of two is one of two.
    let id = world.ask("server.wipe").await;
    assert_eq!(yes(id, "uid:1000").await.unwrap().approvals, 1);
    assert_eq!(why(yes(id, "uid:1000").await), "has-voted");
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    assert_eq!(world.show(id).await.state(), State::Approved);

    // Whoever the command is told to be, a passkey it has not; and an own ask stays one.
    let id = world.ask("server.key").await;
    assert_eq!(why(yes(id, "uid:1000").await), "passkey-needed");
    let own = world.asked_by(
        Requester::person(subject("uid:1000")),
        &[("server.delete", "web-1")],
    );
    let id = world.gates.ask(Asking::new(own)).await.unwrap().gate();
    assert_eq!(why(yes(id, "uid:1000").await), "own-ask");
    // Where the policy names him no more, his yes is none.
    let id = world.ask("server.delete").await;
    yes(id, "uid:1000").await.unwrap();
    world.gates.set_policy(policy(POLICY));
    let may_run = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(why(executor.run(may_run).await), "policy-is-stricter");
    assert_eq!(journal.done().len(), 1);
}

#[tokio::test]
async fn an_operator_has_another_vote_only_if_it_was_lent_to_him() {
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    let yes = async || {
        let by = operator("uid:7");
        let yes = Ballot::approve().lent_by(subject("bob"));
        world.gates.approve_as_operator(&by, id, yes).await
    };
    assert_eq!(why(yes().await), "not-an-approver");
    let (bob, to) = (world.shown("bob"), subject("uid:7"));
    let tenant = tenant();
    let lent = world.gates.lend(&tenant, id, bob, &to, MINUTE * 10);
    lent.await.unwrap();
    assert_eq!(yes().await.unwrap().state, State::Approved);
    let shown = world.show(id).await;
    let last = shown.history().last().unwrap();
    assert_eq!(
        (last.by(), last.for_whom()),
        (Some(&subject("uid:7")), Some(&subject("bob")))
    );
    assert_eq!(last.channel(), Channel::Operator);
}

#[tokio::test]
async fn an_operators_ballot_is_a_yes_and_nothing_else() {
    let world = world().await;
    let id = world.ask("server.delete").await;
    let (link, _) = world.link(id, None).await;
    for other in [
        Ballot::deny("no"),
        Ballot::approve().by_link(&link),
        Ballot::approve().proved(vec![1]),
    ] {
        let by = operator("uid:1000");
        let said = world.gates.approve_as_operator(&by, id, other).await;
        assert_eq!(said.unwrap_err().kind(), ErrorKind::Misuse);
    }
    assert_eq!(world.show(id).await.history().len(), 3);
}

#[tokio::test]
async fn an_operator_stops_what_has_not_begun_and_his_reason_reaches_the_asker() {
    let world = World::new().await;
    let by = operator("uid:7");
    let no = async |id, said| world.gates.deny_as_operator(&by, id, said).await;
    let id = world.ask("server.key").await;
    assert_eq!(why(no(id, " ").await), "no-reason-given");
    no(id, "not on a Friday").await.unwrap();
    let shown = world.show(id).await;
    assert_eq!(
        (shown.state(), shown.denial()),
        (State::Denied, Some("not on a Friday"))
    );
    assert!(shown.votes().is_empty());
    assert_eq!(shown.history().last().unwrap().channel(), Channel::Operator);
    assert_eq!(why(no(id, "again").await), "not-open");
    world.check_log(id).await;
    // A vote's denial is told as before.
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::deny("mine")).await.unwrap();
    assert_eq!(world.show(id).await.denial(), Some("mine"));

    // What was approved is stopped until it is claimed, and not afterwards.
    let (executor, journal) = world.executor(OnceBy::Nothing);
    let id = world.ask("server.restart").await;
    let may_run = world.gates.approved(&tenant(), id).await.unwrap();
    no(id, "stop").await.unwrap();
    assert_eq!(why(executor.run(may_run).await), "not-approved");
    assert!(journal.done().is_empty());
    let id = world.ask("server.restart").await;
    let may_run = world.gates.approved(&tenant(), id).await.unwrap();
    executor.run(may_run).await.unwrap();
    assert_eq!(why(no(id, "stop").await), "not-open");
    assert!(
        world
            .gates
            .deny_as_operator(&by, id, &"x".repeat(2_001))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_operator_takes_back_only_for_who_asked() {
    let world = World::new().await;
    let by = operator("uid:7");
    let back = async |id, whom: Option<&str>| {
        let whom = whom.map(subject);
        world.gates.withdraw_as_operator(&by, id, whom, "").await
    };
    let id = world.ask("server.delete").await;
    assert_eq!(why(back(id, None).await), "not-who-asked");
    assert_eq!(why(back(id, Some("bob")).await), "not-who-asked");
    back(id, Some("ada")).await.unwrap();
    let shown = world.show(id).await;
    let last = shown.history().last().unwrap();
    assert_eq!(
        (last.state(), last.by(), last.for_whom(), last.channel()),
        (
            State::Withdrawn,
            Some(&subject("uid:7")),
            Some(&subject("ada")),
            Channel::Operator
        )
    );
    assert_eq!(why(back(id, Some("ada")).await), "not-open");
    let own = world.asked_by(
        Requester::person(subject("uid:7")),
        &[("server.delete", "web-1")],
    );
    let id = world.gates.ask(Asking::new(own)).await.unwrap().gate();
    back(id, None).await.unwrap();
    world.check_log(id).await;
}
