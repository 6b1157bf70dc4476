//! What whoever runs the command line says of a gate.

use keyward_base::{Error, Result, Subject};

use super::held::Saying;
use super::id::GateId;
use super::row::{REASON, Voter};
use super::state::{Channel, State, What};
use super::{Ballot, Gates, Standing};
use crate::danger::Operator;
use crate::reason;

impl Gates {
    /// Counts the yes of an operator, as his own, or, if it is [`Ballot::lent_by`] another, as the vote
    /// that that one lent him ([`Gates::lend`]).
    ///
    /// # Errors
    /// As [`Gates::vote`]; `Misuse` for a ballot that is no yes, or has a link or a passkey's proof; `Rejected` ([`reason::NOT_APPROVER`]) unless the rule names the operator's
    /// subject, or a role that [`Roles`](super::Roles) says he has; ([`reason::PASSKEY`]) under a rule that
    /// wants passkeys.
    pub async fn approve_as_operator(
        &self,
        by: &Operator,
        id: GateId,
        ballot: Ballot,
    ) -> Result<Standing> {
        ballot.check_of_operator()?;
        let mut who = vec![by.subject()];
        who.extend(&ballot.lent_by);
        self.cast(by.tenant(), id, &who, &ballot, |draft| {
            let voter = Voter::Person(by.subject().clone());
            Ok(ballot.cast_by(voter, Channel::Operator, draft.now))
        })
        .await
    }

    /// Denies what has not been claimed, whatever its rule: whoever has the keys of the service may
    /// stop it. It is no vote. `why` reaches whoever asked, and has 1 to 2,000 bytes.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NO_REASON`] without a reason; [`reason::NOT_OPEN`] if it has ended or was
    /// claimed; else as [`Gates::vote`].
    pub async fn deny_as_operator(&self, by: &Operator, id: GateId, why: &str) -> Result<()> {
        if why.trim().is_empty() {
            return Err(Error::rejected(reason::NO_REASON));
        }
        self.stop(by, id, (What::Denied, State::Denied), None, why)
            .await
    }

    /// Takes back what has not been claimed: what the operator himself asked for, or, with `for_whom`,
    /// what that one did, or his program. The record says that the operator did it, and for whom.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_ASKER`] if neither is one of those who asked; [`reason::NOT_OPEN`] as
    /// [`Gates::withdraw`]; else as [`Gates::vote`].
    pub async fn withdraw_as_operator(
        &self,
        by: &Operator,
        id: GateId,
        for_whom: Option<Subject>,
        why: &str,
    ) -> Result<()> {
        let asker = for_whom.clone().unwrap_or_else(|| by.subject().clone());
        let shown = self.held(by.tenant(), id).await?;
        // Who asked does not change with the gate.
        if !shown.action.requester().is_self(&asker) {
            return Err(Error::rejected(reason::NOT_ASKER));
        }
        let what = (What::Withdrawn, State::Withdrawn);
        self.stop(by, id, what, for_whom, why).await
    }

    async fn stop(
        &self,
        by: &Operator,
        id: GateId,
        (what, state): (What, State),
        for_whom: Option<Subject>,
        why: &str,
    ) -> Result<()> {
        check(why)?;
        let said = self.step(by.tenant(), id, |draft| {
            draft.settle()?;
            if !draft.row.state.is_open() && draft.row.state != State::Approved {
                return Ok(Err(Error::rejected(reason::NOT_OPEN)));
            }
            let saying = Saying {
                channel: Channel::Operator,
                by: Some(by.subject().clone()),
                for_whom: for_whom.clone(),
                said: why.to_owned(),
            };
            draft.note(what, state, saying)?;
            Ok(Ok(()))
        });
        said.await?
    }
}

fn check(why: &str) -> Result<()> {
    if why.len() > REASON {
        return Err(Error::misuse("a reason has at most 2,000 bytes"));
    }
    Ok(())
}
