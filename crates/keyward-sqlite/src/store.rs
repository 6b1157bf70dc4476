//! The store: a file, its readers and its writer.

use std::fmt;
use std::path::{Path, PathBuf};

use keyward_base::{Error, Result};
use keyward_store::{Erased, StoreId};
use rusqlite::Connection;

use crate::builder::{Builder, Durability};
use crate::failure::{self, Said};
use crate::place::Place;
use crate::readers::Readers;
use crate::writer::Writer;
use crate::{connection, erase, file, place, schema};

/// All four stores of keyward in one SQLite file.
///
/// Dropping it finishes the writes that were accepted, and closes the file; it blocks so long.
pub struct SqliteStore {
    path: PathBuf,
    pub(crate) identity: StoreId,
    durability: Durability,
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

    pub(crate) fn with(builder: &Builder) -> Result<Self> {
        let mut builder = builder.clone();
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
        let place = Place::of(&builder.path);
        place.compare(before).said()?;
        if let Some(pages) = builder.max_pages {
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .said()?;
        }
        Ok(Self {
            identity: schema::identity(&conn)?,
            durability: builder.durability,
            readers: Readers::open(builder, &place)?,
            writer: Writer::start(conn, place)?,
            path: builder.path.clone(),
        })
    }

    /// What is still possible when the disk has no room for what several processes share.
    fn reading_only(builder: &Builder) -> Result<Self> {
        let conn = connection::open_alone(&builder.path, builder.busy_timeout)?;
        Ok(Self {
            identity: schema::identity(&conn)?,
            durability: builder.durability,
            readers: Readers::alone(conn, &Place::of(&builder.path))?,
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

    /// Reads every page of the file and checks that its tables and indexes agree.
    ///
    /// It takes as long as reading the file. Point reads and writes go on meanwhile; scans wait.
    ///
    /// # Errors
    /// `Corrupt` if something does not agree, `Unavailable` if the file cannot be read.
    pub async fn check_integrity(&self) -> Result<()> {
        let check = |conn: &Connection| {
            let sql = "PRAGMA integrity_check(1)";
            conn.query_row(sql, [], |row| row.get::<_, String>(0))
        };
        if self.readers.run_unlimited(check).await? == "ok" {
            return Ok(());
        }
        Err(Error::corrupt(
            "the store's file is damaged: restore a backup",
        ))
    }

    /// [`Records::erase`](keyward_store::Records::erase), and a failure if it could not be done.
    ///
    /// # Errors
    /// `Unavailable` if another process reads or writes for longer than the busy timeout, or the
    /// disk is full. The records are unharmed then, and what was deleted may still be there.
    pub async fn checkpoint(&self) -> Result<()> {
        match self.writer.alone(erase::erase).await? {
            Erased::Done => Ok(()),
            _ => Err(Error::unavailable(
                "another process reads or writes the store: end its transaction, and try again",
            )),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
