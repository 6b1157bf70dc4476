//! A store that is watched, and told when to answer.

use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keyward_base::{BoxFuture, Error, Result, Timestamp};
use keyward_store::{
    Appended, Applied, Attempts, Begun, Claim, Collection, Committed, DamagedRow, Entry, Erased,
    FencingToken, Find, Finished, Found, Judged, Level, Log, Once, Outline, Page, Place, Record,
    RecordKey, Records, Reserved, Scan, Step, StoreId, Stores, Ticket, Used, Window, Words, Write,
};
use tokio::sync::Notify;

use crate::cuts::Cut;

/// What becomes of the next commit.
pub(crate) enum Next {
    /// It is done, and never answered.
    DoneUnanswered,
    /// It is done, and said to have failed.
    DoneFails,
    /// It is not done, and said to have failed.
    Fails,
    /// It is not done, and never answered.
    Lost,
    /// It is done once that says so, whether or not anybody waits; never answered. Then that says so.
    Late(Arc<Notify>, Arc<Notify>),
}

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

type Before = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

pub(crate) struct Watched {
    inner: Arc<dyn Stores>,
    pub(crate) calls: AtomicUsize,
    cut: Arc<Cut>,
    next: Mutex<Option<Next>>,
    after_fetch: Mutex<Option<Hook>>,
    before_commits: Mutex<Option<(u32, Before)>>,
    before_erase: Mutex<Option<Hook>>,
    pub(crate) erasing: Mutex<Vec<(u64, u64)>>,
    /// What was done, in its order: `append`, `erase`, `files`.
    pub(crate) order: Arc<Mutex<Vec<&'static str>>>,
}

impl Watched {
    pub(crate) fn over(inner: Arc<dyn Stores>) -> Arc<Self> {
        Self::cut(inner, Arc::default())
    }

    /// One whose calls end at some step.
    pub(crate) fn cut(inner: Arc<dyn Stores>, cut: Arc<Cut>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            cut,
            calls: AtomicUsize::new(0),
            next: Mutex::default(),
            after_fetch: Mutex::default(),
            before_commits: Mutex::default(),
            before_erase: Mutex::default(),
            order: Arc::default(),
            erasing: Mutex::default(),
        })
    }

    pub(crate) fn next(&self, next: Next) {
        *self.next.lock().unwrap() = Some(next);
    }

    /// Does that after the next fetch, before it is answered.
    pub(crate) fn after_fetch(
        &self,
        hook: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        *self.after_fetch.lock().unwrap() = Some(Box::new(hook));
    }

    /// Does that before each of so many commits to come, but for those that it makes itself.
    pub(crate) fn before_commits(
        &self,
        times: u32,
        hook: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        *self.before_commits.lock().unwrap() = Some((times, Arc::new(hook)));
    }

    /// Does that before the next batch that erases entries.
    pub(crate) fn before_erase(
        &self,
        hook: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        *self.before_erase.lock().unwrap() = Some(Box::new(hook));
    }

    fn note(&self, steps: &[Step]) -> Option<Hook> {
        let erases = steps.iter().filter_map(|step| match step {
            Step::EraseEntries { from, until, .. } => Some((*from, *until)),
            _ => None,
        });
        let erases: Vec<_> = erases.collect();
        let appends = steps.iter().any(|step| matches!(step, Step::Append { .. }));
        let mut order = self.order.lock().unwrap();
        order.extend(appends.then_some("append"));
        order.extend((!erases.is_empty()).then_some("erase"));
        self.erasing.lock().unwrap().extend(&erases);
        if erases.is_empty() {
            return None;
        }
        self.before_erase.lock().unwrap().take()
    }

    /// A call of the store beneath.
    fn through<'a, T: Send + 'a>(&'a self, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.cut.through(call)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Stores for Watched {
    fn commit(&self, steps: Vec<Step>) -> BoxFuture<'_, Result<Committed>> {
        let inner = self.inner.as_ref();
        let hook = self.note(&steps);
        let before = self.before_commits.lock().unwrap().take();
        Box::pin(async move {
            if let Some((left, hook)) = before {
                hook().await;
                let left = left - 1;
                *self.before_commits.lock().unwrap() = (left > 0).then_some((left, hook));
            }
            if let Some(hook) = hook {
                hook().await;
            }
            let next = self.next.lock().unwrap().take();
            match next {
                None => self.through(inner.commit(steps)).await,
                Some(Next::Fails) => Err(Error::unavailable("the store is not there")),
                Some(Next::Lost) => pending().await,
                Some(Next::DoneUnanswered) => {
                    let _done = inner.commit(steps).await;
                    pending().await
                }
                Some(Next::DoneFails) => {
                    let _done = inner.commit(steps).await?;
                    Err(Error::unavailable("the store went away"))
                }
                Some(Next::Late(now, was)) => {
                    let inner = Arc::clone(&self.inner);
                    tokio::spawn(async move {
                        now.notified().await;
                        let _done = inner.commit(steps).await;
                        was.notify_one();
                    });
                    pending().await
                }
            }
        })
    }

    fn time(&self) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        self.through(self.inner.time())
    }
}

