//! A connection that reads, and runs nothing of what it finds.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use keyward_base::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Options;

/// An open database, within one transaction.
pub(super) struct File {
    pub(super) conn: Connection,
    /// See [`Report::log_missing`](crate::Report::log_missing).
    pub(super) log_missing: bool,
    path: PathBuf,
}

impl File {
    pub(super) fn open(path: &Path, options: Options) -> Result<Self> {
        let path = regular(path)?;
        // Before it is opened: SQLite makes an empty log then.
        let has_log = log_of(&path).exists();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&path, flags).map_err(|e| explained(e, &path))?;
        let mode = prepare(&conn, options).and_then(|()| {
            conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))
        });
        let mode = mode.map_err(|e| explained(e, &path))?;
        Ok(Self {
            conn,
            log_missing: mode == "wal" && !has_log,
            path,
        })
    }

    /// What SQLite said, with the name of the file.
    pub(super) fn said<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|e| explained(e, &self.path))
    }

    /// That its schema is not what SQLite writes.
    pub(super) fn damaged(&self) -> Error {
        damaged(&self.path)
    }

    /// That a part of a long value could not be read.
    pub(super) fn unread(&self, error: std::io::Error) -> Error {
        Error::unavailable(format!(
            "{} changed or failed while it was read: try again",
            self.path.display()
        ))
        .with_source(error)
    }

    /// Whether text lies in the file as UTF-8.
    pub(super) fn is_utf8(&self) -> Result<bool> {
        let encoding = self
            .conn
            .pragma_query_value(None, "encoding", |row| row.get::<_, String>(0));
        Ok(self.said(encoding)? == "UTF-8")
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn regular(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    let facts = fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::misuse(format!(
            "there is no file {shown}: name the application's database"
        )),
        kind => Error::unavailable(format!(
            "{shown} cannot be looked at ({kind}): run this as a user who may read it"
        )),
    })?;
    if !facts.is_file() {
        return Err(Error::misuse(format!(
            "{shown} is no file: name the application's database itself"
        )));
    }
    if facts.len() == 0 {
        return Err(Error::misuse(format!(
            "{shown} is empty: name the file in which the application keeps its tables"
        )));
    }
    // Absolute, so that no name has a meaning of its own for SQLite.
    path.canonicalize().map_err(|e| {
        Error::unavailable(format!(
            "{shown} cannot be looked at ({}): run this as a user who may read it",
            e.kind()
        ))
    })
}

fn prepare(conn: &Connection, options: Options) -> rusqlite::Result<()> {
    conn.busy_timeout(options.patience)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        // A last user who only reads folds nothing in.
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ] {
        conn.set_db_config(setting, on)?;
    }
    // A table without row ids names the order of its key; reading it in the order in which it
    // lies compares nothing.
    conn.collation_needed(|conn, name| conn.create_collation(name, |a, b| a.cmp(b)))?;
    let most = i32::try_from(options.in_memory).unwrap_or(i32::MAX);
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, most.max(1 << 20))?;
    // Each page is read once: 64 KiB of them stay in the processor's own cache, where the next one
    // is copied to, and those of 2 MiB, the default, do not.
    conn.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -64;
         PRAGMA temp_store = MEMORY;
         BEGIN;",
    )
}

fn damaged(path: &Path) -> Error {
    Error::corrupt(format!(
        "{} is damaged: restore it, or look through a copy that `sqlite3 FILE .recover` made",
        path.display()
    ))
}

/// No message of SQLite's reaches the answer: it may quote the schema.
fn explained(error: rusqlite::Error, path: &Path) -> Error {
    let shown = path.display();
    let code = error.sqlite_error_code();
    let said = match code {
        Some(ErrorCode::NotADatabase) => Error::corrupt(format!(
            "{shown} is no SQLite database, or is encrypted: give a plain copy of it, or its dump \
             on standard input"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch) => damaged(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::unavailable(format!(
            "{shown} is locked by another process: end its transaction, or stop it, and try again"
        )),
        Some(ErrorCode::ReadOnly) => Error::unavailable(format!(
            "{shown} holds a write that was cut short: start its application once, and try again"
        )),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Error::unavailable(format!(
            "{shown} cannot be opened: run this as a user who may read it and the files beside it"
        )),
        Some(ErrorCode::SystemIoFailure) => Error::unavailable(format!(
            "the disk failed while {shown} was read: look through a copy"
        )),
        Some(ErrorCode::OutOfMemory | ErrorCode::TooBig) => Error::unavailable(format!(
            "a value in {shown} does not fit into memory: look through a dump on standard input"
        )),
        _ => Error::corrupt(format!(
            "the tables of {shown} cannot be read: give its dump on standard input, as \
             `sqlite3 FILE .dump` writes it"
        )),
    };
    said.with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What guards against files made on purpose, and shows in no answer.
    #[test]
    fn the_connection_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let made = Connection::open(&path).unwrap();
        made.execute_batch("CREATE TABLE t (a)").unwrap();
        let file = File::open(&path, Options::default()).unwrap();
        for (config, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
        ] {
            assert_eq!(file.conn.db_config(config).unwrap(), on, "{config:?}");
        }
        for (name, wanted) in [
            ("query_only", 1),
            ("cell_size_check", 1),
            ("mmap_size", 0),
            ("temp_store", 2),
        ] {
            let told = file.conn.pragma_query_value(None, name, |row| row.get(0));
            assert_eq!(told.unwrap_or(0), wanted, "{name}");
        }
        assert!(file.conn.is_readonly("main").unwrap());
        assert!(!file.conn.is_autocommit(), "it reads in one transaction");
    }
}
