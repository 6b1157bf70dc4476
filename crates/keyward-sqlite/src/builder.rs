//! The knobs of a store, and the reason for each default.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file::Missing;

/// How to open a store. [`SqliteStore::builder`](crate::SqliteStore::builder) makes one.
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `open`"]
pub struct Builder {
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: usize,
    pub(crate) max_pages: Option<u32>,
    pub(crate) durability: Durability,
    pub(crate) missing: Missing,
}

/// What of an acknowledged write outlasts a crash of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// All of it: a write is on disk before it is acknowledged.
    #[default]
    Full,
    /// The last writes before a power cut may be lost, whole and in order; a crash of the process
    /// alone loses nothing. For attempts and best-effort logs only: a session that was revoked
    /// would be back, and a version would be given out twice. So records and claims are not
    /// written through such a handle, nor a key store kept on it.
    Normal,
}

impl Builder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            // Longer than any write here takes, shorter than a person waits for a page.
            busy_timeout: Duration::from_secs(5),
            // Point reads take microseconds: more than four at once means more than four cores.
            readers: 4,
            max_pages: None,
            durability: Durability::Full,
            missing: Missing::Made,
        }
    }

    /// How long to wait for another process that is writing, before `Unavailable`: at most an
    /// hour. 5 s.
    pub fn busy_timeout(mut self, span: Duration) -> Self {
        self.busy_timeout = span.min(Duration::from_secs(3_600));
        self
    }

    /// How many connections read inline, 1 to 64. 4. A read that finds all of them busy runs on
    /// the reader thread.
    pub fn readers(mut self, count: usize) -> Self {
        self.readers = count.clamp(1, 64);
        self
    }

    /// A quota for what this handle writes: the most pages of 4096 bytes the file may have. A
    /// write beyond it is `Unavailable`. Of attempts, a new key leaves the last 64 of them to those
    /// that are there, so that these count on in a file that is full. None.
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages);
        self
    }

    /// What outlasts a crash of the machine. [`Durability::Full`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens a store that was made before, and makes none: a file that is missing is `Unavailable`,
    /// and one that is empty `Corrupt`, instead of a new store in which everything seems gone.
    pub const fn existing(mut self) -> Self {
        self.missing = Missing::Refused;
        self
    }
}
