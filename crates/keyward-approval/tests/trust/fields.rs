//! Each field of what is signed, changed alone.

use std::collections::BTreeSet;

use keyward_approval::gate::GateId;
use keyward_approval::passkey::{Decision, Held, Scope, Statement};
use keyward_approval::reason::{RULE, SCOPE, STATEMENT};
use keyward_approval::{Action, Requester, RuleName};
use keyward_base::{ErrorKind, Reason, Subject};
use keyward_crypto::Provider;

use crate::authenticator::{Authenticator, party};
use crate::world::{Ask, Record, World, later, reason, subject};

/// What a statement borrows.
#[derive(Clone)]
struct Owned {
    service: &'static str,
    gate: [u8; 16],
    action: Vec<u8>,
    rule: &'static str,
    quorum: u32,
    is_yes: bool,
    fixed: Vec<String>,
    until: u64,
    count: u32,
    requester: Requester,
    approver: Subject,
    from: Subject,
    lent_until: u64,
    given: [u8; 32],
    is_held: bool,
    is_class: bool,
    nonce: [u8; 32],
}

impl Owned {
    fn new() -> Self {
        Self {
            service: "deploydesk",
            gate: [7; 16],
            action: World::ask().build().bytes().to_vec(),
            rule: "two-keys",
            quorum: 2,
            is_yes: true,
            fixed: vec!["region".to_owned(), "size".to_owned()],
            until: 20,
            count: 5,
            requester: World::ask().requester,
            approver: subject("ada"),
            from: subject("bob"),
            lent_until: 10,
            given: [9; 32],
            is_held: true,
            is_class: true,
            nonce: [1; 32],
        }
    }

    fn asked(mut self, change: impl FnOnce(&mut Ask)) -> Self {
        let mut ask = World::ask();
        change(&mut ask);
        self.action = ask.build().bytes().to_vec();
        self
    }

    fn challenge(&self) -> [u8; 32] {
        let scope = Scope::Class {
            fixed: &self.fixed,
            until: later(self.until),
            count: self.count,
        };
        let held = Held {
            from: &self.from,
            until: later(self.lent_until),
            given: self.given,
        };
        let statement = Statement {
            service: self.service,
            gate: GateId::from_bytes(self.gate),
            action: &self.action,
            rule: self.rule,
            quorum: self.quorum,
            decision: if self.is_yes {
                Decision::Approve
            } else {
                Decision::Deny
            },
            scope: if self.is_class { scope } else { Scope::Once },
            requester: &self.requester,
            approver: &self.approver,
            held: self.is_held.then_some(held),
            nonce: self.nonce,
        };
        statement.challenge(&Provider::default()).unwrap()
    }
}

