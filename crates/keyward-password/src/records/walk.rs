//! Every row of a door, changed by compare-and-swap beside live writers.

use keyward_base::{BoxFuture, ErrorKind, Result};
use keyward_keys::reason::DAMAGED_KEYS;
use keyward_store::{Applied, Content, Record, Scan, Write};

use super::CredentialRows;

/// How often a row is tried that live writers keep changing.
const MAX_TRIES: usize = 8;

/// Bytes of rows in one transaction.
pub(super) const BYTES: usize = 2 * 1024 * 1024;

/// What is to be done with a row.
pub(super) enum Judged {
    /// It could not be read, and stays.
    Bad,
    Leave,
    Write(Content),
}

/// What a walk does. It changes rows so that it leaves them when it meets them again: so it may be
/// killed at any moment and begun anew.
pub(super) trait Visit: Send {
    /// Rows were read, and nothing of them is written yet.
    fn begin<'a>(&'a mut self) -> BoxFuture<'a, Result<()>>;

    /// One of them, to be written where the barrier is at `least`.
    fn row<'a>(&'a mut self, row: &'a Record, least: u64) -> BoxFuture<'a, Result<Judged>>;
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    pub(super) seen: u64,
    pub(super) written: u64,
    pub(super) bad: u64,
    pub(super) unreadable: u64,
}

/// Walks, so many rows at a time, and tells how many it has seen.
pub(super) async fn walk(
    rows: &CredentialRows,
    limit: usize,
    visit: &mut dyn Visit,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Walked> {
    let mut walked = Walked::default();
    let mut after = None;
    loop {
        let scan = Scan::of(rows.0.collection.clone())
            .after(after)
            .limit(limit)
            .bytes(BYTES);
        let page = rows.0.store.scan(scan).await?;
        walked.unreadable = plus(walked.unreadable, page.damaged.len());
        if !page.items.is_empty() {
            visit.begin().await?;
            walked.seen = plus(walked.seen, page.items.len());
            write(rows, page.items, visit, &mut walked).await?;
            progress(walked.seen);
        }
        after = page.next;
        if after.is_none() {
            return Ok(walked);
        }
    }
}

pub(super) fn plus(count: u64, more: usize) -> u64 {
    count.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
}

/// The rows of a page in one batch; if that meets a change, each by itself.
async fn write(
    rows: &CredentialRows,
    page: Vec<Record>,
    visit: &mut dyn Visit,
    walked: &mut Walked,
) -> Result<()> {
    let guard = rows.guard().await?;
    let mut changed = Vec::new();
    for row in page {
        match judged(visit, &row, guard.least).await? {
            Judged::Bad => walked.bad = plus(walked.bad, 1),
            Judged::Leave => {}
            Judged::Write(content) => changed.push((row, content)),
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let mut batch = vec![guard.require];
    batch.extend(changed.iter().map(|(row, content)| swap(row, content)));
    if let Applied::Done(_) = rows.0.store.apply(batch).await? {
        walked.written = plus(walked.written, changed.len());
        return Ok(());
    }
    rows.forget_guard();
    for (row, _) in changed {
        one(rows, row, visit, walked).await?;
    }
    Ok(())
}

/// A row whose owner's keys are damaged holds up nobody else's.
async fn judged(visit: &mut dyn Visit, row: &Record, least: u64) -> Result<Judged> {
    match visit.row(row, least).await {
        Err(e) if e.reason() == Some(DAMAGED_KEYS) => Ok(Judged::Bad),
        judged => judged,
    }
}

async fn one(
    rows: &CredentialRows,
    mut row: Record,
    visit: &mut dyn Visit,
    walked: &mut Walked,
) -> Result<()> {
    for _ in 0..MAX_TRIES {
        let found = match rows.0.store.fetch(&row.key).await {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                walked.unreadable = plus(walked.unreadable, 1);
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let Some(found) = found else {
            return Ok(());
        };
        row = found;
        visit.begin().await?;
        let guard = rows.guard().await?;
        let content = match judged(visit, &row, guard.least).await? {
            Judged::Bad => {
                walked.bad = plus(walked.bad, 1);
                return Ok(());
            }
            Judged::Leave => return Ok(()),
            Judged::Write(content) => content,
        };
        let batch = vec![guard.require, swap(&row, &content)];
        if let Applied::Done(_) = rows.0.store.apply(batch).await? {
            walked.written = plus(walked.written, 1);
            return Ok(());
        }
        rows.forget_guard();
    }
    // Whoever changes it so often has it: the next walk looks again.
    walked.bad = plus(walked.bad, 1);
    Ok(())
}

fn swap(row: &Record, content: &Content) -> Write {
    Write::Swap {
        key: row.key.clone(),
        version: row.version,
        content: content.clone(),
    }
}
