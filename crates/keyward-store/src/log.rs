//! Logs: entries in an order that nobody changes.

use std::fmt;

use keyward_base::Result;

use crate::records::{BoxFuture, RecordKey};

/// An entry of a log.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Entry {
    /// Its place, counted from 0.
    pub seq: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("seq", &self.seq)
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
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
        /// How many it has.
        head: u64,
    },
    /// All entries were written, durably.
    Done {
        /// How many it has now.
        head: u64,
    },
}

/// Logs that only grow. A log that nobody appended to has no entries.
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

    /// How many entries the log has.
    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>>;

    /// Reads entries in order, from place `from` on, at most `limit` (1 to
    /// [`StoreLimits::SCAN`](crate::StoreLimits::SCAN)).
    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>>>;
}
