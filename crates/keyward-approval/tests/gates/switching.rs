//! A store that switches tasks at each call, by a seed; and what drives the tasks.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use keyward_base::{BoxFuture, Error, Result, Timestamp};
use keyward_store::{
    Appended, Applied, Attempts, Begun, Claim, Collection, Committed, DamagedRow, Entry, Erased,
    FencingToken, Find, Finished, Found, Judged, Level, Log, Once, Outline, Page, Place, Record,
    RecordKey, Records, Reserved, Scan, Step, StoreId, Stores, Ticket, Used, Window, Words, Write,
};

/// Numbers from a seed: SplitMix64, which no secret comes from.
#[derive(Debug)]
pub(crate) struct Seeded(Mutex<u64>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(seed)))
    }

    /// One of `0..below`.
    pub(crate) fn below(&self, below: usize) -> usize {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }
}

/// Waits once: whoever drives the tasks may go on with another.
pub(crate) async fn switch() {
    let mut waited = false;
    std::future::poll_fn(move |_| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// Goes on with a task so many times; what it gives, if it comes to its end.
pub(crate) fn poll_times<T>(
    mut task: Pin<&mut impl Future<Output = T>>,
    times: usize,
) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match task.as_mut().poll(&mut context) {
        Poll::Ready(given) => Some(given),
        Poll::Pending => None,
    })
}

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Drives tasks to their ends, one step of one of them after the other, as the seed has it. Of those
/// that may die, one in `dies` is dropped at some step: its process was killed. Gives a number of which
/// tasks took which steps: the same for the same steps.
pub(crate) fn drive(seeded: &Seeded, tasks: Vec<(bool, Task)>, dies: usize) -> u64 {
    let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    let mut fates: Vec<_> = tasks
        .iter()
        .map(|task| {
            let mortal = task.as_ref().is_some_and(|(mortal, _)| *mortal);
            (mortal && seeded.below(dies) == 0).then(|| seeded.below(60))
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut left = tasks.len();
    let mut trace = 0_u64;
    for _ in 0..200_000 {
        if left == 0 {
            return trace;
        }
        let nth = seeded.below(tasks.len());
        let Some((_, task)) = &mut tasks[nth] else {
            continue;
        };
        let dead = match &mut fates[nth] {
            Some(0) => true,
            Some(steps) => {
                *steps -= 1;
                false
            }
            None => false,
        };
        let over = dead || task.as_mut().poll(&mut context).is_ready();
        let step = u64::try_from(nth).unwrap() << 1 | u64::from(over);
        trace = (trace.rotate_left(5) ^ step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if over {
            tasks[nth] = None;
            left -= 1;
        }
    }
    panic!("a task never ends");
}

/// A store under which tasks are switched at each call, and some answers are lost.
pub(crate) struct Switching {
    inner: Arc<dyn Stores>,
    seeded: Mutex<Option<Arc<Seeded>>>,
    loses: bool,
    /// How many more searches are answered; none: all.
    finds: Mutex<Option<usize>>,
}

impl Switching {
    /// Answers so many more searches, and none after them; or all, from now on.
    pub(crate) fn answer_finds(&self, finds: Option<usize>) {
        *self.finds.lock().unwrap() = finds;
    }

    pub(crate) fn over(inner: Arc<dyn Stores>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            seeded: Mutex::default(),
            loses: true,
            finds: Mutex::default(),
        })
    }

    /// One that loses no answers.
    pub(crate) fn surely_over(inner: Arc<dyn Stores>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            seeded: Mutex::default(),
            loses: false,
            finds: Mutex::default(),
        })
    }

    /// Switches by this seed from now on; none: not at all.
    pub(crate) fn seed(&self, seeded: Option<Arc<Seeded>>) {
        *self.seeded.lock().unwrap() = seeded;
    }

    fn through<'a, T: Send + 'a>(&'a self, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        if self.seeded.lock().unwrap().is_none() {
            return call;
        }
        Box::pin(async move {
            switch().await;
            let answer = call.await;
            switch().await;
            answer
        })
    }

    /// A write whose answer may be lost, once in 64.
    fn written<'a, T: Send + 'a>(
        &'a self,
        call: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        let seeded = self.seeded.lock().unwrap().clone();
        let seeded = seeded.filter(|_| self.loses);
        let call = self.through(call);
        Box::pin(async move {
            let lost = seeded.map_or(2, |seeded| seeded.below(64));
            match lost {
                0 => Err(Error::unavailable("the write was lost")),
                1 => {
                    let _written = call.await?;
                    Err(Error::unavailable("the answer was lost"))
                }
                _ => call.await,
            }
        })
    }
}

impl fmt::Debug for Switching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Switching")
    }
}

impl Stores for Switching {
    fn commit(&self, steps: Vec<Step>) -> BoxFuture<'_, Result<Committed>> {
        self.written(self.inner.commit(steps))
    }

    fn time(&self) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        self.through(self.inner.time())
    }
}

impl Log for Switching {
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

impl Records for Switching {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        self.written(self.inner.apply(batch))
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
        self.through(self.inner.erase())
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        self.through(self.inner.fetch(key))
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.through(self.inner.fetch_many(keys))
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        if let Some(left) = self.finds.lock().unwrap().as_mut() {
            let Some(less) = left.checked_sub(1) else {
                return Box::pin(std::future::ready(Err(Error::unavailable("not now"))));
            };
            *left = less;
        }
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

impl Attempts for Switching {
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

impl Once for Switching {
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
