//! The store in memory: bounded, exact, gone with the process.

mod attempts;
mod log;
mod once;
mod records;
mod stores;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use keyward_base::{Error, Result, Timestamp};

use crate::identity::StoreId;
use crate::reason;
use crate::record::{Collection, RecordKey};

/// A place within a collection: owner and id.
type Spot = (String, String);

/// All four stores in memory, for tests, first runs and caches that may be lost.
///
/// It is bounded: with `capacity` entries in it, a write that would add one is refused as
/// `Unavailable`. An entry that is alive is never evicted or forgotten to make room.
pub struct MemoryStore {
    capacity: usize,
    /// Made when it is first asked for, which is when making it may fail.
    identity: OnceLock<StoreId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last number given out as a version or a fencing token.
    counter: u64,
    /// Records, claims, keys with attempts, and entries of logs, together.
    entries: usize,
    attempts: BTreeMap<Collection, BTreeMap<Spot, attempts::Tried>>,
    claims: BTreeMap<Collection, BTreeMap<Spot, once::Held>>,
    logs: BTreeMap<RecordKey, Vec<Option<Vec<u8>>>>,
    records: BTreeMap<Collection, BTreeMap<Spot, records::Stored>>,
}

impl MemoryStore {
    /// An empty store for at most `capacity` entries: records, claims, keys with attempts, and
    /// entries of logs, counted together.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            identity: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    fn identity_now(&self) -> Result<StoreId> {
        if let Some(known) = self.identity.get() {
            return Ok(known.clone());
        }
        let new = StoreId::random()?;
        // Of two that ask at once, one is first.
        Ok(self.identity.get_or_init(|| new).clone())
    }

    /// Every change is undone before its function returns, so a panic elsewhere while the lock
    /// is held cannot leave half of one: a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("capacity", &self.capacity)
            .field("entries", &self.state().entries)
            .finish()
    }
}

impl State {
    fn next(&mut self) -> Result<u64> {
        self.counter = self
            .counter
            .checked_add(1)
            .ok_or_else(|| Error::unavailable("the store's version counter is used up"))?;
        Ok(self.counter)
    }

    /// Refuses `more` entries that would not fit beside those that are there.
    fn admit(&self, capacity: usize, more: usize) -> Result<()> {
        if more == 0 || self.entries.saturating_add(more) <= capacity {
            return Ok(());
        }
        Err(full())
    }
}

fn full() -> Error {
    Error::unavailable("the store in memory is full: purge it, or give it more capacity")
        .because(reason::FULL)
}

fn spot(key: &RecordKey) -> Spot {
    (key.owner.clone(), key.id.clone())
}

/// Removes entries of one collection that are over at `now`, at most `limit`.
fn purge<V>(
    all: Option<&mut BTreeMap<Spot, V>>,
    limit: usize,
    over: impl Fn(&V) -> bool,
) -> (u64, usize) {
    let Some(all) = all else { return (0, 0) };
    let gone: Vec<Spot> = all
        .iter()
        .filter(|(_, value)| over(value))
        .take(limit)
        .map(|(spot, _)| spot.clone())
        .collect();
    for spot in &gone {
        all.remove(spot);
    }
    (u64::try_from(gone.len()).unwrap_or(u64::MAX), gone.len())
}

fn is_over(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_some_and(|until| until <= now)
}
