//! Opening: what is made, what is refused, and how it is said.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use keyward_sqlite::SqliteStore;
use keyward_store::{Applied, Collection, RecordKey, Records, Write};

struct Unpark(Thread);
impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}

fn key(id: &str) -> RecordKey {
    RecordKey {
        collection: Collection::named("test"),
        owner: "acme".into(),
        id: id.into(),
    }
}

fn insert(id: &str, sealed: &str) -> Write {
    Write::Insert {
        key: key(id),
        sealed: sealed.into(),
        data: b"data".to_vec(),
        expires: None,
    }
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/data.db");
    let store = SqliteStore::open(&path).unwrap();
    let done = block_on(store.apply(vec![insert("a", "kw1.abcdefghijkl"), insert("b", "")]));
    let Applied::Done(versions) = done.unwrap() else {
        panic!("conflict")
    };
    assert_eq!(versions.len(), 2);
    for name in ["data.db", "data.db-wal", "data.db-shm"] {
        let told = std::fs::metadata(path.with_file_name(name)).unwrap();
        assert_eq!(told.permissions().mode() & 0o7777, 0o600, "{name}");
    }
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    let a = block_on(store.fetch(&key("a"))).unwrap().unwrap();
    assert_eq!(a.sealed, "kw1.abcdefghijkl");
    assert_eq!(a.version, versions[0].unwrap());
    assert_eq!(
        block_on(store.count(&Collection::named("test"), "kw1.")).unwrap(),
        1
    );
    assert!(matches!(
        block_on(store.apply(vec![insert("a", "")])).unwrap(),
        Applied::Conflict { index: 0 }
    ));
    block_on(store.checkpoint()).unwrap();
}
