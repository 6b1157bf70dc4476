//! A process that is killed while it writes, or a store that is dropped: nothing that was
//! acknowledged is lost, and nothing is half written.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::process::Stdio;
use std::task::{Context, Waker};

use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Records, Scan};
use support::{again, count, done, insert, set};

const CHILD: &str = "KEYWARD_SQLITE_TEST_KILL";

/// Records of one batch.
const WHOLE: usize = 3;

/// Not a test by itself: writes batches from four threads, and says each that was acknowledged,
/// until it is killed.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let store = SqliteStore::open(path).unwrap();
    let round = count(&store);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for n in 0.. {
                    let name = format!("{round}-{thread}-{n}");
                    let id = |part| format!("{name}-{part}");
                    done(
                        store,
                        (0..WHOLE)
                            .map(|part| insert(&id(part), &[7; 500]))
                            .collect(),
                    );
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {name}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_outlasts_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut acknowledged = BTreeSet::new();
    for round in 0..12_usize {
        let mut child = again("child_writes_until_it_is_killed")
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |most: usize| {
            let acks = lines.by_ref().map_while(Result::ok);
            let acks = acks.filter_map(|line| line.strip_prefix("ack ").map(str::to_owned));
            acknowledged.extend(acks.take(most));
        };
        // Killed after another number of batches each time, while the next ones are written.
        take(round.checked_mul(7).unwrap());
        child.kill().unwrap();
        take(usize::MAX);
        child.wait().unwrap();
    }
    assert!(acknowledged.len() > 300, "{} batches", acknowledged.len());

    let check = rusqlite::Connection::open(&path).unwrap();
    let sound: String = check
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    drop(check);

    let store = SqliteStore::open(&path).unwrap();
    let mut parts = std::collections::BTreeMap::<String, usize>::new();
    let mut pages = Scan::of(set()).limit(1000).pages(&store);
    while let Some(page) = block_on(pages.next()).unwrap() {
        for record in page {
            let (batch, _) = record.key.id.rsplit_once('-').unwrap();
            let parts = parts.entry(batch.to_owned()).or_default();
            *parts = parts.checked_add(1).unwrap();
        }
    }
    let half: Vec<_> = parts.iter().filter(|(_, count)| **count != WHOLE).collect();
    assert!(half.is_empty(), "half written: {half:?}");
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|name| !parts.contains_key(*name))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    eprintln!(
        "{} batches acknowledged, {} found, none lost or half",
        acknowledged.len(),
        parts.len()
    );
}

#[test]
fn what_was_accepted_is_written_before_a_drop_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).unwrap();
    let mut writes: Vec<_> = (0..100)
        .map(|n| store.apply(vec![insert(&n.to_string(), b"")]))
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for write in &mut writes {
        // Accepted, and nobody waits for the answer.
        let _ = write.as_mut().poll(&mut context);
    }
    drop(writes);
    drop(store);
    assert!(
        !path.with_file_name("data.db-wal").exists(),
        "the journal was not folded in"
    );
    assert_eq!(count(&SqliteStore::open(&path).unwrap()), 100);
}
