//! Connections, and what each is told before its first statement.

use std::path::Path;
use std::thread;
use std::time::Duration;

use keyward_base::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::failure::{Said, is_locked};
use crate::file::Missing;
use crate::guard::Guarded;
use crate::schema;

/// How long an attempt to open waits before the next one.
const TURN: Duration = Duration::from_millis(10);

/// Nobody changes the schema's own table through this connection, and no function, trigger or view
/// in a foreign schema runs.
const CONFIG: [(DbConfig, bool); 4] = [
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
];

/// Opens the connection that writes, and sees to the schema.
///
/// SQLite waits for no lock when it turns the write-ahead log on, nor while the last user of a
/// file folds it in: here the attempt is made again, until `busy_timeout` is over.
pub(crate) fn open_writer(
    path: &Path,
    busy_timeout: Duration,
    missing: Missing,
) -> Result<Guarded> {
    patiently(busy_timeout, || {
        let mut conn = open(path, TURN, Sharing::Shared)?;
        schema::prepare(&mut conn, missing)?;
        conn.busy_timeout(busy_timeout).said()?;
        Guarded::new(conn).said()
    })
}

fn patiently<T>(span: Duration, attempt: impl Fn() -> Result<T>) -> Result<T> {
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(error) if is_locked(&error) && waited < span => {
                thread::sleep(TURN);
                waited = waited.saturating_add(TURN);
            }
            other => return other,
        }
    }
}

/// Whether other connections may have the file open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Shared,
}

/// Opens a file that exists. Each connection is used by one thread at a time.
fn open(path: &Path, busy_timeout: Duration, sharing: Sharing) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).said()?;
    conn.busy_timeout(busy_timeout).said()?;
    conn.set_prepared_statement_cache_capacity(64);
    if sharing == Sharing::Alone {
        // Before the first look into the file, which would share it.
        conn.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))
            .said()?;
    }
    for (config, on) in CONFIG {
        conn.set_db_config(config, on).said()?;
    }
    if conn.is_readonly("main").said()? {
        return Err(Error::unavailable(format!(
            "{} cannot be written: give its user the file, its folder and a writable disk",
            path.display()
        )));
    }
    conn.execute_batch(
        // FULL: a commit in the write-ahead log is on disk before it is acknowledged.
        "PRAGMA synchronous = FULL;
         PRAGMA temp_store = MEMORY;
         PRAGMA cell_size_check = ON;",
    )
    .said()?;
    // A journal that one long read let grow is cut back to 16 MiB. The pragma answers.
    conn.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))
        .said()?;
    // Zeroes what is deleted. The pragma answers with the setting.
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))
        .said()?;
    Ok(conn)
}

/// Opens a file on a disk that has no room for the memory that processes share: alone, for reading
/// only. Whoever else opens it meanwhile is kept out, so that nothing is shared.
pub(crate) fn open_alone(path: &Path, busy_timeout: Duration) -> Result<Guarded> {
    patiently(busy_timeout, || {
        let conn = open(path, TURN, Sharing::Alone)?;
        // Folding the log in as it closes could want room, too.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .said()?;
        conn.execute_batch("PRAGMA query_only = ON;").said()?;
        schema::check(&conn)?;
        conn.busy_timeout(busy_timeout).said()?;
        Guarded::new(conn).said()
    })
}

/// Opens a file for reading only, once its schema is known to be right. `busy_timeout` holds for
/// its reads; opening may take as long as `patience`.
pub(crate) fn open_reader(
    path: &Path,
    patience: Duration,
    busy_timeout: Duration,
) -> Result<Guarded> {
    patiently(patience, || {
        let conn = open(path, TURN, Sharing::Shared)?;
        conn.execute_batch("PRAGMA query_only = ON;").said()?;
        conn.busy_timeout(busy_timeout).said()?;
        Guarded::new(conn).said()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no test through the public API can see: a test cannot cut the power.
    #[test]
    fn every_connection_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        std::fs::write(&path, "").unwrap();
        let told = |conn: &Connection, name| {
            conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let writer = open_writer(&path, Duration::ZERO, Missing::Made).unwrap();
        let reader = open_reader(&path, Duration::ZERO, Duration::ZERO).unwrap();
        for conn in [&writer, &reader] {
            // Said again, so that none is lost from the list.
            for (config, on) in [
                (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
                (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            ] {
                assert_eq!(conn.db_config(config).unwrap(), on, "{config:?}");
            }
            assert_eq!(told(conn, "cell_size_check"), 1, "ON");
            assert_eq!(told(conn, "synchronous"), 2, "FULL");
            assert_eq!(told(conn, "secure_delete"), 1, "ON");
            assert_eq!(told(conn, "temp_store"), 2, "MEMORY");
            assert_eq!(told(conn, "journal_size_limit"), 16_777_216);
        }
        assert_eq!(told(&reader, "query_only"), 1);
    }

    /// With views and triggers off there is no endless statement that could come from outside.
    #[test]
    fn every_statement_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        std::fs::write(&path, "").unwrap();
        let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n)
                       SELECT count(*) FROM n";
        let run = |conn: &Connection| conn.query_row(endless, [], |row| row.get::<_, i64>(0));
        let writer = open_writer(&path, Duration::ZERO, Missing::Made).unwrap();
        let ended = writer.read(run).unwrap_err();
        assert_eq!(
            ended.sqlite_error_code(),
            Some(rusqlite::ErrorCode::OperationInterrupted)
        );
        // The next one has an allowance of its own, and is long enough to be looked at.
        let long = endless.replace("FROM n)", "FROM n WHERE x < 100000)");
        let count = |conn: &Connection| conn.query_row(&long, [], |row| row.get::<_, i64>(0));
        assert_eq!(writer.read(count).unwrap(), 100_000);
    }
}
