//! Whether the files that a store has open are still the ones at its path, and hold what SQLite
//! wrote into them.
//!
//! A file that is moved, replaced or deleted while it is open goes on taking writes, and they are
//! lost with it. SQLite looks for that only where it uses rollback journals. Its log and its shared
//! memory belong to the file: a process that opened the path anew would not see the locks of one
//! that still holds those of before, and the two would damage the file.
//!
//! A file that something is copied over stays where it is, and SQLite then reads pages of before
//! out of its log beside pages of the copy ([`content`](crate::content)).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::ffi::{Error as Failure, SQLITE_READONLY_DBMOVED};

use crate::content::{Content, Who};
use crate::failure::WRITTEN_OVER;
use crate::file::beside;

/// Which file: its device and its number there.
pub(crate) type Name = (u64, u64);

/// The files of one open store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    files: Arc<Files>,
    /// Whose connection looks at them.
    who: Who,
}

#[derive(Debug)]
struct Files {
    names: [(PathBuf, Option<Name>); 3],
    content: Content,
    state: AtomicU8,
}

/// The files are where they were.
const STAYS: u8 = 0;
/// One of them is not.
const MOVED: u8 = 1;
/// Something was copied over the database.
const OVER: u8 = 2;

impl Place {
    /// The files at `path`: the database, and what SQLite made beside it when it was opened. From
    /// then on they stay. `patience` is how long a change is waited for to be explained.
    ///
    /// # Errors
    /// Of SQLite.
    pub(crate) fn of(path: &Path, patience: Duration, conn: &Connection) -> rusqlite::Result<Self> {
        let paths = [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")];
        let files = Files {
            names: paths.map(|path| {
                let name = name(&path);
                (path, name)
            }),
            content: Content::of(path, patience, conn)?,
            state: AtomicU8::new(STAYS),
        };
        Ok(Self {
            files: Arc::new(files),
            who: Who::Writer,
        })
    }

    /// The same files, for the connection that reads.
    pub(crate) fn for_reader(&self) -> Self {
        Self {
            files: Arc::clone(&self.files),
            who: Who::Reader,
        }
    }

    /// That something was committed through the connection of the writer.
    pub(crate) fn wrote(&self) {
        self.files.content.wrote();
    }

    /// Whether the database is the one that lay there before it was opened.
    ///
    /// # Errors
    /// As [`Place::look`].
    pub(crate) fn compare(&self, before: Option<Name>) -> rusqlite::Result<()> {
        let [(_, database), ..] = &self.files.names;
        if *database != before {
            self.files.state.store(MOVED, Ordering::Relaxed);
        }
        self.known()
    }

    /// Looks whether all three are where they were, and whether nobody but SQLite wrote into the
    /// database. `conn` is in no transaction.
    ///
    /// # Errors
    /// SQLite's own for a database that was moved.
    pub(crate) fn look(&self, conn: &Connection) -> rusqlite::Result<()> {
        self.known()?;
        let names = &self.files.names;
        let stays = |(path, held): &(PathBuf, Option<Name>)| held.is_none() || *held == name(path);
        if !names.iter().all(stays) {
            self.files.state.store(MOVED, Ordering::Relaxed);
        } else if !self.files.content.is_known(conn, self.who)? {
            self.files.state.store(OVER, Ordering::Relaxed);
        }
        self.known()
    }

    /// The same by what was seen before: it costs nothing.
    ///
    /// # Errors
    /// As [`Place::look`].
    pub(crate) fn known(&self) -> rusqlite::Result<()> {
        let said = match self.files.state.load(Ordering::Relaxed) {
            STAYS => return Ok(()),
            OVER => Some(WRITTEN_OVER.to_owned()),
            _ => None,
        };
        let failure = Failure::new(SQLITE_READONLY_DBMOVED);
        Err(rusqlite::Error::SqliteFailure(failure, said))
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
