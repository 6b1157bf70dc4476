//! Who has a session shows again who he is.

use keyward_base::{Error, Evidence, Result};

use super::Sessions;
use super::start::{Before, Draft};
use crate::kind::{OwnKind, Pending};
use crate::live::{AnyLive, LiveSession, Started};
use crate::reason;
use crate::row::METHODS;

impl Sessions {
    /// A session under a new id for one whose owner has just shown again who he is. The old one ends
    /// in the same step; if it has ended meanwhile, nothing begins. What is late with the old token
    /// is refused.
    ///
    /// # Errors
    /// As [`Sessions::start`]; `Rejected` too with [`reason::EVIDENCE_OTHER`] for evidence of
    /// somebody else or of another door, and as [`Sessions::check`] if the session has ended.
    pub async fn reauthenticate<K: OwnKind>(
        &self,
        live: LiveSession<K>,
        evidence: impl Evidence,
    ) -> Result<Started> {
        let draft = self.draft_again(&live, &evidence)?;
        self.begin(draft, Before::Becomes(live.id())).await
    }

    /// The session that its owner is due, once the second factor is shown: of the kind that the door
    /// opens, under a new id. The one that waited for it ends in the same step. A method that was
    /// used before is no second one, nor is what says that a factor is due beside it: a password and
    /// a mailed link do not make up for a factor. The first was shown after the last revoke too.
    ///
    /// # Errors
    /// As [`Sessions::reauthenticate`]; `Rejected` too with [`reason::EVIDENCE_WEAK`] for the same
    /// method again, or another for which a factor is due.
    pub async fn second_factor(
        &self,
        pending: LiveSession<Pending>,
        evidence: impl Evidence,
    ) -> Result<Started> {
        let mut draft = self.draft_again(&pending, &evidence)?;
        let row = &pending.row;
        // What asks for a second factor beside itself is none: a mailed link is not, after a password.
        if evidence.is_factor_due() {
            return Err(Error::rejected(reason::EVIDENCE_WEAK));
        }
        if row.methods.len() >= METHODS || draft.methods.iter().any(|it| row.methods.contains(it)) {
            return Err(Error::rejected(reason::EVIDENCE_WEAK));
        }
        let opens = self.door_of(&row.door);
        draft.kind = opens.ok_or_else(|| Error::rejected(reason::DOOR))?;
        draft.methods = [row.methods.clone(), draft.methods].concat();
        draft.authenticated = draft.authenticated.min(row.authenticated);
        self.begin(draft, Before::Becomes(pending.id())).await
    }

    fn draft_again(&self, live: &AnyLive, evidence: &impl Evidence) -> Result<Draft> {
        let same = evidence.tenant() == live.tenant()
            && evidence.subject() == live.subject()
            && evidence.door().as_str() == live.door();
        if !same {
            return Err(Error::rejected(reason::EVIDENCE_OTHER));
        }
        let mut draft = self.draft(evidence)?;
        draft.remember = live.row.remember;
        draft.client.clone_from(&live.row.client);
        draft.name.clone_from(&live.row.name);
        Ok(draft)
    }
}
