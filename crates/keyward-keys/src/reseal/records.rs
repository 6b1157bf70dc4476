//! A collection of records, sealed anew page by page.

use keyward_base::{ErrorKind, Purpose, Reason, Result};
use keyward_store::{Applied, Collection, Content, Record, RecordKey, Records, Scan, Write};

use super::ResealRow;
use super::cursor::Cursor;
use super::pass::Pass;
use super::row::Resealed;
use crate::barrier::Barrier;
use crate::keyring::Keyring;

/// Where rows that do not open are noted: same owner and id as the row, in a collection named after
/// the row's.
pub(crate) const QUARANTINE: &str = "quarantine/";

/// Bytes of rows sealed anew in one transaction: few large ones rather than many. With the texts
/// sealed anew, and those of the page before, which are being written, a run holds about six times
/// as much, and one row's plaintext: 32 MiB at most.
const BYTES: usize = 2 * 1024 * 1024;

/// How often a batch that lost to live writers is tried again before it is split into rows.
const MAX_TRIES: usize = 4;

/// The rows of one collection, and how each is sealed anew.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) store: &'a dyn Records,
    pub(crate) collection: &'a Collection,
    pub(crate) purpose: &'a Purpose,
    pub(crate) quarantine: &'a Collection,
    pub(crate) row: &'a dyn ResealRow,
}

/// Seals anew what is old, from where an interrupted run left off. While one page is written, the
/// next is read and sealed: whatever changes meanwhile is a condition of its own write.
pub(crate) async fn reseal(rows: Rows<'_>, pass: &mut Pass<'_>) -> Result<()> {
    let keyring = pass.keyring().clone();
    let limit = pass.rows();
    let (mut barrier, mut cursor) = begin(rows, &keyring).await?;
    let mut next = Sealed::page(rows, &keyring, &barrier, cursor.after(), limit).await?;
    while let Some(page) = next {
        let after = Some(page.after.clone());
        let mut run = Run {
            rows,
            keyring: &keyring,
            barrier: &barrier,
            cursor: &mut cursor,
            pass: &mut *pass,
        };
        let (written, following) = tokio::join!(
            run.page(page),
            Sealed::page(rows, &keyring, &barrier, after.clone(), limit)
        );
        let stands = written?;
        pass.tell();
        if !stands {
            // What was sealed behind the old barrier is not written.
            (barrier, cursor) = begin(rows, &keyring).await?;
        }
        next = if stands && cursor.after() == after {
            following?
        } else {
            // Here, or elsewhere if another run has moved the cursor on.
            Sealed::page(rows, &keyring, &barrier, cursor.after(), limit).await?
        };
    }
    cursor.clear(rows.store).await
}

/// Puts the barrier up for the key that is Active now, and finds out how far a run for it came.
async fn begin(rows: Rows<'_>, keyring: &Keyring) -> Result<(Barrier, Cursor)> {
    keyring.refresh().await?;
    let least = keyring.promoted_epoch(rows.purpose)?;
    let barrier = Barrier::raise(rows.store, rows.collection, rows.purpose, least).await?;
    let least = barrier.promoted_epoch();
    let cursor = Cursor::read(rows.store, rows.collection, least).await?;
    Ok((barrier, cursor))
}

/// A page of records, what moves of them, and what became of each.
struct Sealed {
    records: Vec<Record>,
    after: (String, String),
    moved: Vec<Write>,
    became: Vec<Resealed>,
}

impl Sealed {
    /// The page behind `after`; none at the end.
    async fn page(
        rows: Rows<'_>,
        keyring: &Keyring,
        barrier: &Barrier,
        after: Option<(String, String)>,
        limit: usize,
    ) -> Result<Option<Self>> {
        let scan = Scan::of(rows.collection.clone())
            .after(after)
            .limit(limit)
            .bytes(BYTES);
        let records = rows.store.scan(scan).await?.items;
        let Some(last) = records.last() else {
            return Ok(None);
        };
        let after = (last.key.owner.clone(), last.key.id.clone());
        let (moved, became) = prepare(rows, keyring, barrier.promoted_epoch(), &records).await?;
        Ok(Some(Self {
            records,
            after,
            moved,
            became,
        }))
    }
}

struct Run<'a, 'p> {
    rows: Rows<'a>,
    keyring: &'a Keyring,
    barrier: &'a Barrier,
    cursor: &'a mut Cursor,
    pass: &'a mut Pass<'p>,
}

