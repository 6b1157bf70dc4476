//! One page of the vault's records, sealed anew in one batch.

use keyward_base::{Reason, Result};
use keyward_crypto::sealed::{self, Header};
use keyward_keys::Barrier;
use keyward_store::{Applied, Content, Record, RecordKey, Version, Write};

use super::cursor::Cursor;
use super::{Fault, QUARANTINE, Report, fault, note_quarantine};
use crate::metadata::Metadata;
use crate::slot::Slot;
use crate::vault::{Vault, parse_stored};

/// How often a batch that lost to live writers is tried again before it is split into rows.
const MAX_TRIES: usize = 4;

/// What became of one row.
enum Row {
    Bad(Reason),
    Current,
    KeyMissing(Option<Reason>),
    Moved(String),
}

/// Seals the old ones of `records` anew, and moves the cursor to `after` in the same batch. No: the
/// barrier moved, and what was sealed behind it before is not written.
pub(super) async fn reseal(
    vault: &Vault,
    records: Vec<Record>,
    barrier: &Barrier,
    cursor: &mut Cursor,
    after: (String, String),
    report: &mut Report,
) -> Result<bool> {
    let mut records = records;
    let least = barrier.promoted_epoch();
    for _ in 0..MAX_TRIES {
        let (writes, done) = prepare(vault, &records, least).await?;
        let rows = writes.len();
        let mut batch = vec![barrier.require()];
        batch.extend(writes);
        batch.push(cursor.advance(&after)?);
        match vault.store().apply(batch).await? {
            Applied::Done(versions) => {
                cursor.moved(after, versions.last().copied().flatten());
                report.add(vault, done).await?;
                return Ok(true);
            }
            Applied::Conflict { index: 0 } => return Ok(false),
            Applied::Conflict { index } if index == rows.saturating_add(1) => {
                cursor.follow(vault.store().as_ref()).await?;
            }
            // A live writer was faster on some row: look at all of them as they are now.
            _ => records = read_again(vault, &records).await?,
        }
    }
    // Busy rows: one at a time, so that no writer can hold the others up.
    for record in &records {
        if !one_row(vault, record, barrier, report).await? {
            return Ok(false);
        }
    }
    let write = cursor.advance(&after)?;
    match vault.store().apply(vec![write]).await? {
        Applied::Done(versions) => {
            let version: Option<Version> = versions.last().copied().flatten();
            cursor.moved(after, version);
        }
        _ => cursor.follow(vault.store().as_ref()).await?,
    }
    Ok(true)
}

