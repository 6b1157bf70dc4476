//! Votes, denials, withdrawals.

use keyward_base::{Error, ErrorKind, Evidence, Result, Subject, Tenant, Timestamp};
use keyward_crypto::equal;

use super::held::{Draft, Saying};
use super::id::GateId;
use super::row::{Decision, PROOF, REASON, VOTES, Vote, Voter};
use super::state::{Channel, State, What};
use super::tally::{Judging, RolesOf, rule_of};
use super::{Gates, MAX_TRIES, contended, links};
use crate::link::Presented;
use crate::policy::{Policy, Rule};
use crate::reason;

/// What somebody says of a gate.
#[derive(Clone, Debug)]
#[must_use = "nothing is said before `Gates::vote`"]
pub struct Ballot {
    decision: Decision,
    reason: String,
    proof: Vec<u8>,
    pub(super) lent_by: Option<Subject>,
    link: Option<Presented>,
    under: Option<Rule>,
}

impl Ballot {
    const fn new(decision: Decision) -> Self {
        Self {
            decision,
            reason: String::new(),
            proof: Vec::new(),
            lent_by: None,
            link: None,
            under: None,
        }
    }

    /// Yes.
    pub const fn approve() -> Self {
        Self::new(Decision::Approve)
    }

    /// No, and why: it reaches whoever asked. 1 to 2,000 bytes, not of white space alone.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::new(Decision::Deny).because(reason)
    }

    /// The same, with a reason: at most 2,000 bytes.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The same, proved by a passkey: 1 to 4,096 bytes, as they came.
    pub fn proved(mut self, proof: Vec<u8>) -> Self {
        self.proof = proof;
        self
    }

    /// The same, as the vote of another, who lent it: [`Gates::lend`].
    pub fn lent_by(mut self, subject: Subject) -> Self {
        self.lent_by = Some(subject);
        self
    }

    /// The same, come by that link, which was checked ([`Links::check`](crate::Links::check)) and dies
    /// with it.
    pub fn by_link(mut self, link: &Presented) -> Self {
        self.link = Some(link.clone());
        self
    }

    /// The same, and it counts only while the gate waits for that rule, to the letter: the one of
    /// [`Shown::rule_in`](super::Shown::rule_in) by which a page was made, and by which it was asked how
    /// fresh a session is. By the vote it may have gone to the second one, or the policy may be another.
    pub fn under(mut self, rule: &Rule) -> Self {
        self.under = Some(rule.clone());
        self
    }

    fn check(&self) -> Result<()> {
        if self.reason.len() > REASON || self.proof.len() > PROOF {
            return Err(Error::misuse(
                "a reason has at most 2,000 bytes, and what a passkey signed 4,096",
            ));
        }
        if self.decision == Decision::Deny && self.reason.trim().is_empty() {
            return Err(Error::rejected(reason::NO_REASON));
        }
        Ok(())
    }

    pub(super) fn check_of_operator(&self) -> Result<()> {
        self.check()?;
        let is_other = !self.proof.is_empty() || self.link.is_some();
        if is_other || self.decision != Decision::Approve {
            return Err(Error::misuse(
                "an operator says yes by a ballot, with neither link nor passkey",
            ));
        }
        Ok(())
    }

    /// The vote that it is.
    pub(super) fn cast_by(&self, voter: Voter, channel: Channel, at: Timestamp) -> Vote {
        Vote {
            voter,
            lent_by: self.lent_by.clone(),
            decision: self.decision,
            at,
            channel,
            reason: self.reason.clone(),
            proof: self.proof.clone(),
        }
    }

    pub(crate) fn check_of_holder(&self) -> Result<()> {
        self.check()?;
        if !self.proof.is_empty() || self.lent_by.is_some() {
            return Err(Error::misuse(
                "the holder of a link is nobody in particular",
            ));
        }
        Ok(())
    }
}

/// Where a gate is after somebody said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Where it is.
    pub state: State,
    /// How many people have approved it so far whose votes count.
    pub approvals: usize,
    /// How many it takes.
    pub quorum: usize,
}

