//! A file, or its log, that is not there: nothing is made in its place, and nothing is deleted.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use rusqlite::Connection;
use support::{count, done, insert, refused};
use tempfile::TempDir;

fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    (folder, path)
}

#[test]
fn a_store_that_has_to_be_there_is_not_made() {
    let (_folder, path) = fresh();
    let existing = || SqliteStore::builder(&path).existing().open();
    refused(existing(), ErrorKind::Unavailable, "is missing");
    assert!(!path.exists());
    for bytes in [&b""[..], &[0; 100]] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        refused(existing(), ErrorKind::Corrupt, "restore a backup");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        fs::remove_file(&path).unwrap();
    }
    // A database in which nothing was made yet.
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA user_version = 1; PRAGMA user_version = 0")
        .unwrap();
    drop(conn);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    refused(existing(), ErrorKind::Corrupt, "restore a backup");
    drop(SqliteStore::open(&path).unwrap());
    existing().unwrap();
}

#[test]
fn a_log_without_its_file_is_kept() {
    let (_folder, path) = fresh();
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let store = SqliteStore::open(&path).unwrap();
    done(&store, vec![insert("1", b"1")]);
    let (bytes, held) = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    drop(store);
    fs::remove_file(&path).unwrap();
    fs::write(&log, &held).unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    refused(SqliteStore::open(&path), ErrorKind::Corrupt, "put it back");
    assert!(!path.exists());
    assert_eq!(fs::read(&log).unwrap(), held);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(count(&SqliteStore::open(&path).unwrap()), 1);
}

#[test]
fn a_journal_of_others_beside_a_new_store_is_refused() {
    for ending in ["-wal", "-shm", "-journal"] {
        let (_folder, path) = fresh();
        let journal = PathBuf::from(format!("{}{ending}", path.display()));
        fs::write(&journal, "").unwrap();
        fs::set_permissions(&journal, Permissions::from_mode(0o666)).unwrap();
        refused(SqliteStore::open(&path), ErrorKind::Misuse, "chmod 600");
        assert!(!path.exists(), "{ending}");
    }
}
