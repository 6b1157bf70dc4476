//! Connections, and what each is told before its first statement.

use std::path::Path;
use std::time::Duration;

use keyward_base::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::failure::Said;

/// Opens a file that exists. Each connection is used by one thread at a time.
pub(crate) fn open(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).said()?;
    conn.busy_timeout(busy_timeout).said()?;
    conn.set_prepared_statement_cache_capacity(64);
    // Nobody changes the schema's own table, and functions in a foreign schema do not run.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .said()?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        .said()?;
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
    // Zeroes what is deleted. The pragma answers with the setting.
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))
        .said()?;
    Ok(conn)
}

/// Opens a file for reading only, once its schema is known to be right.
pub(crate) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let conn = open(path, busy_timeout)?;
    conn.execute_batch("PRAGMA query_only = ON;").said()?;
    Ok(conn)
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
        let writer = open(&path, Duration::ZERO).unwrap();
        let reader = open_reader(&path, Duration::ZERO).unwrap();
        for conn in [&writer, &reader] {
            assert_eq!(told(conn, "synchronous"), 2, "FULL");
            assert_eq!(told(conn, "secure_delete"), 1, "ON");
            assert_eq!(told(conn, "temp_store"), 2, "MEMORY");
        }
        assert_eq!(told(&reader, "query_only"), 1);
    }
}
