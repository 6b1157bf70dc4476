//! What this process knows to be over.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::Timestamp;

use super::policy::{KNOWN, KNOWN_FOR};
use crate::record::RecordKey;

/// Windows of which the store said a moment ago that they admit none, so that it is not asked again for
/// each request of a flood. It admits nothing by itself, and what it forgets is asked anew: so it is
/// bounded by forgetting.
#[derive(Debug, Default)]
pub(super) struct Known {
    // Two of the hashes that maps use, each under a key of this process.
    hashes: [RandomState; 2],
    all: Mutex<Generations>,
}

type Hash = [u64; 2];

/// The newer half, and the one before it.
#[derive(Debug, Default)]
struct Generations {
    new: HashMap<Hash, Over>,
    old: HashMap<Hash, Over>,
}

/// What the store said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    said_at: Timestamp,
    /// When they admit one again.
    pub(super) retry_at: Timestamp,
    /// Which of them refused.
    pub(super) index: usize,
}

impl Over {
    pub(super) const fn said(said_at: Timestamp, retry_at: Timestamp, index: usize) -> Self {
        Self {
            said_at,
            retry_at,
            index,
        }
    }

    /// Neither after a moment, nor where the clock went back since.
    fn is_at(&self, now: Timestamp) -> bool {
        let until = self.said_at.saturating_add(KNOWN_FOR).min(self.retry_at);
        self.said_at <= now && now < until
    }
}

impl Known {
    /// The store said that of `rows` together.
    pub(super) fn note(&self, rows: &[RecordKey], over: Over) {
        let hash = self.hash(rows);
        let mut all = self.all();
        if all.new.len() >= KNOWN / 2 {
            all.old = std::mem::take(&mut all.new);
        }
        all.new.insert(hash, over);
    }

    /// What the store said of `rows`, if it holds now.
    pub(super) fn of(&self, rows: &[RecordKey], now: Timestamp) -> Option<Over> {
        let hash = self.hash(rows);
        let all = self.all();
        let over = all.new.get(&hash).or_else(|| all.old.get(&hash))?;
        over.is_at(now).then_some(*over)
    }

    /// A place in just these was given back by this process: a refusal of these together with others is
    /// gone by for its moment still.
    pub(super) fn forget(&self, rows: &[RecordKey]) {
        let hash = self.hash(rows);
        let mut all = self.all();
        all.new.remove(&hash);
        all.old.remove(&hash);
    }

    fn hash(&self, rows: &[RecordKey]) -> Hash {
        self.hashes.each_ref().map(|hash| hash.hash_one(rows))
    }

    /// Each change is one call of a map: a poisoned lock is as good as any.
    fn all(&self) -> MutexGuard<'_, Generations> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
