//! The audit trail: one line of JSON for each event, on disk before anything goes on.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::audit::{Intent, Outcome, RunId, Value};
use keyward_base::{
    Actor, BoxFuture, Error, ErrorKind, Event, EventId, KeyId, Place, RecordId, Result, Sink,
    Tenant, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What an event of refused webhooks is called.
const REFUSE: &str = "webhook.refuse";

/// How much of the file one page of the trail looks at.
const WINDOW: u64 = 32 * 1024;

/// An append-only file, mode 0600.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    open: Mutex<Open>,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// The intents that no outcome follows in the file, as far as it was read.
#[derive(Debug, Default)]
struct Open {
    read: u64,
    intents: Vec<Intent>,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Milliseconds since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) action: String,
    pub(crate) outcome: String,
    /// What an intent and its outcome share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) staff: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_behalf_of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// What an act found before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<u64>,
    /// Which run of which process recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) detail: BTreeMap<String, String>,
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
            open: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// How many requests of webhooks were refused since the start, by reason.
    pub(crate) fn refused(&self) -> BTreeMap<&'static str, u64> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds up what events of refusals tell: each is a sum itself.
    fn add_up(&self, event: &Event) {
        if event.action != REFUSE {
            return;
        }
        let refused = self.refused.lock();
        let mut refused = refused.unwrap_or_else(PoisonError::into_inner);
        for (word, value) in event.detail.iter() {
            if let Value::Number(more) = value {
                let count = refused.entry(word).or_default();
                *count = count.saturating_add(more);
            }
        }
    }

    /// The events before byte `before` of the file, or the newest.
    pub(crate) fn tail(&self, before: Option<u64>, limit: usize) -> Result<Tail> {
        read_tail(&self.path, before, limit).map_err(unavailable)
    }
}

impl Sink for Journal {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.add_up(event);
            self.write(&Line::of(event))
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.read_on(&self.path).map_err(unavailable);
        Box::pin(std::future::ready(found.map(|()| open.intents.clone())))
    }
}

impl Journal {
    fn write(&self, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|e| Error::unavailable("the event cannot be written").with_source(e))?;
        bytes.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&bytes)
            .and_then(|()| file.sync_data())
            .map_err(unavailable)
    }
}

impl Line {
    fn of(event: &Event) -> Self {
        let outcome = match event.outcome {
            Outcome::Failed(kind, Some(reason)) => format!("{}: {}", word(kind), reason.as_str()),
            Outcome::Failed(kind, None) => word(kind).to_owned(),
            outcome => outcome.as_str().to_owned(),
        };
        let actor = event.actor.as_ref();
        Self {
            at: event.at.as_millis(),
            action: event.action.to_owned(),
            outcome,
            id: event.id.map(|id| id.to_string()),
            actor: actor.map(|actor| actor.subject().to_string()),
            staff: actor.is_some_and(Actor::is_staff),
            on_behalf_of: actor.and_then(Actor::for_whom).map(ToString::to_string),
            request: actor.and_then(Actor::request).map(ToString::to_string),
            tenant: event.tenant.as_ref().map(ToString::to_string),
            place: event.place.as_ref().map(ToString::to_string),
            record: event.record.as_ref().map(ToString::to_string),
            key: event.key.as_ref().map(ToString::to_string),
            found: event.found,
            run: event.run.map(|run| run.to_string()),
            detail: event
                .detail
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_string()))
                .collect(),
        }
    }

    /// Whether it ended as it was asked for.
    pub(crate) fn went_well(&self) -> bool {
        matches!(self.outcome.as_str(), "done" | "granted")
    }

    /// The intent this line tells of, if it is one.
    fn intent(&self) -> Option<Intent> {
        if self.outcome != Outcome::Intended.as_str() {
            return None;
        }
        Some(Intent {
            at: Timestamp::from_millis(self.at),
            run: self.run.as_deref().and_then(|run| RunId::parse(run).ok()),
            id: EventId::parse(self.id.as_deref()?).ok()?,
            action: self.action.clone(),
            tenant: self.tenant.as_deref().and_then(|t| Tenant::new(t).ok()),
            place: self.place.as_deref().and_then(|p| Place::new(p).ok()),
            record: self.record.as_deref().and_then(|r| RecordId::new(r).ok()),
            key: self.key.as_deref().and_then(|k| KeyId::parse(k).ok()),
            found: self.found,
        })
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

impl Open {
    /// Reads what any process has written since, up to the last whole line.
    fn read_on(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            // A device has no end, and remembers nothing.
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let (mut lines, mut piece) = (BufReader::new(file), Vec::new());
        loop {
            piece.clear();
            let length = lines.read_until(b'\n', &mut piece)?;
            if piece.last() != Some(&b'\n') {
                return Ok(());
            }
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            self.read = self.read.saturating_add(length);
            let Ok(line) = serde_json::from_slice::<Line>(&piece) else {
                continue;
            };
            if let Some(intent) = line.intent() {
                self.intents.push(intent);
            } else if let Some(id) = &line.id {
                self.intents.retain(|intent| intent.id.to_string() != *id);
            }
        }
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
    let mut ended = HashSet::new();
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
        let Ok(line) = serde_json::from_slice::<Line>(piece) else {
            continue;
        };
        // An intent is shown while it is open: its outcome says the rest, and came by before it.
        match (line.intent(), &line.id) {
            (Some(_), Some(id)) if ended.contains(id) => {}
            (None, Some(id)) => {
                ended.insert(id.clone());
                lines.push(line);
            }
            _ => lines.push(line),
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
        journal.write(&Line::of(&event)).unwrap();
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
    fn intents_without_an_outcome_are_known_to_every_run() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("audit");
        let journal = Journal::open(path.clone()).unwrap();
        let id = |n| EventId::new([n; 8], [0; 8]);
        let mut event = Event::new(Timestamp::from_millis(1), "vault.put", Outcome::Intended);
        event.tenant = Some(Tenant::new("acme").unwrap());
        event.place = Some(Place::new("a.b").unwrap());
        event.record = Some(RecordId::new("1").unwrap());
        event.found = Some(7);
        for n in [1, 2] {
            event.id = Some(id(n));
            journal.write(&Line::of(&event)).unwrap();
        }
        event.id = Some(id(1));
        event.outcome = Outcome::Done;
        journal.write(&Line::of(&event)).unwrap();
        // Whether it goes on is not for the journal to say: another process reads it as well.
        let beside = Journal::open(path.clone()).unwrap();
        for journal in [&journal, &beside] {
            let open = now(journal.open_intents());
            assert_eq!(open.iter().map(|open| open.id).collect::<Vec<_>>(), [id(2)]);
        }
        // An intent is shown while it is open, an outcome in its place.
        let shown = journal.tail(None, 10).unwrap().lines;
        let shown: Vec<_> = shown.iter().map(|line| line.outcome.as_str()).collect();
        assert_eq!(shown, ["done", "intended"]);

        let journal = Journal::open(path).unwrap();
        let [left] = now(journal.open_intents()).try_into().unwrap();
        event.id = Some(id(2));
        event.outcome = Outcome::Intended;
        assert_eq!(Some(left), Intent::of(&event));
        event.outcome = Outcome::NotDone;
        now(async { journal.record(&event).await.map(|()| Vec::new()) });
        assert!(now(journal.open_intents()).is_empty());
        assert!(now(beside.open_intents()).is_empty());
    }

    /// The journal waits for nothing but the disk.
    fn now(future: impl Future<Output = Result<Vec<Intent>>>) -> Vec<Intent> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(intents) => intents.unwrap(),
            std::task::Poll::Pending => unreachable!("it waited"),
        }
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
