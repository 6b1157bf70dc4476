//! A store that says what was asked of it, and at which somebody else acts in between.

use std::sync::Mutex;

use keyward_base::{BoxFuture, Error, Result, Timestamp};
use keyward_store::*;

pub(crate) type Act = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

pub(crate) struct Counted {
    store: MemoryStore,
    calls: Mutex<Vec<String>>,
    act: Mutex<Option<(usize, Act)>>,
    lost: Mutex<Option<usize>>,
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted")
    }
}

impl Counted {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryStore::new(100_000),
            calls: Mutex::default(),
            act: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    /// What was asked since this was called last.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Somebody else acts before the call that comes after so many.
    pub(crate) fn act_before(&self, calls: usize, act: Act) {
        *self.act.lock().unwrap() = Some((calls, act));
    }

    /// Whether nobody acted yet; nobody will.
    pub(crate) fn take_act(&self) -> bool {
        self.act.lock().unwrap().take().is_some()
    }

    /// The batch that comes after so many is written, and the answer is lost.
    pub(crate) fn lose_answer(&self, batches: usize) {
        *self.lost.lock().unwrap() = Some(batches);
    }

    fn is_lost(&self) -> bool {
        let mut lost = self.lost.lock().unwrap();
        let left = lost.take();
        *lost = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    async fn asked(&self, what: &str) {
        self.calls.lock().unwrap().push(what.to_owned());
        let due = {
            let mut act = self.act.lock().unwrap();
            match act.take() {
                Some((0, due)) => Some(due),
                Some((calls, later)) => {
                    *act = Some((calls - 1, later));
                    None
                }
                None => None,
            }
        };
        if let Some(due) = due {
            due().await;
        }
    }
}

macro_rules! passed {
    ($($name:ident($($arg:ident: $of:ty),*) -> $out:ty;)*) => {
        $(fn $name<'a>(&'a self, $($arg: $of),*) -> BoxFuture<'a, Result<$out>> {
            Box::pin(async move {
                self.asked(stringify!($name)).await;
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
        check_counts() -> ();
        count(collection: &'a Collection, prefix: &'a str) -> u64;
        count_words(collection: &'a Collection, owner: Option<&'a str>, words: &'a Words) -> u64;
        damaged() -> Vec<DamagedRow>;
        delete_owner(collection: &'a Collection, owner: &'a str) -> u64;
        erase() -> Erased;
        find(find: Find) -> Page<Record, Found>;
        outline(scan: Scan, front: usize) -> Page<Outline>;
        purge(collection: &'a Collection, now: Timestamp, limit: usize) -> u64;
        scan(scan: Scan) -> Page<Record>;
        set_aside(place: &'a str) -> DamagedRow;
    }

    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        Box::pin(async move {
            let what = batch.iter().map(told).collect::<Vec<_>>().join(" ");
            self.asked(&format!("apply {what}")).await;
            let applied = self.store.apply(batch).await?;
            if self.is_lost() {
                return Err(Error::unavailable("the answer was lost"));
            }
            Ok(applied)
        })
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            self.asked(&format!("fetch {}", key.collection.as_str()))
                .await;
            self.store.fetch(key).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            self.asked(&format!("fetch_many {}", keys.len())).await;
            self.store.fetch_many(keys).await
        })
    }

    fn identity(&self) -> Result<StoreId> {
        self.store.identity()
    }
}

/// What a write is, and how many bytes it has.
fn told(write: &Write) -> String {
    let of = |key: &RecordKey, content: &Content| {
        let (name, data) = (key.collection.as_str(), content.data.len());
        format!("{name}:{}+{}", content.sealed.len(), data)
    };
    match write {
        Write::Insert { key, content } => format!("insert({})", of(key, content)),
        Write::Swap { key, content, .. } => format!("swap({})", of(key, content)),
        Write::Delete { key, .. } => format!("delete({})", key.collection.as_str()),
        Write::Require { key, .. } => format!("require({})", key.collection.as_str()),
        _ => "other".to_owned(),
    }
}

impl Stores for Counted {
    passed! {
        commit(steps: Vec<Step>) -> Committed;
        time() -> Option<Timestamp>;
    }
}