/// Every change, each of one field.
fn changes() -> Vec<(&'static str, Owned)> {
    let base = Owned::new;
    let with = |change: &dyn Fn(&mut Owned)| {
        let mut other = base();
        change(&mut other);
        other
    };
    let erin = || Requester::agent_of(subject("erin"), subject("agent-7"));
    vec![
        ("service", with(&|it| it.service = "deploydesk-2")),
        ("gate, first bit", with(&|it| it.gate[0] ^= 0x80)),
        ("gate, last bit", with(&|it| it.gate[15] ^= 1)),
        ("action: tenant", base().asked(|it| it.tenant = "globex")),
        ("action: service", base().asked(|it| it.service = "staging")),
        (
            "action: executor",
            base().asked(|it| it.executor = "worker-2"),
        ),
        (
            "action: policy version",
            base().asked(|it| it.policy = it.policy.replace("version = 4", "version = 5")),
        ),
        ("action: policy", base().asked(|it| it.policy.push('\n'))),
        (
            "action: requester",
            base().asked(|it| {
                it.requester = Requester::agent_of(subject("erin"), subject("agent-8"))
                    .on_behalf_of(subject("frank"))
            }),
        ),
        (
            "action: kind of requester",
            base().asked(|it| {
                it.requester = Requester::api_key(subject("agent-7"), subject("erin"))
                    .on_behalf_of(subject("frank"))
            }),
        ),
        (
            "action: owner",
            base().asked(|it| {
                it.requester = Requester::agent_of(subject("ada"), subject("agent-7"))
                    .on_behalf_of(subject("frank"))
            }),
        ),
        (
            "action: without owner",
            base().asked(|it| {
                it.requester = Requester::agent(subject("agent-7")).on_behalf_of(subject("frank"))
            }),
        ),
        (
            "action: on whose behalf",
            base().asked(|it| it.requester = erin().on_behalf_of(subject("grace"))),
        ),
        (
            "action: on nobody's behalf",
            base().asked(|it| it.requester = erin()),
        ),
        (
            "action: decide-by and run-by",
            base().asked(|it| it.now = later(1)),
        ),
        (
            "action: run-by",
            base().asked(|it| {
                it.policy = it
                    .policy
                    .replace("delegation =", "run-within = \"2h\"\ndelegation =")
            }),
        ),
        (
            "action: decide-by",
            base().asked(|it| {
                it.policy = it
                    .policy
                    .replace("delegation =", "decide-within = \"2h\"\ndelegation =")
            }),
        ),
        (
            "action: reason",
            base().asked(|it| it.reason = "it is idle."),
        ),
        ("action: without reason", base().asked(|it| it.reason = "")),
        (
            "action: confidence",
            base().asked(|it| it.confidence = Some(901)),
        ),
        (
            "action: without confidence",
            base().asked(|it| it.confidence = None),
        ),
        (
            "action: kind",
            base().asked(|it| it.steps[0].0 = "server.format"),
        ),
        ("action: target", base().asked(|it| it.steps[0].1 = "db-2")),
        ("action: argument", base().asked(|it| it.steps[0].2 = "us")),
        (
            "action: one step more",
            base().asked(|it| it.steps.push(("server.delete", "db-2", "eu"))),
        ),
        ("action: a bit of its bytes", with(&|it| it.action[40] ^= 1)),
        ("action: a byte more", with(&|it| it.action.push(0))),
        ("rule", with(&|it| it.rule = "alone")),
        ("quorum, lower", with(&|it| it.quorum = 1)),
        ("quorum, higher", with(&|it| it.quorum = 3)),
        ("decision", with(&|it| it.is_yes = false)),
        ("scope: once", with(&|it| it.is_class = false)),
        ("scope: one argument less", with(&|it| it.fixed.truncate(1))),
        ("scope: none", with(&|it| it.fixed.clear())),
        (
            "scope: another argument",
            with(&|it| it.fixed[1] = "zone".to_owned()),
        ),
        ("scope: its end", with(&|it| it.until = 21)),
        ("scope: its count", with(&|it| it.count = 6)),
        (
            "requester",
            with(&|it| {
                it.requester = Requester::agent_of(subject("erin"), subject("agent-8"))
                    .on_behalf_of(subject("frank"))
            }),
        ),
        (
            "kind of requester",
            with(&|it| {
                it.requester = Requester::api_key(subject("agent-7"), subject("erin"))
                    .on_behalf_of(subject("frank"))
            }),
        ),
        (
            "owner",
            with(&|it| {
                it.requester = Requester::agent_of(subject("ada"), subject("agent-7"))
                    .on_behalf_of(subject("frank"))
            }),
        ),
        (
            "on whose behalf",
            with(&|it| it.requester = erin().on_behalf_of(subject("grace"))),
        ),
        ("on nobody's behalf", with(&|it| it.requester = erin())),
        ("approver", with(&|it| it.approver = subject("carol"))),
        ("delegation: none", with(&|it| it.is_held = false)),
        ("delegation: from", with(&|it| it.from = subject("carol"))),
        ("delegation: its end", with(&|it| it.lent_until = 11)),
        ("delegation: which", with(&|it| it.given[31] ^= 1)),
        ("nonce, first bit", with(&|it| it.nonce[0] ^= 0x80)),
        ("nonce, last bit", with(&|it| it.nonce[31] ^= 1)),
    ]
}

#[test]
fn a_vote_is_good_for_none_of_them() {
    let (of, party) = (Authenticator::new("ada"), party());
    let genuine = Owned::new().challenge();
    let vote = of.votes(&genuine);
    assert!(party.check(&vote, &of.passkey, &genuine).is_ok());
    let mut seen = BTreeSet::from([genuine]);
    let changes = changes();
    assert_eq!(changes.len(), 49);
    for (name, other) in changes {
        let challenge = other.challenge();
        let refused = party.check(&vote, &of.passkey, &challenge).unwrap_err();
        assert_eq!(refused.reason(), Some(STATEMENT), "{name}");
        // The control: signed, it is good.
        assert!(
            party
                .check(&of.votes(&challenge), &of.passkey, &challenge)
                .is_ok(),
            "{name}"
        );
        // Of `action: requester` and `requester` only one field of the statement changed.
        assert!(seen.insert(challenge), "{name}");
    }
}

