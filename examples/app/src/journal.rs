//! The audit trail: one line of JSON for each event, on disk before anything goes on.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::audit::Outcome;
use keyward_base::{Error, ErrorKind, Event, Result, Sink};
use serde::{Deserialize, Serialize};

/// How much of the file one page of the trail looks at.
const WINDOW: u64 = 32 * 1024;

/// An append-only file, mode 0600.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Milliseconds since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) action: String,
    pub(crate) outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// Some lines, newest first, and where the older ones end.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) lines: Vec<Line>,
    pub(crate) older: Option<u64>,
}

impl Journal {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let open = || {
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            finish_torn_line(&mut file)?;
            Ok(file)
        };
        let file = open().map_err(unavailable)?;
        Ok(Self {
            path,
            file: Mutex::new(file),
        })
    }

    /// The events before byte `before` of the file, or the newest.
    pub(crate) fn tail(&self, before: Option<u64>, limit: usize) -> Result<Tail> {
        read_tail(&self.path, before, limit).map_err(unavailable)
    }
}

impl Sink for Journal {
    fn record(&self, event: &Event) -> Result<()> {
        let outcome = match event.outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Failed(kind, reason) => match reason {
                Some(reason) => format!("{}: {}", word(kind), reason.as_str()),
                None => word(kind).to_owned(),
            },
            _ => "unknown".to_owned(),
        };
        let line = Line {
            at: event.at.as_millis(),
            action: event.action.to_owned(),
            outcome,
            tenant: event.tenant.as_ref().map(ToString::to_string),
            place: event.place.as_ref().map(ToString::to_string),
            record: event.record.as_ref().map(ToString::to_string),
            key: event.key.as_ref().map(ToString::to_string),
        };
        let mut bytes = serde_json::to_vec(&line)
            .map_err(|e| Error::unavailable("the event cannot be written").with_source(e))?;
        bytes.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&bytes)
            .and_then(|()| file.sync_data())
            .map_err(unavailable)
    }
}

fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Misuse => "misuse",
        ErrorKind::Rejected => "rejected",
        _ => "unavailable",
    }
}

fn unavailable(error: std::io::Error) -> Error {
    Error::unavailable("the audit trail cannot be read or written").with_source(error)
}

/// A crash may have cut the last line short: the next one begins on a line of its own.
fn finish_torn_line(file: &mut File) -> std::io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    if end == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == [b'\n'] {
        Ok(())
    } else {
        file.write_all(b"\n")
    }
}

fn read_tail(path: &Path, before: Option<u64>, limit: usize) -> std::io::Result<Tail> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let end = before.unwrap_or(length).min(length);
    let start = end.saturating_sub(WINDOW);
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.take(end.saturating_sub(start))
        .read_to_end(&mut text)?;
    let mut lines = Vec::new();
    // Where the line that is looked at begins, walking back.
    let mut at = end;
    let pieces: Vec<_> = text.split_inclusive(|b| *b == b'\n').collect();
    for (index, piece) in pieces.iter().enumerate().rev() {
        let whole = index > 0 || start == 0;
        if !whole || lines.len() == limit {
            return Ok(Tail {
                lines,
                older: Some(at),
            });
        }
        at = at.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if let Ok(line) = serde_json::from_slice(piece) {
            lines.push(line);
        }
    }
    Ok(Tail { lines, older: None })
}

#[cfg(test)]
mod tests {
    use keyward_base::Timestamp;

    use super::*;

    fn note(journal: &Journal, n: u64) {
        let event = Event::new(Timestamp::from_millis(n), "test.note", Outcome::Done);
        journal.record(&event).unwrap();
    }

    fn times(tail: &Tail) -> Vec<u64> {
        tail.lines.iter().map(|line| line.at).collect()
    }

    #[test]
    fn pages_lose_and_repeat_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = Journal::open(folder.path().join("audit")).unwrap();
        (0..700).for_each(|n| note(&journal, n)); // More than one window of the file.
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let tail = journal.tail(before, 70).unwrap();
            seen.extend(times(&tail));
            before = tail.older;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..700).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_line_cut_short_by_a_crash_spoils_no_other() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("audit");
        note(&Journal::open(path.clone()).unwrap(), 1);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
        let journal = Journal::open(path).unwrap();
        note(&journal, 2);
        assert_eq!(times(&journal.tail(None, 10).unwrap()), [2, 1]);
    }
}