async fn read_again(vault: &Vault, records: &[Record]) -> Result<Vec<Record>> {
    let keys: Vec<RecordKey> = records.iter().map(|record| record.key.clone()).collect();
    Ok(vault
        .store()
        .fetch_many(&keys)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// One row, until it is current, gone, or not to be moved. Every lost try means that a writer
/// wrote it, and writers write under current keys only. No: the barrier moved.
async fn one_row(
    vault: &Vault,
    record: &Record,
    barrier: &Barrier,
    report: &mut Report,
) -> Result<bool> {
    let (mut record, least) = (record.clone(), barrier.promoted_epoch());
    loop {
        let (writes, done) = prepare(vault, std::slice::from_ref(&record), least).await?;
        if writes.is_empty() {
            report.add(vault, done).await?;
            return Ok(true);
        }
        let mut batch = vec![barrier.require()];
        batch.extend(writes);
        match vault.store().apply(batch).await? {
            Applied::Done(_) => {
                report.add(vault, done).await?;
                return Ok(true);
            }
            Applied::Conflict { index: 0 } => return Ok(false),
            _ => {}
        }
        match vault.store().fetch(&record.key).await? {
            Some(newer) => record = newer,
            None => return Ok(true),
        }
    }
}

/// What a batch that was written did.
struct Done {
    seen: u64,
    moved: u64,
    skipped: Vec<Option<Reason>>,
    bad: Vec<(Record, Reason)>,
}

async fn prepare(vault: &Vault, records: &[Record], least: u64) -> Result<(Vec<Write>, Done)> {
    let mut writes = Vec::with_capacity(records.len().saturating_add(1));
    let mut done = Done {
        seen: 0,
        moved: 0,
        skipped: Vec::new(),
        bad: Vec::new(),
    };
    for record in records {
        done.seen = done.seen.saturating_add(1);
        match look(vault, record, least).await? {
            Row::Bad(reason) => done.bad.push((record.clone(), reason)),
            Row::Current => {}
            Row::KeyMissing(reason) => done.skipped.push(reason),
            Row::Moved(sealed) => {
                done.moved = done.moved.saturating_add(1);
                writes.push(Write::Swap {
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
                });
            }
        }
    }
    Ok((writes, done))
}

async fn look(vault: &Vault, record: &Record, least: u64) -> Result<Row> {
    match try_look(vault, record, least).await {
        Ok(row) => Ok(row),
        Err(e) => match fault(e) {
            Fault::Bad(reason) => Ok(Row::Bad(reason)),
            Fault::KeyMissing(reason) => Ok(Row::KeyMissing(reason)),
            Fault::Ends(e) => Err(e),
        },
    }
}

async fn try_look(vault: &Vault, record: &Record, least: u64) -> Result<Row> {
    let header = match Header::peek(&record.sealed) {
        Ok(header) => header,
        // A suite that only a newer release knows: the row is sound, and not ours to judge.
        Err(e) if e.reason().is_none() => return Ok(Row::KeyMissing(None)),
        Err(e) => return Err(e),
    };
    let slot = Slot::of_key(&record.key)?;
    let (keyring, purpose) = (vault.keyring(), vault.purpose());
    let old = keyring
        .admin()
        .opening_key(purpose, &slot.tenant, header.key)
        .await?;
    if old.issued_epoch() >= least {
        return Ok(Row::Current);
    }
    let metadata = match Metadata::parse(&record.data) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == keyward_base::ErrorKind::Unavailable => {
            return Ok(Row::KeyMissing(None));
        }
        Err(e) => return Err(e),
    };
    let role = metadata.role()?;
    let binding = vault.binding(&slot, &role, &metadata, &record.data)?;
    let parsed = parse_stored(record)?;
    let new = keyring.sealing_key(purpose, &slot.tenant, least).await?;
    // From here on nothing waits: no plaintext lies in a future.
    let plaintext = parsed.open(old.body(), |header| binding.encode(header))?;
    let header = Header {
        suite: new.suite(),
        key: new.id(),
        hint: header.hint,
    };
    sealed::seal(
        new.body(),
        &header,
        |header| binding.encode(header),
        plaintext.expose(),
    )
    .map(Row::Moved)
}

impl Report {
    /// A row that is not bad, and was not moved.
    pub(super) fn skip(&mut self, reason: Option<Reason>) {
        self.skipped = self.skipped.saturating_add(1);
        self.skipped_because = reason.or(self.skipped_because);
        if reason == Some(Reason::DamagedKeys) {
            self.damaged = self.damaged.saturating_add(1);
        }
    }

    async fn add(&mut self, vault: &Vault, done: Done) -> Result<()> {
        self.seen = self.seen.saturating_add(done.seen);
        self.moved = self.moved.saturating_add(done.moved);
        done.skipped
            .into_iter()
            .for_each(|reason| self.skip(reason));
        for (record, reason) in done.bad {
            note_quarantine(vault, &record, reason).await?;
            self.quarantined = self.quarantined.saturating_add(1);
            let note = RecordKey {
                collection: QUARANTINE,
                ..record.key
            };
            let insert = Write::Insert {
                key: note,
                content: Content {
                    data: reason.as_str().as_bytes().to_vec(),
                    ..Content::default()
                },
            };
            // Noted before, by an earlier run: just as well.
            let _either_way: Applied = vault.store().apply(vec![insert]).await?;
        }
        Ok(())
    }
}
