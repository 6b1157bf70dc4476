//! Damage that SQLite does not see.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "damaged/bounds.rs"]
mod bounds;
#[path = "support/odd.rs"]
mod odd;
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_base::{ErrorKind, Timestamp};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{
    Appended, Attempts, Begun, Claim, Collection, Content, DamagedRow, Find, Judged, Log, Once,
    RecordKey, Records, Scan, Window, Words, Write,
};
use odd::odd;
use rusqlite::Connection;
use support::{closed, count, done, key, refused, set};
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

/// Every way in which a column of a record can hold what the store cannot give, and whether a walk
/// comes by the row.
const ODD: [(&str, &str, bool); 26] = [
    ("collection", "NULL", false),
    ("collection", "CAST(x'74eb' AS TEXT)", false),
    ("collection", "CAST('test' AS BLOB)", false),
    ("owner", "NULL", true),
    ("owner", "7", true),
    ("owner", "CAST(x'6162eb' AS TEXT)", true),
    ("owner", "CAST('acme' AS BLOB)", true),
    ("owner", "'ac' || char(0)", true),
    ("owner", "printf('%200s', 'x')", true),
    ("id", "NULL", true),
    ("id", "7.5", true),
    ("id", "CAST(x'30303033eb' AS TEXT)", true),
    ("id", "CAST('0003' AS BLOB)", true),
    ("version", "-1", true),
    ("version", "'1'", true),
    ("version", "NULL", true),
    ("expires", "-1", true),
    ("expires", "'soon'", true),
    ("mac_key", "'kw1.abcdefghijkl'", true),
    ("token_key", "NULL", true),
    ("word", "CAST(x'77eb' AS TEXT)", true),
    ("word", "x'77'", true),
    ("data", "NULL", true),
    ("data", "'text'", true),
    ("sealed", "NULL", true),
    ("sealed", "5", true),
];

const PEOPLE: [&str; 3] = ["abc", "acme", "globex"];

/// Ten records of each of three, with a word each.
fn crowd(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    let people = PEOPLE.iter();
    let all = people.flat_map(|owner| (0..10).map(move |n| key(owner, &format!("{n:04}"))));
    let insert = |key: RecordKey| Write::Insert {
        key,
        content: Content {
            sealed: "kw1.abcdefghijklmno".into(),
            word: "word".into(),
            ..Content::default()
        },
    };
    done(&store, all.map(insert).collect());
}

type Walked = (Vec<RecordKey>, Vec<DamagedRow>);

/// What each way of walking finds, in pages of so many.
fn walks(store: &SqliteStore, limit: usize) -> [Walked; 3] {
    let scan = || Scan::of(set()).limit(limit);
    let mut pages = scan().pages(store);
    let mut whole = Vec::new();
    while let Some(page) = block_on(pages.next()).unwrap() {
        assert!(page.len() <= limit);
        whole.extend(page.into_iter().map(|record| record.key));
    }
    let whole = (whole, pages.damaged().to_vec());
    let mut pages = scan().pages(store);
    let mut outlined = Vec::new();
    while let Some(page) = block_on(pages.next_outlines(60)).unwrap() {
        outlined.extend(page.into_iter().map(|outline| outline.key));
    }
    let outlined = (outlined, pages.damaged().to_vec());
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    let mut find = Find::of(set(), Words::All).limit(limit);
    loop {
        let page = block_on(store.find(find.clone())).unwrap();
        found.extend(page.items.into_iter().map(|record| record.key));
        damaged.extend(page.damaged);
        let Some(next) = page.next else { break };
        find = find.after(Some(next));
    }
    [whole, outlined, (found, damaged)]
}

