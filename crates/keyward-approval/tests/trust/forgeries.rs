//! What whoever has all keys of the service, and writes its database, tries: each beside the nearest
//! thing that runs. Random signatures do not count: each but one is genuine, over something else.

use keyward_approval::gate::GateId;
use keyward_approval::passkey::{Decision, Enrolment, PasskeyVote, Scope, Statement};
use keyward_approval::reason::{
    CEREMONY, DELEGATION, DENIED, FORBIDDEN, NOT_APPROVER, NOT_PRESENT, NOT_VERIFIED, ORIGIN,
    OWN_ASK, QUORUM, RP_ID, RULE, SCOPE, SERVICE, STATEMENT, UNKNOWN_PASSKEY, VOTED,
};
use keyward_approval::trust::Basis;
use keyward_approval::{Requester, RuleName};
use keyward_base::{Reason, Tenant};
use keyward_crypto::Provider;
use serde_json::json;

use crate::authenticator::{Authenticator, Said};
use crate::world::{Record, Row, World, later, nonce, reason, subject};

/// A forgery: what it is called, why it is refused, the forged record, and the control.
pub(crate) struct Forgery {
    pub(crate) name: &'static str,
    pub(crate) because: Reason,
    pub(crate) forged: Record,
    pub(crate) control: Record,
}

pub(crate) struct Forger {
    pub(crate) world: World,
    pub(crate) tried: Vec<Forgery>,
}

impl Forger {
    /// The record as it would be if all were right.
    fn genuine(&self) -> Record {
        self.world.approved(World::ask().build())
    }

    fn tries(&mut self, name: &'static str, because: Reason, forged: Record) {
        let control = self.genuine();
        self.beside(name, because, forged, control);
    }

    fn beside(&mut self, name: &'static str, because: Reason, forged: Record, control: Record) {
        self.tried.push(Forgery {
            name,
            because,
            forged,
            control,
        });
    }

    /// The genuine record with its second vote replaced.
    fn second(
        &mut self,
        name: &'static str,
        because: Reason,
        vote: impl FnOnce(&World, &Record) -> Row,
    ) {
        let mut forged = self.genuine();
        forged.votes[1] = vote(&self.world, &forged);
        self.tries(name, because, forged);
    }

    /// The same, Bob's authenticator or browser saying something else.
    fn bob_says(&mut self, name: &'static str, because: Reason, change: impl Fn(&mut Said)) {
        self.second(name, because, |world, record| {
            world.vote_saying(record, "bob", &world.bob, true, |challenge| {
                let mut said = Said::honestly(challenge);
                change(&mut said);
                said
            })
        });
    }
}

