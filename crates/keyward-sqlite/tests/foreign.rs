//! SQL that somebody else put into the file: it does not run, and is refused.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fs;
use std::path::Path;

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Content, Records, Version, Write};
use rusqlite::Connection;
use support::{apply, closed, count, done, insert, key, refused, set};

const ENDLESS: &str = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n)
                       SELECT count(*) FROM n";

/// Each leaves a file that SQLite takes, and that is not ours.
fn plants() -> Vec<(&'static str, String)> {
    let record = "CREATE TABLE record (collection TEXT NOT NULL, owner TEXT NOT NULL,
        id TEXT NOT NULL, version INTEGER NOT NULL, expires INTEGER, mac_key BLOB NOT NULL,
        token_key BLOB NOT NULL, word TEXT NOT NULL, data BLOB NOT NULL, sealed TEXT NOT NULL";
    let copy = |rest: &str| {
        format!(
            "ALTER TABLE record RENAME TO theirs; {record}{rest};
             INSERT INTO record SELECT * FROM theirs; DROP TABLE theirs;"
        )
    };
    vec![
        (
            "a trigger that undoes an update",
            "CREATE TRIGGER undo AFTER UPDATE ON record BEGIN
                 UPDATE record SET data = old.data, sealed = old.sealed WHERE rowid = new.rowid;
             END"
            .into(),
        ),
        (
            "a trigger that never ends",
            format!(
                "CREATE TRIGGER hang BEFORE INSERT ON record
                 WHEN (SELECT 1 FROM ({ENDLESS})) BEGIN SELECT 1; END"
            ),
        ),
        (
            "a view in place of the table",
            "ALTER TABLE record RENAME TO theirs;
             CREATE VIEW record AS SELECT * FROM theirs WHERE 0"
                .into(),
        ),
        (
            "a view that never ends",
            format!(
                "ALTER TABLE record RENAME TO theirs;
                 CREATE VIEW record AS SELECT * FROM theirs WHERE ({ENDLESS})"
            ),
        ),
        (
            "a view in place of the counter",
            format!(
                "DROP TABLE counter; CREATE VIEW counter AS SELECT 1 AS one, ({ENDLESS}) AS last"
            ),
        ),
        ("a table", "CREATE TABLE theirs (x)".into()),
        ("an index", "CREATE INDEX theirs ON record (word)".into()),
        ("an index that is gone", "DROP INDEX record_sealed".into()),
        (
            "an index of another expression",
            "DROP INDEX record_sealed; CREATE INDEX record_sealed ON record (collection)".into(),
        ),
        ("a column", "ALTER TABLE record ADD COLUMN more TEXT".into()),
        (
            "a generated column",
            "ALTER TABLE record ADD COLUMN more TEXT AS (hex(data))".into(),
        ),
        (
            "a constraint that lets writes fall under the table",
            copy(", UNIQUE (collection, owner, id) ON CONFLICT IGNORE) STRICT"),
        ),
        (
            "a table that is not strict",
            copy(", PRIMARY KEY (collection, owner, id))"),
        ),
        (
            "another collation",
            copy(" COLLATE NOCASE, PRIMARY KEY (collection, owner, id)) STRICT"),
        ),
        ("statistics", "ANALYZE".into()),
    ]
}

fn plant(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
}

#[test]
fn a_file_with_foreign_sql_is_refused_and_unchanged() {
    for (what, sql) in plants() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        closed(&path);
        plant(&path, &sql);
        let before = fs::read(&path).unwrap();
        let opened = SqliteStore::open(&path);
        assert!(opened.is_err(), "{what} was taken");
        refused(opened, ErrorKind::Corrupt, "a trigger or a view");
        assert_eq!(fs::read(&path).unwrap(), before, "{what}");
    }
}

fn swap(version: Version, data: &[u8]) -> Write {
    Write::Swap {
        key: key("acme", "0007"),
        version,
        content: Content {
            data: data.to_vec(),
            ..Content::default()
        },
    }
}

/// Planted while the store is open and warm: nothing of it is run, each call is refused, and what
/// was acknowledged stands.
#[test]
fn what_is_planted_later_does_not_run() {
    for (what, sql) in plants() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        closed(&path);
        let store = SqliteStore::open(&path).unwrap();
        let at = key("acme", "0007");
        let record = block_on(store.fetch(&at)).unwrap().unwrap();
        let version = done(&store, vec![swap(record.version, b"first")])[0].unwrap();
        assert_eq!(count(&store), 200, "{what}");
        let whole = path.with_file_name("whole.db");
        plant(&path, &format!("VACUUM INTO '{}'", whole.display()));

        plant(&path, &sql);
        let says = "a trigger or a view";
        let written = apply(&store, vec![swap(version, b"second")]);
        assert!(written.is_err(), "{what}: a write was acknowledged");
        refused(written, ErrorKind::Corrupt, says);
        for _ in 0..3 {
            refused(block_on(store.fetch(&at)), ErrorKind::Corrupt, says);
            refused(block_on(store.count(&set(), "")), ErrorKind::Corrupt, says);
            let written = apply(&store, vec![insert("new", b"")]);
            refused(written, ErrorKind::Corrupt, says);
        }
        refused(block_on(store.erase()), ErrorKind::Corrupt, says);
        refused(block_on(store.check_integrity()), ErrorKind::Corrupt, says);
        drop(store);
        let sound = Connection::open(&whole).unwrap();
        let first: Vec<u8> = sound
            .query_row("SELECT data FROM record WHERE id = '0007'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(first, b"first");
    }
}

