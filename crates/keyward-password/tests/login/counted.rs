//! A store that says what was asked of it, and can be down.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_base::{BoxFuture, Error, Result, Timestamp};
use keyward_store::*;

#[derive(Debug)]
pub(crate) struct Counted {
    store: MemoryStore,
    calls: Mutex<Vec<&'static str>>,
    is_down: AtomicBool,
}

impl Counted {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            store: MemoryStore::new(capacity),
            calls: Mutex::default(),
            is_down: AtomicBool::new(false),
        }
    }

    /// What was asked since this was called last.
    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    fn asked(&self, what: &'static str) -> Result<()> {
        self.calls.lock().unwrap().push(what);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the store is down"));
        }
        Ok(())
    }
}

macro_rules! passed {
    ($($name:ident($($arg:ident: $of:ty),*) -> $out:ty;)*) => {
        $(fn $name<'a>(&'a self, $($arg: $of),*) -> BoxFuture<'a, Result<$out>> {
            Box::pin(async move {
                self.asked(stringify!($name))?;
                self.store.$name($($arg),*).await
            })
        })*
    };
}

impl Attempts for Counted {
    passed! {
        attempt(key: &'a RecordKey, window: Window, now: Timestamp) -> Judged;
        reserve(windows: &'a [(RecordKey, Window)], now: Timestamp) -> Reserved;
        give_back(ticket: &'a Ticket) -> ();
        clear_attempts(key: &'a RecordKey) -> ();
        purge_attempts(collection: &'a Collection, now: Timestamp, limit: usize) -> u64;
    }
}

impl Log for Counted {
    passed! {
        append(log: &'a RecordKey, expected: u64, entries: Vec<Vec<u8>>) -> Appended;
        erase_entries(log: &'a RecordKey, from: u64, until: u64, keep: usize) -> u64;
        head(log: &'a RecordKey) -> u64;
        logs(collection: &'a Collection, after: Option<Place>, limit: usize) -> Page<RecordKey>;
        read(log: &'a RecordKey, from: u64, limit: usize) -> Page<Entry, u64>;
    }
}

impl Once for Counted {
    passed! {
        abandon(key: &'a RecordKey, token: FencingToken) -> bool;
        begin(key: &'a RecordKey, claim: Claim, now: Timestamp) -> Begun;
        begin_many(claims: &'a [(RecordKey, Claim)], now: Timestamp) -> Vec<Begun>;
        forget(key: &'a RecordKey) -> bool;
        finish(key: &'a RecordKey, token: FencingToken, result: &'a [u8], keep_until: Timestamp) -> Finished;
        purge_once(collection: &'a Collection, now: Timestamp, limit: usize) -> u64;
    }
}

impl Records for Counted {
    passed! {
        apply(batch: Vec<Write>) -> Applied;
        check_counts() -> ();
        count(collection: &'a Collection, prefix: &'a str) -> u64;
        count_words(collection: &'a Collection, owner: Option<&'a str>, words: &'a Words) -> u64;
        damaged() -> Vec<DamagedRow>;
        delete_owner(collection: &'a Collection, owner: &'a str) -> u64;
        erase() -> Erased;
        fetch(key: &'a RecordKey) -> Option<Record>;
        fetch_many(keys: &'a [RecordKey]) -> Vec<Option<Record>>;
        find(find: Find) -> Page<Record, Found>;
        outline(scan: Scan, front: usize) -> Page<Outline>;
        purge(collection: &'a Collection, now: Timestamp, limit: usize) -> u64;
        scan(scan: Scan) -> Page<Record>;
        set_aside(place: &'a str) -> DamagedRow;
    }

    fn identity(&self) -> Result<StoreId> {
        self.store.identity()
    }
}

impl Stores for Counted {
    passed! {
        commit(steps: Vec<Step>) -> Committed;
        time() -> Option<Timestamp>;
    }
}
