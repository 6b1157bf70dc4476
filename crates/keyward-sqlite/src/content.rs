//! Whether nobody but SQLite wrote into the database while it is open.
//!
//! With a write-ahead log, SQLite writes into the database itself only when it folds the log in,
//! and notes how far it came: in the shared memory, until the log begins anew, and then in the
//! log's header. So a database that was written to, without the log being folded in any further,
//! was written to by somebody else, such as `cp` of a backup. That leaves device and inode as they
//! are, and SQLite does not see it: it goes on reading some pages out of the log, and others from
//! what was copied.
//!
//! Not seen: a copy between two looks of every process that has the file open, if the log is folded
//! in between them too.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use crate::file::beside;

/// How long a look for an explanation waits before the next one.
const TURN: Duration = Duration::from_millis(10);

/// Whose connection looks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Reader,
    Writer,
}

/// The database as it was last seen.
#[derive(Debug)]
pub(crate) struct Content {
    path: PathBuf,
    log: PathBuf,
    patience: Duration,
    seen: Mutex<Seen>,
    /// Whether this store committed something since.
    wrote: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    written: Written,
    folded: Folded,
    /// What SQLite calls the state of the data on either connection, which changes when another
    /// one commits. None: that connection did not look since.
    versions: [Option<i64>; 2],
}

/// When the database was last written to, and how many bytes it has.
type Written = (Option<SystemTime>, u64);

fn written(told: &Metadata) -> Written {
    (told.modified().ok(), told.len())
}

/// How far the log was folded in.
#[derive(Debug, Default, PartialEq, Eq)]
struct Folded {
    /// The header of the log, which is another one for each log, or nothing if the log is empty.
    /// No lock lies on that file which closing it could take away.
    header: Vec<u8>,
    /// How many of its pages are in the database.
    pages: i64,
}

impl Folded {
    fn of(log: &Path, conn: &Connection) -> rusqlite::Result<Self> {
        /// Bytes of the header, see <https://sqlite.org/fileformat2.html#walformat>.
        const HEADER: u64 = 32;
        let pages = conn
            .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
            .query_row([], |row| row.get(2))?;
        let mut header = Vec::new();
        if let Ok(log) = File::open(log) {
            // One that cannot be read is none: what changes then is refused.
            let _ = log.take(HEADER).read_to_end(&mut header);
        }
        Ok(Self { header, pages })
    }
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

impl Content {
    /// What lies at `path`, which `conn`, the first of this store, has open.
    ///
    /// # Errors
    /// Of SQLite.
    pub(crate) fn of(path: &Path, patience: Duration, conn: &Connection) -> rusqlite::Result<Self> {
        let content = Self {
            path: path.to_owned(),
            log: beside(path, "-wal"),
            patience,
            seen: Mutex::default(),
            wrote: AtomicBool::new(false),
        };
        if let Some(seen) = content.see(conn, Who::Writer)? {
            *content.lock() = seen;
        }
        Ok(content)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That this store has committed something, which may be folded in from now on.
    pub(crate) fn wrote(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    /// Whether the database is as it was seen last, or has changed by the log being folded in.
    /// Another process may be about to: its note of that comes when what it wrote is on disk.
    ///
    /// # Errors
    /// Of SQLite.
    pub(crate) fn is_known(&self, conn: &Connection, who: Who) -> rusqlite::Result<bool> {
        let mut last = self.lock();
        let mut waited = Duration::ZERO;
        loop {
            let Some(seen) = self.see(conn, who)? else {
                return Ok(false);
            };
            if seen.written == last.written || self.is_folded(&last, &seen, who) {
                self.wrote.store(false, Ordering::Relaxed);
                *last = seen.after(&last, who);
                return Ok(true);
            }
            if waited >= self.patience {
                return Ok(false);
            }
            thread::sleep(TURN);
            waited = waited.saturating_add(TURN);
        }
    }

    /// What is to be seen now; nothing if there is no such file.
    fn see(&self, conn: &Connection, who: Who) -> rusqlite::Result<Option<Seen>> {
        // In this order: what is written after the first is seen by the next look.
        let Ok(told) = fs::symlink_metadata(&self.path) else {
            return Ok(None);
        };
        let folded = Folded::of(&self.log, conn)?;
        let version = Some(version(conn)?);
        Ok(Some(Seen {
            written: written(&told),
            folded,
            versions: match who {
                Who::Reader => [version, None],
                Who::Writer => [None, version],
            },
        }))
    }

    /// Whether the log was folded in between the two.
    fn is_folded(&self, last: &Seen, now: &Seen, who: Who) -> bool {
        if last.folded != now.folded {
            return true;
        }
        // One empty log is like another: between them lies what was committed.
        let same = last
            .of(who)
            .is_some_and(|version| now.of(who) == Some(version));
        last.folded.header.is_empty() && (self.wrote.load(Ordering::Relaxed) || !same)
    }
}

impl Seen {
    fn of(&self, who: Who) -> Option<i64> {
        let [reader, writer] = self.versions;
        match who {
            Who::Reader => reader,
            Who::Writer => writer,
        }
    }

    /// This, seen by one connection, with what the other saw of the same.
    fn after(mut self, last: &Self, who: Who) -> Self {
        if self.written == last.written && self.folded == last.folded {
            let [reader, writer] = &mut self.versions;
            let [last_reader, last_writer] = last.versions;
            match who {
                Who::Reader => *writer = last_writer,
                Who::Writer => *reader = last_reader,
            }
        }
        self
    }
}
