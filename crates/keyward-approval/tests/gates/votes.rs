//! Who may say yes, and what a yes is worth.

use keyward_approval::gate::{State, Voter, What};
use keyward_approval::link::Presented;
use keyward_approval::{Answer, Asking, Ballot, Requester, Scope};
use keyward_base::{Door, Reason, Tenant};

use crate::world::{MINUTE, Signs, World, policy, subject, tenant, why};

#[tokio::test]
async fn what_the_policy_lets_run_is_approved_at_once_and_nothing_else_is() {
    let world = World::new().await;
    let asking = Asking::new(world.asked("server.restart", "web-1"));
    let Answer::Approved(id) = world.gates.ask(asking).await.unwrap() else {
        panic!("it is automatic");
    };
    let _may_run = world.gates.approved(&tenant(), id).await.unwrap();
    let id = world.ask("server.delete").await;
    assert_eq!(
        why(world.gates.approved(&tenant(), id).await),
        "not-approved"
    );
    let never = Asking::new(world.asked("server.never", "web-1"));
    assert_eq!(why(world.gates.ask(never).await), "forbidden-by-policy");
    let missing = keyward_approval::GateId::from_bytes([7; 16]);
    assert_eq!(
        why(world.gates.approved(&tenant(), missing).await),
        "not-found"
    );
    let other = Tenant::new("other").unwrap();
    assert_eq!(why(world.gates.approved(&other, id).await), "not-found");
    world.check_log(id).await;
}

#[tokio::test]
async fn an_owner_approves_his_agent_where_the_rule_says_so_and_nobody_what_he_asks_himself() {
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    let vote = |id, name: &'static str| {
        let (gates, shown) = (world.gates.clone(), world.shown(name));
        async move { gates.vote(&tenant(), id, shown, Ballot::approve()).await }
    };
    assert_eq!(why(vote(id, "agent-7").await), "not-an-approver");
    assert_eq!(vote(id, "ada").await.unwrap().state, State::Approved);
    let may_run = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(may_run.gate(), id);
    world.check_log(id).await;

    // Two admins: not the owner of the agent, and nobody twice.
    let id = world.ask("server.wipe").await;
    assert_eq!(why(vote(id, "ada").await), "own-ask");
    assert_eq!(vote(id, "bob").await.unwrap().approvals, 1);
    assert_eq!(why(vote(id, "bob").await), "has-voted");
    assert_eq!(
        why(world.gates.approved(&tenant(), id).await),
        "not-approved"
    );
    assert_eq!(vote(id, "eve").await.unwrap().state, State::Approved);
    world.check_log(id).await;

    for requester in [
        Requester::person(subject("bob")),
        Requester::person(subject("kim")).on_behalf_of(subject("bob")),
        Requester::api_key(subject("key-1"), subject("bob")),
    ] {
        let asked = world.asked_by(requester, &[("server.delete", "web-1")]);
        let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
        assert_eq!(why(vote(id, "bob").await), "own-ask");
        assert_eq!(vote(id, "eve").await.unwrap().state, State::Approved);
    }
}

#[tokio::test]
async fn evidence_of_another_door_tenant_or_time_decides_nothing() {
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    let vote = async |shown| {
        world
            .gates
            .vote(&tenant(), id, shown, Ballot::approve())
            .await
    };
    let mut shown = world.shown("bob");
    shown.door = Door::new("public");
    assert_eq!(why(vote(shown).await), "evidence-of-another");
    let mut shown = world.shown("bob");
    shown.tenant = Tenant::new("other").unwrap();
    assert_eq!(why(vote(shown).await), "evidence-of-another");
    let mut shown = world.shown("bob");
    shown.factor = true;
    assert_eq!(why(vote(shown).await), "evidence-of-another");
    let shown = world.shown("bob");
    world.pass(MINUTE * 6).await;
    assert_eq!(why(vote(shown).await), "evidence-too-old");
    let mut shown = world.shown("bob");
    shown.at = shown.at.saturating_add(MINUTE * 2);
    vote(shown).await.unwrap_err();
    assert_eq!(why(vote(world.shown("zoe")).await), "not-an-approver");
    assert_eq!(world.show(id).await.votes().len(), 0);
}

