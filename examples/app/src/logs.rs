//! The record, read from its end: which log, some lines of it, one line.

use std::collections::HashSet;

use keyward_audit::audit::Kept;
use keyward_audit::entry::Entry;
use keyward_audit::{Audit, Header, Of};
use keyward_base::{Error, ErrorKind, Reason, Result};

use crate::filter::Filter;

/// How many entries are read at once.
const PART: u64 = 128;

/// How many parts of a log one request looks through for what is asked for.
const PARTS: usize = 40;

/// How many of the entries behind a page are looked at for the outcomes of what began on it.
const BEHIND: u64 = 128;

/// Whose log is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Log {
    /// That of the organisation.
    #[default]
    Organisation,
    /// That of the service: what is of no organisation, such as what was done to keys.
    Service,
    /// That of administrators: their log-ins, sessions and accounts.
    Administrators,
}

impl Log {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Organisation => "Audit",
            Self::Service => "Log of the service",
            Self::Administrators => "Log of administrators",
        }
    }

    /// What an export of it is called.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Organisation => "organisation-log",
            Self::Service => "service-log",
            Self::Administrators => "administrators-log",
        }
    }

    /// The address of its page.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Organisation => "/audit",
            Self::Service => "/admin/audit",
            Self::Administrators => "/admin/logins",
        }
    }
}

/// One entry, as it lies in the store.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) what: What,
}

/// What is there of it.
#[derive(Debug)]
pub(crate) enum What {
    /// What it says, and the leaf's own.
    Said(Box<Entry>, Leaf),
    /// Its leaf: the rest was erased by a rule.
    Erased(Leaf),
    /// It is not what was written.
    Edited,
}

/// What a leaf has beside the entry.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) day: u32,
    pub(crate) class: String,
    pub(crate) digest: [u8; 32],
}

impl Line {
    fn of(kept: &Kept) -> Self {
        let leaf = Leaf {
            day: kept.leaf.header.day,
            class: kept.leaf.header.class.as_str().to_owned(),
            digest: kept.leaf.digest,
        };
        let what = match kept.entry() {
            Ok(Some(entry)) => What::Said(Box::new(entry), leaf),
            Ok(None) => What::Erased(leaf),
            Err(_) => What::Edited,
        };
        Self {
            seq: kept.seq,
            what,
        }
    }

    const fn entry(&self) -> Option<&Entry> {
        match &self.what {
            What::Said(entry, _) => Some(entry),
            _ => None,
        }
    }
}

/// Some lines, newest first, and where the older ones end.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub(crate) lines: Vec<Line>,
    pub(crate) older: Option<u64>,
}

/// The newest entries that are asked for, before number `before`. Of a log that is long, one request
/// looks at some thousand entries.
///
/// Whoever writes to the database can write another day into a leaf. So the days say where to begin
/// and to end only as far as they were `proven`: those of so many entries, by the verdict that the
/// page shows. Where there is none, each entry is looked at.
///
/// A leaf's day is the latest that the log knew. An entry is never of a later one; it is of an earlier
/// one if a clock was ahead before it. So where the log is ahead of `today`, nobody's end is sought by
/// days.
pub(crate) async fn tail(
    audit: &Audit,
    of: &Of,
    filter: &Filter,
    limit: usize,
    (proven, today): (u64, u32),
) -> Result<Tail> {
    let Some(head) = audit.head(of).await? else {
        return Ok(Tail::default());
    };
    let mut end = filter.before().unwrap_or(u64::MAX).min(head.size());
    // An intent is shown while it is open: its outcome says the rest.
    let mut ended = HashSet::new();
    for line in read(audit, of, end, end.saturating_add(BEHIND)).await? {
        if let Some(entry) = line.entry().filter(|entry| !entry.is_intent()) {
            ended.extend(entry.id.clone());
        }
    }
    if let Some(until) = filter.until() {
        let known = end.min(proven);
        let ahead = first_after(audit, of, known, today).await?;
        let first = first_after(audit, of, known, Header::day_of(until)).await?;
        // Of what came since, the days are not before.
        if first < known && ahead == known {
            end = first;
        }
    }
    let mut tail = Tail::default();
    for _ in 0..PARTS {
        let start = end.saturating_sub(PART);
        let mut lines = read(audit, of, start, end).await?;
        while let Some(line) = lines.pop() {
            if tail.lines.len() >= limit {
                tail.older = Some(line.seq.saturating_add(1));
                return Ok(tail);
            }
            if line.seq < proven && filter.is_past(&line) {
                return Ok(tail);
            }
            let id = line.entry().and_then(|entry| entry.id.as_ref());
            let over = id.is_some_and(|id| ended.contains(id));
            match line.entry() {
                Some(entry) if entry.is_intent() && over => continue,
                Some(entry) if !entry.is_intent() => ended.extend(entry.id.clone()),
                _ => {}
            }
            if filter.meets(&line) {
                tail.lines.push(line);
            }
        }
        end = start;
        if end == 0 {
            return Ok(tail);
        }
    }
    tail.older = Some(end);
    Ok(tail)
}

/// One entry.
pub(crate) async fn one(audit: &Audit, of: &Of, seq: u64) -> Result<Line> {
    let head = audit.head(of).await?;
    let there = head.is_some_and(|head| seq < head.size());
    let line = match there {
        true => read(audit, of, seq, seq.saturating_add(1)).await?.pop(),
        false => None,
    };
    line.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))
}

/// The entries from `start` up to, and without, `end`, as far as there are any. One that is not what
/// was written, or missing, is a line of its own: the others are shown.
async fn read(audit: &Audit, of: &Of, start: u64, end: u64) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let edited = |seq| Line {
        seq,
        what: What::Edited,
    };
    let (mut next, mut one_by_one) = (start, false);
    while next < end {
        let count = usize::try_from(end.saturating_sub(next)).unwrap_or(1);
        let count = if one_by_one { 1 } else { count };
        let page = match audit.entries(of, next, count).await {
            // Which one it is: each is read once more, and no more often.
            Err(e) if e.kind() == ErrorKind::Corrupt && !one_by_one => {
                one_by_one = true;
                continue;
            }
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                lines.push(edited(next));
                next = next.saturating_add(1);
                continue;
            }
            page => page?,
        };
        for kept in &page.entries {
            lines.extend((next..kept.seq.min(end)).map(edited));
            if kept.seq < end {
                lines.push(Line::of(kept));
            }
            next = kept.seq.saturating_add(1);
        }
        if page.next.is_none() {
            break;
        }
    }
    Ok(lines)
}

/// The number of the first entry, before `end`, of a day after that one: days never go back.
async fn first_after(audit: &Audit, of: &Of, end: u64, day: u32) -> Result<u64> {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low.midpoint(high);
        let found = match audit.entries(of, middle, 1).await {
            Ok(page) => page.entries.first().map(|kept| kept.leaf.header.day),
            // An entry that says nothing of its day ends the search: all before `high` is looked at.
            Err(e) if e.kind() == ErrorKind::Corrupt => None,
            Err(e) => return Err(e),
        };
        match found {
            Some(found) if found <= day => low = middle.saturating_add(1),
            Some(_) => high = middle,
            None => return Ok(high),
        }
    }
    Ok(high)
}
