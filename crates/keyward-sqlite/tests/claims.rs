//! Claims in the caller's own transaction: effects happen exactly once.
// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{ErrorKind, Timestamp};
use keyward_sqlite::claims::{self, statements};
use keyward_store::conformance::{self, Threads, block_on};
use keyward_store::{Begun, BoxFuture, Claim, Collection, FencingToken, Finished, Once, RecordKey};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use support::{key, refused};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn claim() -> Claim {
    Claim {
        digest: [7; 32],
        lease_until: at(100),
        keep_until: at(1_000),
    }
}

fn database(path: &Path) -> Connection {
    let mut conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(60)).unwrap();
    conn.execute_batch("CREATE TABLE IF NOT EXISTS paid (id TEXT)")
        .unwrap();
    within(&mut conn, claims::install).unwrap();
    conn
}

/// Does `work` within a transaction that is committed if it succeeds.
fn within<T>(
    conn: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> keyward_base::Result<T>,
) -> keyward_base::Result<T> {
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let done = work(&tx)?;
    tx.commit().unwrap();
    Ok(done)
}

fn paid(conn: &Connection) -> i64 {
    conn.query_row("SELECT count(*) FROM paid", [], |row| row.get(0))
        .unwrap()
}

/// Pays once, and says what was recorded.
fn pay(tx: &Transaction<'_>, id: &str) -> keyward_base::Result<Vec<u8>> {
    match claims::begin(tx, &key("acme", id), claim(), at(10))? {
        Begun::Lease(token) => {
            tx.execute("INSERT INTO paid VALUES (?1)", [id]).unwrap();
            let recorded = claims::finish(tx, &key("acme", id), token, b"paid", at(1_000))?;
            assert_eq!(recorded, Finished::Recorded);
            Ok(b"first".to_vec())
        }
        Begun::Done(result) => Ok(result),
        other => panic!("{other:?}"),
    }
}

#[test]
fn effect_and_claim_are_committed_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = database(&folder.path().join("app.db"));
    // A transaction that is rolled back, as when its process dies, leaves neither.
    let tx = conn.transaction().unwrap();
    assert_eq!(pay(&tx, "1").unwrap(), b"first");
    drop(tx);
    assert_eq!(paid(&conn), 0);
    assert_eq!(within(&mut conn, |tx| pay(tx, "1")).unwrap(), b"first");
    for _ in 0..3 {
        assert_eq!(within(&mut conn, |tx| pay(tx, "1")).unwrap(), b"paid");
    }
    assert_eq!(paid(&conn), 1);
}

#[test]
fn of_many_one_pays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    drop(database(&path));
    let first = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut conn = database(&path);
                    let ids = ["1", "2", "3"];
                    let firsts = ids.map(|id| within(&mut conn, |tx| pay(tx, id)).unwrap());
                    firsts.iter().filter(|said| *said == b"first").count()
                })
            })
            .collect();
        tasks
            .into_iter()
            .map(|task| task.join().unwrap())
            .fold(0, usize::saturating_add)
    });
    assert_eq!((first, paid(&database(&path))), (3, 3));
}

/// The rules of `Once`, in one transaction after the other.
#[test]
fn claims_are_judged_as_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = database(&folder.path().join("app.db"));
    let id = key("acme", "1");
    let mut begin = |digest: u8, now: u64| {
        let claim = Claim {
            digest: [digest; 32],
            lease_until: at(now.checked_add(100).unwrap()),
            ..claim()
        };
        within(&mut conn, |tx| claims::begin(tx, &id, claim, at(now))).unwrap()
    };
    let Begun::Lease(first) = begin(7, 10) else {
        panic!("no lease");
    };
    assert_eq!(begin(7, 109), Begun::InFlight { until: at(110) });
    assert_eq!(begin(8, 20), Begun::Conflict);
    let Begun::Lease(second) = begin(7, 110) else {
        panic!("it was not taken over");
    };
    assert!(second > first);
    let finish = |conn: &mut Connection, token: FencingToken, result: &[u8]| {
        within(conn, |tx| claims::finish(tx, &id, token, result, at(500))).unwrap()
    };
    assert_eq!(finish(&mut conn, first, b"late"), Finished::Lost);
    assert_eq!(finish(&mut conn, second, b"done"), Finished::Recorded);
    assert_eq!(finish(&mut conn, second, b"done"), Finished::Recorded);
    assert_eq!(finish(&mut conn, second, b"other"), Finished::Lost);
    let purge = |conn: &mut Connection, now: u64| {
        let set = support::set();
        within(conn, |tx| claims::purge(tx, &set, at(now), 10)).unwrap()
    };
    assert_eq!((purge(&mut conn, 499), purge(&mut conn, 500)), (0, 1));
    let again = within(&mut conn, |tx| claims::begin(tx, &id, claim(), at(10))).unwrap();
    let Begun::Lease(third) = again else {
        panic!("it was not purged");
    };
    assert!(third > second, "a fencing token came back");
    assert!(within(&mut conn, |tx| claims::forget(tx, &id)).unwrap());
    assert!(!within(&mut conn, |tx| claims::forget(tx, &id)).unwrap());
    let wrong = within(&mut conn, |tx| claims::begin(tx, &id, claim(), at(100)));
    refused(wrong, ErrorKind::Misuse, "after now");
}

