//! The suite has teeth: each store here has one fault, and the suite names the rule it breaks.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use keyward_base::{Error, Result, Timestamp};
use keyward_store::conformance::{self, Threads, block_on};
use keyward_store::{
    Applied, BoxFuture, Collection, DamagedRow, Erased, Find, Found, MemoryStore, Outline, Page,
    Record, RecordKey, Records, Scan, StoreId, StoreLimits, Version, Words, Write,
};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    CheckThenInsert,
    CheckThenSwap,
    ChecksFail,
    EraseEmpties,
    FoldsCase,
    ForgetsExpiry,
    IdentityChanges,
    IdentityShared,
    IgnoresRequire,
    LikePrefix,
    NonAtomicBatch,
    OutlineForgetsLength,
    PagesSkip,
    ResurrectsBySwap,
    ShortIsLast,
    TagsForgotten,
    TornReads,
    UnboundedBytes,
    UnboundedPages,
    VersionReset,
    WordsForwards,
    WordsUnordered,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    good: MemoryStore,
    /// Numbers given out for each key, by the store that starts anew when a record comes back.
    versions: Mutex<HashMap<RecordKey, HashMap<u64, u64>>>,
}

/// Lets every other task run once, as a round trip to a database would.
async fn pause() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::thread::yield_now();
        Poll::Pending
    })
    .await;
}

/// SQL's `LIKE 'prefix%'` as SQLite runs it: `_` and `%` are wildcards, and case is folded.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, _) => true,
        (Some((b'%', rest)), _) => (0..=text.len()).any(|n| like(rest, &text[n..])),
        (Some((p, rest)), Some((t, text))) => {
            (*p == b'_' || p.eq_ignore_ascii_case(t)) && like(rest, text)
        }
        (Some(_), None) => false,
    }
}

impl Faulty {
    fn with(fault: Fault) -> Arc<dyn Records> {
        Arc::new(Self {
            fault,
            good: MemoryStore::new(1_000_000),
            versions: Mutex::default(),
        })
    }

    fn fold(&self, key: &mut RecordKey) {
        if self.fault == Fault::FoldsCase {
            key.owner.make_ascii_lowercase();
        }
    }

    /// What the good store would call the version that this one called `version`.
    fn inner(&self, key: &RecordKey, version: Version) -> Version {
        let versions = self.versions.lock().unwrap();
        let known = versions.get(key).and_then(|v| v.get(&version.number()));
        Version::new(known.copied().unwrap_or(version.number()))
    }

    fn outer(&self, key: &RecordKey, version: Version) -> Version {
        let versions = self.versions.lock().unwrap();
        let Some(known) = versions.get(key) else {
            return version;
        };
        let found = known.iter().find(|(_, inner)| **inner == version.number());
        found.map_or(version, |(outer, _)| Version::new(*outer))
    }

    async fn check_then(&self, batch: Vec<Write>) -> Result<Applied> {
        let mut forced = Vec::new();
        for (index, write) in batch.into_iter().enumerate() {
            let key = key_of(&write).clone();
            let found = self.good.fetch(&key).await?;
            pause().await;
            let write = match (write, self.fault) {
                (write @ Write::Insert { .. }, Fault::CheckThenInsert) => {
                    if found.is_some() {
                        return Ok(Applied::Conflict { index });
                    }
                    write
                }
                (
                    Write::Swap {
                        version,
                        key,
                        content,
                    },
                    Fault::CheckThenSwap,
                ) => {
                    if found.map(|r| r.version) != Some(version) {
                        return Ok(Applied::Conflict { index });
                    }
                    Write::Swap {
                        version,
                        key,
                        content,
                    }
                }
                (write, _) => write,
            };
            forced.push(write);
        }
        // What the check allowed is now written, whatever happened meanwhile.
        loop {
            let applied = self.good.apply(forced.clone()).await?;
            let Applied::Conflict { index } = applied else {
                return Ok(applied);
            };
            let present = self.good.fetch(key_of(&forced[index])).await?;
            forced[index] = match (forced[index].clone(), present) {
                (Write::Insert { key, content }, Some(now))
                    if self.fault == Fault::CheckThenInsert =>
                {
                    let version = now.version;
                    Write::Swap {
                        key,
                        version,
                        content,
                    }
                }
                (Write::Swap { key, content, .. }, Some(now))
                    if self.fault == Fault::CheckThenSwap =>
                {
                    let version = now.version;
                    Write::Swap {
                        key,
                        version,
                        content,
                    }
                }
                _ => return Ok(Applied::Conflict { index }),
            };
        }
    }

