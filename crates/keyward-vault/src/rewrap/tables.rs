//! An application's own table, sealed anew row by row.

use keyward_base::Result;

use super::{Fault, Report, fault};
use crate::sealed::Column;
use crate::table::{Row, Table};

/// Seals the old values of `table` anew. There is no cursor: values that are current already cost
/// a look each, and an interrupted run starts over.
pub(super) async fn reseal(
    column: &Column,
    table: &dyn Table,
    least: u64,
    batch: usize,
    report: &mut Report,
) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let rows = table.rows(after.as_deref(), batch).await?;
        for row in &rows {
            report.seen = report.seen.saturating_add(1);
            one(column, table, row, least, report).await?;
        }
        match rows.last() {
            Some(last) => after = Some(last.cursor.clone()),
            None => return Ok(()),
        }
    }
}

async fn one(
    column: &Column,
    table: &dyn Table,
    row: &Row,
    least: u64,
    report: &mut Report,
) -> Result<()> {
    match column.reseal(&row.cell, &row.value, least).await {
        Ok(None) => {}
        // A row that was changed meanwhile is its writer's; if it is old still, it is counted.
        Ok(Some(next)) => {
            next.check_use(column.now()?)?;
            if table.swap(row, &next).await? {
                report.moved = report.moved.saturating_add(1);
            }
        }
        Err(e) => match fault(e) {
            Fault::Bad(reason) => {
                column.note_quarantine(&row.cell, reason).await?;
                report.quarantined = report.quarantined.saturating_add(1);
            }
            Fault::KeyMissing(reason) => {
                report.skip(reason);
            }
            Fault::Ends(e) => return Err(e),
        },
    }
    Ok(())
}
