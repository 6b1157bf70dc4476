//! What the tests of this folder share.
// Tests: a panic is the report. Each file uses a part of this one.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use keyward_base::{ErrorKind, Result};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Version, Write};

pub fn set() -> Collection {
    Collection::named("test")
}

pub fn key(owner: &str, id: &str) -> RecordKey {
    RecordKey {
        collection: set(),
        owner: owner.into(),
        id: id.into(),
    }
}

pub fn insert(id: &str, data: &[u8]) -> Write {
    Write::Insert {
        key: key("acme", id),
        content: Content {
            sealed: "kw1.abcdefghijklmno".into(),
            data: data.to_vec(),
            ..Content::default()
        },
    }
}

pub fn apply(store: &SqliteStore, batch: Vec<Write>) -> Result<Applied> {
    block_on(store.apply(batch))
}

/// Makes a batch that must succeed.
pub fn done(store: &SqliteStore, batch: Vec<Write>) -> Vec<Option<Version>> {
    match apply(store, batch).unwrap() {
        Applied::Done(versions) => versions,
        other => panic!("{other:?}"),
    }
}

pub fn count(store: &SqliteStore) -> u64 {
    block_on(store.count(&set(), "")).unwrap()
}

/// Checks that opening, or anything else, failed as it should, and that the message says how to
/// mend it.
pub fn refused<T>(result: Result<T>, kind: ErrorKind, mends: &str) {
    let error = result.err().expect("it was not refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    let said = error.to_string();
    assert!(said.contains(mends), "{said:?} does not say {mends:?}");
}

/// A store with some records in it, closed again.
pub fn closed(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    for n in 0..200 {
        done(&store, vec![insert(&format!("{n:04}"), &[7; 100])]);
    }
}

/// This test program, to run `test` in another process.
pub fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
}
