//! What keeps foreign SQL out: a schema that is compared whenever it may have changed, and an end
//! for every statement.
//!
//! Whoever can write to the file can put triggers, views and generated columns into it, and SQLite
//! would run them as a part of our own statements. Triggers and views are off on every connection
//! ([`connection`](crate::connection)); here the rest is refused. SQLite compiles a cached
//! statement anew exactly when it sees that the schema changed, and asks the authorizer then: so
//! that comparing costs a point read nothing but a look at a flag.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::schema;

/// Instructions of SQLite's machine between two looks at the allowance.
const STRIDE: i32 = 1 << 16;

/// Strides that one job may take, 2^29 instructions: a count of 100 million records takes about
/// as many, and some five seconds. Only foreign SQL would go on longer.
const STRIDES: u32 = 1 << 13;

/// A connection that notices when its schema changes, and whose statements end.
pub(crate) struct Guarded {
    conn: Connection,
    /// Something was compiled since the schema was last compared.
    compiled: Arc<AtomicBool>,
    /// Strides that are left.
    left: Arc<AtomicU32>,
}

impl Guarded {
    pub(crate) fn new(mut conn: Connection) -> rusqlite::Result<Self> {
        let compiled = Arc::new(AtomicBool::new(true));
        let left = Arc::new(AtomicU32::new(STRIDES));
        let seen = Arc::clone(&compiled);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            if !is_compiled_each_time(&context.action) {
                seen.store(true, Ordering::Relaxed);
            }
            Authorization::Allow
        }))?;
        let mut guarded = Self {
            conn,
            compiled,
            left,
        };
        guarded.limit()?;
        Ok(guarded)
    }

    fn limit(&mut self) -> rusqlite::Result<()> {
        let left = Arc::clone(&self.left);
        let ends = move || {
            let before = left.load(Ordering::Relaxed);
            left.store(before.saturating_sub(1), Ordering::Relaxed);
            before == 0
        };
        self.conn.progress_handler(STRIDE, Some(ends))
    }

    /// Gives the statements that follow a new allowance.
    pub(crate) fn begin(&self) {
        self.left.store(STRIDES, Ordering::Relaxed);
    }

    /// Reads, and gives back what was read if the schema is ours.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.begin();
        let done = read(&self.conn);
        self.compare()?;
        done
    }

    /// Compares the schema if it may have changed since it was last compared.
    ///
    /// # Errors
    /// If something in it is not as this version has it.
    pub(crate) fn compare(&self) -> rusqlite::Result<()> {
        if !self.compiled.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.begin();
        schema::compare(&self.conn)?;
        // What compares is compiled too, and does not count.
        self.compiled.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Compares the schema, whether or not anything was seen: before what has no allowance, nothing may
    /// have run that would have seen it.
    ///
    /// # Errors
    /// As [`Guarded::compare`].
    pub(crate) fn compare_anew(&self) -> rusqlite::Result<()> {
        self.compiled.store(true, Ordering::Relaxed);
        self.compare()
    }

    /// Has something done that may take as long as it takes.
    pub(crate) fn unlimited<T>(&mut self, work: impl FnOnce(&Connection) -> T) -> T {
        // Without a handler nothing is interrupted. It cannot fail on an open connection; if it
        // did, the limit would stay, which is safe.
        let _ = self.conn.progress_handler(0, None::<fn() -> bool>);
        let done = work(&self.conn);
        let _ = self.limit();
        done
    }
}

/// Pragmas that this crate asks at each transaction, and that name no table. SQLite compiles a pragma
/// anew each time it is run: if that counted, the schema would be compared with each write, which takes
/// longer than the write. A schema that changed has every other statement compiled anew as well, and a
/// transaction has some; what begins with none is compared by [`Guarded::compare_anew`].
const EACH_TIME: [&str; 4] = [
    "data_version",
    "freelist_count",
    "page_count",
    "wal_checkpoint",
];

fn is_compiled_each_time(action: &AuthAction<'_>) -> bool {
    matches!(action, AuthAction::Pragma { pragma_name, .. } if EACH_TIME.contains(pragma_name))
}

impl Deref for Guarded {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connection::open_writer;
    use crate::file::Missing;

    /// What no test through the public API can see: it would only be slow.
    #[test]
    fn what_is_compiled_each_time_has_no_schema_compared_and_hides_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        std::fs::write(&path, "").unwrap();
        let conn = open_writer(&path, Duration::ZERO, Missing::Made).unwrap();
        // As a transaction does.
        let ask = || {
            for sql in [
                "PRAGMA wal_checkpoint(NOOP)",
                "PRAGMA data_version",
                "PRAGMA page_count",
                "PRAGMA freelist_count",
                "SELECT last FROM counter WHERE one = 1",
            ] {
                let mut known = conn.prepare_cached(sql).unwrap();
                known.query_row([], |_| Ok(())).unwrap();
            }
            conn.compiled.load(Ordering::Relaxed)
        };
        assert!(ask(), "the first time");
        conn.compare().unwrap();
        for _ in 0..3 {
            assert!(!ask(), "nothing changed");
        }
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE planted (one)").unwrap();
        assert!(ask(), "planted");
        assert!(conn.compare().is_err());
    }
}
