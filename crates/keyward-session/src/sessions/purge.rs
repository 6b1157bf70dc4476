//! Removing what has ended by itself.

use keyward_base::Result;

use super::Sessions;
use crate::epoch::SESSION_EPOCHS;
use crate::row::SESSIONS;

impl Sessions {
    /// Removes rows whose time is over, and epochs that no session needs any more, at most `limit` of
    /// each, and says how many: now and then, in the background. Nothing lives longer where it is not
    /// called; the store grows.
    ///
    /// An epoch goes 30 days after the last session under it ended, with the key that vouches for it:
    /// one that is made in its place is another, so that nothing lives again. A clock that is ahead
    /// ends sessions by this which would live.
    ///
    /// # Errors
    /// `Unavailable` if the store or the clock cannot be relied on.
    pub async fn purge(&self, limit: usize) -> Result<u64> {
        let now = self.now()?;
        let rows = self.0.ground.store.purge(&SESSIONS, now, limit).await?;
        let epochs = self
            .0
            .ground
            .store
            .purge(&SESSION_EPOCHS.collection, now, limit)
            .await?;
        Ok(rows.saturating_add(epochs))
    }
}
