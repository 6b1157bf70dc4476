//! A file that is replaced, moved or deleted while the store is open: nothing is acknowledged that
//! is not at the path, and what took its place is not harmed.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Erased, Records};
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

/// Copies as an operator does, in a process of its own: closing the file here would take away the
/// locks that SQLite holds on it.
fn cp(from: &Path, to: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let backup = fs::File::options().write(true).open(from).unwrap();
    backup.set_modified(long_ago).unwrap();
    let copied = Command::new("cp").arg("-p").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// A backup that is copied over an open store has its device and inode, and SQLite reads on in the
/// log: some pages of before, some of the backup.
#[test]
fn nothing_goes_on_in_a_file_that_something_was_copied_over() {
    for (what, fold) in [("beside a log", false), ("with an empty log", true)] {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("data.db"), folder.path().join("copy"));
        closed(&path);
        fs::copy(&path, &copy).unwrap();
        let open = || SqliteStore::builder(&path).busy_timeout(Duration::from_millis(30));
        let writer = open().open().unwrap();
        done(&writer, vec![insert("before", b"1")]);
        if fold {
            assert_eq!(block_on(writer.erase()).unwrap(), Erased::Done);
        }
        let reader = open().open().unwrap();
        assert_eq!((count(&writer), count(&reader)), (201, 201), "{what}");
        cp(&copy, &path);
        let says = "copy the backup again";
        let counted = block_on(reader.count(&set(), ""));
        refused(counted, ErrorKind::Corrupt, says);
        let written = apply(&writer, vec![insert("after", b"1")]);
        refused(written, ErrorKind::Corrupt, says);
        refused(block_on(writer.erase()), ErrorKind::Corrupt, says);
        let read = block_on(writer.fetch(&key("acme", "before")));
        refused(read, ErrorKind::Corrupt, says);
        drop((writer, reader));
        let backup = fs::read(&copy).unwrap();
        assert_eq!(
            fs::read(&path).unwrap(),
            backup,
            "{what}: it was written to"
        );
        // As the message says.
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&path, ending));
        }
        assert_eq!(count(&open().open().unwrap()), 200);
    }
}

/// Folding the log in, however it comes to it, is no such copy.
#[test]
fn a_file_that_the_log_is_folded_into_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    closed(&path);
    let open = || SqliteStore::builder(&path).busy_timeout(Duration::from_millis(500));
    let [first, second] = [(); 2].map(|()| open().open().unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    let all = |rows: u64| {
        assert_eq!((count(&first), count(&second)), (rows, rows));
    };
    all(200);
    let fold = |mode: &str| {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        other.query_row(&sql, [], |_| Ok(())).unwrap();
    };
    let mut rows = 200;
    for round in 0..3 {
        for mode in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
            done(&first, vec![insert(&format!("{round} {mode}"), b"1")]);
            rows += 1;
            fold(mode);
            all(rows);
            fold(mode);
            all(rows);
        }
        for store in [&first, &second, &first, &first] {
            assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
            all(rows);
        }
        // SQLite folds it in by itself, at a thousand pages.
        let large = vec![7; 1 << 20];
        for n in 0..6 {
            done(&second, vec![insert(&format!("{round} large {n}"), &large)]);
            rows += 1;
        }
        all(rows);
    }
}