#[tokio::test]
async fn one_denial_ends_it_until_it_is_claimed_and_its_reason_reaches_who_asked() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let vote = async |name, ballot| {
        world
            .gates
            .vote(&tenant(), id, world.shown(name), ballot)
            .await
    };
    vote("bob", Ballot::approve()).await.unwrap();
    vote("eve", Ballot::approve()).await.unwrap();
    let before = world.gates.approved(&tenant(), id).await.unwrap();
    drop(before);
    vote("bob", Ballot::deny("the wrong server")).await.unwrap();
    let shown = world.show(id).await;
    assert_eq!(shown.state(), State::Denied);
    assert_eq!(shown.denial(), Some("the wrong server"));
    assert_eq!(
        why(world.gates.approved(&tenant(), id).await),
        "not-approved"
    );
    assert_eq!(why(vote("zoe", Ballot::approve()).await), "not-open");
    world.check_log(id).await;
}

#[tokio::test]
async fn the_holder_of_a_link_counts_where_nobody_is_asked_who_he_is() {
    let world = World::new().await;
    let holder = async |link: &Presented, code: [u8; 32]| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote_as_holder(&tenant(), link, &code, ballot)
            .await
    };
    // A rule that asks who.
    for kind in ["server.delete", "server.wipe", "server.key"] {
        let id = world.ask(kind).await;
        let (link, code) = world.link(id, None).await;
        assert_eq!(why(holder(&link, code).await), "nobody-in-particular");
        assert_eq!(world.show(id).await.state(), State::Pending);
    }
    let id = world.ask("server.stop").await;
    let (link, code) = world.link(id, None).await;
    let slot = link.slot();
    world.gates.fetched(&tenant(), id, slot).await.unwrap();
    world.gates.fetched(&tenant(), id, slot).await.unwrap();
    assert_eq!(why(holder(&link, [8; 32]).await), "link-is-dead");
    assert_eq!(holder(&link, code).await.unwrap().state, State::Approved);
    let shown = world.show(id).await;
    assert_eq!(shown.votes()[0].voter(), &Voter::Holder(0));
    let fetched = shown
        .history()
        .iter()
        .filter(|past| past.what() == What::Fetched);
    assert_eq!(fetched.count(), 1);
    world.check_log(id).await;
}

#[tokio::test]
async fn a_code_has_five_tries_and_the_fifth_is_one() {
    let world = World::new().await;
    for right_at in [4, 5] {
        let id = world.ask("server.stop").await;
        let (link, code) = world.link(id, None).await;
        let holder = async |code: [u8; 32]| {
            let ballot = Ballot::approve();
            world
                .gates
                .vote_as_holder(&tenant(), &link, &code, ballot)
                .await
        };
        for _ in 0..right_at {
            assert_eq!(why(holder([8; 32]).await), "link-is-dead");
        }
        // With the fifth the link was dead before it was compared.
        assert_eq!(holder(code).await.is_ok(), right_at == 4);
        let state = world.show(id).await.state();
        assert_eq!(state == State::Approved, right_at == 4);
        world.check_log(id).await;
    }
}

#[tokio::test]
async fn a_link_of_one_approver_is_no_others_and_dies_alone() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let link = async |name| world.link(id, Some(name)).await.0;
    let (bobs, eves) = (link("bob").await, link("eve").await);
    assert_ne!(bobs.slot(), eves.slot());
    let vote = async |name, link: &Presented| {
        let ballot = Ballot::approve().by_link(link);
        world
            .gates
            .vote(&tenant(), id, world.shown(name), ballot)
            .await
    };
    assert_eq!(why(vote("eve", &bobs).await), "link-is-dead");
    // Of another gate, where that slot is his too.
    let other = world.ask("server.delete").await;
    let (elsewhere, _) = world.link(other, Some("bob")).await;
    assert_eq!(why(vote("bob", &elsewhere).await), "link-is-dead");
    // Made for the action of another.
    let draft = world.links.draft(&tenant(), id).unwrap();
    let shown = world.show(other).await;
    let letter = draft.finish(shown.action(), bobs.slot(), world.now());
    let letter = letter.unwrap();
    let text = letter.link().expose();
    let link = world.links.check(&tenant(), text, world.now()).await;
    let said = vote("bob", &link.unwrap()).await;
    assert_eq!(why(said), Reason::NOT_AUTHENTIC.as_str());
    vote("bob", &bobs).await.unwrap();
    let (bobs, eves_slot) = (bobs.slot(), eves.slot());
    assert_eq!(
        why(world.gates.fetched(&tenant(), id, bobs).await),
        "link-is-dead"
    );
    world.gates.fetched(&tenant(), id, eves_slot).await.unwrap();
    vote("eve", &eves).await.unwrap();
    assert_eq!(world.show(id).await.state(), State::Approved);
    world.check_log(id).await;
}