impl Gates {
    /// Counts the vote of who is signed in. One denial ends it, until an executor has claimed it; what
    /// has as many approvals as its rule wants is approved.
    ///
    /// # Errors
    /// `Rejected`: [`reason::EVIDENCE`] and [`reason::EVIDENCE_OLD`] for evidence that decides nothing
    /// here; [`reason::NOT_OPEN`] if it is not waited for any more, or was claimed; [`reason::NOT_APPROVER`],
    /// [`reason::OWN_ASK`], [`reason::VOTED`], [`reason::PASSKEY`] for a vote that does not count;
    /// [`reason::RULE_MOVED`] for one that was given under another rule ([`Ballot::under`]);
    /// [`reason::LINK`] for a link that is dead or another's; [`reason::NO_REASON`] for a denial without
    /// one. `Misuse` beyond the limits. `Unavailable`
    /// if store, keyring, log, clock or what knows roles cannot be relied on. `Corrupt` if the record is
    /// not what was written.
    pub async fn vote(
        &self,
        tenant: &Tenant,
        id: GateId,
        evidence: impl Evidence,
        ballot: Ballot,
    ) -> Result<Standing> {
        ballot.check()?;
        let who = self.shown(tenant, &evidence)?;
        // Moved in: it is good for this one vote.
        drop(evidence);
        let mut more = vec![&who];
        more.extend(&ballot.lent_by);
        let channel = match ballot.proof.is_empty() {
            true => Channel::Page,
            false => Channel::Passkey,
        };
        self.cast(tenant, id, &more, &ballot, |draft| {
            if let Some(link) = &ballot.link {
                links::check(draft, link, Some(&who))?;
            }
            Ok(ballot.cast_by(Voter::Person(who.clone()), channel, draft.now))
        })
        .await
    }

    /// Counts the vote of whoever holds a link and has typed its code: for rules that ask nobody who he
    /// is, with a quorum of one. The record says *holder of the link*, and nobody.
    ///
    /// A try is written down before the code is compared; after [`TRIES`](super::TRIES) the link is
    /// dead. `code` is the MAC of the code that was typed to that link
    /// ([`Links::code_digest`](crate::Links::code_digest)).
    ///
    /// # Errors
    /// `Rejected` ([`reason::LINK`]) for a link that is dead, and a code that is not its own;
    /// ([`reason::WHO`]) if the rule asks who it is; else as [`Gates::vote`].
    pub async fn vote_as_holder(
        &self,
        tenant: &Tenant,
        link: &Presented,
        code: &[u8; 32],
        ballot: Ballot,
    ) -> Result<Standing> {
        ballot.check_of_holder()?;
        let (id, slot) = (link.gate(), link.slot());
        let reserved = self.reserve_try(tenant, id, slot).await?;
        if !reserved.code.as_ref().is_some_and(|own| equal(own, code)) {
            return Err(Error::rejected(reason::LINK));
        }
        let way = Channel::Link;
        self.cast_as_holder(tenant, link, ballot, way, reserved.is_last)
            .await
    }

    /// Counts the vote of a holder, who came by that way. `is_last`: of one whose last try it was.
    pub(crate) async fn cast_as_holder(
        &self,
        tenant: &Tenant,
        link: &Presented,
        ballot: Ballot,
        way: Channel,
        is_last: bool,
    ) -> Result<Standing> {
        let (ballot, slot) = (ballot.by_link(link), link.slot());
        self.cast(tenant, link.gate(), &[], &ballot, |draft| {
            links::leads_here(draft, link)?;
            let of = draft.row.slots.get(usize::from(slot));
            // The last try killed it, and was in time; who ended it for good took its code, too.
            let is_good = of.is_some_and(|of| !of.dead || is_last && of.code.is_some());
            if !is_good {
                return Err(Error::rejected(reason::LINK));
            }
            Ok(ballot.cast_by(Voter::Holder(slot), way, draft.now))
        })
        .await
    }

    /// Counts a vote, by the roles that all who voted have at that moment: those who vote meanwhile are
    /// asked for anew.
    pub(super) async fn cast(
        &self,
        tenant: &Tenant,
        id: GateId,
        who: &[&Subject],
        ballot: &Ballot,
        vote: impl Fn(&Draft) -> Result<Vote>,
    ) -> Result<Standing> {
        let policy = self.policy();
        for _ in 0..MAX_TRIES {
            let held = self.held(tenant, id).await?;
            let roles = self.roles_of(&held.row, who).await?;
            let mut draft = Draft::of(&held, self.now()?);
            draft.catch_up(&policy)?;
            let said = match vote(&draft) {
                Ok(vote) => self.count(&mut draft, vote, ballot, &policy, &roles)?,
                Err(e) => Err(e),
            };
            if self.write(&held, &draft, &[]).await? {
                return said;
            }
        }
        Err(contended())
    }

