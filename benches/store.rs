//! The store on SQLite, beside the bare statements it is made of.
//!
//! *Bare* is a cached statement on a connection of its own, on the same file and with the same
//! settings.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    missing_docs
)]

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use keyward_benches::{Bar, compare, compare_long, finish, timed, waited};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{
    Applied, Collection, Committed, Content, Erased, Log as _, RecordKey, Records, Scan, Step,
    Stores as _, Write,
};
use rusqlite::{Connection, params};

const PAGE: usize = 256;

/// The rows of a large store.
fn all_rows() -> usize {
    keyward_benches::rows(100_000)
}

const READ: &str = "SELECT version, sealed, data, expires FROM record
                    WHERE collection = ?1 AND owner = ?2 AND id = ?3";
const WALK: &str = "SELECT version, sealed, data, expires, owner, id FROM record
                    WHERE collection = ?1 AND (owner, id) > (?2, ?3) ORDER BY owner, id LIMIT ?4";

fn set() -> Collection {
    Collection::named("vault")
}

fn key(n: usize) -> RecordKey {
    RecordKey {
        collection: set(),
        owner: format!("tenant-{:03}", n % 100),
        id: format!("account.token/{n:08}"),
    }
}

/// A record of the size that a sealed token of 40 bytes has.
fn insert(key: RecordKey) -> Write {
    Write::Insert {
        key,
        content: Content {
            sealed: format!("kw1.{}", "A".repeat(200)),
            data: vec![7; 120],
            ..Content::default()
        },
    }
}

fn done(store: &SqliteStore, batch: Vec<Write>) {
    let applied = block_on(store.apply(batch)).unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

fn filled(folder: &tempfile::TempDir) -> (SqliteStore, Connection) {
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).unwrap();
    let rows: Vec<usize> = (0..all_rows()).collect();
    for chunk in rows.chunks(4_000) {
        done(&store, chunk.iter().map(|n| insert(key(*n))).collect());
    }
    assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
        .unwrap();
    (store, raw)
}

/// What an inline read costs a task that is running anyway: one poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the read was not inline"),
    }
}

