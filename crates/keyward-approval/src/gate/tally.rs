//! Which votes count: asked when one comes in, and again before anything runs.

use keyward_base::{Error, Result, Role, Subject, Timestamp};

use super::class::scope_of;
use super::held::Held;
use super::proof::{Passkeys, Questioned};
use super::row::{Decision, Row, Vote, Voter};
use super::state::Channel;
use super::{Gates, Inner};
use crate::action::Action;
use crate::policy::{Policy, Rule, Verdict};
use crate::reason;

/// The roles of those whom a gate names, as they are now.
#[derive(Debug, Default)]
pub(crate) struct RolesOf(Vec<(Subject, Vec<Role>)>);

impl RolesOf {
    pub(crate) fn of(&self, subject: &Subject) -> &[Role] {
        let found = self.0.iter().find(|(of, _)| of == subject);
        found.map_or(&[], |(_, roles)| roles)
    }

    fn has(&self, subject: &Subject) -> bool {
        self.0.iter().any(|(of, _)| of == subject)
    }
}

impl Gates {
    /// The roles of all whom the row names, and of `more`.
    pub(crate) async fn roles_of(&self, row: &Row, more: &[&Subject]) -> Result<RolesOf> {
        let mut known = RolesOf::default();
        let voters = row.votes.iter().filter_map(|vote| match &vote.voter {
            Voter::Person(subject) => Some(subject),
            Voter::Holder(_) => None,
        });
        let lent = row.delegations.iter().map(|lent| &lent.from);
        let broke = row
            .history
            .iter()
            .filter(|past| past.what == super::What::BreakGlass);
        let broke = broke.filter_map(|past| past.by.as_ref());
        for subject in voters.chain(lent).chain(broke).chain(more.iter().copied()) {
            if !known.has(subject) {
                let roles = self.0.roles.roles(&row.tenant, subject).await?;
                known.0.push((subject.clone(), roles));
            }
        }
        Ok(known)
    }
}

/// The rule that a gate waits for now: the one it was asked under, or the one that it went to.
pub(crate) fn rule_of<'a>(policy: &'a Policy, row: &Row) -> Option<&'a Rule> {
    let rule = policy.rule(row.rule.as_ref()?.as_str())?;
    if !row.escalated {
        return Some(rule);
    }
    policy.rule(rule.escalation()?.to.as_str())
}

/// What votes are judged by.
pub(crate) struct Judging<'a> {
    pub(crate) row: &'a Row,
    pub(crate) action: &'a Action,
    pub(crate) rule: &'a Rule,
    pub(crate) roles: &'a RolesOf,
    pub(crate) passkeys: Option<&'a dyn Passkeys>,
}

impl Judging<'_> {
    /// Whether this vote counts, by itself.
    ///
    /// # Errors
    /// `Rejected` with the reason why not; `Unavailable` if it cannot be told.
    pub(crate) fn counts(&self, vote: &Vote) -> Result<()> {
        let (rule, requester) = (self.rule, self.action.requester());
        let refused = |why| Err(Error::rejected(why));
        let subject = match &vote.voter {
            Voter::Holder(_) => {
                let is_enough = rule.takes_link_holder() && rule.quorum() == 1;
                let is_by_link = matches!(vote.channel, Channel::Link | Channel::Click);
                return if is_enough && !rule.needs_passkey() && is_by_link {
                    Ok(())
                } else {
                    refused(reason::WHO)
                };
            }
            Voter::Person(subject) => subject,
        };
        let whose = vote.lent_by.as_ref().unwrap_or(subject);
        if !rule.names(whose, self.roles.of(whose)) {
            return refused(reason::NOT_APPROVER);
        }
        let is_yes = vote.decision == Decision::Approve;
        if is_yes && rule.is_own_ask(requester, whose) {
            return refused(reason::OWN_ASK);
        }
        if let Some(from) = &vote.lent_by {
            // By the rule as it is now: it may lend for less than it did.
            let last = rule.delegation().map(|most| vote.at.saturating_add(most));
            let lent = self.row.delegations.iter().any(|lent| {
                lent.from == *from
                    && lent.to == *subject
                    && vote.at < lent.until
                    && last.is_some_and(|last| lent.until <= last)
            });
            if !lent {
                return refused(reason::NOT_APPROVER);
            }
            if requester.is_self(subject) || requester.is_self(from) {
                return refused(reason::OWN_ASK);
            }
        }
        if !rule.needs_passkey() && vote.proof.is_empty() {
            return Ok(());
        }
        let Some(passkeys) = self.passkeys.filter(|_| !vote.proof.is_empty()) else {
            return refused(reason::PASSKEY);
        };
        let asked = Questioned {
            gate: self.row.id,
            action: self.action,
            rule,
            decision: vote.decision,
            scope: scope_of(self.row),
            approver: subject,
            lent_by: vote.lent_by.as_ref(),
        };
        passkeys.check(&asked, &vote.proof)
    }

    /// How many people said yes whose votes count: each person once, whether he voted himself or had
    /// another vote for him.
    ///
    /// # Errors
    /// `Unavailable` if a vote cannot be judged.
    pub(crate) fn yes(&self) -> Result<usize> {
        let mut people: Vec<&Subject> = Vec::new();
        let mut yes = 0_usize;
        for vote in &self.row.votes {
            if vote.decision != Decision::Approve {
                continue;
            }
            match self.counts(vote) {
                Ok(()) => {}
                Err(e) if e.kind() == keyward_base::ErrorKind::Rejected => continue,
                Err(e) => return Err(e),
            }
            let theirs = vote.people();
            if theirs.iter().all(|one| !people.contains(one)) {
                people.extend(theirs);
                yes = yes.saturating_add(1);
            }
        }
        Ok(yes)
    }

    pub(crate) fn is_met(&self) -> Result<bool> {
        Ok(self.yes()? >= usize::from(self.rule.quorum()).max(1))
    }

    /// Whether whoever broke the glass may still do so: not where passkeys are wanted by now.
    fn is_broken(&self) -> bool {
        if self.rule.needs_passkey() {
            return false;
        }
        let Some(role) = self.rule.break_glass() else {
            return false;
        };
        let mut broke = self.row.history.iter().rev();
        let by = broke
            .find(|past| past.what == super::What::BreakGlass)
            .and_then(|past| past.by.as_ref());
        self.row.broken && by.is_some_and(|by| self.roles.of(by).contains(role))
    }
}

