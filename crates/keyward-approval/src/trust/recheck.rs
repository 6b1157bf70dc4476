//! Every vote of a gate, checked anew by what the file of trust says alone.
//!
//! The record of a gate is the word of whoever has the keys of the service. So nothing of it is
//! believed here: its facts are put into the statements that the votes have to be over, and what
//! decides (policy, rule, quorum, approvers, keys, origin) is the file's.

use keyward_base::{Error, Reason, Result, Subject, Timestamp};

use super::{Approver, Trust};
use crate::action::{Action, ActionDigest};
use crate::gate::GateId;
use crate::passkey::{Decision, Given, Held, PasskeyVote, Scope, Statement};
use crate::policy::{Rule, Verdict};
use crate::reason::{
    DELEGATION, DENIED, FORBIDDEN, NOT_APPROVER, OWN_ASK, QUORUM, RULE, SCOPE, SERVICE,
    UNKNOWN_PASSKEY, VOTED,
};
use crate::word::RuleName;

/// The most votes that are looked at: as many as a record of a gate keeps.
pub const MAX_VOTES: usize = 64;

/// What a record says of a gate.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // What the statements of its votes are made of.
pub struct Facts<'a> {
    /// Which gate.
    pub gate: GateId,
    /// What is to run.
    pub action: &'a Action,
    /// By which rule it was approved in the end; none: it needed nobody.
    pub rule: Option<&'a RuleName>,
    /// For what it was approved.
    pub scope: Scope<'a>,
}

/// What a record says of a vote.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // What a vote is.
pub struct CastVote<'a> {
    /// Who voted.
    pub approver: &'a Subject,
    /// In whose place, if in another's.
    pub lent_by: Option<&'a Subject>,
    /// Whether it is a yes.
    pub approves: bool,
    /// The bytes of its [`PasskeyVote`].
    pub proof: &'a [u8],
}

/// Why an action may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever runs it decides on each.
pub enum Basis {
    /// The file's policy asks for nobody's approval.
    Auto,
    /// It asks for approvals, and not for passkeys: whether there are enough of them is the record's
    /// word, and that is as good as the service's keys.
    Record,
    /// Enough approvers signed it, each with a passkey of his own.
    Passkeys,
}

/// That the file of trust lets an action run, for this gate and these bytes. Only
/// [`Trust::recheck`] makes one.
#[derive(Debug)]
#[must_use = "what was not checked anew does not run"]
pub struct Rechecked {
    gate: GateId,
    digest: ActionDigest,
    trust: u64,
    basis: Basis,
    approvers: Vec<Subject>,
    counters: Vec<(Box<[u8]>, u32)>,
}

impl Rechecked {
    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> GateId {
        self.gate
    }

    /// SHA-256 of the bytes of what may run.
    #[must_use]
    pub const fn digest(&self) -> &ActionDigest {
        &self.digest
    }

    /// The version of the file by which it was decided.
    #[must_use]
    pub const fn trust(&self) -> u64 {
        self.trust
    }

    /// Why it may run.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// Who signed it, in the order of the votes; of a vote in another's place, who voted. Empty but
    /// for [`Basis::Passkeys`].
    #[must_use]
    pub fn approvers(&self) -> &[Subject] {
        &self.approvers
    }

    /// The ids of the passkeys that signed, and how often each says it has. Nothing is decided by it
    /// and nothing of it is kept: whoever keeps the one before asks
    /// [`Checked::is_anomaly`](crate::passkey::Checked::is_anomaly).
    #[must_use]
    pub fn counters(&self) -> &[(Box<[u8]>, u32)] {
        &self.counters
    }
}