/// A row with such a value costs its owner only: walks go on, and name it once; it is kept apart,
/// and everything is sound again.
#[test]
fn a_row_that_cannot_be_given_stops_no_walk_is_named_and_set_aside() {
    let (folder, path) = fresh();
    crowd(&path);
    for (n, (column, value, walked)) in ODD.into_iter().enumerate() {
        let case = format!("{column} = {value}");
        let copy = folder.path().join(format!("{n}.db"));
        fs::copy(&path, &copy).unwrap();
        let sql =
            format!("UPDATE record SET {column} = {value} WHERE owner = 'acme' AND id = '0003'");
        odd(&copy, "record", &sql);
        let store = SqliteStore::open(&copy).unwrap();
        block_on(store.check_counts()).unwrap();
        block_on(store.check_integrity()).unwrap();
        let named = block_on(store.damaged()).unwrap();
        assert_eq!(named.len(), 1, "{case}");
        assert_eq!(named[0].column, column);
        assert!(named[0].may_be_in(&set()), "{case}");
        let sees = |part: &Option<String>, of: &str, is: &str| {
            assert_eq!(part.as_deref(), Some(is).filter(|_| column != of), "{case}");
        };
        sees(&named[0].owner, "owner", "acme");
        sees(&named[0].id, "id", "0003");
        let others = |keys: &[RecordKey]| {
            let mut keys = keys.to_vec();
            keys.retain(|of| *of != key("acme", "0003"));
            keys.sort();
            keys.dedup();
            keys.len() == 29
        };
        for limit in [1, 3, 13, 100] {
            let [whole, outlined, found] = walks(&store, limit);
            assert!(others(&whole.0) && whole.0.len() == 29, "{case}: {limit}");
            assert!(whole.0.is_sorted(), "{case}");
            assert_eq!(
                whole.1,
                if walked { named.clone() } else { vec![] },
                "{case}"
            );
            // An outline has no key tags and no word; nothing is found by a word that is none.
            assert!(others(&outlined.0), "{case}: {limit}");
            let seen = outlined.0.len() + outlined.1.len();
            assert_eq!(seen, if walked { 30 } else { 29 }, "{case}");
            assert!(others(&found.0) && found.0.len() == 29, "{case}: {limit}");
        }
        // Rows beside it are read, written and counted.
        let beside = block_on(store.fetch(&key("acme", "0004")))
            .unwrap()
            .unwrap();
        let (of, version) = (beside.key, beside.version);
        done(&store, vec![Write::Delete { key: of, version }]);
        if column != "owner" && column != "id" && walked {
            let alone = block_on(store.fetch(&key("acme", "0003")));
            refused(alone, ErrorKind::Corrupt, "keyward doctor");
        }
        let place = &named[0].place;
        assert_eq!(block_on(store.set_aside(place)).unwrap(), named[0]);
        assert!(block_on(store.damaged()).unwrap().is_empty(), "{case}");
        for none in [place.as_str(), "record/1", "record", "store/1", "x'", ""] {
            refused(block_on(store.set_aside(none)), ErrorKind::Misuse, "doctor");
        }
        assert_eq!(count(&store), 28, "{case}");
        let aside = Scan::of(Collection::named("set-aside"));
        let kept = block_on(store.scan(aside)).unwrap().items;
        assert_eq!(kept.len(), 1);
        let holds = |part: &[u8]| kept[0].data.windows(part.len()).any(|bytes| bytes == part);
        assert!(kept[0].data.starts_with(b"kwrow\x01"));
        assert!(holds(column.as_bytes()) && (column == "sealed" || holds(b"kw1.abcdefghijklmno")));
    }
}

/// A page that has room looks behind rows that are passed over, however many there are.
#[test]
fn many_rows_that_cannot_be_given_end_no_page() {
    let (_folder, path) = fresh();
    crowd(&path);
    let conn = Connection::open(&path).unwrap();
    let odd =
        "UPDATE record SET owner = CAST(x'6162eb' || CAST(owner || id AS BLOB) AS TEXT), id = '1'
               WHERE owner = 'acme' OR owner = 'abc' AND id > '0005'";
    assert_eq!(conn.execute(odd, []).unwrap(), 14);
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    let named = block_on(store.damaged()).unwrap();
    assert_eq!(named.len(), 14);
    for limit in [1, 2, 6, 7, 100] {
        for (keys, mut damaged) in walks(&store, limit) {
            assert_eq!(keys.len(), 16, "{limit}");
            assert!(keys.is_sorted());
            damaged.sort();
            damaged.dedup();
            assert_eq!(damaged.len(), 14, "{limit}");
        }
    }
    let only = Scan::of(set()).owner("globex").limit(4);
    let page = block_on(store.scan(only)).unwrap();
    assert_eq!((page.items.len(), page.damaged.len()), (4, 0));
}

