//! Records in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use keyward_base::{BoxFuture, Result, Timestamp};

use super::{MemoryStore, Spot, State, full, is_over, purge, spot};
use crate::damaged::DamagedRow;
use crate::find::{Find, Found, Words};
use crate::identity::StoreId;
use crate::limits::StoreLimits;
use crate::record::{Collection, Content, Record, RecordKey, Version};
use crate::records::{Applied, Erased, Records, Write};
use crate::scan::{Outline, Page, PageBudget, Scan};

#[derive(Clone)]
pub(super) struct Stored {
    version: Version,
    content: Content,
}

impl Stored {
    fn record(&self, key: RecordKey) -> Record {
        Record {
            key,
            version: self.version,
            content: self.content.clone(),
        }
    }

    fn outline(&self, key: RecordKey, front: usize) -> Outline {
        let content = &self.content;
        Outline {
            key,
            version: self.version,
            front: Outline::front_of(&content.sealed, front).to_owned(),
            sealed_len: content.sealed.len(),
            data: content.data.clone(),
            expires: content.expires,
        }
    }

    /// Bytes of it in a page, with `front` bytes of its text at most.
    fn length(&self, (owner, id): &Spot, front: usize) -> usize {
        let lengths = [
            owner.len(),
            id.len(),
            self.content.data.len(),
            self.content.sealed.len().min(front),
        ];
        lengths.into_iter().fold(0, usize::saturating_add)
    }
}

impl State {
    fn at(&self, key: &RecordKey) -> Option<&Stored> {
        self.records.get(&key.collection)?.get(&spot(key))
    }

    /// The records with one of these words, in no order.
    fn with_words<'a>(
        &'a self,
        collection: &Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> impl Iterator<Item = (&'a Spot, &'a Stored)> {
        let all = self.records.get(collection).into_iter().flatten();
        all.filter(move |((of, _), stored)| {
            owner.is_none_or(|only| only == of) && words.hold(&stored.content.word)
        })
    }

    /// Puts a state in place and gives back the one before.
    pub(super) fn put(&mut self, key: &RecordKey, stored: Option<Stored>) -> Option<Stored> {
        let comes = stored.is_some();
        let before = match stored {
            Some(stored) => self
                .records
                .entry(key.collection.clone())
                .or_default()
                .insert(spot(key), stored),
            None => self
                .records
                .get_mut(&key.collection)
                .and_then(|all| all.remove(&spot(key))),
        };
        self.entries = match (before.is_some(), comes) {
            (false, true) => self.entries.saturating_add(1),
            (true, false) => self.entries.saturating_sub(1),
            _ => self.entries,
        };
        before
    }

    /// Makes one write if its condition holds. `None`: it does not.
    pub(super) fn write(
        &mut self,
        write: Write,
        undo: &mut Vec<Undo>,
    ) -> Result<Option<Option<Version>>> {
        let is = |state: &Self, key: &RecordKey| state.at(key).map(|stored| stored.version);
        let (key, content) = match write {
            Write::Require { key, version } => {
                return Ok((is(self, &key) == version).then_some(None));
            }
            Write::Delete { key, version } => {
                if is(self, &key) != Some(version) {
                    return Ok(None);
                }
                (key, None)
            }
            Write::Insert { key, content } => {
                if is(self, &key).is_some() {
                    return Ok(None);
                }
                (key, Some(content))
            }
            Write::Swap {
                key,
                version,
                content,
            } => {
                if is(self, &key) != Some(version) {
                    return Ok(None);
                }
                (key, Some(content))
            }
        };
        let stored = match content {
            Some(content) => Some(Stored {
                version: Version::new(self.next()?),
                content,
            }),
            None => None,
        };
        let version = stored.as_ref().map(|stored| stored.version);
        let before = self.put(&key, stored);
        undo.push((key, before));
        Ok(Some(version))
    }

    fn batch(&mut self, batch: Vec<Write>, undo: &mut Vec<Undo>) -> Result<Applied> {
        let mut versions = Vec::with_capacity(batch.len());
        for (index, write) in batch.into_iter().enumerate() {
            match self.write(write, undo)? {
                Some(version) => versions.push(version),
                None => return Ok(Applied::Conflict { index }),
            }
        }
        Ok(Applied::Done(versions))
    }
}

pub(super) type Undo = (RecordKey, Option<Stored>);

impl MemoryStore {
    fn apply_now(&self, batch: Vec<Write>) -> Result<Applied> {
        StoreLimits::check_batch(&batch)?;
        let mut state = self.state();
        let mut undo = Vec::new();
        let mut applied = state.batch(batch, &mut undo);
        if state.entries > self.capacity && applied.is_ok() {
            applied = Err(full());
        }
        if !matches!(applied, Ok(Applied::Done(_))) {
            for (key, before) in undo.into_iter().rev() {
                state.put(&key, before);
            }
        }
        applied
    }

