//! Rotation that ends: every value sealed anew under keys issued since the last promotion.
//!
//! The barrier goes up first, so that nobody writes under an old key any more. Then one scan seals
//! anew what is old, each row by compare-and-swap, with its cursor and the condition that the
//! barrier has not moved in the same batch: a run that a later rotation overtook begins anew under
//! that one's key. It may be killed at any instant and run again, beside live writers and beside
//! itself.

mod cursor;
mod page;
mod tables;

use std::fmt;

use keyward_base::audit::{Event, Outcome};
use keyward_base::{Error, Reason, Result};
use keyward_keys::{Barrier, Coverage};
use keyward_store::{Collection, Scan, StoreLimits};

use crate::sealed::Column;
use crate::slot::VAULT;
use crate::table::Table;
use crate::vault::{REWRAP, Vault};
use cursor::Cursor;

/// Where rows that do not open are noted: same owner and id as the row.
pub const QUARANTINE: Collection = Collection::named("quarantine");

/// Rows sealed anew in one transaction, unless told otherwise.
const BATCH: usize = 512;

/// Bytes of rows sealed anew in one transaction: few large ones rather than many. With the texts
/// sealed anew, a run holds about three times as much, and one row's plaintext: 16 MiB at most.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// Rows of an application's table asked for at a time, which may be of 1.4 MiB each.
const TABLE_ROWS: usize = 16;

/// How far a rewrap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows of the vault when it began; rows written since may be seen too.
    pub total: u64,
    /// Rows looked at, those before an interruption not counted.
    pub seen: u64,
    /// Rows sealed anew.
    pub moved: u64,
}

/// How a rewrap ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Rows looked at.
    pub seen: u64,
    /// Rows sealed anew.
    pub moved: u64,
    /// Rows that do not open, and are noted with the reason. They are left as they are.
    pub quarantined: u64,
    /// Rows whose key is missing or disabled, whose owner's key record is damaged, or whose suite
    /// only a newer release knows: not bad, but not moved.
    pub skipped: u64,
    /// Of the skipped, those whose owner's key record is damaged: `keyward doctor` names the
    /// owners, and what is to be done.
    pub damaged: u64,
    /// Why the last row was skipped.
    pub skipped_because: Option<Reason>,
    /// Values still under older keys, counted over the vault and the tables given.
    pub left: u64,
}

/// Seals every value anew under keys issued since the last promotion.
#[must_use = "a rewrap does nothing until `run`"]
pub struct Rewrap<'a> {
    vault: &'a Vault,
    tables: Vec<(&'a Column, &'a dyn Table)>,
    progress: Box<dyn FnMut(Progress) + Send + 'a>,
    batch: usize,
}

impl<'a> Rewrap<'a> {
    /// A rewrap of the vault's own records.
    pub fn new(vault: &'a Vault) -> Self {
        Self {
            vault,
            tables: Vec::new(),
            progress: Box::new(|_| {}),
            batch: BATCH,
        }
    }

