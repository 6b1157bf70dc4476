//! An application's own table, as rotation sees it.

use std::fmt;
use std::sync::Arc;

use keyward_base::{Clock, Reason, RecordId, Result, Trail};
use keyward_keys::{ColumnId, Coverage, Keyring, Pass, Reseal, Resealed};
use keyward_store::BoxFuture;

use crate::column::{Cell, Values};
use crate::sealed::Sealed;
use crate::vault::{Whereabouts, note_bad};

/// Rows asked for at a time, which may be of 1.4 MiB each.
const ROWS: usize = 16;

/// One value of an application's table.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // Made by applications.
pub struct Row {
    /// Where [`Table::rows`] goes on after this row: the table's own words, in its own order.
    pub cursor: String,
    /// What the value is bound to; none where the row does not say it, such as one whose tenant is
    /// not well formed: its value is noted, and stops nobody.
    pub cell: Option<Cell>,
    /// The value, as it stands in the column. One that does not parse is noted, and stops nobody.
    pub value: String,
}

/// A table with a column of sealed values, so that rotation finds them. Given to
/// [`Column::attach`](crate::Column::attach).
pub trait Table: fmt::Debug + Send + Sync {
    /// How many values of the column begin with `prefix`, byte by byte; empty counts all.
    ///
    /// Values of a key are found by the half-open range of text that begins with its 16-byte
    /// prefix, under a binary collation, never with `LIKE`.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached.
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>>;

    /// At most `limit` rows after `after`, in a stable order; all rows come by in the end. Fewer
    /// are as good, and none is the end: a table of large values may bound what it reads in bytes.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached.
    fn rows<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Row>>>;

    /// Replaces the value of `row` by `next`, if it is still `row.value`, in one statement, and
    /// says whether it was. Nothing else of the row may change.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached.
    fn swap<'a>(&'a self, row: &'a Row, next: &'a Sealed) -> BoxFuture<'a, Result<bool>>;
}

/// A column with its table. It holds no keyring, which holds it.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) id: ColumnId,
    pub(crate) values: Values,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trail: Trail,
    pub(crate) table: Arc<dyn Table>,
}

impl Coverage for Attached {
    fn id(&self) -> &ColumnId {
        &self.id
    }

    /// None of ours stands in the table: [`Sealed::use_by`], and the age of a disabled key, stand
    /// in for one.
    fn has_barrier(&self) -> bool {
        false
    }

    fn close(&self, _promoted_epoch: u64) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.table.count(prefix)
    }

    fn as_reseal(&self) -> Option<&dyn Reseal> {
        Some(self)
    }
}

impl Reseal for Attached {
    /// There is no cursor: values that are current cost a look each, and an interrupted run starts
    /// over.
    fn reseal<'a>(&'a self, pass: &'a mut Pass<'_>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let keyring = pass.keyring().clone();
            let limit = pass.rows().min(ROWS);
            let mut after: Option<String> = None;
            loop {
                let rows = self.table.rows(after.as_deref(), limit).await?;
                for row in &rows {
                    let became = self.one(&keyring, row).await?;
                    pass.count(&became);
                    if let Resealed::Bad(reason) = became {
                        self.note(row, reason).await?;
                    }
                }
                pass.tell();
                match rows.last() {
                    Some(last) => after = Some(last.cursor.clone()),
                    None => return Ok(()),
                }
            }
        })
    }
}

impl Attached {
    async fn one(&self, keyring: &Keyring, row: &Row) -> Result<Resealed<()>> {
        let Some(cell) = &row.cell else {
            return Ok(Resealed::Bad(Reason::MALFORMED));
        };
        // Before the key is asked for: whoever disables it later waits for this value.
        let now = self.clock.now()?;
        let use_by = now.saturating_add(keyring.policy().seal_use);
        let (purpose, tenant) = (self.id.purpose(), cell.tenant.clone());
        let least = keyring.promoted_epoch(purpose)?;
        let moved = keyring
            .reseal_value(purpose, Ok(tenant), &row.value, least, |old, new| {
                let text = self.values.reseal(cell, &row.value, old, new)?;
                Ok(Some(Sealed::new(text, Some(use_by))))
            })
            .await?;
        Ok(match moved {
            Resealed::Moved(next) => {
                next.check_use(self.clock.now()?)?;
                // A row that was changed meanwhile is its writer's; if it is old still, it is
                // counted.
                match self.table.swap(row, &next).await? {
                    true => Resealed::Moved(()),
                    false => Resealed::Current,
                }
            }
            Resealed::Bad(reason) => Resealed::Bad(reason),
            Resealed::Skipped(reason) => Resealed::Skipped(reason),
            _ => Resealed::Current,
        })
    }

    async fn note(&self, row: &Row, reason: Reason) -> Result<()> {
        let at = match &row.cell {
            Some(cell) => Whereabouts::from(self.values.slot(cell)),
            // The table's own word for the row is all that tells which.
            None => Whereabouts {
                tenant: None,
                place: Some(self.values.place().clone()),
                record: RecordId::new(&row.cursor).ok(),
            },
        };
        note_bad(&self.trail, self.clock.as_ref(), at, reason).await
    }
}
