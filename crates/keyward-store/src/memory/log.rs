//! Logs in memory.

use keyward_base::Result;

use super::MemoryStore;
use crate::limits::StoreLimits;
use crate::log::{Appended, Entry, Log};
use crate::records::{BoxFuture, RecordKey};

impl MemoryStore {
    fn append_now(
        &self,
        log: &RecordKey,
        expected: u64,
        entries: Vec<Vec<u8>>,
    ) -> Result<Appended> {
        StoreLimits::check_append(log, &entries)?;
        let mut state = self.state();
        let head = state.logs.get(log).map_or(0, |all| length(all));
        if head != expected {
            return Ok(Appended::Conflict { head });
        }
        let more = entries.len();
        state.admit(self.capacity, more)?;
        state.entries = state.entries.saturating_add(more);
        let all = state.logs.entry(log.clone()).or_default();
        all.extend(entries);
        Ok(Appended::Done { head: length(all) })
    }
}

fn length(entries: &[Vec<u8>]) -> u64 {
    u64::try_from(entries.len()).unwrap_or(u64::MAX)
}

impl Log for MemoryStore {
    fn append<'a>(
        &'a self,
        log: &'a RecordKey,
        expected: u64,
        entries: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Appended>> {
        Box::pin(async move { self.append_now(log, expected, entries) })
    }

    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            Ok(self.state().logs.get(log).map_or(0, |all| length(all)))
        })
    }

    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            StoreLimits::check_limit(limit)?;
            let state = self.state();
            let entries = state.logs.get(log).map(Vec::as_slice).unwrap_or_default();
            let first = usize::try_from(from).unwrap_or(usize::MAX);
            let page = entries.iter().enumerate().skip(first).take(limit);
            Ok(page
                .map(|(seq, bytes)| Entry {
                    seq: u64::try_from(seq).unwrap_or(u64::MAX),
                    bytes: bytes.clone(),
                })
                .collect())
        })
    }
}
