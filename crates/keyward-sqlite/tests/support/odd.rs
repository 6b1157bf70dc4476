//! Values in columns that nobody wrote through the store, as a flipped bit leaves them.

use rusqlite::Connection;
use std::path::Path;

/// Changes one row of a table that takes any value in any column, as no SQLite does by itself.
#[allow(unreachable_pub)] // Other crates' tests take this file too.
pub fn odd(path: &Path, table: &str, sql: &str) {
    odd_many(path, table, sql, 1);
}

/// [`odd`], of so many rows.
#[allow(unreachable_pub)] // Other crates' tests take this file too.
pub fn odd_many(path: &Path, table: &str, sql: &str, rows: usize) {
    let schema = |from: &str, to: &str| {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch("PRAGMA writable_schema = ON").unwrap();
        let renamed = "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1 AND sql = ?3";
        assert_eq!(conn.execute(renamed, [table, to, from]).unwrap(), 1);
    };
    let of = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let conn = Connection::open(path).unwrap();
    let ours: String = conn.query_row(of, [table], |row| row.get(0)).unwrap();
    drop(conn);
    let any = ours.replace("TEXT", "BLOB").replace("INTEGER", "BLOB");
    let any = any.replace("NOT NULL", "").replace("STRICT", "");
    schema(&ours, &any);
    let conn = Connection::open(path).unwrap();
    assert_eq!(conn.execute(sql, []).unwrap(), rows, "{sql}");
    drop(conn);
    schema(&any, &ours);
}
