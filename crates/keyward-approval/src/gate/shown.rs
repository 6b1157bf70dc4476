//! A gate as it is shown and exported.

use keyward_base::{ErrorKind, Result, Subject, Tenant, Timestamp};
use keyward_store::{Find, Found, Words};

use super::class::scope_of;
use super::held::{GATES, Held};
use super::id::GateId;
use super::links::LinkState;
use super::row::{Past, Ran, Vote, Voter};
use super::state::{Channel, State, What};
use super::tally::rule_of;
use super::{Decision, Gates, MAX_TRIES, contended};
use crate::action::Action;
use crate::policy::{Policy, Rule};
use crate::word::RuleName;

/// A gate, as it was when it was read. Whatever somebody wrote in it is his own word: show it as the
/// view of an action shows what it holds.
#[derive(Clone, Debug)]
pub struct Shown {
    held: Held,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepResult<'a> {
    /// It was done, and what the target said.
    Done(&'a str),
    /// It failed, and what the target said.
    Failed(&'a str),
    /// One before it failed, or the gate ended before anything ran.
    NotRun,
    /// It has not run yet, or it is not known what became of it.
    Waits,
}

impl Shown {
    pub(super) const fn of(held: Held) -> Self {
        Self { held }
    }

    pub(super) const fn row(&self) -> &super::row::Row {
        &self.held.row
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> GateId {
        self.held.row.id
    }

    /// What was asked for.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.held.action
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.held.row.state
    }

    /// How often the record changed.
    #[must_use]
    pub const fn fence(&self) -> u64 {
        self.held.row.fence
    }

    /// The rule it was asked under; none: it needed nobody.
    #[must_use]
    pub const fn rule(&self) -> Option<&RuleName> {
        self.held.row.rule.as_ref()
    }

    /// The rule of `policy` that it waits for now: the one it was asked under, or the second one that it
    /// went to. None if it needed nobody, or the rule is gone.
    #[must_use]
    pub fn rule_in<'a>(&self, policy: &'a Policy) -> Option<&'a Rule> {
        rule_of(policy, &self.held.row)
    }

    /// How a link of it is; none if it was never made.
    #[must_use]
    pub fn link(&self, slot: u16) -> Option<LinkState<'_>> {
        LinkState::of(&self.held.row, slot)
    }

    /// Whether it went to the second rule.
    #[must_use]
    pub const fn is_escalated(&self) -> bool {
        self.held.row.escalated
    }

    /// Whether somebody broke the glass, and nobody has reviewed that yet.
    #[must_use]
    pub const fn waits_for_review(&self) -> bool {
        self.held.row.broken && !self.held.row.reviewed
    }

    /// How often it may run.
    #[must_use]
    pub fn scope(&self) -> crate::passkey::Scope<'_> {
        scope_of(&self.held.row)
    }

    /// How many uses of its class were made.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.held.row.class.as_ref().map_or(0, |class| class.used)
    }

    /// The gate by whose class it may run.
    #[must_use]
    pub const fn under(&self) -> Option<GateId> {
        self.held.row.under
    }

    /// The gate in whose place it stands.
    #[must_use]
    pub const fn instead_of(&self) -> Option<GateId> {
        self.held.row.before
    }

    /// The gate that stands in its place.
    #[must_use]
    pub const fn superseded_by(&self) -> Option<GateId> {
        self.held.row.after
    }

    /// When it was asked for.
    #[must_use]
    pub const fn asked(&self) -> Timestamp {
        self.held.row.asked
    }

    /// The votes, in their order.
    #[must_use]
    pub fn votes(&self) -> &[Vote] {
        &self.held.row.votes
    }

    /// All that happened to it, in its order: the entries of the log that tell of it have the same
    /// numbers.
    #[must_use]
    pub fn history(&self) -> &[Past] {
        &self.held.row.history
    }

    /// Why it was denied, in the words of who did; none if it was not.
    #[must_use]
    pub fn denial(&self) -> Option<&str> {
        let mut past = self.history().iter().rev();
        let denied = past.find(|past| past.what == What::Denied)?;
        if self.state() != State::Denied {
            return None;
        }
        // An operator's no is no vote.
        if denied.channel == Channel::Operator {
            return Some(&denied.said);
        }
        let mut votes = self.held.row.votes.iter().rev();
        let vote = votes.find(|vote| vote.decision == Decision::Deny)?;
        Some(&vote.reason)
    }

    /// What became of each step, in their order.
    #[must_use]
    pub fn results(&self) -> Vec<StepResult<'_>> {
        let row = &self.held.row;
        (0..usize::from(row.steps))
            .map(|nth| match row.ran_of(nth) {
                Some(Ran::Done(said)) => StepResult::Done(said),
                Some(Ran::Failed(said)) => StepResult::Failed(said),
                Some(Ran::NotRun) => StepResult::NotRun,
                None => StepResult::Waits,
            })
            .collect()
    }

    /// Its record as an export has it ([`Gates::export`]): the bytes of `docs/formats/gate.md` without
    /// the MAC, and without what changes while no entry tells of it. The last entry of the log that is
    /// about the gate has their SHA-256.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.held.row.exported()
    }
}

