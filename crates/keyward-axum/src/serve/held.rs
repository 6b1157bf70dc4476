//! How many connections each address holds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::AddressPrefix;

/// Counts by prefix. One without a connection has no entry, so that there are never more entries than
/// connections.
#[derive(Clone, Debug)]
pub(super) struct Held {
    counts: Arc<Mutex<HashMap<AddressPrefix, u32>>>,
    most: u32,
}

impl Held {
    pub(super) fn new(most: u32) -> Self {
        Self {
            counts: Arc::default(),
            most,
        }
    }

    /// Counts one more, until the hold is dropped; none if it is one too many.
    pub(super) fn take(&self, peer: IpAddr, unlimited: bool) -> Option<Hold> {
        if unlimited {
            return Some(Hold(None));
        }
        let prefix = AddressPrefix::of(peer);
        let mut counts = lock(&self.counts);
        let count = counts.get(&prefix).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        counts.insert(prefix, count.saturating_add(1));
        drop(counts);
        Some(Hold(Some((self.clone(), prefix))))
    }
}

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Hold(Option<(Held, AddressPrefix)>);

impl Drop for Hold {
    fn drop(&mut self) {
        let Some((held, prefix)) = &self.0 else {
            return;
        };
        let mut counts = lock(&held.counts);
        match counts.get_mut(prefix) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                counts.remove(prefix);
            }
        }
    }
}

/// Each change is whole: one that was cut short by a panic is none.
fn lock<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