    async fn one_by_one(&self, batch: Vec<Write>) -> Result<Applied> {
        let mut versions = Vec::new();
        for (index, write) in batch.into_iter().enumerate() {
            match self.good.apply(vec![write]).await? {
                Applied::Done(version) => versions.extend(version),
                _ => return Ok(Applied::Conflict { index }),
            }
        }
        Ok(Applied::Done(versions))
    }

    async fn reset(&self, batch: Vec<Write>) -> Result<Applied> {
        let keys: Vec<RecordKey> = batch.iter().map(|write| key_of(write).clone()).collect();
        let batch: Vec<Write> = batch
            .into_iter()
            .map(|mut write| {
                if let Write::Delete { key, version } | Write::Swap { key, version, .. } =
                    &mut write
                {
                    *version = self.inner(key, *version);
                }
                if let Write::Require {
                    key,
                    version: Some(version),
                } = &mut write
                {
                    *version = self.inner(key, *version);
                }
                write
            })
            .collect();
        let inserts: Vec<bool> = batch
            .iter()
            .map(|write| matches!(write, Write::Insert { .. }))
            .collect();
        let mut applied = self.good.apply(batch).await?;
        if let Applied::Done(versions) = &mut applied {
            for ((key, insert), version) in keys.iter().zip(inserts).zip(versions) {
                let mut all = self.versions.lock().unwrap();
                let known = all.entry(key.clone()).or_default();
                if let Some(version) = version {
                    if insert {
                        known.clear();
                    }
                    let number = u64::try_from(known.len()).unwrap() + 1;
                    known.insert(number, version.number());
                    *version = Version::new(number);
                }
            }
        }
        Ok(applied)
    }
}

fn key_of(write: &Write) -> &RecordKey {
    match write {
        Write::Delete { key, .. }
        | Write::Insert { key, .. }
        | Write::Require { key, .. }
        | Write::Swap { key, .. } => key,
        _ => unreachable!("no other write is made here"),
    }
}

impl Records for Faulty {
    fn apply(&self, mut batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        Box::pin(async move {
            for write in &mut batch {
                match write {
                    Write::Delete { key, .. }
                    | Write::Insert { key, .. }
                    | Write::Require { key, .. }
                    | Write::Swap { key, .. } => self.fold(key),
                    _ => {}
                }
            }
            match self.fault {
                Fault::CheckThenInsert | Fault::CheckThenSwap => self.check_then(batch).await,
                Fault::NonAtomicBatch => self.one_by_one(batch).await,
                Fault::VersionReset => self.reset(batch).await,
                Fault::IgnoresRequire => {
                    batch.retain(|write| !matches!(write, Write::Require { .. }));
                    self.good.apply(batch).await
                }
                Fault::ResurrectsBySwap => {
                    for write in &mut batch {
                        if let Write::Swap { key, content, .. } = write
                            && self.good.fetch(key).await?.is_none()
                        {
                            *write = Write::Insert {
                                key: key.clone(),
                                content: content.clone(),
                            };
                        }
                    }
                    self.good.apply(batch).await
                }
                _ => self.good.apply(batch).await,
            }
        })
    }

