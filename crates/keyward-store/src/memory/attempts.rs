//! Attempts in memory.

use keyward_base::{BoxFuture, Result, Timestamp};

use super::{MemoryStore, State, full, is_over, purge, spot};
use crate::attempts::{
    Admission, Attempts, Judged, Level, Refusals, Reserved, Ticket, Used, Window,
};
use crate::limits::StoreLimits;
use crate::record::{Collection, RecordKey};

/// The admitted attempts of one key, and when the last of them leaves its window.
#[derive(Clone, Default)]
pub(super) struct Tried {
    admitted: Vec<Admission>,
    until: Option<Timestamp>,
}

impl MemoryStore {
    fn attempt_now(&self, key: &RecordKey, window: Window, now: Timestamp) -> Result<Judged> {
        StoreLimits::check_windows(std::slice::from_ref(&(key.clone(), window)), now)?;
        let mut state = self.state();
        let number = state.next()?;
        let mut tried = state.tried(key);
        let judged = tried.judge(window, now, number);
        if let Judged::Admitted { .. } = judged {
            state.note(self.capacity, vec![(key.clone(), tried)])?;
        }
        Ok(judged)
    }

    fn reserve_now(&self, windows: &[(RecordKey, Window)], now: Timestamp) -> Result<Reserved> {
        StoreLimits::check_windows(windows, now)?;
        let mut state = self.state();
        let number = state.next()?;
        let (mut all, mut used) = (Vec::new(), Vec::new());
        let mut refused = Refusals::default();
        for (index, (key, window)) in windows.iter().enumerate() {
            let mut tried = state.tried(key);
            match tried.judge(*window, now, number) {
                Judged::Admitted { .. } => used.push(window.used(&tried.admitted, now)),
                Judged::Refused { retry_at } => refused.note(index, retry_at),
            }
            all.push((key.clone(), tried));
        }
        if let Some(refused) = refused.told() {
            return Ok(refused);
        }
        let keys = all.iter().map(|(key, _)| key.clone()).collect();
        state.note(self.capacity, all)?;
        let ticket = Ticket::new(keys, number);
        Ok(Reserved::Admitted { ticket, used })
    }

    fn reserve_coarsely_now(&self, levels: &[Level], now: Timestamp) -> Result<Reserved> {
        StoreLimits::check_levels(levels, now)?;
        let mut state = self.state();
        let number = state.next()?;
        let (mut all, mut used) = (Vec::<(RecordKey, Tried)>::new(), Vec::new());
        let (mut new, mut is_full) = (0_usize, false);
        let mut refused = Refusals::default();
        for (index, level) in levels.iter().enumerate() {
            let mut is_counted = false;
            for (is_shared, (key, window)) in [(false, &level.fine), (true, &level.shared)] {
                // Two may share a row.
                if is_shared && all.iter().any(|(other, _)| other == key) {
                    is_counted = true;
                    break;
                }
                let mut tried = state.tried(key);
                if let Judged::Refused { retry_at } = tried.judge(*window, now, number) {
                    refused.note(index, retry_at);
                    is_counted = true;
                    break;
                }
                let more = new.saturating_add(usize::from(!state.knows(key)));
                if state.admit(self.capacity, more).is_ok() {
                    new = more;
                    used.push(window.used(&tried.admitted, now));
                    all.push((key.clone(), tried));
                    is_counted = true;
                    break;
                }
            }
            is_full |= !is_counted;
        }
        // What one refuses stays refused, whether or not there is room for the others.
        if let Some(refused) = refused.told() {
            return Ok(refused);
        }
        if is_full {
            return Err(full());
        }
        let keys = all.iter().map(|(key, _)| key.clone()).collect();
        state.note(self.capacity, all)?;
        let ticket = Ticket::new(keys, number);
        Ok(Reserved::Admitted { ticket, used })
    }

    fn used_now(&self, windows: &[(RecordKey, Window)], now: Timestamp) -> Result<Vec<Used>> {
        StoreLimits::check_windows(windows, now)?;
        let state = self.state();
        let used = |(key, window): &(RecordKey, Window)| {
            let tried = state.attempts.get(&key.collection);
            let tried = tried.and_then(|all| all.get(&spot(key)));
            window.used(tried.map_or(&[], |tried| &tried.admitted), now)
        };
        Ok(windows.iter().map(used).collect())
    }

    fn give_back_now(&self, ticket: &Ticket) {
        let mut state = self.state();
        for key in ticket.keys() {
            let all = state.attempts.get_mut(&key.collection);
            if let Some(tried) = all.and_then(|all| all.get_mut(&spot(key))) {
                let ours = |admission: &Admission| admission.number == ticket.number();
                tried.admitted.retain(|admission| !ours(admission));
                if tried.admitted.is_empty() {
                    // Nothing is left of it to wait for.
                    tried.until = Some(Timestamp::from_millis(0));
                }
            }
        }
    }
}

impl Tried {
    fn judge(&mut self, window: Window, now: Timestamp, number: u64) -> Judged {
        let judged = window.judge(&mut self.admitted, now, number);
        let last = self.admitted.last();
        self.until = last.map(|last| last.at.saturating_add(window.span()));
        judged
    }
}

impl State {
    fn tried(&self, key: &RecordKey) -> Tried {
        let all = self.attempts.get(&key.collection);
        all.and_then(|all| all.get(&spot(key)).cloned())
            .unwrap_or_default()
    }

    fn knows(&self, key: &RecordKey) -> bool {
        let known = self.attempts.get(&key.collection);
        known.is_some_and(|known| known.contains_key(&spot(key)))
    }

    /// Notes what was tried with all these keys, or with none.
    fn note(&mut self, capacity: usize, all: Vec<(RecordKey, Tried)>) -> Result<()> {
        let new = all.iter().filter(|(key, _)| !self.knows(key)).count();
        self.admit(capacity, new)?;
        self.entries = self.entries.saturating_add(new);
        for (key, tried) in all {
            let spot = spot(&key);
            self.attempts
                .entry(key.collection)
                .or_default()
                .insert(spot, tried);
        }
        Ok(())
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

    fn reserve<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        Box::pin(async move { self.reserve_now(windows, now) })
    }

    fn reserve_coarsely<'a>(
        &'a self,
        levels: &'a [Level],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        Box::pin(async move { self.reserve_coarsely_now(levels, now) })
    }

    fn give_back<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.give_back_now(ticket);
            Ok(())
        })
    }

    fn used<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Used>>> {
        Box::pin(async move { self.used_now(windows, now) })
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