impl Log for Watched {
    fn append<'a>(
        &'a self,
        log: &'a RecordKey,
        expected: u64,
        entries: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Appended>> {
        self.through(self.inner.append(log, expected, entries))
    }

    fn erase_entries<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        until: u64,
        keep: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.order.lock().unwrap().push("erase");
        self.through(self.inner.erase_entries(log, from, until, keep))
    }

    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.head(log))
    }

    fn logs<'a>(
        &'a self,
        collection: &'a Collection,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<RecordKey>>> {
        self.through(self.inner.logs(collection, after, limit))
    }

    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<Entry, u64>>> {
        self.through(self.inner.read(log, from, limit))
    }
}

impl Records for Watched {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        self.through(self.inner.apply(batch))
    }

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        self.through(self.inner.check_counts())
    }

    fn count<'a>(&'a self, c: &'a Collection, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.count(c, prefix))
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.count_words(collection, owner, words))
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        self.through(self.inner.damaged())
    }

    fn delete_owner<'a>(&'a self, c: &'a Collection, owner: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.delete_owner(c, owner))
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        self.order.lock().unwrap().push("files");
        self.through(self.inner.erase())
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        let fetch = self.through(self.inner.fetch(key));
        let hook = self.after_fetch.lock().unwrap().take();
        Box::pin(async move {
            let fetched = fetch.await;
            if let Some(hook) = hook {
                hook().await;
            }
            fetched
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.through(self.inner.fetch_many(keys))
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        self.through(self.inner.find(find))
    }

    fn identity(&self) -> Result<StoreId> {
        self.inner.identity()
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        self.through(self.inner.outline(scan, front))
    }

    fn purge<'a>(
        &'a self,
        c: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.purge(c, now, limit))
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        self.through(self.inner.scan(scan))
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        self.through(self.inner.set_aside(place))
    }
}

impl Attempts for Watched {
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>> {
        self.through(self.inner.attempt(key, window, now))
    }

    fn reserve<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        self.through(self.inner.reserve(windows, now))
    }

    fn reserve_coarsely<'a>(
        &'a self,
        levels: &'a [Level],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        self.through(self.inner.reserve_coarsely(levels, now))
    }

    fn give_back<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>> {
        self.through(self.inner.give_back(ticket))
    }

    fn used<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Used>>> {
        self.through(self.inner.used(windows, now))
    }

    fn clear_attempts<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>> {
        self.through(self.inner.clear_attempts(key))
    }

    fn purge_attempts<'a>(
        &'a self,
        c: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.purge_attempts(c, now, limit))
    }
}

impl Once for Watched {
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, Result<bool>> {
        self.through(self.inner.abandon(key, token))
    }

    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Begun>> {
        self.through(self.inner.begin(key, claim, now))
    }

    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Begun>>> {
        self.through(self.inner.begin_many(claims, now))
    }

    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool>> {
        self.through(self.inner.forget(key))
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>> {
        self.through(self.inner.finish(key, token, result, keep_until))
    }

    fn purge_once<'a>(
        &'a self,
        c: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.through(self.inner.purge_once(c, now, limit))
    }
}
