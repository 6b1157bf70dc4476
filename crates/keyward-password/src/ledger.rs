//! What work was done, counted.

use std::sync::{Arc, Mutex, PoisonError};

use crate::scheme::Scheme;
use crate::stored::Cost;
use crate::upgrade::Upgrade;

/// Hashes of different parameters that are counted apart. What a table of imports asks for beyond
/// that is counted together.
const APART: usize = 256;

/// What work was done since the start. Exact: a hash is counted as it begins, once, and what was
/// refused began none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Hashes by scheme and cost, in the order in which they first came, at most 256 of them.
    pub hashes: Vec<(Scheme, Cost, u64)>,
    /// Hashes of further costs.
    pub other_hashes: u64,
    /// Stored strings of no known scheme, or not whole.
    pub unsupported: u64,
    /// Stored strings that were refused before any hashing: above the ceiling or the budget, plain
    /// text, locked, ambiguous.
    pub refused: u64,
    /// Hashes that were written anew at a log-in.
    pub upgrades: u64,
    /// Hashes that were made anew and not written, since somebody else had changed the row.
    pub upgrades_lost: u64,
    /// Hashes that could not be made or written anew. The log-in stood.
    pub upgrades_failed: u64,
    /// Weaker hashes of passwords that were right, left as they were.
    pub upgrades_left: u64,
    /// Sealed credentials whose opening began.
    pub seals_opened: u64,
    /// Credentials whose sealing began, those of rotations aside.
    pub seals_made: u64,
    /// What was turned away because too much waited, or its turn did not come in time.
    pub busy: u64,
}

impl Ledger {
    /// All hashes together.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counted = self.hashes.iter().map(|(_, _, count)| *count);
        counted.fold(self.other_hashes, u64::saturating_add)
    }
}

/// Counts into a [`Ledger`] what is done beside hashing. A cheap clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(pub(crate) Arc<Counting>);

impl Meter {
    /// The opening of a sealed credential begins.
    pub fn opens_seal(&self) {
        self.0.with(|ledger| add(&mut ledger.seals_opened));
    }

    /// The sealing of a credential begins.
    pub fn seals(&self) {
        self.0.with(|ledger| add(&mut ledger.seals_made));
    }

    pub(crate) fn upgrade(&self, upgrade: &Upgrade) {
        self.0.with(|ledger| match upgrade {
            Upgrade::Done(_) => add(&mut ledger.upgrades),
            Upgrade::Failed(_) => add(&mut ledger.upgrades_failed),
            Upgrade::Left(_) => add(&mut ledger.upgrades_left),
            Upgrade::Lost => add(&mut ledger.upgrades_lost),
            Upgrade::NotNeeded => {}
        });
    }
}

const fn add(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[derive(Debug, Default)]
pub(crate) struct Counting(Mutex<Ledger>);

impl Counting {
    fn with<T>(&self, count: impl FnOnce(&mut Ledger) -> T) -> T {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn read(&self) -> Ledger {
        self.with(|ledger| ledger.clone())
    }

    pub(crate) fn hash(&self, scheme: Scheme, cost: Cost) {
        self.with(|ledger| {
            let same = |(s, c, _): &&mut (Scheme, Cost, u64)| (*s, *c) == (scheme, cost);
            if let Some((_, _, count)) = ledger.hashes.iter_mut().find(same) {
                *count = count.saturating_add(1);
            } else if ledger.hashes.len() < APART {
                ledger.hashes.push((scheme, cost, 1));
            } else {
                ledger.other_hashes = ledger.other_hashes.saturating_add(1);
            }
        });
    }

    pub(crate) fn unsupported(&self) {
        self.with(|ledger| ledger.unsupported = ledger.unsupported.saturating_add(1));
    }

    pub(crate) fn refused(&self) {
        self.with(|ledger| ledger.refused = ledger.refused.saturating_add(1));
    }
}
