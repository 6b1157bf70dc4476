//! A vote lent for a time: never onward, and never to who asks.

use std::time::Duration;

use keyward_base::{Error, Evidence, Result, Subject, Tenant};

use super::Gates;
use super::held::Saying;
use super::id::GateId;
use super::row::{DELEGATIONS, Delegation};
use super::state::{State, What};
use super::tally::rule_of;
use crate::reason;

/// The longest that a vote is lent, whatever the rule says: as long as a gate may wait.
pub const MAX_LENT: Duration = crate::action::limits::SPAN;

/// To how many people one approver lends his vote: so that 16, as many as a quorum may be, have room.
const OWN: usize = 4;

/// How often one lends to the same one: so that a history has room for all that may be said of a gate.
const AGAIN: usize = 6;

impl Gates {
    /// Lets `to` vote in the place of who is signed in, for `span` at most, on this gate. He may vote
    /// himself as well, whoever is first; it is one vote. What was lent is not lent onward, as who was
    /// lent it is no approver by that.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_APPROVER`] if he may not vote himself, or the rule lets nobody lend;
    /// [`reason::OWN_ASK`] if either is one of those who ask; [`reason::VOTED`] if he has voted;
    /// [`reason::NOT_OPEN`]; else as [`Gates::vote`]. `Misuse` for a span beyond the rule's, beyond 4 people
    /// to whom one lends it, beyond 6 times to the same one, and beyond 64 of one gate. Lent to the same one
    /// again, the last span holds.
    pub async fn lend(
        &self,
        tenant: &Tenant,
        id: GateId,
        evidence: impl Evidence,
        to: &Subject,
        span: Duration,
    ) -> Result<()> {
        let who = self.shown(tenant, &evidence)?;
        let roles = self.0.roles.roles(tenant, &who).await?;
        let policy = self.policy();
        let lent = self.step(tenant, id, |draft| {
            draft.catch_up(&policy)?;
            let refused = |why| Ok(Err(Error::rejected(why)));
            if !draft.row.state.is_open() {
                return refused(reason::NOT_OPEN);
            }
            let rule = rule_of(&policy, &draft.row);
            let Some((rule, most)) = rule.and_then(|rule| rule.delegation().map(|d| (rule, d)))
            else {
                return refused(reason::NOT_APPROVER);
            };
            if !rule.names(&who, &roles) || *to == who {
                return refused(reason::NOT_APPROVER);
            }
            let requester = draft.action.requester();
            if requester.is_self(&who) || requester.is_self(to) {
                return refused(reason::OWN_ASK);
            }
            if draft
                .row
                .votes
                .iter()
                .any(|vote| vote.people().contains(&&who))
            {
                return refused(reason::VOTED);
            }
            let lent = &mut draft.row.delegations;
            let own = lent.iter().filter(|lent| lent.from == who && lent.to != *to);
            let others = lent.len() >= DELEGATIONS || own.count() >= OWN;
            let again = lent.iter_mut().find(|lent| lent.from == who && lent.to == *to);
            let past = draft.row.history.iter();
            let past = past.filter(|past| {
                let pair = (past.by.as_ref(), past.for_whom.as_ref());
                past.what == What::Delegated && pair == (Some(&who), Some(to))
            });
            let too_often = past.count() >= AGAIN;
            if span > most.min(MAX_LENT) || again.is_none() && others || too_often {
                return Err(Error::misuse(
                    "a vote is lent for as long as the rule says, to 4 people, 6 times to the same one, and 64 of one gate at most",
                ));
            }
            let until = draft.now.saturating_add(span);
            match again {
                Some(lent) => lent.until = until,
                None => draft.row.delegations.push(Delegation {
                    from: who.clone(),
                    to: to.clone(),
                    until,
                }),
            }
            let saying = Saying {
                for_whom: Some(to.clone()),
                ..Saying::person(&who, "")
            };
            let state: State = draft.row.state;
            draft.note(What::Delegated, state, saying)?;
            Ok(Ok(()))
        });
        lent.await?
    }
}