impl Trust {
    /// Whether this action may run now, by what this file says. Every vote that is given has to be
    /// good: one that is not is a forgery, or belongs to another rule.
    ///
    /// What time it was when somebody voted, nobody knows who does not believe the record. So an
    /// action that may no longer run is refused, whenever it was approved; and a vote in another's
    /// place counts while its delegation lasts.
    ///
    /// # Errors
    /// `Rejected`: [`SERVICE`]; [`Reason::EXPIRED`] at run-by, and of a class at its
    /// end; [`FORBIDDEN`]; [`RULE`] if the record
    /// names none, one that the file has not, or one that does not stand for the file's: its own, the
    /// one that it escalates to, and one that asks in nothing for less and of nobody else; and where
    /// passkeys are needed: [`SCOPE`], [`DENIED`], [`QUORUM`], [`VOTED`] for a second vote of one
    /// person, [`NOT_APPROVER`], [`OWN_ASK`], [`DELEGATION`], [`UNKNOWN_PASSKEY`], and as
    /// [`Party::check`](crate::passkey::Party::check). `Corrupt` for a proof that is none. `Misuse` for
    /// more than [`MAX_VOTES`].
    pub fn recheck(
        &self,
        facts: &Facts<'_>,
        votes: &[CastVote<'_>],
        now: Timestamp,
    ) -> Result<Rechecked> {
        let action = facts.action;
        if action.service() != &self.service {
            return refused(SERVICE);
        }
        // A class outlives the run-by of the action that it was approved with, whose own run a gate ends.
        let ends = match facts.scope {
            Scope::Once => action.run_by(),
            Scope::Class { until, .. } => action.run_by().max(until),
        };
        if now >= ends {
            return refused(Reason::EXPIRED);
        }
        if votes.len() > MAX_VOTES {
            return Err(Error::misuse("a gate has at most 64 votes"));
        }
        let mut done = Rechecked {
            gate: facts.gate,
            digest: *action.digest(),
            trust: self.version,
            basis: Basis::Auto,
            approvers: Vec::new(),
            counters: Vec::new(),
        };
        let needed = match self.policy.verdict(action) {
            Verdict::Auto => return Ok(done),
            Verdict::Forbidden => return refused(FORBIDDEN),
            Verdict::NeedsApproval(name) => self.policy.rule(name.as_str()),
        };
        let named = facts.rule.and_then(|name| self.policy.rule(name.as_str()));
        let (Some(needed), Some(rule)) = (needed, named) else {
            return refused(RULE);
        };
        // It may have been escalated, or asked for when the policy was stricter.
        if !stands_for(rule, needed) {
            return refused(RULE);
        }
        done.basis = Basis::Record;
        if rule.needs_passkey() || needed.needs_passkey() {
            done.basis = Basis::Passkeys;
            let quorum = rule.quorum().max(needed.quorum()).max(1);
            self.count(facts, rule, votes, now, &mut done)?;
            if done.approvers.len() < usize::from(quorum) {
                return refused(QUORUM);
            }
        }
        Ok(done)
    }

    /// Whether `used` may run now as one of a class that was approved: the votes are over the action
    /// that it was approved with, and the file's policy is asked of the one that is to run.
    ///
    /// # Errors
    /// As [`Trust::recheck`]; [`SCOPE`] if it is no class, or `used` none of it; [`RULE`] if the file
    /// asks more for `used` than for what was approved. How often it was used is the record's word.
    pub fn recheck_use(
        &self,
        class: &Facts<'_>,
        votes: &[CastVote<'_>],
        used: &Action,
        now: Timestamp,
    ) -> Result<Rechecked> {
        let Scope::Class { fixed, until, .. } = class.scope else {
            return refused(SCOPE);
        };
        if now >= until || now >= used.run_by() {
            return refused(Reason::EXPIRED);
        }
        if !is_of_class(fixed, class.action, used) {
            return refused(SCOPE);
        }
        let approved = self.recheck(class, votes, now)?;
        let asked = match self.policy.verdict(used) {
            Verdict::Auto => None,
            Verdict::Forbidden => return refused(FORBIDDEN),
            Verdict::NeedsApproval(name) => self.policy.rule(name.as_str()),
        };
        let by = class.rule.and_then(|name| self.policy.rule(name.as_str()));
        let is_enough = match (asked, by) {
            (None, _) => true,
            (Some(asked), Some(by)) => stands_for(by, asked),
            (Some(_), None) => false,
        };
        // What needs nobody was voted on by nobody, whatever the record says of a rule.
        if !is_enough || (approved.basis == Basis::Auto && asked.is_some()) {
            return refused(RULE);
        }
        Ok(Rechecked {
            digest: *used.digest(),
            ..approved
        })
    }

    /// Checks one vote by itself, as it comes in.
    pub(super) fn check(
        &self,
        facts: &Facts<'_>,
        rule: &Rule,
        vote: &CastVote<'_>,
        proof: &PasskeyVote,
        now: Timestamp,
    ) -> Result<()> {
        if facts.action.service() != &self.service {
            return refused(SERVICE);
        }
        self.vote(facts, rule, vote, proof, now).map(|_| ())
    }

    fn count(
        &self,
        facts: &Facts<'_>,
        rule: &Rule,
        votes: &[CastVote<'_>],
        now: Timestamp,
        done: &mut Rechecked,
    ) -> Result<()> {
        if let Scope::Class { until, count, .. } = facts.scope {
            let fits = rule
                .class()
                .is_some_and(|most| count <= most.count && until <= now.saturating_add(most.span));
            if !fits {
                return refused(SCOPE);
            }
        }
        let mut voted: Vec<&Subject> = Vec::new();
        for vote in votes {
            let proof = PasskeyVote::from_bytes(vote.proof)?;
            let counter = self.vote(facts, rule, vote, &proof, now)?;
            if !vote.approves {
                return refused(DENIED);
            }
            let people = std::iter::once(vote.approver).chain(vote.lent_by);
            for one in people {
                if voted.contains(&one) {
                    return refused(VOTED);
                }
                voted.push(one);
            }
            done.approvers.push(vote.approver.clone());
            done.counters
                .push((proof.assertion.credential().into(), counter));
        }
        Ok(())
    }

    /// Checks one vote: who it is of, and that he signed all of this. The counter of his passkey.
    fn vote(
        &self,
        facts: &Facts<'_>,
        rule: &Rule,
        vote: &CastVote<'_>,
        proof: &PasskeyVote,
        now: Timestamp,
    ) -> Result<u32> {
        let whose = vote.lent_by.unwrap_or(vote.approver);
        let approver = self.named(facts, whose)?;
        if !rule.names(whose, approver.roles()) {
            return refused(NOT_APPROVER);
        }
        let requester = facts.action.requester();
        if vote.approves && rule.is_own_ask(requester, whose) {
            return refused(OWN_ASK);
        }
        let held = match (vote.lent_by, &proof.given) {
            (None, None) => None,
            (Some(from), Some(given)) => {
                if requester.is_self(from) || requester.is_self(vote.approver) {
                    return refused(OWN_ASK);
                }
                Some(self.held(facts, rule, vote.approver, approver, given, now)?)
            }
            _ => return refused(DELEGATION),
        };
        let decision = match vote.approves {
            true => Decision::Approve,
            false => Decision::Deny,
        };
        let statement = self.statement(facts, rule, decision, vote.approver, held, proof.nonce);
        self.signed(facts, vote.approver, &statement, proof)
    }

    /// That `from` let `to` vote in his place, and still does.
    fn held<'a>(
        &self,
        facts: &Facts<'_>,
        rule: &Rule,
        to: &Subject,
        from: &'a Approver,
        given: &Given,
        now: Timestamp,
    ) -> Result<Held<'a>> {
        let Some(most) = rule.delegation() else {
            return refused(DELEGATION);
        };
        let ends = now.saturating_add(most);
        if from.subject() == to || given.until <= now || given.until > ends {
            return refused(DELEGATION);
        }
        let decision = Decision::Delegate {
            to,
            until: given.until,
        };
        let statement = self.statement(facts, rule, decision, from.subject(), None, given.nonce);
        let challenge = statement.challenge(&self.provider)?;
        let passkey = from
            .passkey(given.assertion.credential())
            .ok_or_else(|| Error::rejected(UNKNOWN_PASSKEY))?;
        let _ = self.party.check(&given.assertion, passkey, &challenge)?;
        Ok(Held {
            from: from.subject(),
            until: given.until,
            given: challenge,
        })
    }

    fn signed(
        &self,
        facts: &Facts<'_>,
        by: &Subject,
        statement: &Statement<'_>,
        proof: &PasskeyVote,
    ) -> Result<u32> {
        let passkey = self
            .named(facts, by)?
            .passkey(proof.assertion.credential())
            .ok_or_else(|| Error::rejected(UNKNOWN_PASSKEY))?;
        let challenge = statement.challenge(&self.provider)?;
        let checked = self.party.check(&proof.assertion, passkey, &challenge)?;
        Ok(checked.counter())
    }

    fn named(&self, facts: &Facts<'_>, subject: &Subject) -> Result<&Approver> {
        self.approver(facts.action.tenant(), subject)
            .ok_or_else(|| Error::rejected(NOT_APPROVER))
    }

    /// The statement that a vote of `approver` is over, by what this file says of the rule: what the
    /// service asks his passkey to sign ([`Statement::challenge`]), and what a vote is checked
    /// against.
    #[must_use]
    pub fn statement<'a>(
        &'a self,
        facts: &Facts<'a>,
        rule: &'a Rule,
        decision: Decision<'a>,
        approver: &'a Subject,
        held: Option<Held<'a>>,
        nonce: [u8; 32],
    ) -> Statement<'a> {
        Statement {
            service: self.service.as_str(),
            gate: facts.gate,
            action: facts.action.bytes(),
            rule: rule.name().as_str(),
            quorum: u32::from(rule.quorum()),
            decision,
            scope: facts.scope,
            requester: facts.action.requester(),
            approver,
            held,
            nonce,
        }
    }
}