    /// What a vote makes of a gate. The outer failure writes nothing; the inner one is told once what
    /// time did is written.
    fn count(
        &self,
        draft: &mut Draft,
        vote: Vote,
        ballot: &Ballot,
        policy: &Policy,
        roles: &RolesOf,
    ) -> Result<Result<Standing>> {
        let is_no = vote.decision == Decision::Deny;
        let may_say = match draft.row.state {
            State::Pending => true,
            State::Approved => is_no,
            _ => false,
        };
        if !may_say {
            return Ok(Err(Error::rejected(reason::NOT_OPEN)));
        }
        let Some(rule) = rule_of(policy, &draft.row) else {
            // What needs nobody's approval has nobody who may deny it; and the rule may be gone.
            return Ok(Err(Error::rejected(reason::NOT_OPEN)));
        };
        if ballot.under.as_ref().is_some_and(|under| under != rule) {
            return Ok(Err(Error::rejected(reason::RULE_MOVED)));
        }
        if draft.row.votes.len() >= VOTES {
            return Err(Error::misuse("a gate takes at most 64 votes"));
        }
        let judging = |draft: &Draft, vote: Option<&Vote>| {
            let judging = Judging {
                row: &draft.row,
                action: &draft.action,
                rule,
                roles,
                passkeys: self.0.passkeys.as_deref(),
            };
            match vote {
                Some(vote) => judging.counts(vote).map(|()| 0),
                None => judging.yes(),
            }
        };
        let theirs = vote.people();
        let of_them = draft.row.votes.iter().filter(|old| {
            let is_holder = matches!(old.voter, Voter::Holder(_)) && old.voter == vote.voter;
            is_holder || old.people().iter().any(|one| theirs.contains(one))
        });
        for old in of_them.filter(|_| !is_no) {
            match judging(draft, Some(old)) {
                Ok(_) => return Ok(Err(Error::rejected(reason::VOTED))),
                // It was given under the first rule, say, and counts for nothing now.
                Err(e) if e.kind() == ErrorKind::Rejected => {}
                Err(e) => return Err(e),
            }
        }
        if let Err(e) = judging(draft, Some(&vote)) {
            return match e.kind() {
                ErrorKind::Rejected => Ok(Err(e)),
                _ => Err(e),
            };
        }
        let saying = Saying {
            channel: vote.channel,
            by: match &vote.voter {
                Voter::Person(subject) => Some(subject.clone()),
                Voter::Holder(_) => None,
            },
            for_whom: vote.lent_by.clone(),
            said: String::new(),
        };
        draft.row.votes.push(vote);
        let slot = ballot.link.as_ref().map(Presented::slot);
        if let Some(slot) = slot.and_then(|slot| draft.row.slots.get_mut(usize::from(slot))) {
            slot.dead = true;
        }
        let approvals = judging(draft, None)?;
        let quorum = usize::from(rule.quorum()).max(1);
        if is_no {
            draft.note(What::Denied, State::Denied, saying)?;
        } else if approvals >= quorum {
            draft.note(What::Approved, State::Approved, saying)?;
        } else {
            draft.note(What::Voted, State::Pending, saying)?;
        }
        Ok(Ok(Standing {
            state: draft.row.state,
            approvals,
            quorum,
        }))
    }

    /// Takes back what was asked for, until an executor has claimed it: whoever asked may, on whose
    /// behalf it is, or whose program it is.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_ASKER`] for anybody else, [`reason::NOT_OPEN`] if it has ended or was
    /// claimed; else as [`Gates::vote`].
    pub async fn withdraw(
        &self,
        tenant: &Tenant,
        id: GateId,
        evidence: impl Evidence,
        why: &str,
    ) -> Result<()> {
        let who = self.shown(tenant, &evidence)?;
        let said = self.step(tenant, id, |draft| {
            draft.settle()?;
            if !draft.action.requester().is_self(&who) {
                return Ok(Err(Error::rejected(reason::NOT_ASKER)));
            }
            if !draft.row.state.is_open() && draft.row.state != State::Approved {
                return Ok(Err(Error::rejected(reason::NOT_OPEN)));
            }
            draft.note(What::Withdrawn, State::Withdrawn, Saying::person(&who, why))?;
            Ok(Ok(()))
        });
        said.await?
    }
}
