//! A file that is replaced, moved or deleted while the store is open: nothing is acknowledged that
//! is not at the path, and what took its place is not harmed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // Tests: a panic is the report.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use keyward_store::Records;
use keyward_store::conformance::block_on;
use support::{apply, closed, count, done, insert, key, refused, set};

const SAYS: &str = "open the store again";

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

/// A store that is open, and that held a record more than the copy beside it when that was made.
fn opened() -> (tempfile::TempDir, PathBuf, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("data.db"), folder.path().join("copy"));
    closed(&path);
    fs::copy(&path, &copy).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    done(&store, vec![insert("before", b"1")]);
    (folder, path, copy, store)
}

#[test]
fn no_write_goes_into_a_file_that_is_not_there() {
    for what in ["replaced", "deleted", "moved", "-wal", "-shm"] {
        let (_folder, path, copy, store) = opened();
        match what {
            "replaced" => fs::rename(&copy, &path).unwrap(),
            "deleted" => fs::remove_file(&path).unwrap(),
            "moved" => fs::rename(&path, &copy).unwrap(),
            ending => fs::remove_file(beside(&path, ending)).unwrap(),
        }
        refused(
            apply(&store, vec![insert("after", b"1")]),
            ErrorKind::Unavailable,
            SAYS,
        );
        refused(
            block_on(store.count(&set(), "")),
            ErrorKind::Unavailable,
            SAYS,
        );
        refused(
            block_on(store.fetch(&key("acme", "before"))),
            ErrorKind::Unavailable,
            SAYS,
        );
        refused(block_on(store.erase()), ErrorKind::Unavailable, SAYS);
        refused(block_on(store.checkpoint()), ErrorKind::Unavailable, SAYS);
    }
}

#[test]
fn a_count_is_not_of_a_file_that_is_not_there() {
    let (_folder, path, copy, store) = opened();
    fs::rename(&copy, &path).unwrap();
    refused(
        block_on(store.count(&set(), "")),
        ErrorKind::Unavailable,
        SAYS,
    );
}

#[test]
fn what_took_its_place_is_not_harmed() {
    let (_folder, path, _copy, store) = opened();
    let aside = path.with_file_name("aside");
    fs::create_dir(&aside).unwrap();
    for ending in ["", "-wal", "-shm"] {
        fs::rename(
            beside(&path, ending),
            beside(&aside.join("data.db"), ending),
        )
        .unwrap();
    }
    let next = SqliteStore::open(&path).unwrap();
    assert_eq!(count(&next), 0);
    done(&next, vec![insert("next", b"2")]);
    refused(
        apply(&store, vec![insert("after", b"1")]),
        ErrorKind::Unavailable,
        SAYS,
    );
    drop(store);
    done(&next, vec![insert("second", b"2")]);
    assert!(beside(&path, "-wal").exists(), "another's log was deleted");
    let third = SqliteStore::open(&path).unwrap();
    drop(next);
    assert_eq!(count(&third), 2);
    block_on(third.check_integrity()).unwrap();
    // What was moved is whole, with its log.
    let moved = SqliteStore::open(aside.join("data.db")).unwrap();
    assert_eq!(count(&moved), 201);
    block_on(moved.check_integrity()).unwrap();
}
