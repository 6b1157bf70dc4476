//! Every text and blob column of a SQLite database.

mod columns;
mod connection;
mod large;

use std::path::Path;
use std::time::Duration;

use keyward_base::Result;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use self::columns::Table;
use self::connection::File;
use crate::keys::Keys;
use crate::matcher::Matcher;
use crate::report::{Report, Tally};

/// Rows between two words about how far it is.
const STEP: u64 = 4_096;

/// How a database is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long to wait for another process that has the file locked. 5 s, longer than any
    /// ordinary transaction.
    pub patience: Duration,
    /// Values of more bytes than this are looked at through a window instead of being taken into
    /// memory, where the table has row ids. 4 MiB; a sealed value has at most 1.4.
    pub in_memory: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(5),
            in_memory: 4 << 20,
        }
    }
}

/// Counts the values of `keys` in each column of the SQLite database at `path`.
///
/// The file is opened for reading only, and all is read in one transaction, so that a row that
/// moves meanwhile is seen once. An application that uses a write-ahead log goes on writing; one
/// with a rollback journal waits until the search is over. No SQL of the database runs: no view,
/// no trigger, no virtual table, no generated column that is not stored, no expression of an
/// index or a check, no collation. `progress` is told the number of rows seen so far.
///
/// Memory does not grow with the number of rows. A table without row ids, with generated columns
/// or in UTF-16 takes its longest value into memory.
///
/// # Errors
/// - `Misuse`: there is no such file, or it is empty or no regular file.
/// - `Unavailable`: it may not be read, is locked for longer than [`Options::patience`], or waits
///   for its application to end a write that was cut short.
/// - `Corrupt`: it is no SQLite database, is encrypted, or is damaged.
pub fn file(
    path: &Path,
    keys: &Keys,
    options: Options,
    mut progress: impl FnMut(u64),
) -> Result<Report> {
    let file = File::open(path, options)?;
    let matcher = Matcher::new(keys)?;
    let mut tally = Tally::default();
    let mut seen = 0_u64;
    let tables = columns::tables(&file)?;
    for table in &tables.ordinary {
        let mut step = || {
            seen = seen.saturating_add(1);
            if seen.is_multiple_of(STEP) {
                progress(seen);
            }
        };
        let counts = match look(&file.conn, table, &matcher, &mut step) {
            Err(error) if large::is_too_big(&error) => {
                large::look(&file, table, &matcher, options.in_memory)?
            }
            counts => file.said(counts)?,
        };
        for (column, count) in table.columns.iter().zip(counts) {
            tally.add(&table.name, Some(column), count);
        }
    }
    progress(seen);
    Ok(Report {
        found: tally.into_found(),
        virtual_tables: tables.virtual_ones,
        complete: true,
        log_missing: file.log_missing,
    })
}

/// The number of values in each column of `table`.
fn look(
    conn: &Connection,
    table: &Table,
    matcher: &Matcher<'_>,
    step: &mut impl FnMut(),
) -> rusqlite::Result<Vec<u64>> {
    let mut counts = vec![0_u64; table.columns.len()];
    let mut statement = conn.prepare(&table.select())?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for (index, count) in counts.iter_mut().enumerate() {
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(index)? {
                *count = count.saturating_add(matcher.count(bytes));
            }
        }
        step();
    }
    Ok(counts)
}
