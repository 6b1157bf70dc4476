//! Whether the files that a store has open are still the ones at its path.
//!
//! A file that is moved, replaced or deleted while it is open goes on taking writes, and they are
//! lost with it. SQLite looks for that only where it uses rollback journals. Its log and its shared
//! memory belong to the file: a process that opened the path anew would not see the locks of one
//! that still holds those of before, and the two would damage the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::ffi::{Error as Failure, SQLITE_READONLY_DBMOVED};

use crate::file::beside;

/// Which file: its device and its number there.
pub(crate) type Name = (u64, u64);

/// The files of one open store.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Files>);

#[derive(Debug)]
struct Files {
    names: [(PathBuf, Option<Name>); 3],
    moved: AtomicBool,
}

impl Place {
    /// The files at `path`: the database, and what SQLite made beside it when it was opened. From
    /// then on they stay.
    pub(crate) fn of(path: &Path) -> Self {
        let paths = [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")];
        Self(Arc::new(Files {
            names: paths.map(|path| {
                let name = name(&path);
                (path, name)
            }),
            moved: AtomicBool::new(false),
        }))
    }

    /// Whether the database is the one that lay there before it was opened.
    ///
    /// # Errors
    /// As [`Place::look`].
    pub(crate) fn compare(&self, before: Option<Name>) -> rusqlite::Result<()> {
        let [(_, database), ..] = &self.0.names;
        if *database != before {
            self.0.moved.store(true, Ordering::Relaxed);
        }
        self.known()
    }

    /// Looks whether all three are where they were.
    ///
    /// # Errors
    /// SQLite's own for a database that was moved.
    pub(crate) fn look(&self) -> rusqlite::Result<()> {
        let stays = |(path, held): &(PathBuf, Option<Name>)| held.is_none() || *held == name(path);
        if !self.0.names.iter().all(stays) {
            self.0.moved.store(true, Ordering::Relaxed);
        }
        self.known()
    }

    /// The same by what was seen before: it costs nothing.
    ///
    /// # Errors
    /// As [`Place::look`].
    pub(crate) fn known(&self) -> rusqlite::Result<()> {
        if !self.0.moved.load(Ordering::Relaxed) {
            return Ok(());
        }
        let failure = Failure::new(SQLITE_READONLY_DBMOVED);
        Err(rusqlite::Error::SqliteFailure(failure, None))
    }
}

/// Which file lies at a path.
#[cfg(unix)]
pub(crate) fn name(path: &Path) -> Option<Name> {
    use std::os::unix::fs::MetadataExt as _;
    let told = std::fs::symlink_metadata(path).ok()?;
    Some((told.dev(), told.ino()))
}

/// Where a file that is open cannot be moved.
#[cfg(not(unix))]
pub(crate) const fn name(_: &Path) -> Option<Name> {
    None
}
