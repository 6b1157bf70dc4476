//! Versioned records, as a store keeps them.

use std::fmt;

use keyward_base::{BoxFuture, Result, Timestamp};

use crate::damaged::DamagedRow;
use crate::find::{Find, Found, Words};
use crate::identity::StoreId;
use crate::record::{Collection, Content, Record, RecordKey, Version};
use crate::scan::{Outline, Page, Scan};

/// One conditional write of an atomic batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Write {
    /// Removes a record that is at `version`.
    Delete {
        /// The key of the record.
        key: RecordKey,
        /// The version the record must be at.
        version: Version,
    },
    /// Inserts a record that must not exist.
    Insert {
        /// The key of the new record.
        key: RecordKey,
        /// The content of the record after the write.
        content: Content,
    },
    /// Writes nothing; the batch fails unless the record is at `version` (`None`: does not exist).
    Require {
        /// The key of the record.
        key: RecordKey,
        /// The version the record must be at; `None` if it must not exist.
        version: Option<Version>,
    },
    /// Replaces a record that is at `version`. Never recreates a deleted one.
    Swap {
        /// The key of the record.
        key: RecordKey,
        /// The version the record must be at.
        version: Version,
        /// The content of the record after the write.
        content: Content,
    },
}

impl Write {
    /// Puts `content` over what was found: at that version, or where there was none.
    #[must_use]
    pub const fn put(key: RecordKey, found: Option<Version>, content: Content) -> Self {
        match found {
            Some(version) => Self::Swap {
                key,
                version,
                content,
            },
            None => Self::Insert { key, content },
        }
    }
}

/// What became of what was deleted or replaced. See [`Records::erase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "what was deleted may still be there"]
pub enum Erased {
    /// It is gone from the store.
    Done,
    /// It may still be there: somebody else was reading or writing all the while. Try again.
    InUse,
}

/// What [`Records::apply`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a batch that met a conflict wrote nothing"]
pub enum Applied {
    /// The condition of the write at `index` did not hold. Nothing was written.
    Conflict {
        /// Which write, counted from 0.
        index: usize,
    },
    /// All was written, durably. One entry for each write: the new version of an insert or swap.
    Done(Vec<Option<Version>>),
}

/// Versioned records with atomic conditional writes.
///
/// Every method fails with `Unavailable` if the store cannot be reached or is full, and with
/// `Misuse` beyond [`StoreLimits`](crate::StoreLimits). A write that returned `Done` is durable. One
/// that failed with `Unavailable` may or may not have been made, whole: read again before deciding.
pub trait Records: fmt::Debug + Send + Sync {
    /// Makes all writes of a batch, or none. Conditions are judged in order, each seeing the
    /// writes before it.
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>>;

    /// Checks that what [`Records::count`] goes by, such as an index, agrees with the records
    /// themselves: that no record stands where a count does not see it. Whoever destroys what a
    /// count of 0 says that nobody needs asks for it first. It may take as long as reading all
    /// records.
    ///
    /// # Errors
    /// `Corrupt` if something does not agree.
    fn check_counts(&self) -> BoxFuture<'_, Result<()>>;

    /// How many records of `collection` need a key whose tag begins with `prefix` (at most 16
    /// bytes; empty counts all): because it sealed their text, or as [`Content::mac_key`] or
    /// [`Content::token_key`]. A record with several such tags counts once.
    fn count<'a>(
        &'a self,
        collection: &'a Collection,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<u64>>;

    /// How many records [`Records::find`] would find.
    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>>;

    /// The rows of this store, of whatever kind, that it cannot give: at most [`DamagedRow::MOST`]. Scans name those
    /// that they pass over; here are also those whose collection cannot be read, and what the store
    /// keeps beside records. It may take as long as reading all of it.
    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>>;

    /// Removes all records of `owner` in `collection`, and says how many.
    fn delete_owner<'a>(
        &'a self,
        collection: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Removes what was deleted or replaced from wherever the store still keeps it, such as unused
    /// parts of its files and its journals; the records stay as they are. It may take as long as
    /// copying the store. Copies that a disk, a file system with snapshots or a backup keeps are
    /// out of its reach.
    fn erase(&self) -> BoxFuture<'_, Result<Erased>>;

    /// Reads one record.
    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>>;

    /// Reads several records of one moment: one entry for each key, in its order.
    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>>;

    /// Reads records by their [`Content::word`], in the order of word, owner and id, or in the opposite
    /// one.
    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>>;

    /// Which store this is. The same for as long as the store is kept, and for every handle of it;
    /// unlike any other store's. A copy of a store has the identity of the store it was taken of.
    ///
    /// # Errors
    /// `Unavailable` if the store has none yet, and the operating system gives no randomness.
    fn identity(&self) -> Result<StoreId>;

    /// Reads as [`Records::scan`] does, but leaves out the sealed text after its first `front`
    /// bytes: at most [`StoreLimits::FRONT`](crate::StoreLimits::FRONT).
    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>>;

    /// Removes records of `collection` that expired at or before `now`, at most `limit`, and
    /// says how many. An expired record is readable until then: whoever reads it judges it.
    fn purge<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Reads records in the order of owner and id, as many as [`Scan::limit`] and
    /// [`Scan::bytes`] allow. Pass [`Page::next`] as [`Scan::after`] to go on, until there is
    /// none; [`Scan::pages`] does so. Records written meanwhile may or may not be seen; none is
    /// seen twice, and none that stands throughout is missed. A row that cannot be given is passed
    /// over, and named in [`Page::damaged`]: whoever decides by what a scan finds, decides by that
    /// too. Reading that row alone is `Corrupt`.
    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>>;

    /// Gives up a row that cannot be given, by its [`DamagedRow::place`]: what stands in it is kept
    /// as the data of a record of the collection `set-aside`, and the row itself is gone.
    ///
    /// # Errors
    /// `Misuse` if there is no such row, or it can be given.
    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>>;
}
