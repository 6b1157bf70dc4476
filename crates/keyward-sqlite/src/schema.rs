//! The schema, its version, and the mark that tells our files from others.
//!
//! `docs/formats/store-sqlite.md` is the specification of what stands here.

use std::sync::OnceLock;

use keyward_base::{Error, Result};
use keyward_store::StoreId;
use rusqlite::{Connection, TransactionBehavior};

use crate::failure::Said;
use crate::file::Missing;

/// `kwst` in ASCII, in the database header.
const APPLICATION_ID: i32 = 0x6b77_7374;

/// The schema's version. Version 1 was in no release, and is not read.
const NEWEST: i32 = 2;

const SCHEMA: &str = include_str!("schema/2.sql");

/// One row of `sqlite_schema`: type, name, table and SQL.
type Object = (String, String, String, Option<String>);

/// Compares the schema with that of this version: every table, index, trigger and view, by its
/// very text.
pub(crate) fn compare(conn: &Connection) -> rusqlite::Result<()> {
    if objects(conn)? == expected()? {
        return Ok(());
    }
    Err(rusqlite::Error::InvalidQuery)
}

fn objects(conn: &Connection) -> rusqlite::Result<Vec<Object>> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.collect()
}

/// What SQLite makes of the statements of this version.
fn expected() -> rusqlite::Result<Vec<Object>> {
    static EXPECTED: OnceLock<Vec<Object>> = OnceLock::new();
    if let Some(known) = EXPECTED.get() {
        return Ok(known.clone());
    }
    let conn = Connection::open_in_memory()?;
    conn.execute_batch(SCHEMA)?;
    let objects = objects(&conn)?;
    Ok(EXPECTED.get_or_init(|| objects).clone())
}

/// Makes the schema in an empty file, unless there has to be one, in one transaction, and turns the write-ahead log on.
pub(crate) fn prepare(conn: &mut Connection, missing: Missing) -> Result<()> {
    // One moment: read one after the other, the numbers could be those of before, and the tables
    // those of after, another process made them.
    let look = conn.unchecked_transaction().said()?;
    let current = is_current(&look)?;
    look.finish().said()?;
    if !current && missing == Missing::Refused {
        return Err(Error::corrupt(
            "the store's file is empty: restore a backup",
        ));
    }
    if !current {
        // Another process may do the same: who waits finds it done.
        let tx = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .said()?;
        if !is_current(&tx)? {
            make(&tx)?;
        }
        tx.commit().said()?;
    }
    // Once on, it stays on: nothing is written here then.
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .said()?;
    if mode == "wal" {
        return Ok(());
    }
    Err(Error::unavailable(
        "the disk offers no write-ahead log, as on some network disks: use a local disk",
    ))
}

/// Refuses a file that does not hold the newest schema, and changes nothing.
pub(crate) fn check(conn: &Connection) -> Result<()> {
    if is_current(conn)? {
        return Ok(());
    }
    Err(Error::unavailable(
        "the disk is full, and the store was not made yet: make room, and try again",
    ))
}

fn is_current(conn: &Connection) -> Result<bool> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (owner, version) = (
        number("application_id").said()?,
        number("user_version").said()?,
    );
    if owner == APPLICATION_ID && version > NEWEST {
        return Err(Error::unavailable(format!(
            "the store has schema {version} and this keyward knows {NEWEST}: upgrade keyward"
        )));
    }
    // Prefixes of sealed text are compared by its bytes.
    let encoding: String = conn
        .pragma_query_value(None, "encoding", |row| row.get(0))
        .said()?;
    if owner == APPLICATION_ID && encoding != "UTF-8" {
        return Err(rusqlite::Error::InvalidQuery).said();
    }
    if owner == APPLICATION_ID && version == NEWEST {
        compare(conn).said()?;
        return Ok(true);
    }
    if owner == APPLICATION_ID {
        return Err(Error::misuse(format!(
            "the store has schema {version}, from before the first release, and this keyward reads {NEWEST}: make a new store, and seal the values into it again"
        )));
    }
    let objects: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .said()?;
    if owner == 0 && version == 0 && objects == 0 {
        return Ok(false);
    }
    Err(Error::misuse(
        "the file is a SQLite database of another application: give the store a path of its own",
    ))
}

fn make(conn: &Connection) -> Result<()> {
    conn.execute_batch(SCHEMA).said()?;
    let identity = StoreId::random()?;
    conn.execute(
        "INSERT INTO store (one, identity) VALUES (1, ?1)",
        [identity.as_str()],
    )
    .said()?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)
        .said()?;
    conn.pragma_update(None, "user_version", NEWEST).said()
}

/// Which store this is.
pub(crate) fn identity(conn: &Connection) -> Result<StoreId> {
    let sql = "SELECT identity FROM store WHERE one = 1";
    let name: String = conn.query_row(sql, [], |row| row.get(0)).said()?;
    StoreId::new(&name).map_err(|e| {
        Error::corrupt("the store's identity is not one: restore a backup").with_source(e)
    })
}
