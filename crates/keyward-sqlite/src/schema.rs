//! The schema, its version, and the mark that tells our files from others.
//!
//! `docs/formats/store-sqlite.md` is the specification of what stands here.

use keyward_base::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};

use crate::failure::Said;

/// `kwst` in ASCII, in the database header.
const APPLICATION_ID: i32 = 0x6b77_7374;

/// Migrations in order: after the first `n` of them the schema has version `n`.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

const NEWEST: i32 = 1;

/// Brings the schema to the newest version, in one transaction, and turns the write-ahead log on.
pub(crate) fn prepare(conn: &mut Connection) -> Result<()> {
    // One moment: read one after the other, the numbers could be those of before, and the tables
    // those of after, another process made them.
    let look = conn.unchecked_transaction().said()?;
    let current = is_current(&look)?;
    look.finish().said()?;
    if !current {
        // Another process may do the same: who waits finds it done.
        let tx = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .said()?;
        if !is_current(&tx)? {
            migrate(&tx)?;
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
    if owner == APPLICATION_ID && (1..=NEWEST).contains(&version) {
        return Ok(version == NEWEST);
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

fn migrate(conn: &Connection) -> Result<()> {
    let version: i32 = conn
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .said()?;
    let done = usize::try_from(version).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(done) {
        conn.execute_batch(step).said()?;
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)
        .said()?;
    conn.pragma_update(None, "user_version", NEWEST).said()
}
