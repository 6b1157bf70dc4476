//! New purposes of a ring that exists.

use keyward_base::{KeyId, Purpose, Result};

use super::Admin;
use crate::records::{MAX_TRIES, contended};

impl Admin {
    /// Sees to it that the ring has keys for `purpose`: makes an Active one if it has none at all.
    /// Nothing was sealed for a new purpose, so that nobody has to know the key first.
    ///
    /// # Errors
    /// `Misuse` if the ring is full; `Unavailable` if store, root or audit cannot be reached.
    pub async fn add_purpose(&self, purpose: &Purpose) -> Result<()> {
        let act = self.intend("keys.add-purpose", None).await?;
        let result = self.try_add_purpose(purpose).await;
        let key = result.as_ref().ok().copied().flatten();
        self.ended(act, key, result).await.map(|_| ())
    }

    async fn try_add_purpose(&self, purpose: &Purpose) -> Result<Option<KeyId>> {
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            if known.ring.keys.iter().any(|key| key.purpose == *purpose) {
                return Ok(None);
            }
            let mut next = known.ring.next_epoch()?;
            let now = self.keyring.0.clock.now()?;
            let id = self.add_key(&known, &mut next, purpose, now).await?;
            next.promote(id, now)?;
            if self.keyring.commit(&known, next).await? {
                return Ok(Some(id));
            }
        }
        Err(contended())
    }
}