/// The table lies in a database of others, and what goes into it keeps the bounds of a store.
#[test]
fn a_name_or_a_result_out_of_bounds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = database(&folder.path().join("app.db"));
    let long = key("acme", &"x".repeat(301));
    let nul = key("a\0b", "1");
    for wrong in [&long, &nul] {
        let token = FencingToken::new(1);
        let refused = [
            within(&mut conn, |tx| claims::begin(tx, wrong, claim(), at(10))).err(),
            within(&mut conn, |tx| {
                claims::finish(tx, wrong, token, b"", at(10))
            })
            .err(),
            within(&mut conn, |tx| claims::abandon(tx, wrong, token)).err(),
            within(&mut conn, |tx| claims::forget(tx, wrong)).err(),
        ];
        for error in refused {
            assert_eq!(error.map(|e| e.kind()), Some(ErrorKind::Misuse));
        }
    }
    let (data, token) = (vec![0; (1 << 20) + 1], FencingToken::new(1));
    let place = key("acme", "1");
    let mut finish = |result: &[u8], keep| {
        within(&mut conn, |tx| {
            claims::finish(tx, &place, token, result, keep)
        })
    };
    for refused in [finish(&data, at(10)), finish(b"", at(1 << 63))] {
        assert_eq!(refused.err().map(|e| e.kind()), Some(ErrorKind::Misuse));
    }
}

#[test]
fn another_table_of_that_name_is_refused() {
    for sql in [
        "CREATE TABLE keyward_claim (fence INTEGER PRIMARY KEY)",
        "CREATE TABLE Keyward_Claim (fence INTEGER PRIMARY KEY)",
        "CREATE VIEW keyward_claim AS SELECT 1 AS fence",
    ] {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        let installed = within(&mut conn, claims::install);
        refused(installed, ErrorKind::Corrupt, "rename it");
    }
    // The caller's own triggers and tables beside it are the caller's.
    let mut conn = Connection::open_in_memory().unwrap();
    within(&mut conn, claims::install).unwrap();
    conn.execute_batch("CREATE TABLE theirs (x); CREATE INDEX i ON theirs (x)")
        .unwrap();
    within(&mut conn, claims::install).unwrap();
}

/// A trigger of the caller's has the result ignored: it is not recorded, and not said to be.
#[test]
fn a_result_that_a_trigger_has_ignored_is_not_recorded() {
    let mut conn = Connection::open_in_memory().unwrap();
    within(&mut conn, claims::install).unwrap();
    conn.execute_batch(
        "CREATE TRIGGER theirs BEFORE UPDATE ON keyward_claim BEGIN SELECT RAISE(IGNORE); END",
    )
    .unwrap();
    let id = key("acme", "1");
    let ended = within(&mut conn, |tx| {
        let Begun::Lease(token) = claims::begin(tx, &id, claim(), at(10))? else {
            panic!("no lease");
        };
        claims::finish(tx, &id, token, b"done", at(1_000))
    });
    assert_eq!(ended.unwrap(), Finished::Lost);
}

#[test]
fn as_many_are_purged_as_are_asked_for() {
    let mut conn = Connection::open_in_memory().unwrap();
    within(&mut conn, claims::install).unwrap();
    for n in 0..7 {
        let id = key("acme", &n.to_string());
        let begun = within(&mut conn, |tx| claims::begin(tx, &id, claim(), at(10)));
        assert!(matches!(begun.unwrap(), Begun::Lease(_)));
    }
    let set = support::set();
    let gone = [4, 4, 4]
        .map(|limit| within(&mut conn, |tx| claims::purge(tx, &set, at(1_000), limit)).unwrap());
    assert_eq!(gone, [4, 3, 0]);
}

/// How the claims are reached: through our functions, or through the text alone that we publish,
/// as by another driver.
#[derive(Clone, Copy, Debug)]
enum Through {
    Functions,
    Text,
}

/// A transaction of the caller's for each call, with a row of the caller's beside it.
#[derive(Debug)]
struct Beside {
    conn: Mutex<Connection>,
    through: Through,
}

impl Beside {
    fn within<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> keyward_base::Result<T>,
    ) -> BoxFuture<'_, keyward_base::Result<T>>
    where
        T: Send + 'static,
    {
        let mut conn = self.conn.lock().unwrap();
        let done = within(&mut conn, |tx| {
            tx.execute("INSERT INTO paid VALUES ('beside')", [])
                .unwrap();
            work(tx)
        });
        Box::pin(std::future::ready(done))
    }

    fn begin_one(
        &self,
        tx: &Transaction<'_>,
        key: &RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> keyward_base::Result<Begun> {
        match self.through {
            Through::Functions => claims::begin(tx, key, claim, now),
            Through::Text => {
                keyward_store::StoreLimits::check_key(key)?;
                claim.check(now)?;
                Ok(begin_by_text(tx, key, claim, now))
            }
        }
    }
}

