//! The store: a file, its readers and its writer.

use std::fmt;
use std::path::{Path, PathBuf};

use keyward_base::{Error, Result};
use keyward_store::StoreId;
use rusqlite::Connection;

use crate::builder::{Builder, Durability};
use crate::failure::{self, Said};
use crate::place::Place;
use crate::readers::Readers;
use crate::writer::Writer;
use crate::{connection, damaged, file, place, schema};

/// The most lines of one answer of SQLite's own check: there may be others.
const LINES: usize = 100;

/// All four stores of keyward in one SQLite file.
///
/// Dropping it finishes the writes that were accepted, and closes the file; it blocks so long.
pub struct SqliteStore {
    path: PathBuf,
    pub(crate) identity: StoreId,
    durability: Durability,
    pub(crate) max_pages: Option<u32>,
    // Dropped before the writer, whose connection then is the last and folds the journal in.
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
}

impl SqliteStore {
    /// Opens the store at `path`, and makes it if there is no file.
    ///
    /// # Errors
    /// Those of [`Builder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open()
    }

    /// How to open the store at `path` otherwise than with the defaults.
    pub fn builder(path: impl AsRef<Path>) -> Builder {
        Builder::new(path.as_ref())
    }

    fn with(mut builder: Builder) -> Result<Self> {
        builder.path = file::prepare(&builder.path, builder.missing)?;
        match Self::whole(&builder) {
            Err(e) if failure::is_full(&e) => Self::reading_only(&builder),
            other => other,
        }
    }

    fn whole(builder: &Builder) -> Result<Self> {
        let before = place::name(&builder.path);
        let conn = connection::open_writer(&builder.path, builder.busy_timeout, builder.missing)?;
        // SQLite takes a log that somebody put there meanwhile.
        file::journals(&builder.path)?;
        if builder.durability == Durability::Normal {
            conn.execute_batch("PRAGMA synchronous = NORMAL").said()?;
        }
        let place = Place::of(&builder.path, builder.busy_timeout, &conn).said()?;
        place.compare(before).said()?;
        if let Some(pages) = builder.max_pages {
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .said()?;
        }
        Ok(Self {
            identity: schema::identity(&conn)?,
            durability: builder.durability,
            max_pages: builder.max_pages,
            readers: Readers::open(builder, &place)?,
            writer: Writer::start(conn, place)?,
            path: builder.path.clone(),
        })
    }

    /// What is still possible when the disk has no room for what several processes share.
    fn reading_only(builder: &Builder) -> Result<Self> {
        let conn = connection::open_alone(&builder.path, builder.busy_timeout)?;
        let place = Place::of(&builder.path, builder.busy_timeout, &conn).said()?;
        Ok(Self {
            identity: schema::identity(&conn)?,
            durability: builder.durability,
            max_pages: builder.max_pages,
            readers: Readers::alone(conn, &place)?,
            writer: Writer::none(),
            path: builder.path.clone(),
        })
    }

    /// The writer, for what must outlast a crash of the machine.
    pub(crate) fn durable(&self) -> Result<&Writer> {
        match self.durability {
            Durability::Full => Ok(&self.writer),
            Durability::Normal => Err(Error::misuse(
                "this handle is for attempts and best-effort logs: open the store with full durability for records and claims",
            )),
        }
    }

    /// The absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every page of the file and checks that its tables and indexes agree. A row that cannot
    /// be given is no damage of the file: [`Records::damaged`](keyward_store::Records::damaged) names it.
    ///
    /// It takes as long as reading the file. Point reads and writes go on meanwhile; scans wait.
    ///
    /// # Errors
    /// `Corrupt` if something does not agree, `Unavailable` if the file cannot be read.
    pub async fn check_integrity(&self) -> Result<()> {
        self.check("PRAGMA integrity_check").await
    }

    /// Runs a check that answers `ok`, or else with what is wrong, a line each.
    pub(crate) async fn check(&self, sql: &'static str) -> Result<()> {
        let check = move |conn: &Connection| {
            let mut lines = conn.prepare_cached(sql)?;
            let lines = lines.query_map([], |row| row.get::<_, String>(0))?;
            lines.collect::<rusqlite::Result<Vec<_>>>()
        };
        let lines = self.readers.run_unlimited(check).await?;
        // A value of another type costs the row that it stands in: `Records::damaged` names that.
        let known = lines.len() < LINES && lines.iter().all(|line| damaged::is_judged(line));
        if known || lines == ["ok"] {
            return Ok(());
        }
        Err(Error::corrupt(
            "the store's file is damaged: restore a backup",
        ))
    }
}

impl Builder {
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
    /// moved, replaced or deleted, everything is `Unavailable` until the store is opened again; when
    /// something was copied over the file, everything is `Corrupt`.
    ///
    /// # Errors
    /// - `Misuse`: the file or one of its journals may be read or written by others than its owner,
    ///   belongs to another user than this process runs as (or the superuser), is a symbolic link
    ///   or no plain file; a folder on the way to it belongs to another user or may be written by
    ///   others; or the file belongs to another application, or has the schema of before
    ///   the first release.
    /// - `Unavailable`: it cannot be opened or written, is locked beyond the busy timeout, or was
    ///   written by a newer keyward.
    /// - `Corrupt`: its log is there and it is not, it is not a SQLite database, it is damaged, or
    ///   its schema is not exactly ours: a table, an index, a trigger or a view was added, changed
    ///   or removed.
    pub fn open(self) -> Result<SqliteStore> {
        SqliteStore::with(self)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