#[tokio::test]
async fn a_vote_is_lent_for_a_time_never_onward_and_never_to_who_asks() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let lend = async |from, to| {
        let to = subject(to);
        world
            .gates
            .lend(&tenant(), id, world.shown(from), &to, MINUTE * 10)
            .await
    };
    let vote = async |name, from: Option<&str>| {
        let mut ballot = Ballot::approve();
        if let Some(from) = from {
            ballot = ballot.lent_by(subject(from));
        }
        world
            .gates
            .vote(&tenant(), id, world.shown(name), ballot)
            .await
    };
    assert_eq!(why(lend("bob", "agent-7").await), "own-ask");
    assert_eq!(why(lend("bob", "ada").await), "own-ask");
    assert_eq!(why(lend("ada", "eve").await), "own-ask");
    assert_eq!(why(lend("kim", "eve").await), "not-an-approver");
    assert_eq!(why(vote("kim", Some("bob")).await), "not-an-approver");
    lend("bob", "kim").await.unwrap();
    // Not onward: who was lent a vote is no approver.
    assert_eq!(why(lend("kim", "max").await), "not-an-approver");
    assert_eq!(vote("kim", Some("bob")).await.unwrap().approvals, 1);
    // It was his.
    assert_eq!(why(vote("bob", None).await), "has-voted");
    lend("eve", "kim").await.unwrap();
    // One person, one vote.
    assert_eq!(why(vote("kim", Some("eve")).await), "has-voted");
    lend("eve", "max").await.unwrap();
    world.pass(MINUTE * 11).await;
    assert_eq!(why(vote("max", Some("eve")).await), "not-an-approver");
    assert_eq!(vote("eve", None).await.unwrap().state, State::Approved);
    world.check_log(id).await;
}

#[tokio::test]
async fn under_a_rule_of_passkeys_nothing_else_counts() {
    let world = World::new().await;
    let id = world.ask("server.key").await;
    let with = world.with_passkeys().await;
    let bob = || Ballot::approve().proved(Signs::of(id, "bob"));
    // Nothing there that checks it: it is no vote.
    let said = world
        .gates
        .vote(&tenant(), id, world.shown("bob"), bob())
        .await;
    assert_eq!(why(said), "passkey-needed");
    let vote = async |name, ballot| with.vote(&tenant(), id, world.shown(name), ballot).await;
    assert_eq!(why(vote("bob", Ballot::approve()).await), "passkey-needed");
    assert_eq!(
        why(vote("eve", bob()).await),
        "not-authentic-for-this-context"
    );
    assert_eq!(vote("bob", bob()).await.unwrap().approvals, 1);
    let eve = Ballot::approve().proved(Signs::of(id, "eve"));
    assert_eq!(vote("eve", eve).await.unwrap().state, State::Approved);
    assert_eq!(
        world.show(id).await.votes()[1].proof(),
        Signs::of(id, "eve")
    );
    let glass = world
        .gates
        .break_glass(&tenant(), id, world.shown("kim"), "now")
        .await;
    assert_eq!(why(glass), "not-open");
}

#[tokio::test]
async fn an_edit_is_a_new_request_and_a_withdrawal_ends_it() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let vote = async |id, name| {
        world
            .gates
            .vote(&tenant(), id, world.shown(name), Ballot::approve())
            .await
    };
    vote(id, "bob").await.unwrap();
    let edited = || Asking::new(world.asked("server.wipe", "web-2"));
    let other = world.gates.edit(id, world.shown("bob"), edited()).await;
    assert_eq!(why(other), "not-who-asked");
    let next = world
        .gates
        .edit(id, world.shown("agent-7"), edited())
        .await
        .unwrap()
        .gate();
    assert_eq!(world.show(id).await.state(), State::Superseded);
    assert_eq!(world.show(id).await.superseded_by(), Some(next));
    assert_eq!(world.show(next).await.instead_of(), Some(id));
    assert_eq!(why(vote(id, "eve").await), "not-open");
    assert_eq!(vote(next, "eve").await.unwrap().approvals, 1);
    assert_eq!(vote(next, "bob").await.unwrap().state, State::Approved);
    let withdraw = async |name| {
        world
            .gates
            .withdraw(&tenant(), next, world.shown(name), "no")
            .await
    };
    assert_eq!(why(withdraw("bob").await), "not-who-asked");
    withdraw("ada").await.unwrap();
    assert_eq!(why(withdraw("ada").await), "not-open");
    assert_eq!(
        why(world.gates.approved(&tenant(), next).await),
        "not-approved"
    );
    world.check_log(id).await;
    world.check_log(next).await;
}

