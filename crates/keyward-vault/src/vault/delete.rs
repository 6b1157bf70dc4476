//! Deleting what lies in a slot.

use keyward_base::{Error, Reason, Result};
use keyward_store::{Applied, Write};

use super::act::{DELETE, Doing, contended};
use super::put::check_expected;
use super::{MAX_TRIES, Vault};
use crate::metadata::Metadata;
use crate::slot::{Expect, Slot};

impl Vault {
    /// Deletes what lies in `slot`. The intent is recorded before, and the outcome after. The
    /// sealed bytes may outlast it in the store's own files and in backups; they stay sealed.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::NOT_FOUND`], or with [`Reason::CONFLICT`] if the slot does not
    /// hold what is expected; `Unavailable` if the store cannot be reached, or the intent not
    /// recorded.
    pub async fn delete(&self, slot: &Slot, expect: Expect) -> Result<()> {
        let mut doing = Doing::new(self, DELETE, slot)?;
        let result = self.try_delete(slot, expect, &mut doing).await;
        doing.end(result).await
    }

    async fn try_delete(&self, slot: &Slot, expect: Expect, doing: &mut Doing<'_>) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let found = self.inner.store.fetch(&self.place_of(slot)).await?;
            let record = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
            let held = Metadata::parse(&record.data);
            // A value that cannot be read may still be deleted by who expects anything.
            let before = match (expect, held) {
                (Expect::Any, held) => held.ok(),
                (_, held) => Some(held?),
            };
            check_expected(expect, before.as_ref())?;
            let delete = Write::Delete {
                key: record.key,
                version: record.version,
            };
            let before = before.map(|held| held.revision().number());
            if let Applied::Done(_) = doing.apply(before, None, vec![delete]).await? {
                return Ok(());
            }
        }
        Err(contended())
    }
}
