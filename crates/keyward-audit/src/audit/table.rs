//! Entries as a table (RFC 4180), for a program that would obey what it reads.

use std::io::Write;
use std::ops::Range;

use keyward_base::{Error, Result, Timestamp};

use super::{Audit, Kept, Of};
use crate::entry::Entry;

/// Entries of a page.
const PAGE: u64 = 1024;

const COLUMNS: [&str; 19] = [
    "seq", "day", "class", "at", "action", "outcome", "error", "reason", "actor", "staff", "for",
    "request", "tenant", "place", "record", "key", "id", "found", "detail",
];

impl Audit {
    /// Writes entries of a log as a table for people (RFC 4180), with a line of names before; tells
    /// `progress` how many were written. `time` writes a time. It proves nothing. A cell that a
    /// program for tables would take for a formula gets a quote in front.
    ///
    /// # Errors
    /// `Corrupt`, naming the number, if an entry is missing or not what was written; `Unavailable`
    /// if the store cannot be reached or the table not be written.
    pub async fn export_csv(
        &self,
        of: &Of,
        entries: Range<u64>,
        mut to: impl Write + Send,
        time: impl Fn(Timestamp) -> String + Send,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<()> {
        line(&mut to, COLUMNS.map(str::to_owned))?;
        let mut next = entries.start;
        while next < entries.end {
            let limit = entries.end.saturating_sub(next).min(PAGE);
            let limit = usize::try_from(limit).unwrap_or(1);
            let page = self.entries(of, next, limit).await?;
            for kept in &page.entries {
                if kept.seq != next {
                    break;
                }
                line(&mut to, cells(kept, &time)?)?;
                next = next.saturating_add(1);
            }
            if page.entries.first().is_none_or(|kept| kept.seq > next) {
                return Err(Error::corrupt(format!(
                    "entry {next} of an audit log is missing"
                )));
            }
            progress(next.saturating_sub(entries.start));
        }
        to.flush().map_err(unwritten)
    }
}

/// The named values of an entry, as `name=value`.
fn detail(entry: &Entry) -> String {
    let shown = entry.detail.iter();
    let shown = shown.map(|(name, value)| format!("{name}={}", value.shown()));
    shown.collect::<Vec<_>>().join(" ")
}

fn cells(kept: &Kept, time: &impl Fn(Timestamp) -> String) -> Result<[String; 19]> {
    let header = &kept.leaf.header;
    let (seq, day) = (kept.seq.to_string(), header.day.to_string());
    let class = header.class.as_str().to_owned();
    let Some(entry) = kept.entry()? else {
        let mut cells = [const { String::new() }; 19];
        let known = [seq, day, class, String::new(), "(erased)".to_owned()];
        for (cell, known) in cells.iter_mut().zip(known) {
            *cell = known;
        }
        return Ok(cells);
    };
    let at = time(Timestamp::from_millis(entry.at.0));
    let detail = detail(&entry);
    let or_none = |text: Option<String>| text.unwrap_or_default();
    let (subject, staff, for_whom, request) = match entry.actor {
        Some(who) => (who.subject, who.staff, who.for_whom, who.request),
        None => (String::new(), false, None, None),
    };
    Ok([
        seq,
        day,
        class,
        at,
        entry.action,
        entry.outcome,
        or_none(entry.error),
        or_none(entry.reason),
        subject,
        staff.to_string(),
        or_none(for_whom),
        or_none(request),
        or_none(entry.tenant),
        or_none(entry.place),
        or_none(entry.record),
        or_none(entry.key),
        or_none(entry.id),
        or_none(entry.found.map(|found| found.0.to_string())),
        detail,
    ])
}

fn line(to: &mut impl Write, cells: [String; 19]) -> Result<()> {
    let cells = cells.map(|text| cell(&text));
    let line = format!("{}\r\n", cells.join(","));
    to.write_all(line.as_bytes()).map_err(unwritten)
}

/// What a formula begins with, the wide forms that some programs take for the same included.
const ARMED: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// What cells are parted by, by one program or another, whatever stands in quotes.
const PARTS: [char; 6] = [',', ';', '|', '\t', '\r', '\n'];

/// One cell. What a program for tables would take for a formula gets a quote in front, also where
/// the program parts cells at another character than this table does.
fn cell(text: &str) -> String {
    let mut disarmed = String::with_capacity(text.len());
    if text.starts_with(['\t', '\r', '\n']) {
        disarmed.push('\'');
    }
    let mut begins = true;
    for c in text.chars() {
        if begins && ARMED.contains(&c) {
            disarmed.push('\'');
        }
        begins = PARTS.contains(&c) || (begins && c == ' ');
        disarmed.push(c);
    }
    if disarmed.contains(['"', ',', '\r', '\n']) {
        return format!("\"{}\"", disarmed.replace('"', "\"\""));
    }
    disarmed
}

fn unwritten(e: std::io::Error) -> Error {
    Error::unavailable("the table cannot be written").with_source(e)
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_formula_is_disarmed_and_a_cell_stays_one() {
        for armed in ["=1+1", "+1", "-1", "@a", "\ta", "＝1"] {
            assert_eq!(cell(armed), format!("'{armed}"));
        }
        assert_eq!(cell("\r=1"), "\"'\r'=1\"");
        assert_eq!(cell("\n1"), "\"'\n1\"");
        assert_eq!(cell("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(cell("a=1"), "a=1");
        // Where a semicolon parts cells, quotes around the whole keep nothing together.
        assert_eq!(cell("A;=cmd|'/C calc'!A0"), "A;'=cmd|'/C calc'!A0");
        assert_eq!(cell("a; =1,+2|-3"), "\"a; '=1,'+2|'-3\"");
    }
}
