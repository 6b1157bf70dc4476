//! What is done now and then, in the background.

use keyward_base::{ErrorKind, Result, Tenant};
use keyward_store::{Applied, Find, Record, Scan, Version, Words, Write};

use super::ApiKeys;
use super::check::has_ended;
use crate::api_key::info::Upkeep;
use crate::api_key::row::{API_KEYS, Row};
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
            Ok(row) if self.has_ended(&row, record.version).await? => self.remove(record).await,
            Ok(row) => self.swap_row(&row, record.version, Vec::new()).await,
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Removes the rows of a tenant's keys, of whatever prefix, that have ended with others
    /// ([`ApiKeys::end`]), and says how many: for a tenant that was deleted. Where it is not called,
    /// they go once their time is over, or with the ring's key that vouches for them.
    ///
    /// # Errors
    /// `Unavailable` if the store, the keyring or the clock cannot be relied on. What was done by then
    /// stays.
    pub async fn purge_ended(&self, tenant: &Tenant) -> Result<u64> {
        let store = &self.inner.ground.store;
        let (word, mut after, mut removed) = (self.word(tenant)?, None, 0_u64);
        loop {
            let find = Find::of(API_KEYS, Words::Is(word.clone())).owner("");
            let page = store.find(find.after(after)).await?;
            for record in &page.items {
                let row = match self.open_row(record, &mut Keys::default()).await {
                    Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
                    Err(_) => continue,
                    Ok(row) => row,
                };
                let is_dead = row.tenant == *tenant && self.has_ended(&row, record.version).await?;
                if is_dead && self.remove(record).await? {
                    removed = removed.saturating_add(1);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(removed);
            }
        }
    }

    /// Whether a key has ended for good by an epoch: one that is there, and says so. What is made of an
    /// epoch says of no key again what it said before.
    async fn has_ended(&self, row: &Row, version: Version) -> Result<bool> {
        let row = Box::new(row.clone());
        match self.state(row, version, &mut Keys::default()).await {
            Ok(state) => Ok(has_ended(&state)),
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Deletes a row, unless it has changed. Whether it did.
    async fn remove(&self, record: &Record) -> Result<bool> {
        let delete = Write::Delete {
            key: record.key.clone(),
            version: record.version,
        };
        let applied = self.inner.ground.store.apply(vec![delete]).await?;
        Ok(matches!(applied, Applied::Done(_)))
    }
}
