//! A service with four approvers, and who has all of its keys and its database.

use keyward_approval::gate::GateId;
use keyward_approval::passkey::{Decision, Given, Held, Passkey, PasskeyVote, Scope};
use keyward_approval::trust::{CastVote, Facts, Rechecked};
use keyward_approval::{
    Action, ActionBuilder, Asked, Catalogue, ExecutorName, Policy, Requester, Rule, RuleName,
    ServiceName, Shape, Trust, Type,
};
use keyward_base::encoding::base64url;
use keyward_base::{Reason, Result, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;

use crate::authenticator::{Authenticator, ORIGIN, RP_ID, Said};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(crate) const HOUR: u64 = 3_600_000;
pub(crate) const GATE: GateId = GateId::from_bytes([7; 16]);

pub(crate) const POLICY: &str = r#"
keyward-policy = 1
version = 4
otherwise = "forbidden"

[rule.signed-in]
strictness = 5
approvers = ["role:admin"]
quorum = 1

[rule.two-keys]
strictness = 20
approvers = ["role:admin", "carol"]
quorum = 2
passkey = true
delegation = "1d"
class = { span = "1d", count = 5 }

[rule.alone]
strictness = 21
approvers = ["role:admin"]
quorum = 2
passkey = true

[rule.others]
strictness = 22
approvers = ["bob", "carol", "dave"]
quorum = 3
passkey = true

[rule.longer]
strictness = 23
approvers = ["role:admin", "carol"]
quorum = 3
passkey = true
delegation = "2d"

[case.delete]
kind = "server.delete"
then = "two-keys"

[case.restart]
kind = "server.restart"
then = "signed-in"

[case.ping]
kind = "server.ping"
free = ["region"]
then = "auto"
"#;

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn later(hours: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + hours * HOUR)
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) tenant: &'static str,
    pub(crate) service: &'static str,
    pub(crate) executor: &'static str,
    pub(crate) requester: Requester,
    pub(crate) reason: &'static str,
    pub(crate) confidence: Option<u16>,
    pub(crate) steps: Vec<(&'static str, &'static str, &'static str)>,
    pub(crate) policy: String,
    pub(crate) now: Timestamp,
}

impl Ask {
    pub(crate) fn build(&self) -> Action {
        self.asked().action
    }

    pub(crate) fn asked(&self) -> Asked {
        let provider = Provider::default();
        let policy = Policy::parse(&provider, &self.policy).unwrap();
        let shape = |kind| {
            Shape::new(kind)
                .unwrap()
                .must("region", Type::Text)
                .unwrap()
        };
        let kinds = [
            "server.delete",
            "server.restart",
            "server.ping",
            "server.format",
        ];
        let known = kinds.iter().fold(Catalogue::new(), |known, kind| {
            known.with(shape(kind)).unwrap()
        });
        let mut builder = ActionBuilder::new(
            Tenant::new(self.tenant).unwrap(),
            ServiceName::new(self.service).unwrap(),
            ExecutorName::new(self.executor).unwrap(),
            self.requester.clone(),
        )
        .reason(self.reason);
        if let Some(sure) = self.confidence {
            builder = builder.confidence(sure);
        }
        for (kind, target, region) in &self.steps {
            let step = known
                .step(kind, target)
                .unwrap()
                .with("region", *region)
                .unwrap();
            builder = builder.step(step);
        }
        builder.build(&policy, self.now, &provider).unwrap()
    }
}

/// A vote as it lies in the record.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) approver: Subject,
    pub(crate) lent_by: Option<Subject>,
    pub(crate) approves: bool,
    pub(crate) proof: Vec<u8>,
}

impl Row {
    pub(crate) fn cast(&self) -> CastVote<'_> {
        CastVote {
            approver: &self.approver,
            lent_by: self.lent_by.as_ref(),
            approves: self.approves,
            proof: &self.proof,
        }
    }

    pub(crate) fn proof(&self) -> PasskeyVote {
        PasskeyVote::from_bytes(&self.proof).unwrap()
    }

    /// The same with another proof.
    pub(crate) fn with(&self, change: impl FnOnce(&mut PasskeyVote)) -> Self {
        let mut proof = self.proof();
        change(&mut proof);
        Self {
            proof: proof.to_bytes().unwrap(),
            ..self.clone()
        }
    }
}