/// What takes as long as it takes is asked first, before anything else of the store could have seen
/// that something was planted.
#[test]
fn what_was_planted_is_seen_by_what_reads_or_writes_the_whole_file_first() {
    // A trigger, a table and a generated column.
    for (what, sql) in plants().into_iter().step_by(5) {
        for first in ["erase", "check_integrity", "damaged"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("data.db");
            closed(&path);
            let store = SqliteStore::open(&path).unwrap();
            // Each connection has looked, and knows all that it asks.
            for n in 0..3 {
                done(&store, vec![insert(&format!("warm-{n}"), b"")]);
                count(&store);
            }
            plant(&path, &sql);
            let done = match first {
                "erase" => block_on(store.erase()).map(drop),
                "check_integrity" => block_on(store.check_integrity()),
                _ => block_on(store.damaged()).map(drop),
            };
            assert!(done.is_err(), "{what}: {first}");
            refused(done, ErrorKind::Corrupt, "a trigger or a view");
        }
    }
}

#[test]
fn a_store_goes_on_when_the_foreign_sql_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    closed(&path);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(count(&store), 200);
    plant(
        &path,
        "CREATE TRIGGER theirs AFTER INSERT ON record BEGIN DELETE FROM record; END",
    );
    refused(
        apply(&store, vec![insert("new", b"")]),
        ErrorKind::Corrupt,
        "restore a backup",
    );
    refused(
        block_on(store.count(&set(), "")),
        ErrorKind::Corrupt,
        "restore a backup",
    );
    plant(&path, "DROP TRIGGER theirs");
    assert_eq!(count(&store), 200);
    done(&store, vec![insert("new", b"")]);
    assert_eq!(count(&store), 201);
}

/// Whoever puts back the number by which SQLite sees that the schema changed hides it from connections
/// that are warm. These go on by the schema that they compared, so that nothing of the other one runs;
/// whatever compares anew refuses it.
#[test]
fn a_change_that_is_hidden_runs_nowhere_and_is_found_by_what_compares_anew() {
    let trigger = "CREATE TRIGGER theirs AFTER UPDATE ON record BEGIN DELETE FROM record; END";
    for first in ["erase", "check_integrity", "damaged", "open"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        closed(&path);
        let store = SqliteStore::open(&path).unwrap();
        let at = key("acme", "0007");
        let mut version = block_on(store.fetch(&at)).unwrap().unwrap().version;
        // Each connection knows all that it asks, also after somebody else wrote.
        for _ in 0..3 {
            version = done(&store, vec![swap(version, b"first")])[0].unwrap();
            assert_eq!(count(&store), 200);
            plant(&path, "UPDATE counter SET last = last + 1");
        }
        let number = "SELECT schema_version FROM pragma_schema_version";
        let conn = Connection::open(&path).unwrap();
        let number: i64 = conn.query_row(number, [], |row| row.get(0)).unwrap();
        let hidden = format!("{trigger}; PRAGMA schema_version = {number}");
        conn.execute_batch(&format!("BEGIN IMMEDIATE; {hidden}; COMMIT"))
            .unwrap();
        drop(conn);

        done(&store, vec![swap(version, b"second")]);
        let record = block_on(store.fetch(&at)).unwrap().unwrap();
        assert_eq!(record.content.data, b"second", "{first}");
        assert_eq!(count(&store), 200);
        let found = match first {
            "erase" => block_on(store.erase()).map(drop),
            "check_integrity" => block_on(store.check_integrity()),
            "damaged" => block_on(store.damaged()).map(drop),
            _ => SqliteStore::open(&path).map(drop),
        };
        assert!(found.is_err(), "{first}");
        refused(found, ErrorKind::Corrupt, "a trigger or a view");
    }
}

/// Who holds the file when `erase` begins commits his schema between its look and its work: an answer
/// comes after another look.
#[test]
fn a_schema_that_is_committed_while_erase_waits_is_found() {
    for round in [2_u32, 5] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        closed(&path);
        let store = SqliteStore::open(&path).unwrap();
        let theirs = Connection::open(&path).unwrap();
        theirs
            .execute_batch("BEGIN IMMEDIATE; CREATE VIEW theirs AS SELECT 1")
            .unwrap();
        let erased = std::thread::scope(|scope| {
            let erased = scope.spawn(|| block_on(store.erase()));
            // Sooner or later, by what it takes to read so often.
            for _ in 0..(1_u32 << round) {
                theirs
                    .query_row("SELECT count(*) FROM record", [], |_| Ok(()))
                    .unwrap();
            }
            theirs.execute_batch("COMMIT").unwrap();
            erased.join().unwrap()
        });
        refused(erased.map(drop), ErrorKind::Corrupt, "a trigger or a view");
    }
}