#[tokio::test]
async fn breaking_the_glass_takes_the_role_and_a_reason_and_waits_for_a_review() {
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    let glass = async |name, why| {
        world
            .gates
            .break_glass(&tenant(), id, world.shown(name), why)
            .await
    };
    assert_eq!(why(glass("bob", "it burns").await), "not-an-approver");
    assert_eq!(why(glass("kim", " ").await), "no-reason-given");
    glass("kim", "it burns").await.unwrap();
    let shown = world.show(id).await;
    assert!(shown.state() == State::Approved && shown.waits_for_review());
    assert_eq!(shown.history()[2].said(), "it burns");
    let _may_run = world.gates.approved(&tenant(), id).await.unwrap();
    let review = async |name| {
        world
            .gates
            .review(&tenant(), id, world.shown(name), "seen")
            .await
    };
    assert_eq!(why(review("kim").await), "not-an-approver");
    assert_eq!(why(review("ada").await), "own-ask");
    // An approver, too, and it was he who broke it.
    world.roles.set("kim", &["oncall", "admin"]);
    assert_eq!(why(review("kim").await), "own-ask");
    review("bob").await.unwrap();
    assert!(!world.show(id).await.waits_for_review());
    assert_eq!(why(review("eve").await), "not-open");
    world.check_log(id).await;
}

#[tokio::test]
async fn what_was_staged_is_asked_by_a_step_of_its_own() {
    let world = World::new().await;
    let asking = Asking::new(world.asked("server.delete", "web-1")).staged();
    let id = world.gates.ask(asking).await.unwrap().gate();
    let vote = world
        .gates
        .vote(&tenant(), id, world.shown("bob"), Ballot::approve())
        .await;
    assert_eq!(why(vote), "not-open");
    world.gates.issue(&tenant(), id).await.unwrap();
    assert_eq!(why(world.gates.issue(&tenant(), id).await), "not-open");
    let vote = world
        .gates
        .vote(&tenant(), id, world.shown("bob"), Ballot::approve())
        .await;
    assert_eq!(vote.unwrap().state, State::Approved);
    // Another policy than the one that it was built under.
    let text = crate::world::POLICY.replace("version = 7", "version = 8");
    let asked = world.asked("server.delete", "web-1");
    world.gates.set_policy(policy(&text));
    world.gates.ask(Asking::new(asked)).await.unwrap_err();
    world.check_log(id).await;
}

#[tokio::test]
async fn no_broken_glass_approves_a_class() {
    let world = World::new().await;
    let scope = Scope::Class {
        fixed: Vec::new(),
        until: world.now().saturating_add(MINUTE * 60),
        count: 2,
    };
    for (scope, is_taken) in [(scope, false), (Scope::Once, true)] {
        let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
        let id = world.gates.ask(asking).await.unwrap().gate();
        let (tenant, kim) = (tenant(), world.shown("kim"));
        let broken = world.gates.break_glass(&tenant, id, kim, "it burns").await;
        match is_taken {
            true => broken.unwrap(),
            false => assert_eq!(why(broken), "out-of-scope"),
        }
    }
}

#[tokio::test]
async fn nobody_lends_to_himself_or_for_longer_than_the_rule_says() {
    let world = World::new().await;
    let id = world.ask("server.delete").await;
    let lend = async |to, minutes| {
        let (gates, bob) = (&world.gates, world.shown("bob"));
        gates
            .lend(&tenant(), id, bob, &subject(to), MINUTE * minutes)
            .await
    };
    assert_eq!(why(lend("bob", 60).await), "not-an-approver");
    assert_eq!(
        lend("zoe", 61).await.unwrap_err().kind(),
        keyward_base::ErrorKind::Misuse
    );
    lend("zoe", 60).await.unwrap();
}

#[tokio::test]
async fn an_edit_is_for_the_same_requester() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let asked = world.asked_by(
        Requester::person(subject("ada")),
        &[("server.wipe", "web-2")],
    );
    let ada = world.shown("ada");
    let edited = world.gates.edit(id, ada, Asking::new(asked)).await;
    assert_eq!(why(edited), "not-who-asked");
    assert_eq!(world.show(id).await.state(), State::Pending);
}