/// A gate as it lies in the database.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) gate: GateId,
    pub(crate) action: Action,
    pub(crate) rule: Option<RuleName>,
    pub(crate) scope: Scope<'static>,
    pub(crate) votes: Vec<Row>,
}

impl Record {
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            gate: self.gate,
            action: &self.action,
            rule: self.rule.as_ref(),
            scope: self.scope,
        }
    }

    pub(crate) fn recheck(&self, trust: &Trust, now: Timestamp) -> Result<Rechecked> {
        let cast: Vec<_> = self.votes.iter().map(Row::cast).collect();
        trust.recheck(&self.facts(), &cast, now)
    }
}

pub(crate) fn reason(refused: Result<Rechecked>) -> Reason {
    let e = refused.expect_err("it ran");
    e.reason().unwrap_or_else(|| panic!("{e:?}"))
}

/// The people, each with what he signs by.
pub(crate) struct World {
    pub(crate) trust: Trust,
    pub(crate) ada: Authenticator,
    pub(crate) ada_too: Authenticator,
    pub(crate) bob: Authenticator,
    pub(crate) carol: Authenticator,
    /// Named, with a passkey; no rule names him.
    pub(crate) dave: Authenticator,
    /// Nobody, with a passkey of his own, and everything that the service has.
    pub(crate) mallory: Authenticator,
}

pub(crate) fn passkey(passkey: &Passkey) -> String {
    let (id, key) = (base64url(passkey.id()), base64url(passkey.key().spki()));
    format!("[[approver.passkey]]\nid = \"{id}\"\npublic-key = \"{key}\"\n")
}

pub(crate) fn named(subject: &str, rest: &str, passkeys: &[&Passkey]) -> String {
    let head = format!("[[approver]]\ntenant = \"acme\"\nsubject = \"{subject}\"\n{rest}");
    let passkeys = passkeys.iter().map(|one| passkey(one));
    std::iter::once(head).chain(passkeys).collect()
}

pub(crate) fn head(version: u64, policy: &str) -> String {
    format!(
        "keyward-trust = 1\nversion = {version}\nservice = \"deploydesk\"\nrp-id = \"{RP_ID}\"\n\
         origin = \"{ORIGIN}\"\nchange-quorum = 2\npolicy = '''{policy}'''\n"
    )
}

const MAY: &str = "roles = [\"admin\"]\nmay-change = true\n";

impl World {
    pub(crate) fn new() -> Self {
        let (ada, ada_too) = (
            Authenticator::new("ada"),
            Authenticator::rs256("ada's other"),
        );
        let (bob, carol) = (Authenticator::new("bob"), Authenticator::new("carol"));
        let (dave, mallory) = (Authenticator::new("dave"), Authenticator::new("mallory"));
        let text = [
            head(3, POLICY),
            named("ada", MAY, &[&ada.passkey, &ada_too.passkey]),
            named("bob", MAY, &[&bob.passkey]),
            named("carol", "", &[&carol.passkey]),
            named("dave", "roles = [\"viewer\"]\n", &[&dave.passkey]),
        ]
        .concat();
        let trust = Trust::parse(&Provider::default(), &text).unwrap();
        Self {
            trust,
            ada,
            ada_too,
            bob,
            carol,
            dave,
            mallory,
        }
    }

    pub(crate) fn ask() -> Ask {
        Ask {
            tenant: "acme",
            service: "deploydesk",
            executor: "worker",
            requester: Requester::agent_of(subject("erin"), subject("agent-7"))
                .on_behalf_of(subject("frank")),
            reason: "it is idle",
            confidence: Some(900),
            steps: vec![("server.delete", "db-1", "eu")],
            policy: POLICY.to_owned(),
            now: NOW,
        }
    }

