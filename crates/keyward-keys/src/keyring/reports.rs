//! What a replica tells of its columns, for others to see: what it counted in those that only it can
//! count, and of a store which it counts.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use keyward_base::{KeyId, Result, Timestamp};
use keyward_store::{BoxFuture, DamagedRow};

use super::Keyring;
use super::replica::Replica;
use crate::coverage::{ColumnId, Coverage, Coverages};
use crate::key_use::Algorithm;
use crate::usage::{ColumnReport, KeyRows};

/// The most columns a replica reports.
const MAX_COLUMNS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Reports {
    counted: Option<Timestamp>,
    columns: Vec<ColumnReport>,
    /// Of a store: those that were told of last.
    told: Vec<ColumnId>,
}

impl Replica {
    /// What goes into the lease: what was counted in columns without a barrier, and, without a number,
    /// which columns of a store this process counts when it destroys a key. To count those all the
    /// time would cost as much as they have rows.
    pub(super) fn told(&self, coverages: &Coverages, now: Timestamp) -> Vec<ColumnReport> {
        let of_stores = of_stores(coverages);
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.told.clone_from(&of_stores);
        let mut all = reports.columns.clone();
        all.extend(of_stores.into_iter().map(|column| ColumnReport {
            column,
            at: now,
            keys: Vec::new(),
        }));
        all.truncate(MAX_COLUMNS);
        all
    }

    /// Whether columns of a store came or went since they were told of.
    fn has_news(&self, coverages: &Coverages) -> bool {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.told != of_stores(coverages)
    }

    /// Whether it is time to count.
    fn is_due(&self, now: Timestamp, every: std::time::Duration) -> bool {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports
            .counted
            .is_none_or(|at| now < at || now.saturating_since(at) >= every)
    }

    /// Keeps what was counted. Returns whether there is anything to tell.
    fn set_reports(&self, now: Timestamp, columns: Vec<ColumnReport>) -> bool {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let tells = !columns.is_empty() || !reports.columns.is_empty();
        reports.counted = Some(now);
        reports.columns = columns;
        tells
    }
}

fn of_stores(coverages: &Coverages) -> Vec<ColumnId> {
    let all = coverages.all().into_iter();
    let of_stores = all.filter(|column| column.has_barrier());
    of_stores.map(|column| column.id().clone()).collect()
}

impl Keyring {
    /// Counts the columns without a barrier, which are an application's own, when that is due. One
    /// that cannot be counted now is left out: nothing is decided by it.
    pub(super) async fn report(&self, now: Timestamp) -> Result<()> {
        let Some(replica) = &self.0.replica else {
            return Ok(());
        };
        if !replica.is_due(now, self.0.policy.report) {
            return match replica.has_news(&self.0.coverages) {
                true => self.tell(now).await,
                false => Ok(()),
            };
        }
        let mut columns = Vec::new();
        for column in self.0.coverages.all() {
            if column.has_barrier() || columns.len() >= MAX_COLUMNS {
                continue;
            }
            if let Ok(keys) = self.count_column(column.as_ref()).await {
                let column = column.id().clone();
                columns.push(ColumnReport {
                    column,
                    at: now,
                    keys,
                });
            }
        }
        if replica.set_reports(now, columns) || replica.has_news(&self.0.coverages) {
            // Counting may have taken long.
            self.tell(self.0.clock.now()?).await?;
        }
        Ok(())
    }

    async fn count_column(&self, column: &dyn Coverage) -> Result<Vec<KeyRows>> {
        let column = Renewing {
            column,
            keyring: self,
        };
        let usage = self.usage_of(&[&column]).await?;
        let mut by_key: BTreeMap<KeyId, u64> = BTreeMap::new();
        for usage in usage.keys.iter().filter(|usage| usage.rows > 0) {
            by_key.insert(usage.key, usage.rows);
        }
        let rows = by_key.into_iter();
        Ok(rows.map(|(key, rows)| KeyRows { key, rows }).collect())
    }
}

/// A column that takes long to count, of a process that keeps its lease meanwhile.
#[derive(Debug)]
struct Renewing<'a> {
    column: &'a dyn Coverage,
    keyring: &'a Keyring,
}

impl Coverage for Renewing<'_> {
    fn id(&self) -> &ColumnId {
        self.column.id()
    }

    fn has_barrier(&self) -> bool {
        self.column.has_barrier()
    }

    fn algorithm(&self) -> Option<Algorithm> {
        self.column.algorithm()
    }

    fn close(&self, promoted_epoch: u64) -> BoxFuture<'_, Result<()>> {
        self.column.close(promoted_epoch)
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        self.column.damaged()
    }

    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let now = self.keyring.clock().now()?;
            self.keyring.renew_lease(now).await?;
            self.column.count(prefix).await
        })
    }
}
