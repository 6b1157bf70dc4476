//! The identity of an application's own database: made once, kept, and nobody else's.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_base::ErrorKind;
use keyward_sqlite::identity;
use keyward_sqlite::rusqlite::{Connection, TransactionBehavior};
use keyward_store::StoreId;

fn install(conn: &mut Connection) -> keyward_base::Result<StoreId> {
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let id = identity::install(&tx)?;
    tx.commit().unwrap();
    Ok(id)
}

#[test]
fn it_stays_and_is_unlike_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Connection::open(folder.path().join(name)).unwrap();
    let first = install(&mut open("a.db")).unwrap();
    assert_eq!(install(&mut open("a.db")).unwrap(), first);
    assert_ne!(install(&mut open("b.db")).unwrap(), first);
    std::fs::copy(folder.path().join("a.db"), folder.path().join("c.db")).unwrap();
    assert_eq!(install(&mut open("c.db")).unwrap(), first);
}

#[test]
fn many_at_once_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut conn = Connection::open(path).unwrap();
                conn.busy_timeout(std::time::Duration::from_secs(30))
                    .unwrap();
                install(&mut conn).unwrap()
            })
        })
        .collect();
    let ids: Vec<StoreId> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair.first() == pair.last()));
}

#[test]
fn what_is_rolled_back_was_never_made() {
    let mut conn = Connection::open_in_memory().unwrap();
    let tx = conn.transaction().unwrap();
    let lost = identity::install(&tx).unwrap();
    tx.rollback().unwrap();
    assert_ne!(install(&mut conn).unwrap(), lost);
}

#[test]
fn another_table_of_that_name_is_refused() {
    for planted in [
        "CREATE TABLE keyward_store (one INTEGER PRIMARY KEY, id TEXT)",
        "CREATE TABLE Keyward_Store (id TEXT)",
        "CREATE VIEW keyward_store AS SELECT 1 AS one, 'acme' AS id",
    ] {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(planted).unwrap();
        let refused = install(&mut conn).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{planted}");
    }
    let mut conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(identity::TABLE).unwrap();
    conn.execute(identity::INSERT, ["two words"]).unwrap();
    assert_eq!(install(&mut conn).unwrap_err().kind(), ErrorKind::Corrupt);
}