    /// The record of an ask, without a vote.
    pub(crate) fn record_of(&self, action: Action) -> Record {
        Record {
            gate: GATE,
            action,
            rule: Some(RuleName::new("two-keys").unwrap()),
            scope: Scope::Once,
            votes: Vec::new(),
        }
    }

    pub(crate) fn rule(&self, record: &Record) -> &Rule {
        self.trust
            .policy()
            .rule(record.rule.as_ref().unwrap().as_str())
            .unwrap()
    }

    fn challenge(
        &self,
        record: &Record,
        decision: Decision<'_>,
        approver: &Subject,
        held: Option<Held<'_>>,
        nonce: [u8; 32],
    ) -> [u8; 32] {
        let (facts, rule) = (record.facts(), self.rule(record));
        let statement = self
            .trust
            .statement(&facts, rule, decision, approver, held, nonce);
        statement.challenge(&Provider::default()).unwrap()
    }

    /// The vote of who signs by `of`, on this record.
    pub(crate) fn vote(&self, record: &Record, name: &str, of: &Authenticator) -> Row {
        self.vote_saying(record, name, of, true, Said::honestly)
    }

    pub(crate) fn vote_saying(
        &self,
        record: &Record,
        name: &str,
        of: &Authenticator,
        approves: bool,
        said: impl FnOnce(&[u8; 32]) -> Said,
    ) -> Row {
        let (approver, nonce) = (subject(name), nonce(name));
        let decision = if approves {
            Decision::Approve
        } else {
            Decision::Deny
        };
        let challenge = self.challenge(record, decision, &approver, None, nonce);
        let assertion = of.asserts(&said(&challenge));
        let proof = PasskeyVote {
            nonce,
            assertion,
            given: None,
        }
        .to_bytes()
        .unwrap();
        Row {
            approver,
            lent_by: None,
            approves,
            proof,
        }
    }

    /// The leave that `from` gives `to`, signed by `of`.
    pub(crate) fn leave(
        &self,
        record: &Record,
        from: &str,
        of: &Authenticator,
        to: &str,
        until: Timestamp,
    ) -> Given {
        let (from, to, nonce) = (subject(from), subject(to), nonce("leave"));
        let decision = Decision::Delegate { to: &to, until };
        let challenge = self.challenge(record, decision, &from, None, nonce);
        Given {
            until,
            nonce,
            assertion: of.votes(&challenge),
        }
    }

    /// The vote of `name`, who signs by `of`, in the place of `from`, by a leave for `to`.
    pub(crate) fn vote_for(
        &self,
        record: &Record,
        (name, of): (&str, &Authenticator),
        from: &str,
        given: Given,
    ) -> Row {
        let (approver, from, nonce) = (subject(name), subject(from), nonce(name));
        let decision = Decision::Delegate {
            to: &approver,
            until: given.until,
        };
        let held = Held {
            from: &from,
            until: given.until,
            given: self.challenge(record, decision, &from, None, given.nonce),
        };
        let challenge = self.challenge(record, Decision::Approve, &approver, Some(held), nonce);
        let proof = PasskeyVote {
            nonce,
            assertion: of.votes(&challenge),
            given: Some(given),
        };
        let proof = proof.to_bytes().unwrap();
        Row {
            approver,
            lent_by: Some(from),
            approves: true,
            proof,
        }
    }

    /// The record of an ask that Ada and Bob have approved.
    pub(crate) fn approved(&self, action: Action) -> Record {
        let record = self.record_of(action);
        self.with_votes(record)
    }

    pub(crate) fn with_votes(&self, mut record: Record) -> Record {
        record.votes = vec![
            self.vote(&record, "ada", &self.ada),
            self.vote(&record, "bob", &self.bob),
        ];
        record
    }
}

pub(crate) fn nonce(of: &str) -> [u8; 32] {
    Provider::default().sha256(&[b"nonce", of.as_bytes()])
}
