//! Attempts in memory.

use keyward_base::{Result, Timestamp};

use super::{MemoryStore, is_over, purge, spot};
use crate::attempts::{Attempts, Judged, Window};
use crate::limits::StoreLimits;
use crate::records::{BoxFuture, Collection, RecordKey};

/// The admitted attempts of one key, and when the last of them leaves its window.
#[derive(Default)]
pub(super) struct Tried {
    admitted: Vec<Timestamp>,
    until: Option<Timestamp>,
}

impl MemoryStore {
    fn attempt_now(&self, key: &RecordKey, window: Window, now: Timestamp) -> Result<Judged> {
        StoreLimits::check_key(key)?;
        StoreLimits::check_time(now.saturating_add(window.span()))?;
        let mut state = self.state();
        let all = state.attempts.entry(key.collection.clone()).or_default();
        if let Some(tried) = all.get_mut(&spot(key)) {
            return Ok(tried.judge(window, now));
        }
        state.admit(self.capacity, 1)?;
        let mut tried = Tried::default();
        let judged = tried.judge(window, now);
        let all = state.attempts.entry(key.collection.clone()).or_default();
        all.insert(spot(key), tried);
        state.entries = state.entries.saturating_add(1);
        Ok(judged)
    }
}

impl Tried {
    fn judge(&mut self, window: Window, now: Timestamp) -> Judged {
        let judged = window.judge(&mut self.admitted, now);
        let last = self.admitted.last();
        self.until = last.map(|last| last.saturating_add(window.span()));
        judged
    }
}

impl Attempts for MemoryStore {
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>> {
        Box::pin(async move { self.attempt_now(key, window, now) })
    }

    fn clear_attempts<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let mut state = self.state();
            let all = state.attempts.get_mut(&key.collection);
            if all.and_then(|all| all.remove(&spot(key))).is_some() {
                state.entries = state.entries.saturating_sub(1);
            }
            Ok(())
        })
    }

    fn purge_attempts<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let mut state = self.state();
            let all = state.attempts.get_mut(collection);
            let (gone, entries) = purge(all, limit, |tried| is_over(tried.until, now));
            state.entries = state.entries.saturating_sub(entries);
            Ok(gone)
        })
    }
}
