//! What is done now and then, in the background.

use keyward_base::{ErrorKind, Result};
use keyward_store::{Record, Scan};

use super::ApiKeys;
use crate::api_key::info::Upkeep;
use crate::api_key::row::API_KEYS;
use crate::epoch::KEY_EPOCHS;
use crate::ground::epochs::Keys;

impl ApiKeys {
    /// Writes down last uses, removes rows whose time is over, and makes rows and epochs anew that the
    /// ring's key of before vouches for, so that it may go: at most `limit` of each. Every minute or
    /// so, in each process that checks keys.
    ///
    /// Nothing lives longer where it is not called: then the last use of a key is not known, and the
    /// store grows. A clock that is ahead removes keys by this which would live.
    ///
    /// # Errors
    /// `Unavailable` if the store, the keyring or the clock cannot be relied on. What was done by then
    /// stays.
    pub async fn upkeep(&self, limit: usize) -> Result<Upkeep> {
        let used = self.write_uses(limit).await?;
        let (ground, now) = (&self.inner.ground, self.now()?);
        let purged = ground.store.purge(&API_KEYS, now, limit).await?;
        let renewed = self.renew_macs(limit).await?;
        Ok(Upkeep {
            used,
            renewed,
            purged,
        })
    }

    /// Texts keep the key that they were made with ([`ApiKeys::reissue_report`]); records need not.
    async fn renew_macs(&self, limit: usize) -> Result<u64> {
        let ground = &self.inner.ground;
        let active = ground.keyring.mac(&ground.purpose)?.tag();
        let mut renewed = 0_u64;
        for collection in [&API_KEYS, &KEY_EPOCHS.collection] {
            let all = ground.store.count(collection, "").await?;
            if ground.store.count(collection, &active).await? == all {
                continue;
            }
            let mut pages = Scan::of(collection.clone()).pages(&*ground.store);
            while let Some(page) = pages.next().await? {
                for record in page.iter().filter(|record| record.mac_key != active) {
                    if renewed >= u64::try_from(limit).unwrap_or(u64::MAX) {
                        return Ok(renewed);
                    }
                    if self.renew(record).await? {
                        renewed = renewed.saturating_add(1);
                    }
                }
            }
        }
        Ok(renewed)
    }

    /// Makes a record anew under the active key, if it is what was written and nobody was faster.
    async fn renew(&self, record: &Record) -> Result<bool> {
        if record.key.collection != API_KEYS {
            return self.inner.ground.renew_epoch(record).await;
        }
        match self.open_row(record, &mut Keys::default()).await {
            Ok(row) => self.swap_row(&row, record.version, Vec::new()).await,
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(false),
        }
    }
}
