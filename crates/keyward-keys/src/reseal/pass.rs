//! One pass over every column of a purpose.

use std::fmt;

use keyward_base::{Purpose, Reason, Result};
use keyward_store::StoreLimits;

use super::row::Resealed;
use crate::admin::Admin;
use crate::coverage::Coverage;
use crate::keyring::Keyring;
use crate::reason;

/// Rows sealed anew in one transaction, unless told otherwise.
const BATCH: usize = 512;

/// How far a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Values of all columns when it began; values written since may be seen too.
    pub total: u64,
    /// Values looked at, those before an interruption not counted.
    pub seen: u64,
    /// Values sealed anew.
    pub moved: u64,
}

/// How a pass ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Values looked at.
    pub seen: u64,
    /// Values sealed anew.
    pub moved: u64,
    /// Values that do not open, and are noted with the reason. They are left as they are.
    pub quarantined: u64,
    /// Values whose key is missing or disabled, whose owner's key record is damaged, or whose suite
    /// or form only a newer release knows: not bad, but not moved.
    pub skipped: u64,
    /// Of the skipped, those whose owner's key record is damaged: `keyward doctor` names the
    /// owners, and what is to be done.
    pub damaged: u64,
    /// Rows that a store cannot give, of each column sealed anew: not looked at, and not moved.
    /// `keyward doctor` names them and the way out.
    pub unreadable: u64,
    /// Why the last value was skipped.
    pub skipped_because: Option<Reason>,
    /// Values still under older keys, counted over all columns of the purpose that this process can
    /// count.
    pub left: u64,
}

/// Seals every value of a purpose anew under keys issued since the last promotion, in each column
/// of [`Keyring::coverages`] that can. It records nothing: whoever runs it does, as
/// [`Admin::rewrap_values`] and the vault do.
#[must_use = "a pass does nothing until `run`"]
pub struct Pass<'a> {
    keyring: Keyring,
    purpose: Purpose,
    batch: usize,
    told: Box<dyn FnMut(Progress) + Send + 'a>,
    total: u64,
    report: Report,
}

impl<'a> Pass<'a> {
    /// A pass over the values of `purpose`.
    pub fn new(keyring: &Keyring, purpose: &Purpose) -> Self {
        Self {
            keyring: keyring.clone(),
            purpose: purpose.clone(),
            batch: BATCH,
            told: Box::new(|_| {}),
            total: 0,
            report: Report::default(),
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
        self.told = Box::new(told);
        self
    }

    /// Does it, from where an interrupted run left off.
    ///
    /// # Errors
    /// `Unavailable` if a store or the keyring cannot be reached: run it again.
    pub async fn run(mut self) -> Result<Report> {
        self.keyring.refresh().await?;
        let columns = self.keyring.coverages().of(&self.purpose);
        for column in &columns {
            self.total = self.total.saturating_add(column.count("").await?);
        }
        for column in &columns {
            if let Some(column) = column.as_reseal() {
                column.reseal(&mut self).await?;
            }
        }
        let columns: Vec<&dyn Coverage> = columns.iter().map(AsRef::as_ref).collect();
        let (keyring, purpose, mut report) = (self.keyring, self.purpose, self.report);
        let least = keyring.promoted_epoch(&purpose)?;
        let admin = keyring.admin();
        report.left = admin.rows_older_than(&purpose, least, &columns).await?;
        Ok(report)
    }

    /// The keyring whose keys it seals with.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The most rows to be sealed anew in one transaction.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.batch
    }

    /// Counts one value. One that was [`Resealed::Moved`] is counted when it is written.
    pub fn count<T>(&mut self, became: &Resealed<T>) {
        let report = &mut self.report;
        report.seen = report.seen.saturating_add(1);
        match became {
            Resealed::Bad(_) => report.quarantined = report.quarantined.saturating_add(1),
            Resealed::Current => {}
            Resealed::Moved(_) => report.moved = report.moved.saturating_add(1),
            Resealed::Skipped(reason) => {
                report.skipped = report.skipped.saturating_add(1);
                report.skipped_because = reason.or(report.skipped_because);
                if *reason == Some(reason::DAMAGED_KEYS) {
                    report.damaged = report.damaged.saturating_add(1);
                }
            }
        }
    }

    /// Counts rows of a column that its store cannot give.
    pub fn passed_over(&mut self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.report.unreadable = self.report.unreadable.saturating_add(rows);
    }

    /// Tells whoever watches how far it is.
    pub fn tell(&mut self) {
        (self.told)(Progress {
            total: self.total,
            seen: self.report.seen,
            moved: self.report.moved,
        });
    }
}

impl fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("purpose", &self.purpose)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl Admin {
    /// Seals every value of `purpose` anew under keys issued since the last promotion, in each
    /// column of [`Keyring::coverages`] that can: what [`Stage::Rewrap`](crate::Stage::Rewrap) asks
    /// for. It is recorded as one act, and may be killed at any instant and run again.
    ///
    /// # Errors
    /// As [`Pass::run`]; `Unavailable` if the audit cannot be reached.
    pub async fn rewrap_values(
        &self,
        purpose: &Purpose,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Report> {
        let pass = Pass::new(&self.keyring, purpose).progress(progress);
        self.audited("keys.rewrap-values", None, pass.run()).await
    }
}