/// Whether it would be over, had it been asked for under the policy as it is now. A laxer policy ends
/// nothing.
pub(crate) fn is_late(policy: &Policy, held: &Held, now: Timestamp) -> bool {
    let verdict = policy.verdict(&held.action);
    if verdict == Verdict::Auto && held.row.rule.is_some() {
        return false;
    }
    let (decide, run) = policy.spans(&verdict);
    now >= held.row.asked.saturating_add(decide).saturating_add(run)
}

impl Vote {
    /// Whose one vote it takes.
    pub(crate) fn people(&self) -> Vec<&Subject> {
        let voter = match &self.voter {
            Voter::Person(subject) => Some(subject),
            Voter::Holder(_) => None,
        };
        voter.into_iter().chain(&self.lent_by).collect()
    }
}

impl Inner {
    /// Whether `policy`, asked now, lets run what was approved as the row says: whether it is still
    /// allowed, and each rule that it is to be approved by has the votes that it wants.
    ///
    /// # Errors
    /// `Unavailable` if that cannot be told.
    pub(crate) fn still_stands(
        &self,
        policy: &Policy,
        row: &Row,
        action: &Action,
        roles: &RolesOf,
        passkeys: Option<&dyn Passkeys>,
    ) -> Result<bool> {
        let now = policy.verdict(action);
        let then = row.rule.as_ref();
        let then = then.and_then(|then| policy.rule(then.as_str()));
        let mut rules = Vec::new();
        match &now {
            Verdict::Forbidden => return Ok(false),
            Verdict::Auto => {}
            Verdict::NeedsApproval(name) => {
                // It was automatic, or another rule's, when it was asked for.
                let is_same = row.rule.as_ref() == Some(name);
                let rule = policy.rule(name.as_str());
                let (Some(_), Some(rule)) = (&row.rule, rule) else {
                    return Ok(false);
                };
                let is_stricter = then.is_none_or(|then| rule.asks_more_than(then));
                if !is_same && is_stricter {
                    rules.push(rule);
                }
            }
        }
        // A class is one of the rule that it was asked under, and of no second one.
        if rules
            .iter()
            .copied()
            .chain(then)
            .any(|rule| !allows_class(rule, row))
        {
            return Ok(false);
        }
        if row.rule.is_some() {
            match rule_of(policy, row) {
                Some(rule) => rules.push(rule),
                // The rule that it was approved by is gone.
                None if now != Verdict::Auto => return Ok(false),
                None => {}
            }
        }
        for rule in rules {
            let judging = Judging {
                row,
                action,
                rule,
                roles,
                passkeys,
            };
            if !judging.is_broken() && !judging.is_met()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether the class that a row is of is no wider than the rule, as it is now, allows.
fn allows_class(rule: &Rule, row: &Row) -> bool {
    row.class.as_ref().is_none_or(|class| {
        rule.class().is_some_and(|most| {
            class.count <= most.count && class.until <= row.asked.saturating_add(most.span)
        })
    })
}
