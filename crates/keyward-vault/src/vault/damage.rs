//! Rows of the data store that cannot be read, and the way out.

use keyward_base::audit::Outcome;
use keyward_base::{ErrorKind, Event, Result};
use keyward_store::DamagedRow;

use super::Vault;
use super::act::SET_ASIDE;

impl Vault {
    /// Gives up a row of the vault's store that cannot be read, whatever it is of, by its
    /// [`DamagedRow::place`] ([`Records::damaged`](keyward_store::Records::damaged)): what stands in it is kept in the
    /// collection `set-aside` of the store.
    ///
    /// # Errors
    /// `Misuse` if there is no such row, or it can be read; `Unavailable` if store or audit cannot
    /// be reached.
    pub async fn set_aside_row(&self, place: &str) -> Result<DamagedRow> {
        let clock = &self.inner.clock;
        let event = Event::new(clock.now()?, SET_ASIDE, Outcome::Intended);
        let act = self.trail.intend(self.event_id()?, event).await?;
        let result = self.inner.store.set_aside(place).await;
        let outcome = match &result {
            Err(e) if e.kind() == ErrorKind::Unavailable => Outcome::Unknown,
            result => Event::outcome_of(result),
        };
        act.end(clock.as_ref(), outcome).await;
        result
    }
}