fn of_records(forger: &mut Forger) {
    let genuine = forger.genuine();
    let rule = |name| Some(RuleName::new(name).unwrap());

    let again = Record {
        gate: GateId::from_bytes([8; 16]),
        ..genuine.clone()
    };
    let voted_anew = forger.world.with_votes(again.clone());
    forger.beside(
        "a genuine vote replayed on an identical second ask",
        STATEMENT,
        again,
        voted_anew,
    );

    let mut ask = World::ask();
    ask.steps = vec![("server.delete", "db-2", "eu")];
    let other = forger.world.approved(ask.build());
    let swapped = Record {
        votes: genuine.votes.clone(),
        ..other.clone()
    };
    forger.beside("votes put under another action", STATEMENT, swapped, other);

    let mut ask = World::ask();
    ask.now = later(1);
    let longer = forger.world.approved(ask.build());
    let extended = Record {
        votes: genuine.votes.clone(),
        ..longer.clone()
    };
    forger.beside("decide-by and run-by put off", STATEMENT, extended, longer);

    let one = Record {
        votes: genuine.votes[..1].to_vec(),
        ..genuine.clone()
    };
    forger.tries("one vote taken away", QUORUM, one);

    forger.tries(
        "the policy made auto: the record needs nobody",
        RULE,
        Record {
            rule: None,
            votes: vec![],
            ..genuine.clone()
        },
    );
    forger.tries(
        "the rule made one that asks for no passkey",
        RULE,
        Record {
            rule: rule("signed-in"),
            ..genuine.clone()
        },
    );
    forger.tries(
        "a rule that was added by row",
        RULE,
        Record {
            rule: rule("mallory-alone"),
            ..genuine.clone()
        },
    );

    let by = |name, third: &'static str, with: fn(&World) -> &Authenticator| {
        let record = Record {
            rule: rule(name),
            ..genuine.clone()
        };
        let world = &forger.world;
        let votes = [
            ("bob", &world.bob),
            ("carol", &world.carol),
            (third, with(world)),
        ];
        let votes = votes.map(|(name, of)| world.vote(&record, name, of));
        Record {
            votes: votes.into(),
            ..record
        }
    };
    let others = by("others", "dave", |world| &world.dave);
    let longer = by("longer", "ada", |world| &world.ada);
    forger.tries(
        "votes of those whom a stricter rule names, and this one does not",
        RULE,
        others,
    );
    forger.tries(
        "a stricter rule whose delegations last longer",
        RULE,
        longer,
    );

    // Its approvers, its quorum and its passkeys are alike; what was signed names the other.
    let mut stricter = Record {
        rule: rule("alone"),
        ..genuine.clone()
    };
    let renamed = stricter.clone();
    stricter = forger.world.with_votes(stricter);
    forger.beside(
        "votes of one rule counted under another",
        STATEMENT,
        renamed,
        stricter,
    );

    let class = Scope::Class {
        fixed: &[],
        until: later(20),
        count: 5,
    };
    let wide = Record {
        scope: class,
        ..genuine.clone()
    };
    let asked_so = forger.world.with_votes(wide.clone());
    forger.beside("once made a class", STATEMENT, wide, asked_so.clone());
    let wider = Scope::Class {
        fixed: &[],
        until: later(20),
        count: 6,
    };
    let wider = forger.world.with_votes(Record {
        scope: wider,
        ..genuine.clone()
    });
    forger.beside(
        "a class for more uses than the file allows",
        SCOPE,
        wider,
        asked_so.clone(),
    );
    let longer = Scope::Class {
        fixed: &[],
        until: later(25),
        count: 5,
    };
    let longer = forger.world.with_votes(Record {
        scope: longer,
        ..genuine.clone()
    });
    forger.beside(
        "a class for longer than the file allows",
        SCOPE,
        longer,
        asked_so,
    );

    // Another deployment of the service, whose approvers are the same.
    let mut ask = World::ask();
    ask.service = "staging";
    let staging = Record {
        action: ask.build(),
        ..genuine.clone()
    };
    let staging = forger.world.with_votes(staging);
    forger.tries("an action of another service", SERVICE, staging.clone());
    forger.tries(
        "votes of another service",
        STATEMENT,
        Record {
            votes: staging.votes,
            ..genuine.clone()
        },
    );

    let mut ask = World::ask();
    ask.tenant = "globex";
    let globex = forger.world.approved(ask.build());
    forger.tries("an action of another tenant", NOT_APPROVER, globex);

    let mut ask = World::ask();
    ask.steps = vec![("server.format", "db-1", "eu")];
    ask.policy = ask.policy.replace("\"forbidden\"", "\"two-keys\"");
    let forbidden = forger.world.approved(ask.build());
    forger.tries(
        "the service's policy lets what the file forbids",
        FORBIDDEN,
        forbidden,
    );
}