fn raw_read(conn: &Connection, key: &RecordKey) -> (i64, String, Vec<u8>, Option<i64>) {
    conn.prepare_cached(READ)
        .unwrap()
        .query_row(params![key.collection.as_str(), key.owner, key.id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap()
}

fn point_read(store: &SqliteStore, raw: &Connection) {
    let keys: Vec<RecordKey> = (0..1_000).map(|n| key(n * 97 % all_rows())).collect();
    for (title, keys) in [
        ("point read, the same record again", &keys[..1]),
        ("point read, 1,000 records in turn", &keys[..]),
    ] {
        let (mut turn, mut turns) = (keys.iter().cycle(), keys.iter().cycle());
        compare(
            title,
            &mut [
                (
                    "bare",
                    timed(|n| {
                        (0..n).for_each(|_| {
                            black_box(raw_read(raw, black_box(turn.next().unwrap())));
                        })
                    }),
                ),
                (
                    "keyward",
                    timed(|n| {
                        (0..n).for_each(|_| {
                            let read = now(store.fetch(black_box(turns.next().unwrap())));
                            black_box(read.unwrap().unwrap());
                        })
                    }),
                ),
            ],
        );
    }
}

fn raw_walk(conn: &Connection) -> usize {
    let (mut owner, mut id, mut count) = (String::new(), String::new(), 0);
    loop {
        let mut statement = conn.prepare_cached(WALK).unwrap();
        let rows = statement
            .query_map(params!["vault", owner, id, PAGE as i64], |row| {
                let read: (i64, String, Vec<u8>, Option<i64>) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((read, row.get::<_, String>(4)?, row.get::<_, String>(5)?))
            })
            .unwrap();
        let page: Vec<_> = rows.map(Result::unwrap).collect();
        count += page.len();
        let Some((_, last_owner, last_id)) = page.last() else {
            return count;
        };
        (owner, id) = (last_owner.clone(), last_id.clone());
    }
}

async fn walk(store: &SqliteStore, prefix: Option<&str>) -> usize {
    let mut scan = Scan::of(set()).limit(PAGE);
    scan.prefix = prefix.map(str::to_owned);
    let (mut pages, mut count) = (scan.pages(store), 0);
    while let Some(page) = pages.next().await.unwrap() {
        count += page.len();
    }
    count
}

fn scan(store: &SqliteStore, raw: &Connection) {
    let of_a_key = Some("kw1.AAAAAAAAAAAA");
    compare_long(
        "walk through 100,000 records, pages of 256",
        21,
        |_| (),
        &mut [
            ("bare", Box::new(|| assert_eq!(raw_walk(raw), all_rows()))),
            (
                "keyward",
                Box::new(|| assert_eq!(block_on(walk(store, None)), all_rows())),
            ),
            (
                "keyward, the records of one key",
                Box::new(|| assert_eq!(block_on(walk(store, of_a_key)), all_rows())),
            ),
            (
                "keyward, their count",
                Box::new(|| {
                    let count = block_on(store.count(&set(), "kw1.AAAAAAAAAAAA")).unwrap();
                    assert_eq!(count, u64::try_from(all_rows()).unwrap());
                }),
            ),
        ],
    );
}

fn raw_insert(conn: &Connection, key: &RecordKey) {
    conn.prepare_cached(
        "INSERT INTO record (collection, owner, id, version, expires,
             mac_key, token_key, word, data, sealed)
         VALUES (?1, ?2, ?3, 1, NULL, x'', x'', '', ?5, ?4)",
    )
    .unwrap()
    .execute(params![
        key.collection.as_str(),
        key.owner,
        key.id,
        format!("kw1.{}", "A".repeat(200)),
        [7_u8; 120]
    ])
    .unwrap();
}

/// 64 records from as many tasks: the first poll hands a write over; the answers are waited for
/// after all are.
fn insert_at_once(store: &SqliteStore, keys: impl Iterator<Item = RecordKey>) {
    let mut writes: Vec<_> = keys.map(|key| store.apply(vec![insert(key)])).collect();
    let mut context = Context::from_waker(Waker::noop());
    let early: Vec<bool> = writes
        .iter_mut()
        .map(|w| w.as_mut().poll(&mut context).is_ready())
        .collect();
    for (write, early) in writes.into_iter().zip(early) {
        if !early {
            let _: Applied = block_on(write).unwrap();
        }
    }
}

/// An entry of the log as long as an event.
fn entry(log: &RecordKey, expected: u64) -> Step {
    Step::Append {
        log: log.clone(),
        expected,
        entries: vec![vec![7; 160]],
    }
}

/// Durable inserts of one record each: alone, 64 at once, and with an entry of a log.
fn commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    let raw = SqliteStore::open(folder.path().join("raw.db")).unwrap();
    let conn = Connection::open(raw.path()).unwrap();
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
        .unwrap();
    let (next, head) = (Cell::new(0), Cell::new(0_u64));
    let fresh = || {
        next.set(next.get() + 1);
        key(next.get())
    };
    let log = RecordKey {
        collection: Collection::named("log"),
        owner: "acme".to_owned(),
        id: "1".to_owned(),
    };
    let next_entry = || {
        head.set(head.get() + 1);
        entry(&log, head.get() - 1)
    };
    compare(
        "durable insert",
        &mut [
            (
                "bare, alone",
                waited(|n| (0..n).for_each(|_| raw_insert(&conn, &fresh()))),
            ),
            (
                "keyward, alone",
                waited(|n| (0..n).for_each(|_| done(&store, vec![insert(fresh())]))),
            ),
            (
                "keyward, 64 at once, all of them",
                waited(|n| (0..n).for_each(|_| insert_at_once(&store, (0..64).map(|_| fresh())))),
            ),
            (
                "keyward, with an entry of a log in the same batch",
                waited(|n| {
                    (0..n).for_each(|_| {
                        let steps = vec![Step::Write(insert(fresh())), next_entry()];
                        let done = block_on(store.commit(steps)).unwrap();
                        assert!(matches!(done, Committed::Done(_)));
                    })
                }),
            ),
            (
                "keyward, with an entry before it and one after",
                waited(|n| {
                    (0..n).for_each(|_| {
                        let intent = block_on(store.commit(vec![next_entry()])).unwrap();
                        done(&store, vec![insert(fresh())]);
                        let outcome = block_on(store.commit(vec![next_entry()])).unwrap();
                        let both = (intent, outcome);
                        assert!(matches!(both, (Committed::Done(_), Committed::Done(_))));
                    })
                }),
            ),
        ],
    );
    assert_eq!(block_on(store.head(&log)).unwrap(), head.get());
}

const BARS: &[Bar] = &[
    ("point read, the same record again", "keyward", 2.0),
    ("point read, 1,000 records in turn", "keyward", 2.0),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (store, raw) = filled(&folder);
    point_read(&store, &raw);
    scan(&store, &raw);
    commit();
    finish("store", BARS);
}
