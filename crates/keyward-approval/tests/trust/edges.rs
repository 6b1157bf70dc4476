//! What stands at the edge of a rule of the file: classes that outlive the run-by of what they were
//! approved with, what needed nobody, second rules, and who lends to whom.

use keyward_approval::passkey::Scope;
use keyward_approval::reason::{DELEGATION, OWN_ASK, RULE, SCOPE};
use keyward_approval::trust::{CastVote, Rechecked};
use keyward_approval::{
    Action, ActionBuilder, Catalogue, Policy, Requester, RuleName, Shape, Type,
};
use keyward_base::{ErrorKind, Reason, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;

use crate::changes::parse;
use crate::world::{Ask, NOW, POLICY, Record, Row, World, later, reason, subject};

fn ask(change: impl FnOnce(&mut Ask)) -> Action {
    let mut ask = World::ask();
    change(&mut ask);
    ask.build()
}

/// The record of a class of `action`, approved by Ada and Bob.
fn class(world: &World, fixed: &'static [String], until: Timestamp, action: Action) -> Record {
    let scope = Scope::Class {
        fixed,
        until,
        count: 5,
    };
    let record = world.record_of(action);
    world.with_votes(Record { scope, ..record })
}

fn used(world: &World, of: &Record, action: &Action, now: Timestamp) -> Result<Rechecked> {
    let votes: Vec<_> = of.votes.iter().map(Row::cast).collect();
    world.trust.recheck_use(&of.facts(), &votes, action, now)
}

#[test]
fn a_class_outlives_the_run_by_of_what_it_was_approved_with_and_no_use_its_own() {
    let world = World::new();
    // What was asked for can begin for 25 hours.
    let of = class(&world, &[], later(40), World::ask().build());
    assert_eq!(of.action.run_by(), later(25));
    let late = ask(|it| it.now = later(29));
    assert!(used(&world, &of, &late, later(30)).is_ok());
    let early = ask(|it| it.now = later(2));
    assert!(used(&world, &of, &early, later(26)).is_ok());
    assert_eq!(early.run_by(), later(27));
    assert_eq!(
        reason(used(&world, &of, &early, later(27))),
        Reason::EXPIRED
    );
    assert!(used(&world, &of, &late, later(39)).is_ok());
    assert_eq!(reason(used(&world, &of, &late, later(40))), Reason::EXPIRED);
}

/// One step with a region, and what else there may be.
fn with(size: Option<i64>, token: bool) -> Action {
    let shape = Shape::new("server.delete")
        .and_then(|shape| shape.must("region", Type::Text))
        .and_then(|shape| shape.may("size", Type::Integer))
        .and_then(|shape| shape.may("token", Type::Secret));
    let catalogue = Catalogue::new().with(shape.unwrap()).unwrap();
    let step = catalogue.step("server.delete", "db-1").unwrap();
    let mut step = step.with("region", "eu").unwrap();
    if let Some(size) = size {
        step = step.with("size", size).unwrap();
    }
    if token {
        let secret = SecretBytes::copy_of(b"hunter2");
        step = step.secret("token", secret).unwrap();
    }
    let like = World::ask().build();
    let builder = ActionBuilder::new(
        like.tenant().clone(),
        like.service().clone(),
        like.executor().clone(),
        like.requester().clone(),
    );
    let policy = Policy::parse(&Provider::default(), POLICY).unwrap();
    let built = builder.step(step).build(&policy, NOW, &Provider::default());
    built.unwrap().action
}

#[test]
fn one_of_a_class_has_the_arguments_of_it_and_no_secret_that_is_fixed() {
    let world = World::new();
    let of = class(&world, &[], later(20), with(Some(1), false));
    assert!(used(&world, &of, &with(Some(2), false), later(3)).is_ok());
    for other in [with(None, false), with(Some(1), true)] {
        assert_eq!(reason(used(&world, &of, &other, later(3))), SCOPE);
    }
    let of = class(&world, &[], later(20), with(None, true));
    assert!(used(&world, &of, &with(None, true), later(3)).is_ok());
    // Not even what was approved itself.
    let fixed: &'static [String] = Vec::leak(vec!["token".to_owned()]);
    let of = class(&world, fixed, later(20), with(None, true));
    assert_eq!(reason(used(&world, &of, &of.action, later(3))), SCOPE);
    let of = class(&world, &[], later(20), World::ask().build());
    let staging = ask(|it| it.service = "staging");
    assert_eq!(reason(used(&world, &of, &staging, later(3))), SCOPE);
}

#[test]
fn a_class_that_needed_nobody_is_none_of_what_somebody_approves() {
    let mut world = World::new();
    // A ping needs nobody in the one region, and two keys in the other.
    let text = world.trust.text().replace(
        "kind = \"server.ping\"\nfree = [\"region\"]\nthen = \"auto\"",
        "kind = \"server.ping\"\nwhen.region = { is = \"eu\" }\nthen = \"auto\"\n\n\
         [case.ping-elsewhere]\nkind = \"server.ping\"\nwhen.region = { is = \"us\" }\nthen = \"two-keys\"",
    );
    world.trust = parse(&text);
    let ping = |region| ask(move |it| it.steps = vec![("server.ping", "db-1", region)]);
    let voted = class(&world, &[], later(20), ping("us"));
    assert!(used(&world, &voted, &ping("us"), later(0)).is_ok());
    let unvoted = Record {
        votes: Vec::new(),
        ..class(&world, &[], later(20), ping("eu"))
    };
    assert!(used(&world, &unvoted, &ping("eu"), later(0)).is_ok());
    assert_eq!(reason(used(&world, &unvoted, &ping("us"), later(0))), RULE);
}

#[test]
fn the_second_rule_of_the_file_stands_for_its_first() {
    let mut world = World::new();
    let second = |world: &World| {
        let record = Record {
            rule: Some(RuleName::new("others").unwrap()),
            ..world.record_of(World::ask().build())
        };
        let votes = [
            ("bob", &world.bob),
            ("carol", &world.carol),
            ("dave", &world.dave),
        ];
        let votes = votes.map(|(name, of)| world.vote(&record, name, of));
        Record {
            votes: votes.into(),
            ..record
        }
    };
    assert_eq!(reason(second(&world).recheck(&world.trust, later(0))), RULE);
    let to = "delegation = \"1d\"\nescalate = { to = \"others\", after = \"1h\" }\n";
    let text = world.trust.text().replace("delegation = \"1d\"\n", to);
    world.trust = parse(&text);
    let ran = second(&world).recheck(&world.trust, later(0)).unwrap();
    assert_eq!(ran.approvers().len(), 3);
}

#[test]
fn nobody_lends_to_himself_nor_an_owner_his_vote_on_his_agent() {
    let mut world = World::new();
    let record = World::ask().build();
    let record = world.approved(record);
    let leave = world.leave(&record, "bob", &world.bob, "bob", later(20));
    let mut own = record.clone();
    own.votes[1] = world.vote_for(&record, ("bob", &world.bob), "bob", leave);
    assert_eq!(reason(own.recheck(&world.trust, later(0))), DELEGATION);

    let owner = "owner-may-approve = true\n";
    let text = world.trust.text();
    let text = text.replace("quorum = 1\n", &format!("quorum = 1\n{owner}"));
    let text = text.replace(
        "delegation = \"1d\"\n",
        &format!("delegation = \"1d\"\n{owner}"),
    );
    world.trust = parse(&text);
    let agent = Requester::agent_of(subject("ada"), subject("agent-7"));
    let record = world.approved(ask(|it| it.requester = agent));
    assert!(record.recheck(&world.trust, later(0)).is_ok());
    let leave = world.leave(&record, "ada", &world.ada, "dave", later(20));
    let mut lent = record.clone();
    lent.votes[0] = world.vote_for(&record, ("dave", &world.dave), "ada", leave);
    assert_eq!(reason(lent.recheck(&world.trust, later(0))), OWN_ASK);
}

#[test]
fn no_more_votes_are_looked_at_than_a_record_keeps() {
    let world = World::new();
    let record = world.approved(World::ask().build());
    let votes: Vec<CastVote<'_>> = std::iter::repeat_n(record.votes[0].cast(), 65).collect();
    let checked = world.trust.recheck(&record.facts(), &votes, later(0));
    assert_eq!(checked.unwrap_err().kind(), ErrorKind::Misuse);
    // Of 64, the second one is that of the first once more.
    let checked = world.trust.recheck(&record.facts(), &votes[..64], later(0));
    assert_eq!(checked.unwrap_err().kind(), ErrorKind::Rejected);
}