fn of_people(forger: &mut Forger) {
    let genuine = forger.genuine();
    let one = |row: &Row| Record {
        votes: vec![row.clone()],
        ..genuine.clone()
    };

    // The approval page was served with a quorum of one, and the record says so.
    let rule = forger.world.rule(&genuine).clone();
    let facts = genuine.facts();
    let ada = subject("ada");
    let honest =
        forger
            .world
            .trust
            .statement(&facts, &rule, Decision::Approve, &ada, None, nonce("ada"));
    let lowered = Statement {
        quorum: 1,
        ..honest
    }
    .challenge(&Provider::default())
    .unwrap();
    let proof = PasskeyVote {
        nonce: nonce("ada"),
        assertion: forger.world.ada.votes(&lowered),
        given: None,
    };
    let lowered = Row {
        proof: proof.to_bytes().unwrap(),
        ..genuine.votes[0].clone()
    };
    forger.tries("the quorum lowered on the page", STATEMENT, one(&lowered));
    forger.tries(
        "the quorum lowered in the record",
        QUORUM,
        one(&genuine.votes[0]),
    );

    forger.second("a key added by row", UNKNOWN_PASSKEY, |world, record| {
        world.vote(record, "bob", &world.mallory)
    });
    forger.second(
        "a key in the place of one that the file names",
        Reason::NOT_AUTHENTIC,
        |world, record| {
            world.vote(record, "bob", &world.mallory).with(|proof| {
                let made = proof.assertion.clone();
                proof.assertion = keyward_approval::passkey::Assertion::new(
                    world.bob.passkey.id(),
                    made.client_data(),
                    made.authenticator_data(),
                    made.signature(),
                )
                .unwrap();
            })
        },
    );
    forger.second("a person added by row", NOT_APPROVER, |world, record| {
        world.vote(record, "mallory", &world.mallory)
    });
    forger.second("a role added by row", NOT_APPROVER, |world, record| {
        world.vote(record, "dave", &world.dave)
    });
    forger.second(
        "one's vote in another's name",
        UNKNOWN_PASSKEY,
        |world, record| world.vote(record, "bob", &world.dave),
    );
    forger.second("two keys of one person", VOTED, |world, record| {
        world.vote(record, "ada", &world.ada_too)
    });
    forger.second("one vote counted twice", VOTED, |_, record| {
        record.votes[0].clone()
    });
    forger.second("a denial left out of the count", DENIED, |world, record| {
        world.vote_saying(record, "bob", &world.bob, false, Said::honestly)
    });
    forger.second("a denial made an approval", STATEMENT, |world, record| {
        let denial = world.vote_saying(record, "bob", &world.bob, false, Said::honestly);
        Row {
            approves: true,
            ..denial
        }
    });

    let mut ask = World::ask();
    ask.requester = Requester::person(subject("ada"));
    let own = forger.world.approved(ask.build());
    forger.tries("an approver's own ask", OWN_ASK, own.clone());
    forger.tries(
        "the requester changed, who approved his own ask",
        STATEMENT,
        Record {
            votes: own.votes,
            ..genuine.clone()
        },
    );
    let mut ask = World::ask();
    ask.requester = Requester::agent_of(subject("bob"), subject("agent-7"));
    let owned = forger.world.approved(ask.build());
    forger.tries(
        "an approver's own agent, where the rule does not allow it",
        OWN_ASK,
        owned,
    );
}

