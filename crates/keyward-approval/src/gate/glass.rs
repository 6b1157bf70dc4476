//! Breaking the glass: run now, answer for it later.

use keyward_base::{Error, Evidence, Result, Tenant};

use super::Gates;
use super::held::Saying;
use super::id::GateId;
use super::state::{State, What};
use super::tally::rule_of;
use crate::reason;

impl Gates {
    /// Approves what waits, without a vote, by who has the role that its rule names for it, for the
    /// reason that he gives. It is on record as that, and waits for its review from then on.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_APPROVER`] without the role, or if the rule names none;
    /// [`reason::NO_REASON`] without a reason; [`reason::PASSKEY`] under a rule that wants passkeys, where
    /// no word of the service's stands for a vote; [`reason::SCOPE`] of a class, which is no emergency; [`reason::NOT_OPEN`]; else as [`Gates::vote`].
    pub async fn break_glass(
        &self,
        tenant: &Tenant,
        id: GateId,
        evidence: impl Evidence,
        why: &str,
    ) -> Result<()> {
        let who = self.shown(tenant, &evidence)?;
        if why.trim().is_empty() {
            return Err(Error::rejected(reason::NO_REASON));
        }
        let roles = self.0.roles.roles(tenant, &who).await?;
        let policy = self.policy();
        let broken = self.step(tenant, id, |draft| {
            draft.catch_up(&policy)?;
            if !draft.row.state.is_open() {
                return Ok(Err(Error::rejected(reason::NOT_OPEN)));
            }
            let rule = rule_of(&policy, &draft.row);
            let role = rule.and_then(|rule| rule.break_glass());
            if !role.is_some_and(|role| roles.contains(role)) {
                return Ok(Err(Error::rejected(reason::NOT_APPROVER)));
            }
            if rule.is_none_or(|rule| rule.needs_passkey()) {
                return Ok(Err(Error::rejected(reason::PASSKEY)));
            }
            if draft.row.class.is_some() {
                return Ok(Err(Error::rejected(reason::SCOPE)));
            }
            draft.row.broken = true;
            let state = draft.row.state;
            draft.note(What::BreakGlass, state, Saying::person(&who, why))?;
            draft.note(What::Approved, State::Approved, Saying::person(&who, ""))?;
            Ok(Ok(()))
        });
        broken.await?
    }

    /// The review of a broken glass: by an approver of its rule who is neither who broke it nor one of
    /// those who asked.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_OPEN`] if there is nothing to review; [`reason::NOT_APPROVER`],
    /// [`reason::OWN_ASK`]; else as [`Gates::vote`].
    pub async fn review(
        &self,
        tenant: &Tenant,
        id: GateId,
        evidence: impl Evidence,
        what: &str,
    ) -> Result<()> {
        let who = self.shown(tenant, &evidence)?;
        let roles = self.0.roles.roles(tenant, &who).await?;
        let policy = self.policy();
        self.step(tenant, id, |draft| {
            if !draft.row.broken || draft.row.reviewed {
                return Err(Error::rejected(reason::NOT_OPEN));
            }
            let named = rule_of(&policy, &draft.row).is_some_and(|rule| rule.names(&who, &roles));
            if !named {
                return Err(Error::rejected(reason::NOT_APPROVER));
            }
            let mut broke = draft.row.history.iter();
            let broke =
                broke.any(|past| past.what == What::BreakGlass && past.by.as_ref() == Some(&who));
            if broke || draft.action.requester().is_self(&who) {
                return Err(Error::rejected(reason::OWN_ASK));
            }
            draft.row.reviewed = true;
            let state = draft.row.state;
            draft.note(What::Reviewed, state, Saying::person(&who, what))
        })
        .await
    }
}