    fn find_now(&self, find: &Find) -> Result<Page<Record, Found>> {
        StoreLimits::check_find(find)?;
        let state = self.state();
        let found = state.with_words(&find.collection, find.owner.as_deref(), &find.words);
        let place = |(spot, stored): (&Spot, &Stored)| Found {
            word: stored.content.word.clone(),
            owner: spot.0.clone(),
            id: spot.1.clone(),
        };
        let mut in_order: Vec<_> = found
            .map(|found| (place(found), found))
            .filter(|(place, _)| {
                let behind = |after| {
                    if find.backwards {
                        place < after
                    } else {
                        place > after
                    }
                };
                find.after.as_ref().is_none_or(behind)
            })
            .collect();
        in_order.sort_by(|(a, _), (b, _)| a.cmp(b));
        if find.backwards {
            in_order.reverse();
        }
        let mut page = Page {
            items: Vec::new(),
            damaged: Vec::new(),
            next: None,
        };
        let mut budget = PageBudget::new(find.limit, find.bytes);
        let mut last: Option<Found> = None;
        for (place, (spot, stored)) in in_order {
            if !budget.admit(stored.length(spot, usize::MAX)) {
                page.next = last;
                break;
            }
            page.items
                .push(stored.record(key_of(&find.collection, spot)));
            last = Some(place);
        }
        Ok(page)
    }

    /// A page of what `make` makes of records, of whose sealed text it takes `front` bytes.
    fn scan_now<T>(
        &self,
        scan: &Scan,
        front: usize,
        make: impl Fn(&Stored, RecordKey) -> T,
    ) -> Result<Page<T>> {
        StoreLimits::check_scan(scan)?;
        let mut page = Page {
            items: Vec::new(),
            damaged: Vec::new(),
            next: None,
        };
        let state = self.state();
        let Some(all) = state.records.get(&scan.collection) else {
            return Ok(page);
        };
        let prefix = scan.prefix.as_deref().unwrap_or_default();
        let found = all
            .range((from(scan), Bound::Unbounded))
            .take_while(|((owner, _), _)| scan.owner.as_ref().is_none_or(|only| only == owner))
            .filter(|(_, stored)| begins(stored, prefix));
        let mut budget = PageBudget::of(scan);
        let mut last: Option<&Spot> = None;
        for (spot, stored) in found {
            if !budget.admit(stored.length(spot, front)) {
                page.next = last.cloned();
                break;
            }
            page.items
                .push(make(stored, key_of(&scan.collection, spot)));
            last = Some(spot);
        }
        Ok(page)
    }
}

fn key_of(collection: &Collection, (owner, id): &Spot) -> RecordKey {
    RecordKey {
        collection: collection.clone(),
        owner: owner.clone(),
        id: id.clone(),
    }
}

/// Where a scan begins.
fn from(scan: &Scan) -> Bound<Spot> {
    match (&scan.after, &scan.owner) {
        (Some(after), Some(owner)) if after.0 < *owner => {
            Bound::Included((owner.clone(), String::new()))
        }
        (Some(after), _) => Bound::Excluded(after.clone()),
        (None, Some(owner)) => Bound::Included((owner.clone(), String::new())),
        (None, None) => Bound::Unbounded,
    }
}

fn begins(stored: &Stored, prefix: &str) -> bool {
    stored
        .content
        .sealed
        .as_bytes()
        .starts_with(prefix.as_bytes())
}

impl Records for MemoryStore {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        Box::pin(async move { self.apply_now(batch) })
    }

    /// There is no index: a count looks at the records.
    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn count<'a>(
        &'a self,
        collection: &'a Collection,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            StoreLimits::check_prefix(prefix)?;
            let state = self.state();
            let all = state.records.get(collection);
            let count = all.map_or(0, |all| {
                all.values().filter(|s| s.content.needs_key(prefix)).count()
            });
            Ok(u64::try_from(count).unwrap_or(u64::MAX))
        })
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            StoreLimits::check_words(words)?;
            owner.map_or(Ok(()), StoreLimits::check_owner)?;
            let state = self.state();
            let count = state.with_words(collection, owner, words).count();
            Ok(u64::try_from(count).unwrap_or(u64::MAX))
        })
    }

    /// What lies in memory is what was written.
    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn delete_owner<'a>(
        &'a self,
        collection: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            StoreLimits::check_owner(owner)?;
            let mut state = self.state();
            let Some(all) = state.records.get_mut(collection) else {
                return Ok(0);
            };
            let before = all.len();
            all.retain(|(of, _), _| of != owner);
            let gone = before.saturating_sub(all.len());
            state.entries = state.entries.saturating_sub(gone);
            Ok(u64::try_from(gone).unwrap_or(u64::MAX))
        })
    }

    /// Nothing is kept but the records. Memory that is given back is not overwritten.
    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        Box::pin(async { Ok(Erased::Done) })
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            Ok(self.state().at(key).map(|s| s.record(key.clone())))
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            StoreLimits::check_many(keys)?;
            let state = self.state();
            let read = |key: &RecordKey| state.at(key).map(|s| s.record(key.clone()));
            Ok(keys.iter().map(read).collect())
        })
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        Box::pin(async move { self.find_now(&find) })
    }

    fn identity(&self) -> Result<StoreId> {
        self.identity_now()
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        Box::pin(async move {
            StoreLimits::check_front(front)?;
            self.scan_now(&scan, front, |stored, key| stored.outline(key, front))
        })
    }

    fn purge<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let mut state = self.state();
            let all: Option<&mut BTreeMap<Spot, Stored>> = state.records.get_mut(collection);
            let (gone, entries) = purge(all, limit, |stored| is_over(stored.content.expires, now));
            state.entries = state.entries.saturating_sub(entries);
            Ok(gone)
        })
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        Box::pin(async move { self.scan_now(&scan, usize::MAX, Stored::record) })
    }

    fn set_aside<'a>(&'a self, _place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        Box::pin(async { Err(DamagedRow::none()) })
    }
}