fn of_delegations(forger: &mut Forger) {
    let genuine = forger.genuine();
    let world = &forger.world;
    let carol = world.vote(&genuine, "carol", &world.carol);
    let leave =
        |from, of: &Authenticator, to, hours| world.leave(&genuine, from, of, to, later(hours));
    let by_dave = world.vote_for(
        &genuine,
        ("dave", &world.dave),
        "ada",
        leave("ada", &world.ada, "dave", 20),
    );
    let lent = Record {
        votes: vec![by_dave.clone(), carol.clone()],
        ..genuine.clone()
    };
    let instead = |row: Row| Record {
        votes: vec![row, carol.clone()],
        ..genuine.clone()
    };

    let bare = world.vote(&genuine, "dave", &world.dave);
    let bare = instead(Row {
        lent_by: Some(subject("ada")),
        ..bare
    });
    let own = world.vote_for(
        &genuine,
        ("dave", &world.dave),
        "ada",
        leave("ada", &world.dave, "dave", 20),
    );
    let own = instead(own);
    // By Dave, who has Ada's leave, to Mallory.
    let onward = world.vote_for(
        &genuine,
        ("mallory", &world.mallory),
        "dave",
        leave("dave", &world.dave, "mallory", 20),
    );
    let onward = instead(onward);
    let of_ada = world.vote_for(
        &genuine,
        ("carol", &world.carol),
        "ada",
        leave("ada", &world.ada, "dave", 20),
    );
    let of_ada = Record {
        votes: vec![of_ada, genuine.votes[1].clone()],
        ..genuine.clone()
    };
    let other = Record {
        gate: GateId::from_bytes([8; 16]),
        ..genuine.clone()
    };
    let other = world.leave(&other, "ada", &world.ada, "dave", later(20));
    let other = instead(world.vote_for(&genuine, ("dave", &world.dave), "ada", other));
    let over = instead(world.vote_for(
        &genuine,
        ("dave", &world.dave),
        "ada",
        leave("ada", &world.ada, "dave", 0),
    ));
    let long = instead(world.vote_for(
        &genuine,
        ("dave", &world.dave),
        "ada",
        leave("ada", &world.ada, "dave", 25),
    ));
    let put_off = instead(by_dave.with(|proof| proof.given.as_mut().unwrap().until = later(21)));
    let mine = instead(Row {
        lent_by: None,
        ..by_dave.clone()
    });
    let both = Record {
        votes: vec![by_dave.clone(), genuine.votes[0].clone()],
        ..genuine.clone()
    };
    let twice = world.vote_for(
        &genuine,
        ("bob", &world.bob),
        "ada",
        leave("ada", &world.ada, "bob", 20),
    );
    let twice = Record {
        votes: vec![twice, genuine.votes[1].clone()],
        ..genuine.clone()
    };
    let for_bob = world.vote_for(
        &genuine,
        ("dave", &world.dave),
        "bob",
        leave("bob", &world.ada, "dave", 20),
    );
    let for_bob = instead(for_bob);
    let mut ask = World::ask();
    ask.requester = Requester::person(subject("dave"));
    let to_requester = world.record_of(ask.build());
    let given = world.leave(&to_requester, "ada", &world.ada, "dave", later(20));
    let to_requester = Record {
        votes: vec![
            world.vote_for(&to_requester, ("dave", &world.dave), "ada", given),
            world.vote(&to_requester, "carol", &world.carol),
        ],
        ..to_requester
    };
    let strict = Record {
        rule: Some(RuleName::new("alone").unwrap()),
        ..genuine.clone()
    };
    let given = world.leave(&strict, "ada", &world.ada, "dave", later(20));
    let strict = Record {
        votes: vec![
            world.vote_for(&strict, ("dave", &world.dave), "ada", given),
            world.vote(&strict, "bob", &world.bob),
        ],
        ..strict
    };
    for (name, because, forged) in [
        ("a delegate added by row", DELEGATION, bare),
        (
            "a delegation that the delegate signed",
            UNKNOWN_PASSKEY,
            own,
        ),
        ("a delegation handed onward", NOT_APPROVER, onward),
        ("a delegation to somebody else", STATEMENT, of_ada),
        ("a delegation of another gate", STATEMENT, other),
        ("a delegation that has ended", DELEGATION, over),
        (
            "a delegation for longer than the file allows",
            DELEGATION,
            long,
        ),
        ("a delegation whose end was put off", STATEMENT, put_off),
        ("a delegate's vote as his own", NOT_APPROVER, mine),
        ("an approver beside his delegate", VOTED, both),
        ("a person for himself and for another", VOTED, twice),
        ("a delegation in another's name", UNKNOWN_PASSKEY, for_bob),
        ("a delegation to the requester", OWN_ASK, to_requester),
        (
            "a delegation where the file allows none",
            DELEGATION,
            strict,
        ),
    ] {
        forger.beside(name, because, forged, lent.clone());
    }
}

