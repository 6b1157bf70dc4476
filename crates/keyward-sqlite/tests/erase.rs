//! What was deleted is gone from the files too, once the store was checkpointed.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Content, Erased, Records, Version, Write};
use support::{done, key};

const ROWS: u64 = 1_500;

/// 16 bytes that stand for the material of row `n` in its state `state`, found nowhere else.
fn material(n: u64, state: u64) -> [u8; 16] {
    let mix = |x: u64| (x ^ (x >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let a = mix(mix(n.wrapping_mul(2).wrapping_add(state).wrapping_add(1)));
    let mut out = [0; 16];
    out[..8].copy_from_slice(&a.to_be_bytes());
    out[8..].copy_from_slice(&mix(a.wrapping_add(1)).to_be_bytes());
    out
}

/// Rows of different lengths, so that they move between pages.
fn data(n: u64, state: u64) -> Vec<u8> {
    let mut data = material(n, state).to_vec();
    let fill =
        usize::try_from(n.wrapping_mul(37).wrapping_add(state.wrapping_mul(191)) % 600).unwrap();
    data.resize(fill.saturating_add(16), 1);
    data
}

fn owner(n: u64) -> &'static str {
    if n.is_multiple_of(3) {
        "shredded"
    } else {
        "kept"
    }
}

/// Rows in an order that is not that of their keys.
fn scrambled() -> impl Iterator<Item = u64> {
    (0..ROWS).map(|n| n.wrapping_mul(1_009) % ROWS)
}

/// Inserts, replaces some, and deletes all of one owner: those materials must be gone.
fn live(store: &SqliteStore) -> Vec<[u8; 16]> {
    let rows: Vec<u64> = scrambled().collect();
    let mut gone = Vec::new();
    for chunk in rows.chunks(50) {
        let insert = |n: &u64| Write::Insert {
            key: key(owner(*n), &n.to_string()),
            content: Content {
                data: data(*n, 0),
                ..Content::default()
            },
        };
        let versions: Vec<Version> = done(store, chunk.iter().map(insert).collect())
            .into_iter()
            .flatten()
            .collect();
        let swap = |(n, version): (&u64, &Version)| Write::Swap {
            key: key(owner(*n), &n.to_string()),
            version: *version,
            content: Content {
                data: data(*n, 1),
                ..Content::default()
            },
        };
        let some = chunk
            .iter()
            .zip(&versions)
            .filter(|(n, _)| n.is_multiple_of(2));
        gone.extend(some.clone().map(|(n, _)| material(*n, 0)));
        done(store, some.map(swap).collect());
    }
    let shredded = rows.iter().filter(|n| owner(**n) == "shredded");
    gone.extend(shredded.flat_map(|n| [material(*n, 0), material(*n, 1)]));
    assert!(block_on(store.delete_owner(&support::set(), "shredded")).unwrap() > 0);
    gone
}

/// How many of the materials are in the store's files.
fn found(path: &Path, materials: &[[u8; 16]]) -> usize {
    let mut all = std::collections::HashSet::new();
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        all.extend(
            bytes
                .windows(16)
                .map(|window| <[u8; 16]>::try_from(window).unwrap()),
        );
    }
    materials
        .iter()
        .filter(|material| all.contains(*material))
        .count()
}

#[test]
fn a_checkpoint_leaves_nothing_that_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = SqliteStore::open(&path).unwrap();
    let gone = live(&store);
    assert!(
        found(&path, &gone) > 0,
        "the control finds nothing: the test is blind"
    );
    assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
    assert_eq!(found(&path, &gone), 0);
    assert_eq!(
        fs::metadata(path.with_file_name("keys.db-wal"))
            .unwrap()
            .len(),
        0
    );
    let kept: Vec<_> = (0..ROWS).filter(|n| owner(*n) == "kept").collect();
    let now: Vec<_> = kept
        .iter()
        .map(|n| material(*n, u64::from(n.is_multiple_of(2))))
        .collect();
    assert_eq!(found(&path, &now), kept.len(), "what was kept is not there");
    drop(store);
    assert_eq!(found(&path, &gone), 0);
}

/// Why a checkpoint rewrites the file: emptying the journal alone leaves copies of deleted
/// records in pages that they were moved from, `secure_delete` or not.
#[test]
fn emptying_the_journal_alone_is_not_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = SqliteStore::open(&path).unwrap();
    let gone = live(&store);
    let other = rusqlite::Connection::open(&path).unwrap();
    let busy: i64 = other
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
    assert_eq!(
        fs::metadata(path.with_file_name("keys.db-wal"))
            .unwrap()
            .len(),
        0
    );
    let left = found(&path, &gone);
    eprintln!(
        "{left} of {} deleted materials are still in the file",
        gone.len()
    );
    assert!(left > 0);
}

const CHILD: &str = "KEYWARD_SQLITE_TEST_HOLDS";

/// Not a test by itself: holds the store open, in a transaction that reads or in none, until its
/// input ends.
#[test]
fn child_holds_the_store() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let (path, reads) = path.split_at(path.len().checked_sub(1).unwrap());
    let store = SqliteStore::open(path).unwrap();
    assert!(support::count(&store) > 0);
    let other = rusqlite::Connection::open(path).unwrap();
    if reads == "1" {
        other.execute_batch("BEGIN").unwrap();
        other
            .query_row("SELECT count(*) FROM record", [], |_| Ok(()))
            .unwrap();
    }
    println!("holding");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// Another process that has the store open does not keep what was replaced; one that reads does,
/// as long as it reads, and that is said.
#[test]
fn another_process_is_told_of_if_it_is_in_the_way() {
    for reads in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.db");
        let store = SqliteStore::builder(&path)
            .busy_timeout(Duration::from_millis(50))
            .open()
            .unwrap();
        let old = material(1, 0);
        let insert = Write::Insert {
            key: key("acme", "ring"),
            content: Content {
                data: old.to_vec(),
                ..Content::default()
            },
        };
        let version = done(&store, vec![insert])[0].unwrap();
        let mut child = support::again("child_holds_the_store")
            .env(CHILD, format!("{}{}", path.display(), u8::from(reads)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("holding")));
        let swap = Write::Swap {
            key: key("acme", "ring"),
            version,
            content: Content {
                data: material(1, 1).to_vec(),
                ..Content::default()
            },
        };
        done(&store, vec![swap]);
        assert_eq!(found(&path, &[old]), 1, "the control finds nothing");
        let erased = block_on(store.erase()).unwrap();
        if reads {
            assert_eq!(erased, Erased::InUse);
            assert_eq!(found(&path, &[old]), 1, "it was kept after all");
        } else {
            assert_eq!(erased, Erased::Done);
            assert_eq!(found(&path, &[old]), 0, "while another has it open");
        }
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
        assert_eq!(found(&path, &[old]), 0);
        assert_eq!(found(&path, &[material(1, 1)]), 1);
    }
}
