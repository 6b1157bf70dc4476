//! Whether a session, or an API key, lives, beside the same written plainly; and ending many.
//!
//! *Bare* reads the same four rows in the same two steps, computes the same two MACs and knows
//! verified epochs by their bytes, over rows and tokens of its own that differ in nothing but the key.
// Benches: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

mod bare;
mod keys;
mod world;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use keyward_base::{Clock as _, ErrorKind, SystemClock};
use keyward_benches::{Bar, Work, compare, finish, is_wanted, processor_time, rows, timed};
use keyward_keys::Keyring;
use keyward_session::{Revoke, Sessions, User};
use keyward_store::conformance::block_on;
use keyward_store::{MemoryStore, RecordKey, Records};
use rusqlite::{Connection, params};

use crate::bare::{Bare, Reads, Who};

const READ: &str = "SELECT version, data FROM record
                    WHERE collection = ?1 AND owner = ?2 AND id = ?3";

/// What a task that is running anyway does: one poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it was not done at once"),
    }
}

struct Memory(Arc<MemoryStore>);

impl Reads for Memory {
    fn one(&self, key: &RecordKey) -> Option<Vec<u8>> {
        now(self.0.fetch(key))
            .unwrap()
            .map(|record| record.content.data)
    }

    fn these<const N: usize>(&self, keys: &[RecordKey; N]) -> [Option<Vec<u8>>; N] {
        let mut found = now(self.0.fetch_many(keys)).unwrap().into_iter();
        std::array::from_fn(|_| Some(found.next()??.content.data))
    }
}

struct Sqlite(Connection);

impl Reads for Sqlite {
    fn one(&self, key: &RecordKey) -> Option<Vec<u8>> {
        let mut read = self.0.prepare_cached(READ).unwrap();
        let mut rows = read
            .query(params![key.collection.as_str(), key.owner, key.id])
            .unwrap();
        let row = rows.next().unwrap()?;
        let (_version, data): (i64, _) = (row.get(0).unwrap(), row.get(1).unwrap());
        Some(data)
    }

    fn these<const N: usize>(&self, keys: &[RecordKey; N]) -> [Option<Vec<u8>>; N] {
        let run = |sql| self.0.prepare_cached(sql).unwrap().execute([]).unwrap();
        run("BEGIN");
        let found = std::array::from_fn(|at| self.one(&keys[at]));
        run("COMMIT");
        found
    }
}

fn millis() -> u64 {
    SystemClock::new().now().unwrap().as_millis()
}

fn ours(sessions: &Sessions, token: &str) -> Who {
    let live = now(sessions.check::<User>(token)).unwrap();
    Who {
        tenant: live.tenant().as_str().to_owned(),
        subject: live.subject().as_str().to_owned(),
    }
}

/// One place for sessions, ours and bare.
struct Side<'a, R> {
    name: &'a str,
    sessions: &'a Sessions,
    tokens: &'a [String],
    bare: &'a Bare,
    reads: &'a R,
    of_bare: &'a [String],
}

impl<R: Reads> Side<'_, R> {
    /// Both find who it is, and neither takes another's secret.
    fn is_right(&self) {
        for n in (0..self.tokens.len()).step_by(97) {
            let (tenant, subject) = world::person(n);
            let who = Who {
                tenant: tenant.as_str().to_owned(),
                subject: subject.as_str().to_owned(),
            };
            assert_eq!(ours(self.sessions, &self.tokens[n]), who);
            let found = self.bare.check(&self.of_bare[n], self.reads, millis());
            assert_eq!(found, Some(who));
        }
        let made_up = world::made_up(&self.tokens[0]);
        let refused = now(self.sessions.check::<User>(&made_up)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        let made_up = world::made_up(&self.of_bare[0]);
        assert_eq!(self.bare.check(&made_up, self.reads, millis()), None);
    }

    fn checks(&self, ring: &Keyring, how: &str, count: usize) {
        let each = |tokens: &[String]| -> Vec<String> {
            let step = 97 % tokens.len();
            (0..count)
                .map(|n| tokens[n * step % tokens.len()].clone())
                .collect()
        };
        let (of_bare, tokens) = (each(self.of_bare), each(self.tokens));
        let (mut turn, mut turns) = (of_bare.iter().cycle(), tokens.iter().cycle());
        let bare: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                let token = black_box(turn.next().unwrap());
                black_box(self.bare.check(token, self.reads, millis()).unwrap());
            });
        });
        let keyward: Work<'_> = timed(|n| {
            (0..n).for_each(|_| {
                let token = black_box(turns.next().unwrap());
                black_box(now(self.sessions.check::<User>(token)).unwrap());
            });
        });
        block_on(ring.refresh()).unwrap();
        let title = format!("{}, {how}", self.name);
        compare(&title, &mut [("bare", bare), ("keyward", keyward)]);
    }
}

/// A token that was made up, beside the MAC by which it is found out.
fn made_up(ring: &Keyring, sessions: &Sessions, token: &str, bare: &Bare) {
    let forged = world::made_up(token);
    let raw: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            black_box(bare.proof(black_box(&[1; 16]), black_box(&[2; 32])));
        });
    });
    let keyward: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            black_box(now(sessions.check::<User>(black_box(&forged))).unwrap_err());
        });
    });
    block_on(ring.refresh()).unwrap();
    compare("made up", &mut [("one MAC", raw), ("keyward", keyward)]);
}

