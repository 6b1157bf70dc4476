//! `keyward audit export`: one gapless run of entries.

use std::io::{BufWriter, stdout};
use std::ops::Range;

use keyward_audit::audit::Kept;
use keyward_audit::{Audit, Of};
use keyward_base::{Error, Result, Timestamp};
use keyward_embedded::Home;

use super::nothing_in;
use crate::args::{AuditFormat, End};
use crate::output;
use crate::progress::Progress;
use crate::timeline::rfc3339;

/// Entries of a page.
const PAGE: usize = 1024;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Writes entries to standard output.
pub(super) async fn run(
    home: &Home,
    of: &Of,
    from: Option<End>,
    to: Option<End>,
    format: AuditFormat,
    json: bool,
) -> Result<()> {
    if json && format == AuditFormat::Csv {
        return Err(Error::misuse("--json and --format csv exclude each other"));
    }
    let audit = home.audit()?;
    // Every export is one more occasion at which the root log and the anchor learn of all logs.
    let logs = Progress::count("logs");
    audit.round(logs.counter()).await?;
    logs.end();
    // A log that was begun before an older database was accepted goes on under a new name first.
    audit.key(of).await?;
    let size = match format {
        AuditFormat::Jsonl => audit.provable(of).await?,
        AuditFormat::Csv => audit.head(of).await?.map(|head| head.size()),
    };
    let size = size.ok_or_else(|| nothing_in(of))?;
    let entries = run_of(audit, of, size, from, to).await?;
    let progress = Progress::count("entries");
    let to = BufWriter::new(stdout());
    match format {
        AuditFormat::Jsonl => {
            audit.export(of, entries, to, progress.counter()).await?;
        }
        AuditFormat::Csv => {
            output::note("a table proves nothing: for an auditor, export without --format csv");
            let table = audit.export_csv(of, entries, to, rfc3339, progress.counter());
            table.await?;
        }
    }
    progress.end();
    Ok(())
}

/// The numbers between two ends. A time chooses an end and leaves nothing out between them: a clock
/// that went back does not make a gap.
async fn run_of(
    audit: &Audit,
    of: &Of,
    size: u64,
    from: Option<End>,
    to: Option<End>,
) -> Result<Range<u64>> {
    let start = match from {
        None => 0,
        Some(End::Number(number)) => number,
        Some(End::Time(time)) => {
            let first = |found: &Option<u64>, at| found.is_none() && at >= time;
            let found = last_of(audit, of, size, first).await?;
            found.unwrap_or(size)
        }
    };
    let end = match to {
        None => size,
        Some(End::Number(number)) => number,
        Some(End::Time(time)) => {
            let last = last_of(audit, of, size, |_: &Option<u64>, at| at < time).await?;
            last.map_or(0, |last| last.saturating_add(1)).max(start)
        }
    };
    if start > end || end > size {
        return Err(Error::misuse(format!(
            "the log has the entries 0 up to and without {size}: --from and --to lie among them, in that order"
        )));
    }
    Ok(start..end)
}

/// The last number that `takes` takes, which is told what was taken before.
async fn last_of(
    audit: &Audit,
    of: &Of,
    size: u64,
    takes: impl Fn(&Option<u64>, Timestamp) -> bool,
) -> Result<Option<u64>> {
    let (mut found, mut next) = (None, Some(0));
    while let Some(from) = next.filter(|from| *from < size) {
        let page = audit.entries(of, from, PAGE).await?;
        for kept in page.entries.iter().filter(|kept| kept.seq < size) {
            if takes(&found, time_of(kept)?) {
                found = Some(kept.seq);
            }
        }
        next = page.next;
    }
    Ok(found)
}

/// When an entry was recorded; the beginning of its day, if it was erased.
fn time_of(kept: &Kept) -> Result<Timestamp> {
    let millis = match kept.entry()? {
        Some(entry) => entry.at.0,
        None => u64::from(kept.leaf.header.day).saturating_mul(DAY),
    };
    Ok(Timestamp::from_millis(millis))
}