/// What lies beside records: a claim, a window of attempts, an entry of a log.
#[test]
fn rows_beside_records_are_named_and_set_aside_and_the_others_go_on() {
    let (folder, path) = fresh();
    let at = Timestamp::from_millis;
    let store = SqliteStore::open(&path).unwrap();
    let claim = Claim {
        digest: [7; 32],
        lease_until: at(1_000),
        keep_until: at(9_000),
    };
    let window = Window::new(3, Duration::from_secs(9)).unwrap();
    for owner in PEOPLE {
        let key = key(owner, "1");
        let begun = block_on(store.begin(&key, claim, at(1))).unwrap();
        assert!(matches!(begun, Begun::Lease(_)));
        let first = block_on(store.attempt(&key, window, at(1))).unwrap();
        assert!(matches!(first, Judged::Admitted { .. }));
        let made = block_on(store.append(&key, 0, vec![b"entry".to_vec()])).unwrap();
        assert_eq!(made, Appended::Done { head: 1 });
    }
    drop(store);
    let not_utf8 = "CAST(x'6162eb' AS TEXT)";
    for (n, (table, column, value)) in [
        ("claim", "owner", not_utf8),
        ("claim", "digest", "'text'"),
        ("claim", "fence", "-1"),
        ("claim", "lease_until", "-1"),
        ("claim", "keep_until", "'later'"),
        ("claim", "result", "5"),
        ("attempt", "id", "NULL"),
        ("attempt", "admitted", "x'00'"),
        ("attempt", "admitted", "'0123456789abcdef'"),
        ("attempt", "until", "NULL"),
        ("entry", "owner", not_utf8),
        ("entry", "owner", "NULL"),
        ("entry", "id", "x'31'"),
        ("entry", "collection", not_utf8),
        ("entry", "seq", "-1"),
        ("entry", "bytes", "'text'"),
    ]
    .into_iter()
    .enumerate()
    {
        let case = format!("{table}.{column} = {value}");
        let copy = folder.path().join(format!("{n}.db"));
        fs::copy(&path, &copy).unwrap();
        let sql = format!("UPDATE {table} SET {column} = {value} WHERE owner = 'acme'");
        odd(&copy, table, &sql);
        let store = SqliteStore::open(&copy).unwrap();
        block_on(store.check_integrity()).unwrap();
        for owner in ["abc", "globex"] {
            let key = key(owner, "1");
            let begun = block_on(store.begin(&key, claim, at(2))).unwrap();
            assert!(matches!(begun, Begun::InFlight { .. }), "{case}");
            let judged = block_on(store.attempt(&key, window, at(2))).unwrap();
            assert!(matches!(judged, Judged::Admitted { .. }), "{case}");
            assert_eq!(block_on(store.head(&key)).unwrap(), 1, "{case}");
        }
        let logs = logs(&store, 1);
        let named = ["owner", "id", "collection"].contains(&column) && table == "entry";
        assert_eq!(logs.len(), if named { 2 } else { 3 }, "{case}: {logs:?}");
        let damaged = block_on(store.damaged()).unwrap();
        assert_eq!(damaged.len(), 1, "{case}");
        assert_eq!(damaged[0].column, column);
        assert!(damaged[0].place.starts_with(table));
        drop(block_on(store.set_aside(&damaged[0].place)).unwrap());
        assert!(block_on(store.damaged()).unwrap().is_empty(), "{case}");
        // Who lost it begins anew.
        let key = key("acme", "1");
        let judged = block_on(store.attempt(&key, window, at(2))).unwrap();
        assert!(matches!(judged, Judged::Admitted { .. }), "{case}");
        let begun = block_on(store.begin(&key, claim, at(2))).unwrap();
        let anew = table == "claim";
        assert_eq!(matches!(begun, Begun::Lease(_)), anew, "{case}");
        block_on(store.head(&key)).unwrap();
    }
}

/// Whosever log it is of which an entry has no name that can be read, the others are listed.
#[test]
fn an_entry_of_a_name_of_another_type_is_no_log() {
    let (folder, path) = fresh();
    let store = SqliteStore::open(&path).unwrap();
    for owner in PEOPLE {
        let made = block_on(store.append(&key(owner, "1"), 0, vec![b"entry".to_vec()]));
        assert_eq!(made.unwrap(), Appended::Done { head: 1 });
    }
    drop(store);
    for owner in PEOPLE {
        for column in ["owner", "id"] {
            let copy = folder.path().join(format!("{owner}-{column}.db"));
            fs::copy(&path, &copy).unwrap();
            let sql = format!(
                "UPDATE entry SET {column} = CAST({column} AS BLOB) WHERE owner = '{owner}'"
            );
            odd(&copy, "entry", &sql);
            let store = SqliteStore::open(&copy).unwrap();
            for limit in [1, 9] {
                let listed = logs(&store, limit);
                assert!(!listed.contains(&owner.to_owned()), "{column}: {listed:?}");
                assert_eq!(listed.len(), 2, "{column} of {owner}");
            }
        }
    }
}

/// Whose logs there are, in pages of so many.
fn logs(store: &SqliteStore, limit: usize) -> Vec<String> {
    let (mut logs, mut after) = (Vec::new(), None);
    loop {
        let page = block_on(store.logs(&set(), after, limit)).unwrap();
        logs.extend(page.items.into_iter().map(|log| log.owner));
        assert!(logs.len() <= PEOPLE.len(), "{logs:?}");
        let Some(next) = page.next else { return logs };
        after = Some(next);
    }
}
