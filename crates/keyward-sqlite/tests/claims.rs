//! Claims in the caller's own transaction: effects happen exactly once.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::path::Path;
use std::time::Duration;

use keyward_base::{ErrorKind, Timestamp};
use keyward_sqlite::claims;
use keyward_store::{Begun, Claim, FencingToken, Finished};
use rusqlite::{Connection, Transaction, TransactionBehavior};
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