/// Whether `used` is one of the class that was approved with `approved`: the same tenant, service,
/// executor and requester, the same steps to the same targets with arguments of the same names, and
/// each fixed one as it was.
pub(crate) fn is_of_class(fixed: &[String], approved: &Action, used: &Action) -> bool {
    let same = approved.tenant() == used.tenant()
        && approved.service() == used.service()
        && approved.executor() == used.executor()
        && approved.requester() == used.requester()
        && approved.steps().len() == used.steps().len();
    let mut steps = approved.steps().iter().zip(used.steps());
    same && steps.all(|(then, now)| {
        let alike = |name: &String| {
            let (then, now) = (then.argument(name), now.argument(name));
            // No two secrets look alike: one that is fixed never fits.
            then.is_none_or(|then| then.plain().is_some()) && then == now
        };
        then.kind() == now.kind()
            && then.target() == now.target()
            && then.arguments().keys().eq(now.arguments().keys())
            && fixed.iter().all(alike)
    })
}

/// Whether what was approved by the one rule is approved where the other is asked for. That a rule is
/// stricter is not enough: it may name other people, or allow a class or a delegation.
fn stands_for(by: &Rule, asked: &Rule) -> bool {
    let escalated = asked.escalation().is_some_and(|to| to.to == *by.name());
    by.name() == asked.name() || escalated || !asked.asks_more_than(by)
}

fn refused<T>(why: Reason) -> Result<T> {
    Err(Error::rejected(why))
}
