//! A disk that is full: refused as such, and nothing half written.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]
#![allow(missing_docs)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keyward_base::ErrorKind;
use keyward_sqlite::SqliteStore;
use keyward_store::Write;
use keyward_store::conformance::block_on;
use keyward_store::{Applied, Records};
use keyward_testkit::tools::without;
use std::task::{Context, Poll, Waker};
use support::{apply, count, done, insert, key, refused};

/// Fills a store until it refuses, and makes room again.
fn fill(store: &SqliteStore) {
    let mut written = 0_u64;
    let full = loop {
        let id = |n: u64| format!("{:04}-{n}", written / 4);
        let batch = (0..4).map(|n| insert(&id(n), &[7; 20_000])).collect();
        match apply(store, batch) {
            Ok(_) => written = written.checked_add(4).unwrap(),
            Err(error) => break error,
        }
        assert!(written < 10_000, "it never was full");
    };
    refused::<()>(Err(full), ErrorKind::Unavailable, "make room");
    assert!(written > 0);
    assert_eq!(count(store), written, "a batch was written by half");
    let record = block_on(store.fetch(&key("acme", "0000-3")))
        .unwrap()
        .unwrap();
    assert_eq!(record.data, [7; 20_000]);

    let version = record.version;
    let delete = Write::Delete {
        key: record.key,
        version,
    };
    done(store, vec![delete]);
    done(store, vec![insert("small", b"")]);
    assert_eq!(count(store), written);
}

#[test]
fn a_quota_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::builder(&path).max_pages(200).open().unwrap();
    fill(&store);
    drop(store);
    assert!(std::fs::metadata(&path).unwrap().len() <= 200 * 4096);
}

/// Writes that wait together are committed together; one that does not fit fails alone.
#[test]
fn one_that_does_not_fit_leaves_the_others_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::builder(&path).max_pages(100).open().unwrap();
    let batch = |n: usize| {
        let long = if n == 10 { 900_000 } else { 10 };
        vec![insert(&n.to_string(), &vec![7; long])]
    };
    let mut writes: Vec<_> = (0..20).map(|n| store.apply(batch(n))).collect();
    // All are accepted before the first is waited for.
    let mut context = Context::from_waker(Waker::noop());
    let early: Vec<Option<bool>> = writes
        .iter_mut()
        .map(|write| match write.as_mut().poll(&mut context) {
            Poll::Ready(result) => Some(result.is_ok()),
            Poll::Pending => None,
        })
        .collect();
    for (n, (write, early)) in writes.into_iter().zip(early).enumerate() {
        let fits = early.unwrap_or_else(|| matches!(block_on(write), Ok(Applied::Done(_))));
        assert_eq!(fits, n != 10, "write {n}");
    }
    assert_eq!(count(&store), 19);
}

/// A file system of one mebibyte.
struct Small(tempfile::TempDir);

impl Small {
    /// None: the run leaves it out.
    fn mount() -> Option<Self> {
        if without("mounts") {
            println!("SKIPPED: no disk is filled (--without mounts)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "keyward-test"])
            .arg(folder.path())
            .output();
        assert!(
            output.as_ref().is_ok_and(|output| output.status.success()),
            "a tmpfs is filled: run this where one can be mounted, or with --without mounts: \
             {output:?}"
        );
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves not one page.
    fn fill(&self) {
        use std::io::Write as _;
        let mut filler = std::fs::File::create(self.path().join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_is_unavailable() {
    let Some(small) = Small::mount() else {
        return;
    };
    let path = small.path().join("data.db");
    let store = SqliteStore::open(&path).unwrap();
    let mut written = 0_u64;
    let full = loop {
        let batch = (0..4)
            .map(|n| insert(&format!("{written:04}-{n}"), &[7; 10_000]))
            .collect();
        match apply(&store, batch) {
            Ok(_) => written = written.checked_add(4).unwrap(),
            Err(error) => break error,
        }
    };
    refused::<()>(Err(full), ErrorKind::Unavailable, "make room");
    assert!(written > 0);
    assert_eq!(count(&store), written);
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(count(&store), written, "after reopening");
    drop(store);

    // No room even for a new file.
    small.fill();
    let new = SqliteStore::open(small.path().join("new.db"));
    assert_eq!(new.unwrap_err().kind(), ErrorKind::Unavailable);
    for file in std::fs::read_dir(small.path()).unwrap() {
        let path = file.unwrap().path();
        if !path.ends_with("new.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let store = SqliteStore::open(small.path().join("new.db")).unwrap();
    done(&store, vec![insert("a", b"")]);
}

/// Closed while there was room, and opened again when there is none, even for the files that
/// SQLite wants beside a store.
#[test]
fn a_store_is_read_on_a_full_disk() {
    let Some(small) = Small::mount() else {
        return;
    };
    let path = small.path().join("data.db");
    let store = SqliteStore::open(&path).unwrap();
    done(&store, vec![insert("a", b"1"), insert("b", b"2")]);
    let identity = store.identity().unwrap();
    drop(store);
    small.fill();

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.identity().unwrap(), identity);
    assert_eq!(count(&store), 2);
    let record = block_on(store.fetch(&key("acme", "a"))).unwrap().unwrap();
    assert_eq!(record.content.data, b"1");
    block_on(store.check_integrity()).unwrap();
    let full = "make room";
    refused(
        apply(&store, vec![insert("c", b"")]),
        ErrorKind::Unavailable,
        full,
    );
    refused(block_on(store.erase()), ErrorKind::Unavailable, full);
    // Nobody else can look at it meanwhile, as there is no room for what processes share.
    let other = SqliteStore::builder(&path)
        .busy_timeout(Duration::ZERO)
        .open();
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Unavailable);
    drop(store);

    std::fs::remove_file(small.path().join("filler")).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    done(&store, vec![insert("c", b"")]);
    assert_eq!(count(&store), 3);
}