impl Run<'_, '_> {
    /// Writes what was sealed anew, and moves the cursor in the same batch. No: the barrier moved,
    /// and what was sealed behind it before is not written.
    async fn page(&mut self, page: Sealed) -> Result<bool> {
        let Sealed {
            mut records,
            after,
            mut moved,
            mut became,
        } = page;
        let (rows, least) = (self.rows, self.barrier.promoted_epoch());
        for tries in 1..=MAX_TRIES {
            let at_cursor = moved.len().saturating_add(1);
            let mut writes = vec![self.barrier.require()];
            writes.append(&mut moved);
            writes.push(self.cursor.advance(&after)?);
            match rows.store.apply(writes).await? {
                Applied::Done(versions) => {
                    self.cursor.moved(after, versions.last().copied().flatten());
                    self.tell(&records, &became).await?;
                    return Ok(true);
                }
                Applied::Conflict { index: 0 } => return Ok(false),
                Applied::Conflict { index } if index == at_cursor => {
                    self.cursor.follow(rows.store).await?;
                }
                // A live writer was faster on some row: look at all of them as they are now.
                _ => records = read_again(rows, &records).await?,
            }
            if tries < MAX_TRIES {
                (moved, became) = prepare(rows, self.keyring, least, &records).await?;
            }
        }
        // Busy rows: one at a time, so that no writer can hold the others up.
        for record in &records {
            if !self.one(record).await? {
                return Ok(false);
            }
        }
        // Another run may have put it elsewhere.
        let write = self.cursor.advance(&after)?;
        let _either_way: Applied = rows.store.apply(vec![write]).await?;
        self.cursor.follow(rows.store).await?;
        Ok(true)
    }

    /// One row, until it is current, gone, or not to be moved. Every lost try means that a writer
    /// wrote it, and writers write under current keys only. No: the barrier moved.
    async fn one(&mut self, record: &Record) -> Result<bool> {
        let (rows, least) = (self.rows, self.barrier.promoted_epoch());
        let mut record = [record.clone()];
        loop {
            let (moved, became) = prepare(rows, self.keyring, least, &record).await?;
            if moved.is_empty() {
                self.tell(&record, &became).await?;
                return Ok(true);
            }
            let mut writes = vec![self.barrier.require()];
            writes.extend(moved);
            match rows.store.apply(writes).await? {
                Applied::Done(_) => {
                    self.tell(&record, &became).await?;
                    return Ok(true);
                }
                Applied::Conflict { index: 0 } => return Ok(false),
                _ => {}
            }
            let [held] = &record;
            match fetched(rows.store, &held.key).await? {
                Some(newer) => record = [newer],
                None => return Ok(true),
            }
        }
    }

    /// Counts what was done, and notes what does not open.
    async fn tell(&mut self, records: &[Record], became: &[Resealed]) -> Result<()> {
        for (record, became) in records.iter().zip(became) {
            self.pass.count(became);
            if let Resealed::Bad(reason) = became {
                set_aside(self.rows, record, *reason).await?;
            }
        }
        Ok(())
    }
}

/// What moves of `records`, and what became of each.
async fn prepare(
    rows: Rows<'_>,
    keyring: &Keyring,
    least: u64,
    records: &[Record],
) -> Result<(Vec<Write>, Vec<Resealed>)> {
    let mut moved = Vec::with_capacity(records.len());
    let mut all = Vec::with_capacity(records.len());
    let row = rows.row;
    for record in records {
        if row.is_bare(record) {
            all.push(Resealed::Current);
            continue;
        }
        let became = keyring.reseal_value(
            rows.purpose,
            row.tenant(record),
            &record.sealed,
            least,
            |old, new| row.reseal(record, old, new),
        );
        let mut became = became.await?;
        if let Resealed::Moved(sealed) = &mut became {
            moved.push(swap(record, std::mem::take(sealed)));
        }
        all.push(became);
    }
    Ok((moved, all))
}

async fn read_again(rows: Rows<'_>, records: &[Record]) -> Result<Vec<Record>> {
    let keys: Vec<RecordKey> = records.iter().map(|record| record.key.clone()).collect();
    match rows.store.fetch_many(&keys).await {
        Ok(found) => Ok(found.into_iter().flatten().collect()),
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            let mut found = Vec::with_capacity(keys.len());
            for key in &keys {
                found.extend(fetched(rows.store, key).await?);
            }
            Ok(found)
        }
        Err(e) => Err(e),
    }
}

/// A record as it is now; none if it is gone, or was damaged since it was scanned.
async fn fetched(store: &dyn Records, key: &RecordKey) -> Result<Option<Record>> {
    match store.fetch(key).await {
        Err(e) if e.kind() == ErrorKind::Corrupt => Ok(None),
        other => other,
    }
}

async fn set_aside(rows: Rows<'_>, record: &Record, reason: Reason) -> Result<()> {
    rows.row.note_bad(record, reason).await?;
    let insert = Write::Insert {
        key: RecordKey {
            collection: rows.quarantine.clone(),
            ..record.key.clone()
        },
        content: Content {
            data: reason.as_str().as_bytes().to_vec(),
            ..Content::default()
        },
    };
    // Of a row that is gone, or another by now, nothing is noted.
    let same = Write::Require {
        key: record.key.clone(),
        version: Some(record.version),
    };
    // Noted before, by an earlier run: just as well.
    let _either_way: Applied = rows.store.apply(vec![same, insert]).await?;
    Ok(())
}

fn swap(record: &Record, sealed: String) -> Write {
    Write::Swap {
        key: record.key.clone(),
        version: record.version,
        content: Content {
            sealed,
            data: record.data.clone(),
            expires: record.expires,
            mac_key: record.mac_key.clone(),
            token_key: record.token_key.clone(),
            word: record.word.clone(),
        },
    }
}
