//! The suite has teeth: stores of attempts, claims and logs with one fault each, and the rule that
//! names it.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use keyward_base::Timestamp;
use keyward_store::conformance::{self, Report, Threads, block_on};
use keyward_store::{
    Appended, Applied, Attempts, Begun, BoxFuture, Claim, Collection, Committed, DamagedRow, Entry,
    Erased, FencingToken, Find, Finished, Found, Judged, Level, Log, MemoryStore, Once, Outline,
    Page, Place, Record, RecordKey, Records, Reserved, Scan, Step, StoreId, Stores, Ticket, Used,
    Window, Words, Write,
};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    BeginsManyAsOne,
    CommitsOneByOne,
    CountsWhatItTells,
    ErasesPlaces,
    ForgetsResultsOnly,
    GivesBackNothing,
    GivesBackTwice,
    ErasesAll,
    KeepsErased,
    ListsOneLog,
    ReservesOneByOne,
    CountsALevelTwice,
    KeepsWhatIsEmpty,
    TellsWhatIsOver,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    good: MemoryStore,
}

impl Faulty {
    fn with(fault: Fault) -> Arc<Self> {
        let good = MemoryStore::new(1_000_000);
        Arc::new(Self { fault, good })
    }
}

impl Attempts for Faulty {
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>> {
        self.good.attempt(key, window, now)
    }

    fn reserve<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        Box::pin(async move {
            if self.fault != Fault::ReservesOneByOne {
                return self.good.reserve(windows, now).await;
            }
            let mut used = Vec::new();
            for (index, (key, window)) in windows.iter().enumerate() {
                let one = [(key.clone(), *window)];
                match self.good.attempt(key, *window, now).await? {
                    Judged::Admitted { .. } => used.extend(self.good.used(&one, now).await?),
                    Judged::Refused { retry_at } => {
                        return Ok(Reserved::Refused { index, retry_at });
                    }
                    other => panic!("{other:?}"),
                }
            }
            let keys = windows.iter().map(|(key, _)| key.clone()).collect();
            let ticket = Ticket::new(keys, 0);
            Ok(Reserved::Admitted { ticket, used })
        })
    }

    fn reserve_coarsely<'a>(
        &'a self,
        levels: &'a [Level],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>> {
        Box::pin(async move {
            if self.fault != Fault::CountsALevelTwice {
                return self.good.reserve_coarsely(levels, now).await;
            }
            // Where it is counted by itself, and with others as well.
            for level in levels {
                let (row, window) = &level.shared;
                let _ = self.good.attempt(row, *window, now).await?;
            }
            self.good.reserve_coarsely(levels, now).await
        })
    }

    fn give_back<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match self.fault {
                Fault::GivesBackNothing => Ok(()),
                // Takes one attempt away, whosesoever it is: here, all of the key's.
                Fault::GivesBackTwice => {
                    for key in ticket.keys() {
                        self.good.clear_attempts(key).await?;
                    }
                    Ok(())
                }
                _ => self.good.give_back(ticket).await,
            }
        })
    }

    fn used<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Used>>> {
        Box::pin(async move {
            if self.fault == Fault::CountsWhatItTells
                && let Reserved::Admitted { used, .. } = self.good.reserve(windows, now).await?
            {
                return Ok(used);
            }
            let mut used = self.good.used(windows, now).await?;
            if self.fault == Fault::TellsWhatIsOver {
                let ever = |(key, _): &(RecordKey, Window)| {
                    (
                        key.clone(),
                        Window::new(1_024, Duration::from_secs(9_999_999)).unwrap(),
                    )
                };
                let all: Vec<_> = windows.iter().map(ever).collect();
                used = self.good.used(&all, now).await?;
            }
            Ok(used)
        })
    }

    fn clear_attempts<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>> {
        self.good.clear_attempts(key)
    }

    fn purge_attempts<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            // Until their windows end.
            if self.fault == Fault::KeepsWhatIsEmpty && now < Timestamp::from_millis(100) {
                return Ok(0);
            }
            self.good.purge_attempts(collection, now, limit).await
        })
    }
}

impl Once for Faulty {
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, Result<bool>> {
        self.good.abandon(key, token)
    }

    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Begun>> {
        self.good.begin(key, claim, now)
    }

    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Begun>>> {
        Box::pin(async move {
            let mut begun = self.good.begin_many(claims, now).await?;
            if self.fault == Fault::BeginsManyAsOne
                && let Some(first) = begun.first().cloned()
            {
                begun.fill(first);
            }
            Ok(begun)
        })
    }

    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            if self.fault == Fault::ForgetsResultsOnly {
                return Ok(false);
            }
            self.good.forget(key).await
        })
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>> {
        self.good.finish(key, token, result, keep_until)
    }

    fn purge_once<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.purge_once(collection, now, limit)
    }
}

impl Log for Faulty {
    fn append<'a>(
        &'a self,
        log: &'a RecordKey,
        expected: u64,
        entries: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Appended>> {
        self.good.append(log, expected, entries)
    }