    fn count<'a>(
        &'a self,
        collection: &'a Collection,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            if self.fault == Fault::TagsForgotten {
                let sealed = Scan::of(collection.clone()).prefix(prefix);
                let found = self.good.scan(sealed).await?.items.len();
                return Ok(u64::try_from(found).unwrap());
            }
            if self.fault != Fault::LikePrefix {
                return self.good.count(collection, prefix).await;
            }
            let all = self.good.scan(Scan::of(collection.clone())).await?.items;
            let hit = |r: &&Record| like(prefix.as_bytes(), r.sealed.as_bytes());
            Ok(u64::try_from(all.iter().filter(hit).count()).unwrap())
        })
    }

    fn delete_owner<'a>(
        &'a self,
        collection: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.delete_owner(collection, owner)
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        self.good.damaged()
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        self.good.set_aside(place)
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        Box::pin(async move {
            if self.fault == Fault::EraseEmpties {
                let set = Collection::named("erase-keeps-the-records");
                let _all = self.good.delete_owner(&set, "acme").await?;
            }
            self.good.erase().await
        })
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let mut folded = key.clone();
            self.fold(&mut folded);
            let mut record = self.good.fetch(&folded).await?;
            if let Some(record) = &mut record {
                record.version = self.outer(key, record.version);
                if self.fault == Fault::ForgetsExpiry {
                    record.content.expires = None;
                }
            }
            Ok(record)
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            if self.fault != Fault::TornReads {
                return self.good.fetch_many(keys).await;
            }
            let mut records = Vec::new();
            for key in keys {
                records.push(self.good.fetch(key).await?);
                pause().await;
            }
            Ok(records)
        })
    }

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            if self.fault == Fault::ChecksFail {
                return Err(Error::corrupt("an index and its table differ"));
            }
            self.good.check_counts().await
        })
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.count_words(collection, owner, words)
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        Box::pin(async move {
            let mut find = find;
            if self.fault == Fault::WordsForwards {
                find.backwards = false;
            }
            let mut page = self.good.find(find).await?;
            if self.fault == Fault::WordsUnordered {
                page.items.sort_by(|a, b| a.key.cmp(&b.key));
            }
            Ok(page)
        })
    }

    fn identity(&self) -> Result<StoreId> {
        match self.fault {
            Fault::IdentityChanges => StoreId::random(),
            Fault::IdentityShared => StoreId::new("store"),
            _ => self.good.identity(),
        }
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        Box::pin(async move {
            let mut page = self.good.outline(scan, front).await?;
            for outline in &mut page.items {
                if self.fault == Fault::OutlineForgetsLength {
                    outline.sealed_len = outline.front.len();
                }
            }
            Ok(page)
        })
    }

    fn purge<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.purge(collection, now, limit)
    }

    fn scan(&self, mut scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        Box::pin(async move {
            if self.fault == Fault::UnboundedPages && scan.limit > 0 {
                scan.limit = 4096;
            }
            if self.fault == Fault::UnboundedBytes && scan.bytes > 0 {
                scan.bytes = StoreLimits::SCAN_BYTES;
            }
            let limit = scan.limit;
            let mut page = self.good.scan(scan.clone()).await?;
            // A page that is cut after it was ordered otherwise loses what it should begin with.
            if self.fault == Fault::PagesSkip && scan.after.is_some() && page.items.len() > 1 {
                page.items.remove(0);
            }
            // Who takes a short page for the last one misses what did not fit in bytes.
            if self.fault == Fault::ShortIsLast && page.items.len() < limit {
                page.next = None;
            }
            Ok(page)
        })
    }
}

#[test]
fn each_fault_is_named() {
    let faults = [
        (Fault::CheckThenInsert, "one-of-many-inserts-wins"),
        (Fault::CheckThenSwap, "a-counter-loses-nothing"),
        (Fault::ChecksFail, "counts-of-a-sound-store-agree"),
        (Fault::EraseEmpties, "erase-keeps-the-records"),
        (Fault::FoldsCase, "names-are-bytes"),
        (Fault::ForgetsExpiry, "insert-is-read-back"),
        (Fault::IdentityChanges, "identity-is-stable"),
        (Fault::IgnoresRequire, "require-only-looks"),
        (Fault::LikePrefix, "prefix-is-exact"),
        (Fault::NonAtomicBatch, "batch-is-atomic"),
        (Fault::OutlineForgetsLength, "outline-leaves-out-the-text"),
        (Fault::PagesSkip, "scan-pages-are-complete"),
        (Fault::ResurrectsBySwap, "swap-never-recreates"),
        (Fault::ShortIsLast, "scan-is-bounded-in-bytes"),
        (Fault::TagsForgotten, "count-sees-every-key-tag"),
        (Fault::TornReads, "fetch-many-is-one-moment"),
        (Fault::UnboundedBytes, "scan-is-bounded-in-bytes"),
        (Fault::UnboundedPages, "scan-orders-by-bytes"),
        (Fault::VersionReset, "versions-are-never-reused"),
        (Fault::WordsForwards, "find-orders-by-word"),
        (Fault::WordsUnordered, "find-orders-by-word"),
    ];
    for (fault, rule) in faults {
        let report = block_on(conformance::records(&[Faulty::with(fault)], &Threads));
        let report = report.expect_err(&format!("{fault:?} was not found"));
        let broken: Vec<&str> = report.broken().iter().map(|broken| broken.rule()).collect();
        assert!(broken.contains(&rule), "{fault:?} broke {broken:?}");
    }
}

#[test]
fn an_identity_that_is_shared_is_named() {
    let [one, other] = [Fault::IdentityShared; 2].map(Faulty::with);
    let report = conformance::identities(one.as_ref(), other.as_ref()).unwrap_err();
    assert_eq!(report.broken()[0].rule(), "identity-is-its-own");
    let [one, other] = [1; 2].map(MemoryStore::new);
    conformance::identities(&one, &other).unwrap();
}
