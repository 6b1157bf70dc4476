//! The store on SQLite, beside the bare statements it is made of.
//!
//! Read each group as a ratio within one run: `raw` is a cached statement on a connection of its
//! own, on the same file and with the same settings.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    missing_docs
)]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Applied, Collection, Content, Erased, RecordKey, Records, Scan, Write};
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

fn point_read(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (store, raw) = filled(&folder);
    let keys: Vec<RecordKey> = (0..1_000).map(|n| key(n * 97 % all_rows())).collect();
    for (name, keys) in [("one", &keys[..1]), ("of_1000", &keys[..])] {
        let mut group = c.benchmark_group(format!("store/point_read_{name}"));
        let mut turn = keys.iter().cycle();
        group.bench_function("raw", |b| {
            b.iter(|| raw_read(&raw, black_box(turn.next().unwrap())));
        });
        let mut turn = keys.iter().cycle();
        group.bench_function("keyward", |b| {
            b.iter(|| {
                now(store.fetch(black_box(turn.next().unwrap())))
                    .unwrap()
                    .unwrap()
            });
        });
        group.finish();
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

fn scan(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (store, raw) = filled(&folder);
    let mut group = c.benchmark_group("store/scan_100k_by_256");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(all_rows() as u64));
    group.bench_function("raw", |b| b.iter(|| assert_eq!(raw_walk(&raw), all_rows())));
    group.bench_function("keyward", |b| {
        b.iter(|| assert_eq!(block_on(walk(&store, None)), all_rows()));
    });
    group.bench_function("keyward_one_key", |b| {
        b.iter(|| assert_eq!(block_on(walk(&store, Some("kw1.AAAAAAAAAAAA"))), all_rows()));
    });
    group.finish();

    let mut group = c.benchmark_group("store/count_100k_of_one_key");
    group.sample_size(10);
    group.bench_function("keyward", |b| {
        b.iter(|| block_on(store.count(&set(), "kw1.AAAAAAAAAAAA")).unwrap());
    });
    group.finish();
}

/// Durable inserts of one record each: alone, and 64 at once from as many tasks.
fn commit(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    let raw = SqliteStore::open(folder.path().join("raw.db")).unwrap();
    let conn = Connection::open(raw.path()).unwrap();
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
        .unwrap();
    let mut next = 0;
    let mut fresh = move || {
        next += 1;
        key(next)
    };
    let mut group = c.benchmark_group("store/commit");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1));
    group.bench_function("raw_alone", |b| {
        b.iter(|| {
            let key = fresh();
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
            .unwrap()
        });
    });
    group.bench_function("keyward_alone", |b| {
        b.iter(|| done(&store, vec![insert(fresh())]))
    });
    group.throughput(Throughput::Elements(64));
    group.bench_function("keyward_64_at_once", |b| {
        b.iter(|| {
            let mut writes: Vec<_> = (0..64)
                .map(|_| store.apply(vec![insert(fresh())]))
                .collect();
            let mut context = Context::from_waker(Waker::noop());
            // The first poll hands a write over; the answers are waited for after all are.
            let early: Vec<bool> = writes
                .iter_mut()
                .map(|w| w.as_mut().poll(&mut context).is_ready())
                .collect();
            for (write, early) in writes.into_iter().zip(early) {
                if !early {
                    let _: Applied = block_on(write).unwrap();
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, point_read, scan, commit);
criterion_main!(benches);
