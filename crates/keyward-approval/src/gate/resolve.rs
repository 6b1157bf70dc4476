//! What nobody knows of, a person says.

use keyward_base::{Error, Evidence, Result, Role, Subject, Tenant};

use super::ask::{Answer, Asking};
use super::held::{Draft, Saying};
use super::id::GateId;
use super::state::{State, What};
use super::tally::rule_of;
use super::{Gates, MAX_TRIES, contended};
use crate::policy::{Policy, Verdict};
use crate::reason;

/// What a person found out of what nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // It was done, or it was not.
pub enum Resolution {
    /// It was done, all of it.
    Done,
    /// It was not done, or not all of it.
    Failed,
}

impl Gates {
    /// Says what became of a gate that is indeterminate: by an approver of its rule (of the policy's
    /// `otherwise`, if its rule is gone), or, of what needed nobody, by who asked. Nothing runs by it.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_OPEN`] if it is not indeterminate; [`reason::NOT_APPROVER`];
    /// [`reason::NO_REASON`] without a word of how he knows; else as [`Gates::vote`].
    pub async fn resolve(
        &self,
        tenant: &Tenant,
        id: GateId,
        evidence: impl Evidence,
        found: Resolution,
        how: &str,
    ) -> Result<()> {
        let who = self.shown(tenant, &evidence)?;
        let roles = self.0.roles.roles(tenant, &who).await?;
        let policy = self.policy();
        if how.trim().is_empty() {
            return Err(Error::rejected(reason::NO_REASON));
        }
        self.step(tenant, id, |draft| {
            may_resolve(&policy, draft, &who, &roles)?;
            let (what, state) = match found {
                Resolution::Done => (What::Executed, State::Executed),
                Resolution::Failed => (What::Failed, State::Failed),
            };
            draft.note(what, state, Saying::person(&who, how))
        })
        .await
    }

    /// Asks anew in the place of a gate that is indeterminate: the new one is a request of its own, and
    /// what the old one did, or did not do, stays unknown.
    ///
    /// # Errors
    /// As [`Gates::resolve`] and [`Gates::ask`]; `Rejected` ([`reason::NOT_ASKER`]) for an action of
    /// another requester, and for other steps than the old one's by who is not among those who asked.
    pub async fn ask_anew(
        &self,
        id: GateId,
        evidence: impl Evidence,
        asking: Asking,
    ) -> Result<Answer> {
        let mut fresh = self.prepare(asking)?;
        let tenant = fresh.draft.row.tenant.clone();
        let who = self.shown(&tenant, &evidence)?;
        let roles = self.0.roles.roles(&tenant, &who).await?;
        let policy = self.policy();
        fresh.draft.row.before = Some(id);
        for _ in 0..MAX_TRIES {
            let held = self.held(&tenant, id).await?;
            let mut old = Draft::of(&held, self.now()?);
            may_resolve(&policy, &old, &who, &roles)?;
            let (then, now) = (&old.action, &fresh.draft.action);
            // Who only approves repeats what somebody else asked for, and words nothing in his name.
            let is_theirs = then.requester().is_self(&who);
            if then.requester() != now.requester() || !is_theirs && then.steps() != now.steps() {
                return Err(Error::rejected(reason::NOT_ASKER));
            }
            old.row.after = Some(fresh.draft.row.id);
            let saying = Saying::person(&who, "");
            old.note(What::AskedAnew, State::Indeterminate, saying.clone())?;
            old.note(What::Superseded, State::Superseded, saying)?;
            let both = [(&held, &old), (&fresh.held, &fresh.draft)];
            let writes = self.writes_of(&fresh).await?;
            if self.write_all(&both, &writes).await? {
                return Ok(fresh.answer());
            }
        }
        Err(contended())
    }
}

fn may_resolve(policy: &Policy, draft: &Draft, who: &Subject, roles: &[Role]) -> Result<()> {
    if draft.row.state != State::Indeterminate {
        return Err(Error::rejected(reason::NOT_OPEN));
    }
    let may = match rule_of(policy, &draft.row) {
        Some(rule) => rule.names(who, roles),
        None if draft.row.rule.is_none() => draft.action.requester().is_self(who),
        // Its rule is gone from the policy: the rule of what no case is about.
        None => match policy.otherwise() {
            Verdict::NeedsApproval(name) => policy
                .rule(name.as_str())
                .is_some_and(|rule| rule.names(who, roles)),
            _ => false,
        },
    };
    if may {
        return Ok(());
    }
    Err(Error::rejected(reason::NOT_APPROVER))
}
