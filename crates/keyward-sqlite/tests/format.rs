//! `docs/formats/store-sqlite.md`, run as it stands.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Records, Version};
use rusqlite::Connection;
use support::{done, insert, key, set};

const PAGE: &str = include_str!("../../../docs/formats/store-sqlite.md");

fn schema() -> &'static str {
    let (_, after) = PAGE.split_once("```sql\n").unwrap();
    after.split_once("```").unwrap().0
}

fn objects(path: &Path) -> Vec<(String, String)> {
    let conn = Connection::open(path).unwrap();
    let mut all = conn
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .unwrap();
    let rows = all
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn the_page_is_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, page) = (folder.path().join("ours.db"), folder.path().join("page.db"));
    drop(SqliteStore::open(&ours).unwrap());
    Connection::open(&page)
        .unwrap()
        .execute_batch(schema())
        .unwrap();
    assert_eq!(objects(&ours), objects(&page));
}

#[test]
fn what_another_program_wrote_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(schema()).unwrap();
    conn.execute_batch(
        "INSERT INTO store VALUES (1, 'a3f0c2d4e5061728394a5b6c7d8e9f00');
         PRAGMA application_id = 1802990452; PRAGMA user_version = 2;
         INSERT INTO record VALUES
             ('test', 'acme', '1', 1, NULL, x'', x'', '', x'00ff', 'kw1.abcdefghijklmno');
         UPDATE counter SET last = 1;",
    )
    .unwrap();
    drop(conn);
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(
        store.identity().unwrap().as_str(),
        "a3f0c2d4e5061728394a5b6c7d8e9f00"
    );
    let record = block_on(store.fetch(&key("acme", "1"))).unwrap().unwrap();
    assert_eq!(record.version, Version::new(1));
    assert_eq!((record.expires, record.content.data), (None, vec![0, 255]));
    for (prefix, wanted) in [
        ("kw1.abcdefghijkl", 1),
        ("kw1.abcdefghijkm", 0),
        ("KW1.", 0),
        ("kw1.abcdefghijk_", 0),
    ] {
        assert_eq!(
            block_on(store.count(&set(), prefix)).unwrap(),
            wanted,
            "{prefix}"
        );
    }
    assert_eq!(
        done(&store, vec![insert("2", b"")]),
        [Some(Version::new(2))]
    );
}

/// A count, and a page of one key's records, walk an index and sort nothing.
#[test]
fn the_index_answers_for_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    drop(SqliteStore::open(&path).unwrap());
    let conn = Connection::open(&path).unwrap();
    let plan = |sql: &str| -> String {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    let key = "substr(CAST(sealed AS BLOB), 1, 16)";
    let count = plan(&format!(
        "SELECT count(*) FROM record WHERE collection = 'x' AND {key} >= x'00' AND {key} < x'01'"
    ));
    assert!(
        count.contains("INDEX record_sealed (collection=? AND <expr>>? AND <expr><?)"),
        "{count}"
    );
    let page = plan(&format!(
        "SELECT data FROM record WHERE collection = 'x' AND (owner, id) > ('a', 'b')
         AND {key} = x'00' ORDER BY owner, id LIMIT 9"
    ));
    assert!(
        page.contains("INDEX record_sealed") && !page.contains("TEMP B-TREE"),
        "{page}"
    );
    for (condition, order, index) in [
        (
            "(word, owner, id) > ('w', 'a', 'b')",
            "word, owner, id",
            "record_word",
        ),
        (
            "word = 'w' AND (owner, id) > ('a', 'b')",
            "word, owner, id",
            "record_word",
        ),
        (
            "owner = 'a' AND (word, id) > ('w', 'b')",
            "word, id",
            "record_owner_word",
        ),
        (
            "owner = 'a' AND word = 'w' AND id > 'b'",
            "word, id",
            "record_owner_word",
        ),
    ] {
        let found = plan(&format!(
            "SELECT data FROM record WHERE collection = 'x' AND word <> '' AND {condition}
             ORDER BY {order} LIMIT 9"
        ));
        assert!(
            found.contains(&format!("INDEX {index} ")) && !found.contains("TEMP B-TREE"),
            "{condition}: {found}"
        );
    }
    for column in ["mac_key", "token_key"] {
        let count = plan(&format!(
            "SELECT count(*) FROM record WHERE collection = 'x' AND {column} <> x''
             AND {column} >= x'00' AND {column} < x'01'"
        ));
        assert!(
            count.contains(&format!(
                "INDEX record_{column} (collection=? AND {column}>? AND {column}<?)"
            )),
            "{count}"
        );
    }
}
