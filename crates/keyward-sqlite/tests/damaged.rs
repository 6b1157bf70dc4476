//! Damage that SQLite does not see.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Find, Records, Scan, Words, Write};
use rusqlite::Connection;
use support::{closed, count, done, refused, set};
use tempfile::TempDir;

fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    (folder, path)
}

/// In UTF-16 no sealed text begins with the bytes of a key's tag, so that nothing would be counted.
#[test]
fn a_file_of_another_encoding_is_refused() {
    let (_folder, path) = fresh();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA encoding = 'UTF-16le'").unwrap();
    conn.execute_batch(include_str!("../src/schema/2.sql"))
        .unwrap();
    conn.execute_batch(
        "INSERT INTO store VALUES (1, 'a3f0c2d4e5061728394a5b6c7d8e9f00');
         INSERT INTO record VALUES
             ('test', 'acme', '1', 1, NULL, x'', x'', '', x'', 'kw1.abcdefghijklmno');
         PRAGMA application_id = 1802990452;
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(conn);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    refused(
        SqliteStore::open(&path),
        ErrorKind::Corrupt,
        "restore a backup",
    );
}

/// One flipped bit costs the record that it lies in, and nobody else.
#[test]
fn a_damaged_text_does_not_stop_a_walk() {
    let (_folder, path) = fresh();
    closed(&path);
    let conn = Connection::open(&path).unwrap();
    for (id, at) in [("0003", 1), ("0004", 17), ("0005", 19)] {
        let sql = "UPDATE record SET sealed = CAST(substr(CAST(sealed AS BLOB), 1, ?2 - 1)
                || x'eb' || substr(CAST(sealed AS BLOB), ?2 + 1) AS TEXT) WHERE id = ?1";
        assert_eq!(conn.execute(sql, (id, at)).unwrap(), 1);
    }
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    let scan = || Scan::of(set()).limit(3);
    let mut pages = scan().pages(&store);
    let mut read = Vec::new();
    while let Some(page) = block_on(pages.next()).unwrap() {
        read.extend(page);
    }
    assert_eq!(read.len(), 200);
    for record in &read {
        let whole = record.sealed == "kw1.abcdefghijklmno";
        let odd = ["0003", "0004", "0005"].contains(&record.key.id.as_str());
        assert_eq!(whole, !odd, "{}", record.key.id);
        assert_eq!(
            block_on(store.fetch(&record.key)).unwrap().as_ref(),
            Some(record)
        );
    }
    for front in [0, 1, 17, 18, 19, 60] {
        let mut pages = scan().pages(&store);
        let mut outlines = Vec::new();
        while let Some(page) = block_on(pages.next_outlines(front)).unwrap() {
            outlines.extend(page);
        }
        assert_eq!(outlines.len(), 200);
        assert!(
            outlines
                .iter()
                .all(|o| o.front.len() <= front && o.sealed_len == 19)
        );
    }
    // It can be replaced, and deleted.
    let (key, version) = (read[4].key.clone(), read[4].version);
    done(&store, vec![Write::Delete { key, version }]);
    assert_eq!(count(&store), 199);
}

/// An index that lost rows makes a count call a key unused, while its values are all there.
#[test]
fn an_index_that_lost_rows_is_corrupt_before_anything_goes_by_it() {
    for (index, column, holds) in [
        ("record_sealed", "sealed", "kw1.abcdefghijklmno"),
        ("record_mac_key", "mac_key", "kw1.abcdefghijkl"),
        ("record_token_key", "token_key", "kw1.abcdefghijkl"),
    ] {
        let (_folder, path) = fresh();
        closed(&path);
        let conn = Connection::open(&path).unwrap();
        let sql: String = conn
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE name = ?1",
                [index],
                |row| row.get(0),
            )
            .unwrap();
        let theirs = match sql.split_once(" WHERE ") {
            Some((columns, _)) => format!("{columns} WHERE owner = 'globex'"),
            None => format!("{sql} WHERE owner = 'globex'"),
        };
        let value = if column == "sealed" {
            "?1"
        } else {
            "CAST(?1 AS BLOB)"
        };
        conn.execute("UPDATE record SET sealed = ''", []).unwrap();
        conn.execute(&format!("UPDATE record SET {column} = {value}"), [holds])
            .unwrap();
        block_on(SqliteStore::open(&path).unwrap().check_counts()).unwrap();
        // Built without the rows, and then called what it was: as a flipped bit may leave it.
        conn.execute_batch(&format!(
            "DROP INDEX {index}; {theirs}; PRAGMA writable_schema = ON"
        ))
        .unwrap();
        let renamed = "UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2";
        assert_eq!(conn.execute(renamed, [sql.as_str(), index]).unwrap(), 1);
        drop(conn);
        let store = SqliteStore::open(&path).unwrap();
        let tag = "kw1.abcdefghijkl";
        assert_eq!(block_on(store.count(&set(), tag)).unwrap(), 0, "{index}");
        refused(
            block_on(store.check_counts()),
            ErrorKind::Corrupt,
            "restore a backup",
        );
    }
}

/// Words say where a page ends: one that was damaged ends the walk, and does not begin it anew.
#[test]
fn a_damaged_word_says_of_no_page_where_it_ends() {
    let (_folder, path) = fresh();
    closed(&path);
    let conn = Connection::open(&path).unwrap();
    for (id, word) in [("0001", "x'61'"), ("0002", "x'eb'"), ("0003", "x'ec'")] {
        let sql = format!("UPDATE record SET word = CAST({word} AS TEXT) WHERE id = ?1");
        assert_eq!(conn.execute(&sql, [id]).unwrap(), 1);
    }
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    let mut find = Find::of(set(), Words::All);
    find.limit = 1;
    refused(
        block_on(store.find(find)),
        ErrorKind::Corrupt,
        "restore a backup",
    );
}