fn number(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// As `docs/formats/store-sqlite.md` says it.
fn begin_by_text(tx: &Transaction<'_>, key: &RecordKey, claim: Claim, now: Timestamp) -> Begun {
    let (set, owner, id) = (key.collection.as_str(), &key.owner, &key.id);
    let held: Option<(Vec<u8>, i64, Option<Vec<u8>>)> = tx
        .query_row(
            statements::HELD,
            params![set, owner, id, number(now)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .unwrap();
    match held {
        Some((digest, ..)) if digest != claim.digest => return Begun::Conflict,
        Some((_, _, Some(result))) => return Begun::Done(result),
        Some((_, until, None)) if until > number(now) => {
            let until = at(u64::try_from(until).unwrap());
            return Begun::InFlight { until };
        }
        _ => {}
    }
    tx.execute(statements::FORGET, params![set, owner, id])
        .unwrap();
    let (lease, keep) = (number(claim.lease_until), number(claim.keep_until));
    let values = params![set, owner, id, claim.digest, lease, keep];
    let fence = tx.query_row(statements::BEGIN, values, |row| row.get::<_, i64>(0));
    Begun::Lease(FencingToken::new(u64::try_from(fence.unwrap()).unwrap()))
}

fn finish_by_text(
    tx: &Transaction<'_>,
    key: &RecordKey,
    token: FencingToken,
    result: &[u8],
    keep_until: Timestamp,
) -> Finished {
    let (set, owner, id) = (key.collection.as_str(), &key.owner, &key.id);
    let fence = i64::try_from(token.number()).unwrap();
    let held: Option<Option<Vec<u8>>> = tx
        .query_row(statements::RESULT, params![set, owner, id, fence], |row| {
            row.get(0)
        })
        .optional()
        .unwrap();
    match held {
        Some(None) => {
            let values = params![set, owner, id, fence, result, number(keep_until)];
            assert_eq!(tx.execute(statements::FINISH, values).unwrap(), 1);
            Finished::Recorded
        }
        Some(Some(held)) if held == result => Finished::Recorded,
        _ => Finished::Lost,
    }
}

impl Once for Beside {
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, keyward_base::Result<bool>> {
        self.within(|tx| match self.through {
            Through::Functions => claims::abandon(tx, key, token),
            Through::Text => {
                let fence = i64::try_from(token.number()).unwrap();
                let place = params![key.collection.as_str(), key.owner, key.id, fence];
                Ok(tx.execute(statements::ABANDON, place).unwrap() == 1)
            }
        })
    }

    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, keyward_base::Result<Begun>> {
        self.within(|tx| self.begin_one(tx, key, claim, now))
    }

    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, keyward_base::Result<Vec<Begun>>> {
        self.within(|tx| {
            keyward_store::StoreLimits::check_claims(claims, now)?;
            let begin = |(key, claim): &(RecordKey, Claim)| self.begin_one(tx, key, *claim, now);
            claims.iter().map(begin).collect()
        })
    }

    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, keyward_base::Result<bool>> {
        self.within(|tx| match self.through {
            Through::Functions => claims::forget(tx, key),
            Through::Text => {
                let place = params![key.collection.as_str(), key.owner, key.id];
                Ok(tx.execute(statements::FORGET, place).unwrap() == 1)
            }
        })
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, keyward_base::Result<Finished>> {
        self.within(|tx| match self.through {
            Through::Functions => claims::finish(tx, key, token, result, keep_until),
            Through::Text => Ok(finish_by_text(tx, key, token, result, keep_until)),
        })
    }

    fn purge_once<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, keyward_base::Result<u64>> {
        self.within(|tx| match self.through {
            Through::Functions => claims::purge(tx, collection, now, limit),
            Through::Text => {
                let limit = i64::try_from(limit).unwrap();
                let values = params![collection.as_str(), number(now), limit];
                let gone = tx.execute(statements::PURGE, values).unwrap();
                Ok(u64::try_from(gone).unwrap())
            }
        })
    }
}

/// The rules of `Once`, in transactions of the caller's, on two connections, races and all.
#[test]
fn claims_keep_the_rules_of_once() {
    for through in [Through::Functions, Through::Text] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let handles: [Arc<dyn Once>; 2] = [(); 2].map(|()| -> Arc<dyn Once> {
            let conn = database(&path);
            conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
                .unwrap();
            let conn = Mutex::new(conn);
            Arc::new(Beside { conn, through })
        });
        block_on(conformance::once(&handles, &Threads)).unwrap();
        assert!(paid(&database(&path)) > 0, "{through:?}");
    }
}
