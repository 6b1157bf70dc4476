//! How many reads wait at once: all together, of one tenant, and of one key, so that nobody takes the
//! places of all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::Tenant;
use keyward_session::api_key::{ApiKeyId, LiveKey};

/// How many reads may wait at once, of all keys together: beyond, each is answered at once.
pub const WAITERS: usize = 1_024;

/// How many of those of one tenant.
pub const WAITERS_OF_TENANT: usize = 256;

/// How many of those of one key: each ask of the most that may wait, four times over.
pub const WAITERS_OF_KEY: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of: HashMap<Whose, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Tenant(Tenant),
    Key(ApiKeyId),
}

/// A read that waits: gives its place back however it ends.
#[derive(Debug)]
pub(super) struct Waiter<'a> {
    waiters: &'a Waiters,
    whose: [Whose; 2],
}

impl Waiters {
    /// A place for a read of that key; none if one of those is full.
    pub(super) fn place(&self, key: &LiveKey) -> Option<Waiter<'_>> {
        let whose = [Whose::Tenant(key.tenant().clone()), Whose::Key(key.id())];
        let mut counts = self.counts();
        let limits = [WAITERS_OF_TENANT, WAITERS_OF_KEY];
        let of = |whose: &Whose| counts.of.get(whose).copied().unwrap_or_default();
        let has_room = counts.all < WAITERS
            && whose
                .iter()
                .zip(limits)
                .all(|(whose, most)| of(whose) < most);
        if !has_room {
            return None;
        }
        counts.all = counts.all.saturating_add(1);
        for whose in &whose {
            let of = counts.of.entry(whose.clone()).or_default();
            *of = of.saturating_add(1);
        }
        Some(Waiter {
            waiters: self,
            whose,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut counts = self.waiters.counts();
        counts.all = counts.all.saturating_sub(1);
        for whose in &self.whose {
            // Nothing is kept of who waits no more.
            let left = counts.of.get(whose).map_or(0, |of| of.saturating_sub(1));
            match left {
                0 => drop(counts.of.remove(whose)),
                left => drop(counts.of.insert(whose.clone(), left)),
            }
        }
    }
}
