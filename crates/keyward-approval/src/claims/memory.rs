//! An anchor of claims in memory.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::{BoxFuture, Result, Timestamp};

use super::{Advanced, ClaimAnchor, ClaimName, ClaimPin, Seen, Shard};

/// An anchor that ends with the process: **what ran before a restart runs again if the database is put
/// back.** For tests, and where nothing that runs does harm twice.
#[derive(Debug, Default)]
pub struct MemoryClaims(Mutex<BTreeMap<u16, Shard>>);

impl MemoryClaims {
    /// How many claims it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held().values().map(Shard::len).sum()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<u16, Shard>> {
        // A panic leaves no file half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClaimAnchor for MemoryClaims {
    fn load(&self, name: ClaimName) -> BoxFuture<'_, Result<Seen>> {
        let held = self.held();
        let shard = held.get(&Shard::number_of(name.id));
        let seen = shard.map_or(Seen::Nothing, |shard| shard.find(name));
        Box::pin(ready(Ok(seen)))
    }

    fn advance(&self, name: ClaimName, next: ClaimPin) -> BoxFuture<'_, Result<Advanced>> {
        let number = Shard::number_of(name.id);
        let mut held = self.held();
        let shard = held.entry(number).or_insert_with(|| Shard::new(number));
        let advanced = shard.advance(name, next);
        Box::pin(ready(Ok(advanced)))
    }

    fn prune(&self, until: Timestamp) -> BoxFuture<'_, Result<usize>> {
        let mut held = self.held();
        let gone = held.values_mut().map(|shard| shard.prune(until)).sum();
        Box::pin(ready(Ok(gone)))
    }

    fn describe(&self) -> String {
        "in memory".to_owned()
    }
}