/// No field can be moved into its neighbour.
#[test]
fn fields_do_not_run_into_each_other() {
    let mut one = Owned::new();
    (one.service, one.rule) = ("ab", "c");
    let mut two = Owned::new();
    (two.service, two.rule) = ("a", "bc");
    assert_ne!(one.challenge(), two.challenge());
    let ask = World::ask();
    let action = ask.build();
    let (ada, bob) = (subject("ada"), subject("bob"));
    let statement = |decision, held| Statement {
        service: "deploydesk",
        gate: GateId::from_bytes([7; 16]),
        action: action.bytes(),
        rule: "two-keys",
        quorum: 2,
        decision,
        scope: Scope::Once,
        requester: &ask.requester,
        approver: &ada,
        held,
        nonce: [1; 32],
    };
    let challenge = |statement: Statement<'_>| statement.challenge(&Provider::default());
    let held = Held {
        from: &bob,
        until: later(1),
        given: [2; 32],
    };
    let all = [
        challenge(statement(Decision::Approve, None)),
        challenge(statement(Decision::Deny, None)),
        challenge(statement(
            Decision::Delegate {
                to: &bob,
                until: later(1),
            },
            None,
        )),
        challenge(statement(
            Decision::Delegate {
                to: &bob,
                until: later(2),
            },
            None,
        )),
        challenge(statement(
            Decision::Delegate {
                to: &ada,
                until: later(1),
            },
            None,
        )),
        challenge(statement(Decision::Approve, Some(held))),
        challenge(statement(Decision::Deny, Some(held))),
    ];
    let all: BTreeSet<_> = all.into_iter().map(|one| one.unwrap()).collect();
    assert_eq!(all.len(), 7);
    let onward = statement(
        Decision::Delegate {
            to: &bob,
            until: later(1),
        },
        Some(held),
    );
    assert_eq!(challenge(onward).unwrap_err().kind(), ErrorKind::Misuse);
    for fixed in [&["b", "a"][..], &["a", "a"], &["a\nb"], &[""]] {
        let fixed: Vec<String> = fixed.iter().map(|name| (*name).to_owned()).collect();
        let scope = Scope::Class {
            fixed: &fixed,
            until: later(1),
            count: 1,
        };
        let classed = Statement {
            scope,
            ..statement(Decision::Approve, None)
        };
        assert_eq!(
            challenge(classed).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{fixed:?}"
        );
    }
}

fn ask(change: impl FnOnce(&mut Ask)) -> Action {
    let mut ask = World::ask();
    change(&mut ask);
    ask.build()
}

/// An action of a class that was approved runs by those votes, as long as it is one of the class and
/// the file asks no more for it than for what was approved.
#[test]
fn a_class_is_used_for_what_is_of_it() {
    let world = World::new();
    let fixed: &'static [String] = Vec::leak(vec!["region".to_owned()]);
    let scope = |fixed| Scope::Class {
        fixed,
        until: later(20),
        count: 5,
    };
    let class = |fixed: &'static [String], action: Action| {
        let record = Record {
            scope: scope(fixed),
            ..world.record_of(action)
        };
        world.with_votes(record)
    };
    let used = |of: &Record, action: &Action, now| {
        let votes: Vec<_> = of.votes.iter().map(crate::world::Row::cast).collect();
        world.trust.recheck_use(&of.facts(), &votes, action, now)
    };
    let strict = class(fixed, World::ask().build());
    let again = ask(|it| (it.reason, it.now) = ("again", later(2)));
    let ran = used(&strict, &again, later(3)).unwrap();
    assert_eq!((ran.digest(), ran.approvers().len()), (again.digest(), 2));
    let elsewhere = ask(|it| it.steps[0].2 = "us");
    assert_eq!(reason(used(&strict, &elsewhere, later(3))), SCOPE);
    let free = class(&[], World::ask().build());
    assert!(used(&free, &elsewhere, later(3)).is_ok());
    for (name, other) in [
        ("target", ask(|it| it.steps[0].1 = "db-2")),
        ("kind", ask(|it| it.steps[0].0 = "server.restart")),
        ("executor", ask(|it| it.executor = "worker-2")),
        ("tenant", ask(|it| it.tenant = "globex")),
        (
            "requester",
            ask(|it| it.requester = Requester::agent(subject("agent-8"))),
        ),
        (
            "steps",
            ask(|it| it.steps.push(("server.delete", "db-1", "eu"))),
        ),
    ] {
        assert_eq!(reason(used(&free, &other, later(3))), SCOPE, "{name}");
    }
    assert_eq!(reason(used(&free, &elsewhere, later(20))), Reason::EXPIRED);
    let once = world.approved(World::ask().build());
    assert_eq!(reason(used(&once, &World::ask().build(), later(3))), SCOPE);
    let short = Record {
        votes: free.votes[..1].to_vec(),
        ..free.clone()
    };
    assert!(used(&short, &elsewhere, later(3)).is_err());

    // Restarts need a signed-in person, and were approved as such: a record's word.
    let restart = |region| ask(move |it| it.steps[0] = ("server.restart", "db-1", region));
    let plain = Record {
        rule: Some(RuleName::new("signed-in").unwrap()),
        ..class(&[], restart("eu"))
    };
    let dearer = crate::changes::parse(&world.trust.text().replace(
        "[case.restart]",
        "[case.restart-in-us]\nkind = \"server.restart\"\nwhen = { region = { is = \"us\" } }\nthen = \"two-keys\"\n\n[case.restart]",
    ).replace("quorum = 1\n", "quorum = 1\nclass = { span = \"1d\", count = 5 }\n"));
    let votes = |of: &Record, action: &Action| {
        let votes: Vec<_> = of.votes.iter().map(crate::world::Row::cast).collect();
        dearer.recheck_use(&of.facts(), &votes, action, later(3))
    };
    assert!(votes(&plain, &restart("eu")).is_ok());
    assert_eq!(reason(votes(&plain, &restart("us"))), RULE);
}
