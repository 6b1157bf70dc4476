//! Logs: entries in an order that nobody changes.

use std::fmt;

use keyward_base::{BoxFuture, Result};

use crate::record::{Collection, RecordKey};
use crate::scan::{Page, Place};

/// An entry of a log.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Entry {
    /// Its place, counted from 0.
    pub seq: u64,
    /// Its bytes: those that are left, if some were erased. None: all were, see
    /// [`Log::erase_entries`].
    pub bytes: Option<Vec<u8>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("seq", &self.seq)
            .field("bytes", &self.bytes.as_ref().map(Vec::len))
            .finish()
    }
}

/// How an append ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "an append at a head that moved wrote nothing"]
pub enum Appended {
    /// The log does not have the expected number of entries. Nothing was written.
    Conflict {
        /// How many entries the log has.
        head: u64,
    },
    /// All entries were written, durably.
    Done {
        /// How many entries the log has now.
        head: u64,
    },
}

/// Logs that only grow, and of which bytes may be erased. A log that nobody appended to has no entries.
///
/// Every method fails with `Unavailable` if the store cannot be reached or is full.
pub trait Log: fmt::Debug + Send + Sync {
    /// Appends all `entries`, or none: only if the log has `expected` entries now.
    fn append<'a>(
        &'a self,
        log: &'a RecordKey,
        expected: u64,
        entries: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Appended>>;

    /// Erases the bytes of the entries from place `from` on and below `until`, but for the first
    /// `keep` of each, and says how many of them had more. Their places stay: the log is as long as
    /// before. With a `keep` of 0 all bytes go, and [`Entry::bytes`] is none. The bytes are gone
    /// from the store's files after [`Records::erase`](crate::Records::erase).
    fn erase_entries<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        until: u64,
        keep: usize,
    ) -> BoxFuture<'a, Result<u64>>;

    /// How many entries the log has.
    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>>;

    /// The logs of a collection that have entries, in the order of owner and id, after `after`, at
    /// most `limit` (1 to [`StoreLimits::SCAN`](crate::StoreLimits::SCAN)). One whose name cannot be
    /// read is passed over: [`Records::damaged`](crate::Records::damaged) has its rows.
    fn logs<'a>(
        &'a self,
        collection: &'a Collection,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<RecordKey>>>;

    /// Reads entries in order, from place `from` on, at most `limit` (1 to
    /// [`StoreLimits::SCAN`](crate::StoreLimits::SCAN)) and
    /// [`StoreLimits::SCAN_BYTES`](crate::StoreLimits::SCAN_BYTES), but one at least. To go on,
    /// pass [`Page::next`] as `from`.
    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<Entry, u64>>>;
}