impl Vote {
    /// Who voted.
    #[must_use]
    pub const fn voter(&self) -> &Voter {
        &self.voter
    }

    /// Whose vote it was, if he lent it.
    #[must_use]
    pub const fn lent_by(&self) -> Option<&Subject> {
        self.lent_by.as_ref()
    }

    /// Yes or no.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// By what way.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Why, in his words; empty if he gave no reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What a passkey signed, whole; empty for another vote.
    #[must_use]
    pub fn proof(&self) -> &[u8] {
        &self.proof
    }
}

impl Past {
    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// What.
    #[must_use]
    pub const fn what(&self) -> What {
        self.what
    }

    /// Where the gate was after it.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// By what way.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Who did it; none: the service itself, or the holder of a link.
    #[must_use]
    pub const fn by(&self) -> Option<&Subject> {
        self.by.as_ref()
    }

    /// On whose behalf, or to whom.
    #[must_use]
    pub const fn for_whom(&self) -> Option<&Subject> {
        self.for_whom.as_ref()
    }

    /// What was said to it.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.said
    }
}

impl Gates {
    /// A gate, as it is. What time did to it is written first: that it ended, or went to the second rule.
    ///
    /// # Errors
    /// `Rejected` ([`keyward_base::Reason::NOT_FOUND`]) if there is none; `Corrupt` if it is not what was
    /// written; `Unavailable` if a store, the keyring or the log cannot be relied on.
    pub async fn show(&self, tenant: &Tenant, id: GateId) -> Result<Shown> {
        self.catch_up(tenant, id).await?;
        let held = self.held(tenant, id).await?;
        Ok(Shown { held })
    }

    /// A gate, as it is, where the log of its tenant says that its record is the newest: for whoever acts
    /// on what it says. It reads the log from where the gate began, the first time.
    ///
    /// # Errors
    /// As [`Gates::show`]; `Corrupt` ([`crate::reason::PUT_BACK`]) if an older record was put back.
    pub async fn show_newest(&self, tenant: &Tenant, id: GateId) -> Result<Shown> {
        for _ in 0..MAX_TRIES {
            self.catch_up(tenant, id).await?;
            let held = self.held(tenant, id).await?;
            if self.check_newest(&held).await? {
                return Ok(Shown { held });
            }
        }
        Err(contended())
    }

    /// Whether a gate is another by now than one that was shown with that [fence](Shown::fence): its
    /// record changed, or time has ended it. It reads the record, and not the action, which may be large:
    /// for whoever waits, and looks often.
    ///
    /// # Errors
    /// As [`Gates::show`].
    pub async fn has_moved(&self, tenant: &Tenant, id: GateId, fence: u64) -> Result<bool> {
        let row = self.row_of(tenant, id).await?;
        Ok(row.fence != fence || row.is_timed_out(self.now()?))
    }

    pub(super) async fn catch_up(&self, tenant: &Tenant, id: GateId) -> Result<()> {
        let policy = self.policy();
        self.step(tenant, id, |draft| draft.catch_up(&policy)).await
    }

    /// The gates of a tenant that are in a state, in the order of what they wait for; and where to go
    /// on, if there are more. At most `limit`, 1 to 1,024. One that is damaged is passed over.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn list(
        &self,
        tenant: &Tenant,
        state: State,
        after: Option<Found>,
        limit: usize,
    ) -> Result<(Vec<GateId>, Option<Found>)> {
        self.found(in_state(tenant, state), after, limit).await
    }

    /// The same, the last first: of a state that is an end, those that ended last. What ended by time
    /// is among them once [`Gates::tick`] has told of it.
    ///
    /// # Errors
    /// As [`Gates::list`].
    pub async fn list_last(
        &self,
        tenant: &Tenant,
        state: State,
        after: Option<Found>,
        limit: usize,
    ) -> Result<(Vec<GateId>, Option<Found>)> {
        let find = in_state(tenant, state).backwards();
        self.found(find, after, limit).await
    }

    async fn found(
        &self,
        find: Find,
        after: Option<Found>,
        limit: usize,
    ) -> Result<(Vec<GateId>, Option<Found>)> {
        let find = find.limit(limit.clamp(1, 1_024)).after(after);
        let page = self.0.store.find(find).await?;
        let mut found = Vec::with_capacity(page.items.len());
        for record in &page.items {
            match self.open_row(record).await {
                Ok(row) => found.push(row.id),
                Err(e) if e.kind() == ErrorKind::Corrupt => {}
                Err(e) => return Err(e),
            }
        }
        Ok((found, page.next))
    }
}

fn in_state(tenant: &Tenant, state: State) -> Find {
    let words = Words::Range {
        from: format!("{state}/"),
        until: Some(format!("{state}0")),
    };
    Find::of(GATES, words).owner(tenant.as_str())
}
