//! Logs in memory.

use std::ops::Range;

use keyward_base::{BoxFuture, Result};

use super::{MemoryStore, State, spot};
use crate::limits::StoreLimits;
use crate::log::{Appended, Entry, Log};
use crate::record::{Collection, RecordKey};
use crate::scan::{Page, PageBudget, Place};

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
        all.extend(entries.into_iter().map(Some));
        Ok(Appended::Done { head: length(all) })
    }
}

impl MemoryStore {
    fn read_now(&self, log: &RecordKey, from: u64, limit: usize) -> Page<Entry, u64> {
        let state = self.state();
        let entries = state.logs.get(log).map(Vec::as_slice).unwrap_or_default();
        let first = usize::try_from(from).unwrap_or(usize::MAX);
        let mut page = Page {
            items: Vec::new(),
            damaged: Vec::new(),
            next: None,
        };
        let mut budget = PageBudget::new(limit, StoreLimits::SCAN_BYTES);
        for (seq, bytes) in entries.iter().enumerate().skip(first) {
            let seq = u64::try_from(seq).unwrap_or(u64::MAX);
            if !budget.admit(bytes.as_ref().map_or(0, Vec::len)) {
                page.next = Some(seq);
                break;
            }
            let bytes = bytes.clone();
            page.items.push(Entry { seq, bytes });
        }
        page
    }
}

impl State {
    /// Erases the bytes of entries, and gives those that they had, with their places.
    pub(super) fn erase_entries(
        &mut self,
        log: &RecordKey,
        places: Range<u64>,
        keep: usize,
    ) -> Vec<(usize, Vec<u8>)> {
        let entries = self.logs.get_mut(log).into_iter().flatten();
        let mut erased = Vec::new();
        let placed = (0_u64..).zip(entries.enumerate());
        for (_, (at, entry)) in placed.filter(|(seq, _)| places.contains(seq)) {
            let longer = entry.take_if(|bytes| keep == 0 || bytes.len() > keep);
            let Some(bytes) = longer else {
                continue;
            };
            *entry = bytes
                .get(..keep)
                .filter(|kept| !kept.is_empty())
                .map(<[u8]>::to_vec);
            erased.push((at, bytes));
        }
        erased
    }
}

fn length(entries: &[Option<Vec<u8>>]) -> u64 {
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

    fn erase_entries<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        until: u64,
        keep: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            let erased = self.state().erase_entries(log, from..until, keep);
            Ok(u64::try_from(erased.len()).unwrap_or(u64::MAX))
        })
    }

    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            Ok(self.state().logs.get(log).map_or(0, |all| length(all)))
        })
    }

    fn logs<'a>(
        &'a self,
        collection: &'a Collection,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<RecordKey>>> {
        Box::pin(async move {
            StoreLimits::check_logs(collection, after.as_ref(), limit)?;
            let state = self.state();
            let behind = |log: &&RecordKey| {
                let place = spot(log);
                after.as_ref().is_none_or(|after| place > *after)
            };
            let known = state.logs.iter().filter(|(_, entries)| !entries.is_empty());
            let mut found = known
                .map(|(log, _)| log)
                .filter(|log| log.collection == *collection)
                .filter(behind)
                .cloned();
            let items: Vec<RecordKey> = found.by_ref().take(limit).collect();
            let next = found.next().and(items.last().map(spot));
            Ok(Page {
                items,
                damaged: Vec::new(),
                next,
            })
        })
    }

    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<Entry, u64>>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            StoreLimits::check_limit(limit)?;
            Ok(self.read_now(log, from, limit))
        })
    }
}