    /// Rows sealed anew in one transaction, 1 to 2048, and fewer where they are large: 2 MiB, or
    /// one row. Default 512: writers wait for at most that long.
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch = rows.clamp(1, StoreLimits::BATCH / 2);
        self
    }

    /// Is told how far it is, after each batch.
    pub fn progress(mut self, told: impl FnMut(Progress) + Send + 'a) -> Self {
        self.progress = Box::new(told);
        self
    }

    /// A table of the application, too.
    pub fn table(mut self, column: &'a Column, table: &'a dyn Table) -> Self {
        self.tables.push((column, table));
        self
    }

    /// Does it, from where an interrupted run left off.
    ///
    /// # Errors
    /// `Unavailable` if a store, the keyring or the audit cannot be reached: run it again.
    pub async fn run(mut self) -> Result<Report> {
        let vault = self.vault;
        let clock = &vault.inner.clock;
        let event = Event::new(clock.now()?, REWRAP, Outcome::Intended);
        let act = vault.trail.intend(vault.event_id()?, event).await?;
        let result = self.try_run().await;
        act.end(clock.as_ref(), Event::outcome_of(&result)).await;
        result
    }

    async fn try_run(&mut self) -> Result<Report> {
        let vault = self.vault;
        let total = vault.store().count(&VAULT, "").await?;
        let mut report = Report::default();
        let (mut barrier, mut cursor) = begin(vault).await?;
        loop {
            let scan = Scan::of(VAULT)
                .after(cursor.after())
                .limit(self.batch)
                .bytes(BATCH_BYTES);
            let records = vault.store().scan(scan).await?.items;
            let Some(last) = records.last() else { break };
            let after = (last.key.owner.clone(), last.key.id.clone());
            let sealed = page::reseal(vault, records, &barrier, &mut cursor, after, &mut report);
            if !sealed.await? {
                (barrier, cursor) = begin(vault).await?;
            }
            let (seen, moved) = (report.seen, report.moved);
            (self.progress)(Progress { total, seen, moved });
        }
        let least = barrier.promoted_epoch();
        for (column, table) in &self.tables {
            tables::reseal(
                column,
                *table,
                least,
                self.batch.min(TABLE_ROWS),
                &mut report,
            )
            .await?;
            let (seen, moved) = (report.seen, report.moved);
            (self.progress)(Progress { total, seen, moved });
        }
        report.left = count_left(vault, &self.tables, least).await?;
        if report.left == 0 {
            cursor.clear(vault.store().as_ref()).await?;
        } else {
            // What was skipped must be looked at again by the next run.
            cursor.rewind(vault.store().as_ref()).await?;
        }
        Ok(report)
    }
}

/// Puts the barrier up for the key that is Active now, and finds out how far a run for it came.
async fn begin(vault: &Vault) -> Result<(Barrier, Cursor)> {
    vault.keyring().refresh().await?;
    let least = vault.keyring().promoted_epoch(vault.purpose())?;
    let store = vault.store().as_ref();
    let barrier = Barrier::raise(store, &VAULT, vault.purpose(), least).await?;
    vault.forget_barrier();
    let cursor = Cursor::read(store, barrier.promoted_epoch()).await?;
    Ok((barrier, cursor))
}

/// Values under keys older than `least`. Apart from [`Rewrap`], whose callback is not `Sync`: a
/// borrow of it here would keep the whole run from being spawned.
async fn count_left(vault: &Vault, tables: &[(&Column, &dyn Table)], least: u64) -> Result<u64> {
    let mut columns: Vec<&dyn Coverage> = vec![vault.coverage()];
    for (_, table) in tables {
        columns.push(*table);
    }
    vault
        .keyring()
        .admin()
        .rows_older_than(vault.purpose(), least, &columns)
        .await
}

impl fmt::Debug for Rewrap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrap")
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// Sorts an error by whose fault it is: a bad row is noted, a missing key or a newer suite leaves
/// the row alone, and anything else ends the run.
enum Fault {
    Bad(Reason),
    KeyMissing(Option<Reason>),
    Ends(Error),
}

fn fault(error: Error) -> Fault {
    match error.reason() {
        Some(reason) if crate::sealed::is_bad_value(&error) => Fault::Bad(reason),
        Some(
            reason @ (Reason::UnknownKey
            | Reason::PendingKey
            | Reason::DisabledKey
            | Reason::DestroyedKey
            // Its owner's key record is at fault, not the row: `keyward doctor` names it.
            | Reason::DamagedKeys),
        ) => Fault::KeyMissing(Some(reason)),
        _ if error.kind() == keyward_base::ErrorKind::Corrupt => Fault::Bad(Reason::Malformed),
        _ => Fault::Ends(error),
    }
}

/// Records that a row was set aside.
async fn note_quarantine(
    vault: &Vault,
    record: &keyward_store::Record,
    reason: Reason,
) -> Result<()> {
    let kind = keyward_base::ErrorKind::Corrupt;
    let outcome = Outcome::Failed(kind, Some(reason));
    let mut event = Event::new(vault.inner.clock.now()?, "vault.quarantine", outcome);
    if let Ok(slot) = crate::slot::Slot::of_key(&record.key) {
        event.tenant = Some(slot.tenant);
        event.place = Some(slot.place);
        event.record = Some(slot.record);
    }
    vault.trail.note(event).await;
    Ok(())
}
