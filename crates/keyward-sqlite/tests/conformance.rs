//! The store on SQLite, held to every rule: on one handle, on two, and beside another process.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use keyward_sqlite::SqliteStore;
use keyward_store::conformance::{self, Threads, block_on};
use keyward_store::{
    Appended, Applied, Attempts, Collection, Content, Log, Once, Record, RecordKey, Records,
    Stores, Version, Write,
};
use tempfile::TempDir;

fn handles(count: usize) -> (TempDir, Vec<Arc<SqliteStore>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let open = |_| Arc::new(SqliteStore::open(&path).unwrap());
    (folder, (0..count).map(open).collect())
}

#[test]
fn keeps_the_rules_of_records() {
    for count in [1, 2] {
        let (_folder, stores) = handles(count);
        let stores: Vec<_> = stores
            .into_iter()
            .map(|s| -> Arc<dyn Records> { s })
            .collect();
        block_on(conformance::records(&stores, &Threads)).unwrap();
    }
}

#[test]
fn keeps_the_rules_of_once() {
    for count in [1, 2] {
        let (_folder, stores) = handles(count);
        let stores: Vec<_> = stores.into_iter().map(|s| -> Arc<dyn Once> { s }).collect();
        block_on(conformance::once(&stores, &Threads)).unwrap();
    }
}

#[test]
fn keeps_the_rules_of_attempts() {
    for count in [1, 2] {
        let (_folder, stores) = handles(count);
        let stores: Vec<_> = stores
            .into_iter()
            .map(|s| -> Arc<dyn Attempts> { s })
            .collect();
        block_on(conformance::attempts(&stores, &Threads)).unwrap();
    }
}

#[test]
fn keeps_the_rules_of_logs() {
    for count in [1, 2] {
        let (_folder, stores) = handles(count);
        let stores: Vec<_> = stores.into_iter().map(|s| -> Arc<dyn Log> { s }).collect();
        block_on(conformance::log(&stores, &Threads)).unwrap();
    }
}

#[test]
fn keeps_the_rules_of_all() {
    for count in [1, 2] {
        let (_folder, stores) = handles(count);
        let stores: Vec<_> = stores
            .into_iter()
            .map(|s| -> Arc<dyn Stores> { s })
            .collect();
        block_on(conformance::stores(&stores, &Threads)).unwrap();
    }
}

const CHILD: &str = "KEYWARD_SQLITE_TEST_COUNTS";
const ADDS: u64 = 150;

fn counter() -> RecordKey {
    RecordKey {
        collection: Collection::named("test"),
        owner: String::new(),
        id: "counter".into(),
    }
}

fn number(record: &Record) -> u64 {
    u64::from_be_bytes(record.data.as_slice().try_into().unwrap())
}

fn add(store: &SqliteStore) -> Version {
    loop {
        let record = block_on(store.fetch(&counter())).unwrap().unwrap();
        let swap = Write::Swap {
            key: counter(),
            version: record.version,
            content: Content {
                data: (number(&record) + 1).to_be_bytes().to_vec(),
                ..Content::default()
            },
        };
        if let Applied::Done(versions) = block_on(store.apply(vec![swap])).unwrap() {
            return versions[0].unwrap();
        }
    }
}

/// Not a test by itself: what the other process runs.
#[test]
fn child_counts() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&path)).unwrap();
    for _ in 0..ADDS {
        add(&store);
    }
}

#[test]
fn three_processes_lose_no_count() {
    let (folder, stores) = handles(1);
    let insert = Write::Insert {
        key: counter(),
        content: Content {
            data: 0_u64.to_be_bytes().to_vec(),
            ..Content::default()
        },
    };
    let applied = block_on(stores[0].apply(vec![insert])).unwrap();
    assert!(matches!(applied, Applied::Done(_)));
    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_counts"])
            .env(CHILD, folder.path().join("data.db"))
            .spawn()
            .unwrap()
    };
    let children = [child(), child()];
    for _ in 0..ADDS {
        add(&stores[0]);
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let record = block_on(stores[0].fetch(&counter())).unwrap().unwrap();
    assert_eq!(number(&record), 3 * ADDS);
}

#[test]
fn handles_that_open_a_new_file_at_once_agree() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| SqliteStore::open(&path).unwrap());
            }
        });
    }
}

/// As many entries as go into one statement, and some more or fewer.
#[test]
fn each_entry_of_an_append_is_at_its_place() {
    let (_folder, stores) = handles(1);
    let store = &stores[0];
    let log = RecordKey {
        collection: Collection::new("test.many").unwrap(),
        owner: "acme".to_owned(),
        id: "log".to_owned(),
    };
    let mut all: Vec<Vec<u8>> = Vec::new();
    for count in [1_usize, 31, 32, 33, 64, 100, 0, 4096] {
        let entries: Vec<Vec<u8>> = (0..count)
            .map(|n| format!("{count} {n}").into_bytes())
            .collect();
        let expected = u64::try_from(all.len()).unwrap();
        let behind = block_on(store.append(&log, expected + 1, entries.clone())).unwrap();
        assert_eq!(behind, Appended::Conflict { head: expected });
        all.extend(entries.clone());
        let head = u64::try_from(all.len()).unwrap();
        let done = block_on(store.append(&log, expected, entries)).unwrap();
        assert_eq!(done, Appended::Done { head });
    }
    let (mut read, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let page = block_on(store.read(&log, from, 4096)).unwrap();
        for entry in page.items {
            assert_eq!(usize::try_from(entry.seq).unwrap(), read.len());
            read.push(entry.bytes.unwrap());
        }
        next = page.next;
    }
    assert_eq!(read, all);
}