/// All sessions of somebody with ten, beside those of somebody with all the others.
fn revoke(ring: &Keyring, name: &str, sessions: &Sessions) {
    // By the time of all threads: a store may write on one of its own.
    let revoke = |n: usize| -> Work<'_> {
        let (tenant, subject) = world::person(n);
        Box::new(move |count| {
            let before = processor_time();
            for _ in 0..count {
                let all = Revoke::user(tenant.clone(), subject.clone());
                block_on(sessions.revoke(black_box(all))).unwrap();
            }
            processor_time().saturating_sub(before)
        })
    };
    block_on(ring.refresh()).unwrap();
    let title = format!("revoke, {name}");
    compare(
        &title,
        &mut [("of 10", revoke(0)), ("of all others", revoke(1))],
    );
}

fn check_all() {
    let titles = "in memory, on SQLite, 16 sessions in turn, 1,000 sessions in turn, made up";
    if !is_wanted(titles) {
        return;
    }
    let (count, ring) = (rows(100_000), world::ring());
    let before = world::resident();
    let store = Arc::new(MemoryStore::new(1_000_000));
    let sessions = world::sessions(&ring, store.clone());
    let tokens: Vec<String> = (0..count)
        .map(|n| {
            if n % 1_000 == 0 {
                block_on(ring.refresh()).unwrap();
            }
            world::start(&sessions, world::person(n))
        })
        .collect();
    let resident = world::resident().saturating_sub(before);

    let (mut bare, mut records) = (Bare::new(), world::records(&*store));
    let of_bare = bare.rekey(&mut records, &tokens);
    let bare_store = Arc::new(MemoryStore::new(1_000_000));
    world::insert(records, &*bare_store);
    let in_memory = Side {
        name: "in memory",
        sessions: &sessions,
        tokens: &tokens,
        bare: &bare,
        reads: &Memory(bare_store.clone()),
        of_bare: &of_bare,
    };
    in_memory.is_right();
    in_memory.checks(&ring, "16 sessions in turn", 16);
    in_memory.checks(&ring, "1,000 sessions in turn", 1_000);
    made_up(&ring, &sessions, &tokens[0], &bare);

    let folder = tempfile::tempdir().unwrap();
    let sqlite = world::copied(&folder.path().join("ours"), &*store);
    let of_bare_too = world::copied(&folder.path().join("bare"), &*bare_store);
    world::tell_sizes(&*store, resident, sqlite.path(), count);
    let sessions = world::sessions(&ring, sqlite);
    let on_sqlite = Side {
        name: "on SQLite",
        sessions: &sessions,
        reads: &Sqlite(Connection::open(of_bare_too.path()).unwrap()),
        tokens: &tokens,
        bare: &bare,
        of_bare: &of_bare,
    };
    on_sqlite.is_right();
    on_sqlite.checks(&ring, "16 sessions in turn", 16);
    on_sqlite.checks(&ring, "1,000 sessions in turn", 1_000);
}

fn revokes() {
    if !is_wanted("revoke, in memory, on SQLite") {
        return;
    }
    let (count, ring) = (rows(100_000), world::ring());
    let memory = Arc::new(MemoryStore::new(1_000_000));
    let sessions = world::sessions(&ring, memory.clone());
    for n in 0..count {
        if n % 1_000 == 0 {
            block_on(ring.refresh()).unwrap();
        }
        // Ten of one, and all others of another.
        let _token = world::start(&sessions, world::person(usize::from(n >= 10)));
    }
    let last = world::start(&sessions, world::person(1));
    let folder = tempfile::tempdir().unwrap();
    let sqlite = world::copied(folder.path(), &*memory);
    let on_sqlite = world::sessions(&ring, sqlite);
    assert!(block_on(on_sqlite.check::<User>(&last)).is_ok());
    revoke(&ring, "in memory", &sessions);
    revoke(&ring, "on SQLite", &on_sqlite);
    for sessions in [sessions, on_sqlite] {
        assert!(block_on(sessions.check::<User>(&last)).is_err() || !is_wanted("revoke"));
    }
}

const BARS: &[Bar] = &[
    ("in memory, 16 sessions in turn", "keyward", 1.3),
    ("in memory, 1,000 sessions in turn", "keyward", 1.3),
    ("on SQLite, 16 sessions in turn", "keyward", 1.3),
    ("on SQLite, 1,000 sessions in turn", "keyward", 1.3),
    ("API keys in memory, 16 in turn", "keyward", 1.3),
    ("API keys in memory, 1,000 in turn", "keyward", 1.3),
    ("API keys on SQLite, 16 in turn", "keyward", 1.3),
    ("API keys on SQLite, 1,000 in turn", "keyward", 1.3),
    ("forged API key", "keyward", 1.3),
    ("mistyped API key", "keyward", 1.3),
];

fn main() {
    check_all();
    revokes();
    keys::check_all();
    finish("session", BARS);
}
