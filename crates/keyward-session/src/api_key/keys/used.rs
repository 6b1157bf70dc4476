//! When a key was last used: noted in memory by who checks, and written down by nobody who waits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::{AddressPrefix, Result, Timestamp};

use super::ApiKeys;
use crate::api_key::id::ApiKeyId;
use crate::api_key::policy::USED_STEP;
use crate::api_key::row::{Row, Used};
use crate::format::is_of_record;
use crate::ground::MAX_TRIES;
use crate::ground::epochs::Keys;

/// How many keys are kept whose use is not written down. Of more, some later use is.
const MOST: usize = 16 * 1024;

/// How many neighbourhoods are told of in an hour, from which a key was used that it is not good from.
const NEIGHBOURHOODS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Uses {
    waiting: Mutex<HashMap<ApiKeyId, Used>>,
    elsewhere: Mutex<Elsewhere>,
}

/// From where keys were used that may not be, as far as it was told in an hour.
#[derive(Debug, Default)]
struct Elsewhere {
    hour: Option<Timestamp>,
    told: HashMap<ApiKeyId, Vec<Option<AddressPrefix>>>,
}

impl Uses {
    /// Notes a use, unless one of the same hour is written down.
    pub(super) fn note(&self, row: &Row, from: Option<IpAddr>, now: Timestamp) {
        let at = hour(now);
        if row.used.is_some_and(|used| used.at >= at) {
            return;
        }
        let from = coarse(from);
        let mut held = lock(&self.waiting);
        if held.len() < MOST || held.contains_key(&row.id) {
            held.insert(row.id, Used { at, from });
        }
    }

    /// Whether a use from elsewhere is to be told: once an hour and neighbourhood, of 64 of them, so that
    /// whoever has a key neither fills the trail with it nor hides that others have been taken too.
    pub(super) fn is_news(&self, row: &Row, from: Option<IpAddr>, now: Timestamp) -> bool {
        let (at, from) = (hour(now), coarse(from));
        let mut elsewhere = lock(&self.elsewhere);
        if elsewhere.hour.is_none_or(|before| before < at) {
            elsewhere.told.clear();
            elsewhere.hour = Some(at);
        }
        if elsewhere.told.len() >= MOST && !elsewhere.told.contains_key(&row.id) {
            return false;
        }
        let told = elsewhere.told.entry(row.id).or_default();
        let is_news = told.len() < NEIGHBOURHOODS && !told.contains(&from);
        if is_news {
            told.push(from);
        }
        is_news
    }

    fn take(&self, most: usize) -> Taken<'_> {
        let mut held = lock(&self.waiting);
        let some: Vec<ApiKeyId> = held.keys().take(most).copied().collect();
        let each = some.into_iter();
        Taken {
            of: self,
            left: each.filter_map(|id| held.remove_entry(&id)).collect(),
        }
    }

    /// Of uses that were not written, those that no later one has followed.
    fn put_back(&self, uses: impl Iterator<Item = (ApiKeyId, Used)>) {
        let mut held = lock(&self.waiting);
        for (id, used) in uses {
            if held.len() < MOST {
                held.entry(id).or_insert(used);
            }
        }
    }
}

/// Uses that are being written down. What is left is put back, however that ends.
struct Taken<'u> {
    of: &'u Uses,
    left: Vec<(ApiKeyId, Used)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.of.put_back(self.left.drain(..));
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn coarse(from: Option<IpAddr>) -> Option<AddressPrefix> {
    from.map(|from| AddressPrefix::of(from).coarser(24, 48))
}

/// The hour of a time; never the very first, which would stand for none.
fn hour(now: Timestamp) -> Timestamp {
    let step = u64::try_from(USED_STEP.as_millis()).unwrap_or(u64::MAX);
    let into = now.as_millis().checked_rem(step).unwrap_or(0);
    Timestamp::from_millis(now.as_millis().saturating_sub(into).max(1))
}

impl ApiKeys {
    /// Writes down uses that were noted, of at most so many keys, each at most once an hour whatever
    /// number of processes check it. Says how many it wrote.
    pub(super) async fn write_uses(&self, most: usize) -> Result<u64> {
        let mut written = 0_u64;
        let mut uses = self.inner.used.take(most);
        while let Some((id, used)) = uses.left.last().copied() {
            let is_written = self.write_use(id, used).await?;
            written = written.saturating_add(u64::from(is_written));
            uses.left.pop();
        }
        Ok(written)
    }

    async fn write_use(&self, id: ApiKeyId, used: Used) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            let (row, version) = match self.read_row(id, &mut Keys::default()).await {
                Ok(read) => read,
                Err(e) if !is_of_record(&e) => return Err(e),
                // It has ended, is damaged, or lets nobody in for now.
                Err(_) => return Ok(false),
            };
            if row.used.is_some_and(|before| before.at >= used.at) {
                return Ok(false);
            }
            let row = Row {
                used: Some(used),
                ..*row
            };
            if self.swap_row(&row, version, Vec::new()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
