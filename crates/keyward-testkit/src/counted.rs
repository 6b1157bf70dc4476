//! A store in memory that says what was asked of it, can be down, and at which somebody else acts in
//! between.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::{BoxFuture, Error, Result, Timestamp};
use keyward_store::*;

use crate::staged::Act;

/// All four stores in memory, counted.
pub struct Counted {
    store: MemoryStore,
    state: Mutex<State>,
    is_down: AtomicBool,
}

#[derive(Default)]
struct State {
    calls: Vec<(&'static str, String)>,
    act: Option<(usize, Act)>,
    lost: Option<usize>,
}

impl Counted {
    /// An empty store for at most `capacity` entries.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            store: MemoryStore::new(capacity),
            state: Mutex::default(),
            is_down: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of the methods that were called since this was asked last.
    pub fn take(&self) -> Vec<&'static str> {
        let calls = std::mem::take(&mut self.state().calls);
        calls.into_iter().map(|(what, _)| what).collect()
    }

    /// The same with what was written or read, in bytes.
    pub fn take_told(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.state().calls);
        let told = |(what, of): (&str, String)| match of.is_empty() {
            true => what.to_owned(),
            false => format!("{what} {of}"),
        };
        calls.into_iter().map(told).collect()
    }

    /// From now on every call fails, or none.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Somebody else acts before the call that comes after so many.
    pub fn act_before(&self, calls: usize, act: Act) {
        self.state().act = Some((calls, act));
    }

    /// Whether nobody acted yet; nobody will.
    pub fn take_act(&self) -> bool {
        self.state().act.take().is_some()
    }

    /// The batch that comes after so many is written, and the answer is lost.
    pub fn lose_answer(&self, batches: usize) {
        self.state().lost = Some(batches);
    }

    fn is_lost(&self) -> bool {
        let mut state = self.state();
        let left = state.lost.take();
        state.lost = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    async fn asked(&self, what: &'static str, of: String) -> Result<()> {
        let due = {
            let mut state = self.state();
            state.calls.push((what, of));
            match state.act.take() {
                Some((0, due)) => Some(due),
                Some((calls, later)) => {
                    state.act = Some((calls.saturating_sub(1), later));
                    None
                }
                None => None,
            }
        };
        if let Some(due) = due {
            due().await;
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the store is down"));
        }
        Ok(())
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counted").field(&self.store).finish()
    }
}

macro_rules! passed {
    ($($name:ident($($arg:ident: $of:ty),*) -> $out:ty;)*) => {
        $(fn $name<'a>(&'a self, $($arg: $of),*) -> BoxFuture<'a, Result<$out>> {
            Box::pin(async move {
                self.asked(stringify!($name), String::new()).await?;
                self.store.$name($($arg),*).await
            })
        })*
    };
}

impl Attempts for Counted {
    passed! {
        attempt(key: &'a RecordKey, window: Window, now: Timestamp) -> Judged;
        reserve(windows: &'a [(RecordKey, Window)], now: Timestamp) -> Reserved;
        reserve_coarsely(levels: &'a [Level], now: Timestamp) -> Reserved;
        give_back(ticket: &'a Ticket) -> ();
        used(windows: &'a [(RecordKey, Window)], now: Timestamp) -> Vec<Used>;
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
            let writes = batch.iter().map(told).collect::<Vec<_>>().join(" ");
            self.asked("apply", writes).await?;
            let applied = self.store.apply(batch).await?;
            if self.is_lost() {
                return Err(Error::unavailable("the answer was lost"));
            }
            Ok(applied)
        })
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let collection = key.collection.as_str().to_owned();
            self.asked("fetch", collection).await?;
            self.store.fetch(key).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            self.asked("fetch_many", keys.len().to_string()).await?;
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
        format!("{name}:{}+{data}", content.sealed.len())
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