    fn erase_entries<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        until: u64,
        keep: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            match self.fault {
                Fault::KeepsErased => Ok(until.saturating_sub(from)),
                Fault::ErasesAll => self.good.erase_entries(log, from, until, 0).await,
                _ => self.good.erase_entries(log, from, until, keep).await,
            }
        })
    }

    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>> {
        self.good.head(log)
    }

    fn logs<'a>(
        &'a self,
        collection: &'a Collection,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<RecordKey>>> {
        Box::pin(async move {
            let mut page = self.good.logs(collection, after, limit).await?;
            if self.fault == Fault::ListsOneLog {
                page.next = None;
            }
            Ok(page)
        })
    }

    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<Entry, u64>>> {
        Box::pin(async move {
            let mut page = self.good.read(log, from, limit).await?;
            if self.fault == Fault::ErasesPlaces {
                page.items.retain(|entry| entry.bytes.is_some());
            }
            Ok(page)
        })
    }
}

impl Records for Faulty {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        self.good.apply(batch)
    }

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        self.good.check_counts()
    }

    fn count<'a>(&'a self, set: &'a Collection, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.good.count(set, prefix)
    }

    fn count_words<'a>(
        &'a self,
        set: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.count_words(set, owner, words)
    }

    fn delete_owner<'a>(
        &'a self,
        set: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.delete_owner(set, owner)
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        self.good.damaged()
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        self.good.set_aside(place)
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        self.good.erase()
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        self.good.fetch(key)
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.good.fetch_many(keys)
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        self.good.find(find)
    }

    fn identity(&self) -> Result<StoreId> {
        self.good.identity()
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        self.good.outline(scan, front)
    }

    fn purge<'a>(
        &'a self,
        set: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.purge(set, now, limit)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        self.good.scan(scan)
    }
}

impl Stores for Faulty {
    fn commit(&self, steps: Vec<Step>) -> BoxFuture<'_, Result<Committed>> {
        Box::pin(async move {
            if self.fault != Fault::CommitsOneByOne {
                return self.good.commit(steps).await;
            }
            let mut done = Vec::new();
            for (index, step) in steps.into_iter().enumerate() {
                match self.good.commit(vec![step]).await? {
                    Committed::Done(one) => done.extend(one),
                    Committed::Refused { because, .. } => {
                        return Ok(Committed::Refused { index, because });
                    }
                    other => panic!("{other:?}"),
                }
            }
            Ok(Committed::Done(done))
        })
    }

    fn time(&self) -> BoxFuture<'_, Result<Option<Timestamp>>> {
        self.good.time()
    }
}

fn names(report: Result<(), Report>, fault: Fault, rule: &str) {
    let report = report.expect_err(&format!("{fault:?} was not found"));
    let broken: Vec<&str> = report.broken().iter().map(|broken| broken.rule()).collect();
    assert!(broken.contains(&rule), "{fault:?} broke {broken:?}");
}

type Result<T, E = keyward_base::Error> = std::result::Result<T, E>;

#[test]
fn each_fault_of_attempts_is_named() {
    for (fault, rule) in [
        (Fault::ReservesOneByOne, "a-reservation-is-all-or-none"),
        (Fault::CountsALevelTwice, "levels-have-rows-of-their-own"),
        (Fault::KeepsWhatIsEmpty, "what-is-given-back-takes-no-room"),
        (Fault::GivesBackNothing, "a-ticket-gives-back-its-own"),
        (Fault::GivesBackTwice, "a-ticket-gives-back-its-own"),
        (
            Fault::CountsWhatItTells,
            "what-is-used-is-told-and-not-counted",
        ),
        (
            Fault::TellsWhatIsOver,
            "what-is-used-is-told-and-not-counted",
        ),
    ] {
        let store: Arc<dyn Attempts> = Faulty::with(fault);
        names(
            block_on(conformance::attempts(&[store], &Threads)),
            fault,
            rule,
        );
    }
}

#[test]
fn each_fault_of_claims_is_named() {
    for (fault, rule) in [
        (Fault::BeginsManyAsOne, "many-begin-each-by-itself"),
        (Fault::ForgetsResultsOnly, "what-is-forgotten-begins-anew"),
    ] {
        let store: Arc<dyn Once> = Faulty::with(fault);
        names(block_on(conformance::once(&[store], &Threads)), fault, rule);
    }
}

#[test]
fn each_fault_of_logs_is_named() {
    for (fault, rule) in [
        (Fault::ErasesPlaces, "erased-entries-keep-their-place"),
        (Fault::KeepsErased, "erased-entries-keep-their-place"),
        (Fault::ErasesAll, "erased-entries-keep-what-they-are-told"),
        (Fault::ListsOneLog, "logs-are-listed"),
    ] {
        let store: Arc<dyn Log> = Faulty::with(fault);
        names(block_on(conformance::log(&[store], &Threads)), fault, rule);
    }
}

#[test]
fn each_fault_of_batches_is_named() {
    let fault = Fault::CommitsOneByOne;
    let store: Arc<dyn Stores> = Faulty::with(fault);
    let report = block_on(conformance::stores(&[store], &Threads));
    names(report, fault, "a-commit-is-all-or-none");
    let store: Arc<dyn Stores> = Faulty::with(fault);
    let report = block_on(conformance::stores(&[store], &Threads));
    names(report, fault, "a-claim-completes-in-one-step");
}
