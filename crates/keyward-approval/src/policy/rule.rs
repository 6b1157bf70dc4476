//! Who must approve, how many, and until when.

use std::collections::BTreeSet;
use std::time::Duration;

use keyward_base::{Role, Subject};

use crate::who::{Requester, RequesterKind, Whom};
use crate::word::RuleName;

/// Who must approve what it is asked for, how many of them, how they show who they are, and until
/// when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) name: RuleName,
    pub(super) strictness: u32,
    pub(super) approvers: BTreeSet<Whom>,
    pub(super) quorum: u8,
    pub(super) owner_may_approve: bool,
    pub(super) passkey: bool,
    pub(super) link_holder: bool,
    pub(super) decide_within: Duration,
    pub(super) run_within: Duration,
    pub(super) remind: BTreeSet<Duration>,
    pub(super) escalation: Option<Escalation>,
    pub(super) delegation: Option<Duration>,
    pub(super) class: Option<Class>,
    pub(super) break_glass: Option<Role>,
}

/// Which rule holds from then on, if nobody decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Escalation {
    /// The rule that takes over: one that is not less strict.
    pub to: RuleName,
    /// How long after the ask: less than it may be decided.
    pub after: Duration,
}

/// How far an approval may be one of a whole class: of all actions whose fixed arguments are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Class {
    /// For how long at most.
    pub span: Duration,
    /// How often at most.
    pub count: u32,
}

impl Rule {
    /// The most approvers that a rule names, and reminders that it has.
    pub(super) const LISTED: usize = 64;
    /// The most that must approve: more never meet.
    pub(super) const QUORUM: u8 = 16;
    /// The most uses that one approval of a class is good for.
    pub(super) const USES: u32 = 10_000;

    /// What is wrong with it by itself; none if nothing is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let counted = self.quorum > 1 || self.passkey;
        let late = |after: Duration| after >= self.decide_within;
        let faults = [
            (
                self.approvers.is_empty() || self.approvers.len() > Self::LISTED,
                "approvers names 1 to 64",
            ),
            (
                !(1..=Self::QUORUM).contains(&self.quorum),
                "a quorum is 1 to 16",
            ),
            (
                self.link_holder && counted,
                "link-holder goes with a quorum of 1 and no passkey: nobody knows who it was",
            ),
            (
                self.remind.len() > Self::LISTED || self.remind.iter().any(|span| late(*span)),
                "a reminder is sooner before the end than decide-within, and there are at most 64",
            ),
            (
                self.escalation.as_ref().is_some_and(|to| late(to.after)),
                "escalate.after is less than decide-within",
            ),
            (
                self.class
                    .is_some_and(|class| !(1..=Self::USES).contains(&class.count)),
                "a class is approved for 1 to 10,000 uses",
            ),
        ];
        let found = faults.into_iter().find(|(is, _)| *is);
        found.map(|(_, what)| what)
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &RuleName {
        &self.name
    }

    /// Which of two rules is the stricter: no two of a policy have the same number, and a greater one
    /// asks for no lower quorum, for a passkey too, and for no owner's approval or link alone where a
    /// lower one does not. Whom it names, and which delegation and class it allows, is its own
    /// ([`Rule::asks_more_than`]).
    #[must_use]
    pub const fn strictness(&self) -> u32 {
        self.strictness
    }

    /// Who may approve: 1 to 64 people and roles of the action's tenant.
    #[must_use]
    pub const fn approvers(&self) -> &BTreeSet<Whom> {
        &self.approvers
    }

    /// How many of them must: 1 to 16.
    #[must_use]
    pub const fn quorum(&self) -> u8 {
        self.quorum
    }

    /// Whether the owner of an agent may approve what it asks for.
    #[must_use]
    pub const fn owner_may_approve(&self) -> bool {
        self.owner_may_approve
    }

    /// Whether each vote is one with a passkey.
    #[must_use]
    pub const fn needs_passkey(&self) -> bool {
        self.passkey
    }

    /// Whether a link and the code that goes with it are enough, without signing in: the record then
    /// says *holder of the link*, and nothing is known of who that was. Only with a quorum of 1.
    #[must_use]
    pub const fn takes_link_holder(&self) -> bool {
        self.link_holder
    }

    /// How long after the ask it may be decided: 1 day unless the policy says otherwise.
    #[must_use]
    pub const fn decide_within(&self) -> Duration {
        self.decide_within
    }

    /// How long after the end of that it may begin to run: 1 hour unless the policy says otherwise.
    #[must_use]
    pub const fn run_within(&self) -> Duration {
        self.run_within
    }

    /// How long before it can no more be decided the approvers are reminded; the shortest first.
    #[must_use]
    pub const fn reminders(&self) -> &BTreeSet<Duration> {
        &self.remind
    }

    /// Which rule takes over, and when.
    #[must_use]
    pub const fn escalation(&self) -> Option<&Escalation> {
        self.escalation.as_ref()
    }

    /// For how long an approver may have another vote for him; none: not at all.
    #[must_use]
    pub const fn delegation(&self) -> Option<Duration> {
        self.delegation
    }

    /// How far one approval may be of a class; none: it is of one action.
    #[must_use]
    pub const fn class(&self) -> Option<Class> {
        self.class
    }

    /// Who may break the glass, giving a reason, with a later review; none: nobody.
    #[must_use]
    pub const fn break_glass(&self) -> Option<&Role> {
        self.break_glass.as_ref()
    }

    /// Whether somebody with these roles is one of its approvers.
    #[must_use]
    pub fn names(&self, subject: &Subject, roles: &[Role]) -> bool {
        self.approvers.iter().any(|whom| whom.means(subject, roles))
    }

    /// Whether an approval by `subject` would be one of his own ask that the rule does not allow. The
    /// owner of an agent may be allowed to approve what it asks for; nobody ever what he asks for
    /// himself.
    #[must_use]
    pub fn is_own_ask(&self, requester: &Requester, subject: &Subject) -> bool {
        let is_owner = requester.kind() == RequesterKind::Agent
            && requester.owner() == Some(subject)
            && requester.subject() != subject;
        requester.is_self(subject) && !(self.owner_may_approve && is_owner)
    }

    /// Whether it asks for more than `other` in anything, or for something else: what was approved
    /// under `other` is then not approved under this.
    #[must_use]
    pub fn asks_more_than(&self, other: &Self) -> bool {
        self.strictness > other.strictness
            || self.quorum > other.quorum
            || (self.passkey && !other.passkey)
            || (!self.owner_may_approve && other.owner_may_approve)
            || (!self.link_holder && other.link_holder)
            || !other.approvers.is_subset(&self.approvers)
            || self.decide_within < other.decide_within
            || self.run_within < other.run_within
            || (self.delegation < other.delegation)
            || (other.break_glass.is_some() && self.break_glass != other.break_glass)
            || other.class.is_some_and(|was| {
                self.class
                    .is_none_or(|is| is.span < was.span || is.count < was.count)
            })
    }
}