fn of_ceremonies(forger: &mut Forger) {
    forger.bob_says(
        "an assertion of a log-in, at the RP ID of log-ins",
        RP_ID,
        |said| {
            said.rp_id = "example.com".to_owned();
        },
    );
    forger.bob_says(
        "an assertion of a log-in page under the same RP ID",
        ORIGIN,
        |said| {
            said.client["origin"] = json!("https://login.approve.example.com");
        },
    );
    forger.second(
        "an assertion of a log-in, over its own challenge",
        STATEMENT,
        |world, record| {
            world.vote_saying(record, "bob", &world.bob, true, |_| {
                Said::honestly(&nonce("a log-in"))
            })
        },
    );
    forger.bob_says("the verification flag off", NOT_VERIFIED, |said| {
        said.flags = 0x01
    });
    forger.bob_says("the presence flag off", NOT_PRESENT, |said| {
        said.flags = 0x04
    });
    forger.second(
        "the verification flag set afterwards",
        Reason::NOT_AUTHENTIC,
        |world, record| {
            let touched = world.vote_saying(record, "bob", &world.bob, true, |challenge| Said {
                flags: 0x01,
                ..Said::honestly(challenge)
            });
            touched.with(|proof| {
                let made = proof.assertion.clone();
                let mut data = made.authenticator_data().to_vec();
                data[32] = 0x05;
                proof.assertion = keyward_approval::passkey::Assertion::new(
                    made.credential(),
                    made.client_data(),
                    &data,
                    made.signature(),
                )
                .unwrap();
            })
        },
    );
    forger.bob_says("what was signed as a key was made", CEREMONY, |said| {
        said.client["type"] = json!("webauthn.create");
    });
    forger.bob_says(
        "an assertion within a frame of another page",
        CEREMONY,
        |said| {
            said.client["crossOrigin"] = json!(true);
        },
    );
    forger.second(
        "the assertion that closed an enrolment",
        STATEMENT,
        |world, record| {
            let enrolment = Enrolment {
                service: "deploydesk",
                tenant: &Tenant::new("acme").unwrap(),
                approver: &subject("bob"),
                passkey: &world.bob.passkey,
                nonce: nonce("bob"),
            };
            let challenge = enrolment.challenge(world.trust.party());
            world.vote_saying(record, "bob", &world.bob, true, |_| {
                Said::honestly(&challenge)
            })
        },
    );
    forger.second("another nonce", STATEMENT, |_, record| {
        record.votes[1].with(|proof| proof.nonce[0] ^= 1)
    });
}

/// All of them.
pub(crate) fn all() -> Forger {
    let mut forger = Forger {
        world: World::new(),
        tried: Vec::new(),
    };
    of_records(&mut forger);
    of_people(&mut forger);
    of_delegations(&mut forger);
    of_ceremonies(&mut forger);
    forger
}

#[test]
fn none_of_them_runs_and_each_control_does() {
    let forger = all();
    let (trust, now) = (&forger.world.trust, later(0));
    let mut names = std::collections::BTreeSet::new();
    for Forgery {
        name,
        because,
        forged,
        control,
    } in &forger.tried
    {
        let ran = control.recheck(trust, now);
        let ran = ran.unwrap_or_else(|e| panic!("the control of {name}: {e:?}"));
        assert_eq!(ran.basis(), Basis::Passkeys, "{name}");
        assert_eq!(reason(forged.recheck(trust, now)), *because, "{name}");
        assert!(names.insert(name), "{name}");
    }
    assert_eq!(names.len(), 55, "{names:#?}");
}

#[test]
fn what_may_run_says_why() {
    let world = World::new();
    let record = world.approved(World::ask().build());
    let ran = record.recheck(&world.trust, later(0)).unwrap();
    assert_eq!(
        (ran.gate(), ran.digest()),
        (record.gate, record.action.digest())
    );
    assert_eq!((ran.trust(), ran.basis()), (3, Basis::Passkeys));
    assert_eq!(ran.approvers(), [subject("ada"), subject("bob")]);
    assert_eq!(ran.counters().len(), 2);
    // Either algorithm, and either of her passkeys.
    let mut other = record.clone();
    other.votes[0] = world.vote(&record, "ada", &world.ada_too);
    assert!(other.recheck(&world.trust, later(0)).is_ok());
    // Until run-by, and not any more.
    let last = keyward_base::Timestamp::from_millis(record.action.run_by().as_millis() - 1);
    assert!(record.recheck(&world.trust, last).is_ok());
    assert_eq!(
        reason(record.recheck(&world.trust, record.action.run_by())),
        Reason::EXPIRED
    );
    // What the file asks no passkey for is the record's word, and what it asks nobody for is nobody's.
    for (kind, rule, basis) in [
        ("server.restart", Some("signed-in"), Basis::Record),
        ("server.restart", Some("alone"), Basis::Passkeys),
        ("server.ping", None, Basis::Auto),
        ("server.ping", Some("two-keys"), Basis::Auto),
    ] {
        let mut ask = World::ask();
        ask.steps = vec![(kind, "db-1", "eu")];
        let rule = rule.map(|name| RuleName::new(name).unwrap());
        let record = Record {
            rule: rule.clone(),
            ..world.record_of(ask.build())
        };
        let record = if rule.is_some() {
            world.with_votes(record)
        } else {
            record
        };
        assert_eq!(
            record.recheck(&world.trust, later(0)).unwrap().basis(),
            basis,
            "{kind}"
        );
    }
}
