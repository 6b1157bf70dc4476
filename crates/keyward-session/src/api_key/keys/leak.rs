//! A key was found where everybody reads it.

use keyward_base::{Error, Reason, Result};
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
    /// Nothing of the text is in it.
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
        let (row, _) = match self.read_row(passed.id, &mut keys).await {
            Err(e) if e.reason() == Some(reason::KEY_ENDED) => return Ok(()),
            read => read?,
        };
        if !equal(&row.proof, &passed.proof) {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        let deleted = self.delete(row.id).await;
        // Of two reports of one key, one tells.
        if !matches!(deleted, Ok(false)) {
            self.note_leaked(&row, &deleted).await;
        }
        deleted.map(|_| ())
    }
}
