//! Checking an export, without the service.

use std::io::{BufRead, Read as _};

use keyward_audit::checkpoint::Checkpoint;
use keyward_audit::leaf::{SALT_LEN, origin};
use keyward_audit::{Class, Entry, Header, Leaf, Others, Proof, VerifierKey};
use keyward_base::encoding::{from_base64_array, from_base64url, from_hex, hex};
use keyward_base::{Error, Result};
use keyward_crypto::Provider;
use serde::{Deserialize, Serialize};

use super::{Count, First, Line, MAX_ENTRIES, Said, VERSION, told};
use crate::action::Action;
use crate::gate::id::GateId;
use crate::gate::row::Row;
use crate::gate::state::State;
use crate::reason::{EXPORT, EXPORT_ENTRY, EXPORT_RECORD};

/// The most bytes of a line: an action of 1,310,720 bytes and a record of 1 MiB, in base64 and, since
/// JSON takes up to six bytes for one, in words.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// What a good export shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The gate.
    pub gate: GateId,
    /// Where it was.
    pub state: State,
    /// What was asked for.
    pub action: Action,
    /// The record in words, as JSON: ticket, instance, category, status, confidence, each action with
    /// its result, votes and history, with times in UTC.
    pub told: String,
    /// How many entries of the log tell of it.
    pub entries: u64,
    /// The checkpoint that the last of them leads to. What came after it is not in the export.
    pub checkpoint: Checkpoint,
}

/// Checks the export that `from` gives against keys that are pinned: each entry is in the log of that
/// key, none of those before the last is missing, and action and record are what the last one says
/// that they were, every byte. An export of an earlier time is as good, as of that time: what the log
/// says since, only the log says.
///
/// Takes memory for one line, of at most 16 MiB, and for what it gives.
///
/// # Errors
/// `Rejected`: [`EXPORT`] for what is none, or has more behind it; [`EXPORT_ENTRY`] if an entry is
/// another gate's or one is missing; [`EXPORT_RECORD`] if action or record is another; and those of
/// [`Proof::check`]. `Unavailable` if it cannot be read, or is of a newer release.
pub fn check(provider: &Provider, keys: &[VerifierKey], from: impl BufRead) -> Result<Exported> {
    let mut lines = Lines {
        from,
        line: Vec::new(),
    };
    let first = lines.read()?.ok_or_else(bad)?;
    let first: First<'_> = form(first)?;
    if first.version != VERSION {
        return Err(bad());
    }
    let key = VerifierKey::parse(provider, &first.key)?;
    if !keys.contains(&key) {
        return Err(Error::rejected(keyward_base::Reason::NOT_AUTHENTIC));
    }
    let log = from_hex(&first.log).map_err(|_| bad())?;
    let record = from_base64url(&first.record).map_err(|_| bad())?;
    let action = from_base64url(&first.action).map_err(|_| bad())?;
    let (row, _) = Row::parse(&record).map_err(other)?;
    let action = Action::parse(provider, &action).map_err(other)?;
    // What is told is made anew from the bytes.
    let told = told::text(&action, &row)?;
    if !row.is_of(&action) || first.told.get() != told {
        return Err(Error::rejected(EXPORT_RECORD));
    }
    let (ticket, shown) = (row.id.to_string(), hex(&row.digest));
    let counts = row.counts();
    let most = [
        u64::try_from(row.history.len()).unwrap_or(u64::MAX),
        counts.uses,
        counts.tries,
    ];
    let (mut seen, mut last, mut after) = ([0_u64; 3], None, None);
    for _ in 0..=MAX_ENTRIES {
        let Some(line) = lines.read()? else { break };
        let line: Line<'_> = form(line)?;
        let header = Header {
            log,
            day: line.day,
            class: Class::new(line.class).map_err(|_| bad())?,
        };
        let salt: [u8; SALT_LEN] = from_base64_array(&line.salt).map_err(|_| bad())?;
        let leaf = Leaf::of(provider, header, &salt, line.body.get());
        let proof = Proof::parse(&line.proof)?;
        let checkpoint = proof.check(provider, keys, Others::Refused, &leaf.bytes())?;
        let entry = Entry::parse(line.body.get())?;
        let said = Said::of(&entry).ok_or_else(missing)?;
        let count = match said.counts {
            Count::History => &mut seen[0],
            Count::Use => &mut seen[1],
            Count::Try => &mut seen[2],
        };
        let is_next = said.ticket == ticket
            && said.shown.as_ref() == Some(&shown)
            && entry.tenant.as_deref() == Some(row.tenant.as_str())
            && said.entry == *count
            && after.is_none_or(|after| proof.index > after)
            && checkpoint.origin == origin(&log)?;
        if !is_next {
            return Err(missing());
        }
        *count = count.saturating_add(1);
        after = Some(proof.index);
        last = Some((said.record, checkpoint));
    }
    let (digest, checkpoint) = last.ok_or_else(missing)?;
    if seen != most || !lines.is_over()? {
        return Err(missing());
    }
    if digest != Some(hex(&provider.sha256(&[&record]))) {
        return Err(Error::rejected(EXPORT_RECORD));
    }
    Ok(Exported {
        gate: row.id,
        state: row.state,
        action,
        told,
        entries: seen.iter().fold(0, |all, one| all.saturating_add(*one)),
        checkpoint,
    })
}

fn bad() -> Error {
    Error::rejected(EXPORT)
}

fn missing() -> Error {
    Error::rejected(EXPORT_ENTRY)
}

fn other(e: Error) -> Error {
    match e.kind() {
        // Of a newer release.
        keyward_base::ErrorKind::Unavailable => e,
        _ => Error::rejected(EXPORT_RECORD).with_source(e),
    }
}

/// A line in the one form that is written.
fn form<'a, T: Serialize + Deserialize<'a>>(line: &'a [u8]) -> Result<T> {
    let read: T = serde_json::from_slice(line).map_err(|_| bad())?;
    if serde_json::to_vec(&read).map_err(|_| bad())? != line {
        return Err(bad());
    }
    Ok(read)
}

/// The lines of a file, one at a time.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line; none at the end.
    fn read(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        let mut limited = self.from.by_ref().take(MAX_LINE);
        let read = limited.read_until(b'\n', &mut self.line);
        if read.map_err(unread)? == 0 {
            return Ok(None);
        }
        self.line.strip_suffix(b"\n").map(Some).ok_or_else(bad)
    }

    fn is_over(&mut self) -> Result<bool> {
        Ok(self.from.fill_buf().map_err(unread)?.is_empty())
    }
}

fn unread(e: std::io::Error) -> Error {
    Error::unavailable("the export cannot be read").with_source(e)
}
