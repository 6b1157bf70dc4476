//! Erasing what was deleted or replaced.
//!
//! `secure_delete` alone zeroes a record where it lay, but not the copies that stay behind in a
//! page when SQLite moved the record to another, nor what the journal holds: only writing the file
//! anew, and the journal back into it, leaves none. It takes as long as copying the file, twice its
//! size on disk and once in memory meanwhile.

use keyward_base::Result;
use keyward_store::Erased;
use rusqlite::Connection;

use crate::failure::{Said, is_busy};

pub(crate) fn erase(conn: &Connection) -> Result<Erased> {
    match conn.execute_batch("VACUUM") {
        Err(e) if is_busy(&e) => return Ok(Erased::InUse),
        written => written.said()?,
    }
    // Waits for whoever still reads what was there before, as long as the busy timeout is.
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    match conn.query_row(sql, [], |row| row.get::<_, i64>(0)) {
        Ok(0) => Ok(Erased::Done),
        Ok(_) => Ok(Erased::InUse),
        Err(e) if is_busy(&e) => Ok(Erased::InUse),
        Err(e) => Err(e).said(),
    }
}
