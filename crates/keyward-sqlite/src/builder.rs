//! The knobs of a store, and the reason for each default.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_base::Result;

use crate::store::SqliteStore;

/// How to open a store. [`SqliteStore::builder`] makes one.
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

/// What becomes of a store that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is made.
    Made,
    /// It is an error.
    Refused,
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
    /// write beyond it is `Unavailable`. None.
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

    /// Opens the store, and makes it if there is no file, unless it has to be an existing one.
    ///
    /// A file and folders that do not exist are made with modes 0600 and 0700, whatever the
    /// umask.
    ///
    /// On a disk that has no room even for the memory that processes share, a store that nobody
    /// else has open is opened for reading: every write is `Unavailable` until there is room and
    /// it is opened again, and other processes are kept out meanwhile.
    ///
    /// Once it is open, the file and its journals have to stay where they are: when one of them was
    /// moved, replaced or deleted, everything is `Unavailable` until the store is opened again.
    ///
    /// # Errors
    /// - `Misuse`: the file or one of its journals may be read or written by others than its owner,
    ///   belongs to another user than this process runs as (or the superuser), is a symbolic link
    ///   or no plain file; or the file belongs to another application, or has the schema of before
    ///   the first release.
    /// - `Unavailable`: it cannot be opened or written, is locked beyond the busy timeout, or was
    ///   written by a newer keyward.
    /// - `Corrupt`: its log is there and it is not, it is not a SQLite database, it is damaged, or its schema is not exactly ours:
    ///   a table, an index, a trigger or a view was added, changed or removed.
    pub fn open(self) -> Result<SqliteStore> {
        SqliteStore::with(&self)
    }
}
