//! A key was found where everybody reads it.

use keyward_base::audit::Outcome;
use keyward_base::{Error, ErrorKind, Event, Reason, Result};
use keyward_crypto::equal;

use super::ApiKeys;
use super::end::is_final;
use crate::ground::epochs::Keys;
use crate::reason;

impl ApiKeys {
    /// Revokes a key whose whole text somebody found, for the reports of secret scanners. A text that
    /// is not whole, was made up, or is of no key that is there, does nothing. Who reports learns
    /// nothing by it: the answer is the same for all of them, and once more for the same.
    ///
    /// The event `api-key.leaked` tells which key of which tenant it was; its owner is to hear of it.
    /// It is told before the key is deleted, as granted, and once more by the report that deleted it, as
    /// done: so that one which is cut off between loses nothing, the first may come more than once.
    /// Nothing of the text is in it. A key whose row is not what was written goes too, so that no
    /// row which is put back makes it live again; the event does not say then whose it was.
    ///
    /// # Errors
    /// `Unavailable` if the store, the keyring or the clock cannot be relied on: report it again.
    pub async fn revoke_leaked(&self, text: &str) -> Result<()> {
        match self.try_revoke_leaked(text).await {
            Err(e) if is_final(&e) => Ok(()),
            result => result,
        }
    }

    async fn try_revoke_leaked(&self, text: &str) -> Result<()> {
        let passed = self.pass(text).await?;
        let mut keys = Keys::with(passed.key);
        let tenant = match self.read_row(passed.id, &mut keys).await {
            Ok((row, _)) if equal(&row.proof, &passed.proof) => Some(row.tenant.clone()),
            Ok(_) => return Err(Error::rejected(Reason::NOT_AUTHENTIC)),
            Err(e) if e.reason() == Some(reason::KEY_ENDED) => return Ok(()),
            // The text is ours, by its MAC, and what is there cannot say otherwise.
            Err(e) if e.kind() == ErrorKind::Corrupt => None,
            Err(e) => return Err(e),
        };
        let (id, tenant) = (passed.id, tenant.as_ref());
        // First: who is cut off after the row is gone tells nobody any more.
        self.note_leaked(id, tenant, Outcome::Granted).await;
        let deleted = self.delete(id).await;
        // Of two reports of one key, one has done it.
        if !matches!(deleted, Ok(false)) {
            self.note_leaked(id, tenant, Event::outcome_of(&deleted))
                .await;
        }
        deleted.map(|_| ())
    }
}
