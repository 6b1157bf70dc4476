//! What is done now and then, in the background.

use keyward_base::{ErrorKind, Result, Tenant};
use keyward_store::{Applied, Find, Record, Scan, Words, Write};

use super::ApiKeys;
use crate::api_key::info::Upkeep;
use crate::api_key::row::{API_KEYS, Row};
use crate::epoch::KEY_EPOCHS;
use crate::format::is_of_record;
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
        let (renewed, unavailable) = self.renew_macs(limit).await?;
        Ok(Upkeep {
            used,
            renewed,
            purged,
            unavailable,
        })
    }

    /// Texts keep the key that they were made with ([`ApiKeys::reissue_report`]); records need not.
    /// How many were made anew, and how many could not be judged.
    async fn renew_macs(&self, limit: usize) -> Result<(u64, u64)> {
        let ground = &self.inner.ground;
        let active = ground.keyring.mac(&ground.purpose)?.tag();
        let (mut renewed, mut unavailable) = (0_u64, 0_u64);
        for collection in [&API_KEYS, &KEY_EPOCHS.collection] {
            let all = ground.store.count(collection, "").await?;
            if ground.store.count(collection, &active).await? == all {
                continue;
            }
            let mut pages = Scan::of(collection.clone()).pages(&*ground.store);
            while let Some(page) = pages.next().await? {
                for record in page.iter().filter(|record| record.mac_key != active) {
                    if renewed >= u64::try_from(limit).unwrap_or(u64::MAX) {
                        return Ok((renewed, unavailable));
                    }
                    match self.renew(record).await {
                        Ok(done) => renewed = renewed.saturating_add(u64::from(done)),
                        Err(e) if is_of_record(&e) => unavailable = unavailable.saturating_add(1),
                        Err(e) => return Err(e),
                    }
                }
            }
        }
        Ok((renewed, unavailable))
    }

    /// Makes a record anew under the active key, if it is what was written and nobody was faster.
    ///
    /// # Errors
    /// `Unavailable`: of the record alone, too.
    async fn renew(&self, record: &Record) -> Result<bool> {
        if record.key.collection != API_KEYS {
            return self.inner.ground.renew_epoch(record).await;
        }
        match self.open_row(record, &mut Keys::default()).await {
            Ok(row) if self.has_ended(&row).await? => self.remove(record).await,
            Ok(row) => self.swap_row(&row, record.version, Vec::new()).await,
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Removes the rows of a tenant's keys, of whatever prefix, that have ended with others
    /// ([`ApiKeys::end`]), and says how many: for a tenant that was deleted. Where it is not called,
    /// they go once their time is over, with the ring's key that vouches for them, or when they are in
    /// the way of new ones.
    ///
    /// # Errors
    /// `Unavailable` if the store, the keyring or the clock cannot be relied on. What was done by then
    /// stays.
    pub async fn purge_ended(&self, tenant: &Tenant) -> Result<u64> {
        self.purge_some(tenant, u64::MAX).await
    }

    /// The same, of at most so many.
    pub(super) async fn purge_some(&self, tenant: &Tenant, most: u64) -> Result<u64> {
        let store = &self.inner.ground.store;
        let (word, mut after, mut removed) = (self.word(tenant)?, None, 0_u64);
        loop {
            let find = Find::of(API_KEYS, Words::Is(word.clone())).owner("");
            let page = store.find(find.after(after)).await?;
            let (mut keys, mut rows) = (Keys::default(), Vec::new());
            for record in &page.items {
                match self.open_row(record, &mut keys).await {
                    Ok(row) if row.tenant == *tenant => rows.push((row, record)),
                    Err(e) if !is_of_record(&e) => return Err(e),
                    Ok(_) | Err(_) => {}
                }
            }
            // After the rows: an epoch of before a row says of that row nothing.
            let beside = match self.beside(tenant, &mut keys).await {
                Ok(beside) => beside,
                Err(e) if !is_of_record(&e) => return Err(e),
                Err(_) => return Ok(removed),
            };
            for (row, record) in rows {
                if removed >= most {
                    return Ok(removed);
                }
                if beside.has_ended(&row) && self.remove(record).await? {
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
    async fn has_ended(&self, row: &Row) -> Result<bool> {
        match self.beside(&row.tenant, &mut Keys::default()).await {
            Ok(beside) => Ok(beside.has_ended(row)),
            Err(e) if !is_of_record(&e) => Err(e),
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
