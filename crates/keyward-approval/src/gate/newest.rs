//! Whether a record is the newest of its gate: the log says, and its head says that of the log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};

use keyward_audit::audit::{Kept, ReadTo};
use keyward_audit::entry::{Entry, Typed};
use keyward_audit::{Kinds, Of};
use keyward_base::{Error, Result, Tenant};

use super::Gates;
use super::held::{Counts, Held, TRIED, USED, place};
use super::id::GateId;
use super::row::Row;
use crate::reason;

/// Of how many gates of a tenant is kept in mind what their log has: the newest.
const MOST_SEEN: usize = 32_768;

/// Of how many that are older: the log is read for each of them alone.
const MOST_OLDER: usize = 64;

/// Of how many tenants.
const MOST_LOGS: usize = 1_024;

/// How a record stands to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newest {
    /// It is the newest.
    Yes,
    /// The log has another history of the gate: the record is an older one, or goes on from one.
    PutBack,
    /// It was changed since it was read.
    Moved,
}

/// What a log has of a gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    entries: u64,
    counts: Counts,
    /// The numbers are not one after the other.
    is_torn: bool,
}

/// What a log has of gates, as far as it was read: each entry once.
#[derive(Debug, Default)]
struct Span {
    /// Of each gate that began here or later, all is in mind.
    from: u64,
    to: Option<ReadTo>,
    /// Of no gate but this one.
    only: Option<GateId>,
    seen: HashMap<GateId, Seen>,
    /// In their order, with the number of the entry that each began with.
    began: VecDeque<(u64, GateId)>,
    /// Whether some that began before went out of mind.
    has_forgotten: bool,
    /// The last entry of a gate that is erased: of which is not known.
    erased: Option<u64>,
}

/// What was read of a tenant's log.
#[derive(Debug, Default)]
struct Reader {
    newest: Span,
    /// Each of one gate that began before those, the last that was asked for behind.
    older: VecDeque<Span>,
}

/// The readers of tenants' logs, each with when it was asked last: how many were before.
#[derive(Debug, Default)]
pub(super) struct Readers {
    all: HashMap<Tenant, (u64, Arc<tokio::sync::Mutex<Reader>>)>,
    asked: u64,
}

impl Readers {
    fn of(&mut self, tenant: &Tenant) -> Arc<tokio::sync::Mutex<Reader>> {
        if self.all.len() >= MOST_LOGS && !self.all.contains_key(tenant) {
            let idle = self.all.iter().min_by_key(|(_, (asked, _))| *asked);
            if let Some(idle) = idle.map(|(tenant, _)| tenant.clone()) {
                self.all.remove(&idle);
            }
        }
        self.asked = self.asked.saturating_add(1);
        let (asked, reader) = self.all.entry(tenant.clone()).or_default();
        *asked = self.asked;
        Arc::clone(reader)
    }
}

impl Span {
    /// What the log has of a gate that began in it; none if it does not reach to there.
    fn of(&self, row: &Row) -> Result<Option<Seen>> {
        if self.to.is_none() {
            return Ok(None);
        }
        if self.erased.is_some_and(|seq| seq >= row.logged) {
            return Err(Error::unavailable(
                "the log was erased up to after this gate was asked for: ask anew",
            ));
        }
        Ok(Some(self.seen.get(&row.id).copied().unwrap_or_default()))
    }

    /// Takes note of an entry.
    fn note(&mut self, kept: &Kept) -> Result<()> {
        // The leaf says so for good, whatever was erased.
        if kept.leaf.header.class.as_str() != Kinds::APPROVALS {
            return Ok(());
        }
        let Some((_, text)) = &kept.body else {
            self.erased = Some(kept.seq);
            return Ok(());
        };
        let named = |only: GateId| text.contains(&only.to_string());
        if !self.only.is_none_or(named) {
            return Ok(());
        }
        let entry = Entry::parse(text)?;
        let Some((id, nth, event)) = place_in(&entry) else {
            return Ok(());
        };
        if self.only.is_some_and(|only| only != id) {
            return Ok(());
        }
        let is_counted = matches!(event, Some(USED | TRIED));
        if nth == 0 && !is_counted && !self.seen.contains_key(&id) {
            self.begin(kept.seq, id);
        }
        // Of one that began before, nothing is said here.
        let Some(of) = self.seen.get_mut(&id) else {
            return Ok(());
        };
        let count = match event {
            Some(USED) => &mut of.counts.uses,
            Some(TRIED) => &mut of.counts.tries,
            _ => &mut of.entries,
        };
        if *count != nth {
            of.is_torn = true;
        }
        *count = count.saturating_add(1);
        Ok(())
    }

    /// One more gate: the oldest makes room for it.
    fn begin(&mut self, seq: u64, id: GateId) {
        if self.seen.len() >= MOST_SEEN
            && let Some((first, oldest)) = self.began.pop_front()
        {
            self.seen.remove(&oldest);
            self.from = first.saturating_add(1);
            self.has_forgotten = true;
        }
        self.began.push_back((seq, id));
        self.seen.insert(id, Seen::default());
    }
}

impl Gates {
    /// Refuses a record that the log has gone on from. False: it was changed since it was read.
    pub(crate) async fn check_newest(&self, held: &Held) -> Result<bool> {
        match self.newest(held).await? {
            Newest::Yes => Ok(true),
            Newest::Moved => Ok(false),
            Newest::PutBack => Err(Error::corrupt(
                "a gate's record is older than the log has it: it was put back; it does not run",
            )
            .because(reason::PUT_BACK)),
        }
    }

    /// Compares a record with what the log has of its gate. Each entry of the record, each use of its
    /// class and each try of a code stands in the log once, in its order, and nothing else of it,
    /// since one batch writes both; and the log is the one that its head vouches for.
    pub(crate) async fn newest(&self, held: &Held) -> Result<Newest> {
        let row = &held.row;
        let expected = Seen {
            entries: u64::try_from(row.history.len()).unwrap_or(u64::MAX),
            counts: row.counts(),
            is_torn: false,
        };
        if self.seen(row).await? == Some(expected) {
            return Ok(Newest::Yes);
        }
        // The record was read first, and the log after it.
        let now = self.0.store.fetch(&place(&row.tenant, row.id)).await?;
        let is_same = now.is_some_and(|now| Some(now.version) == held.version);
        Ok(match is_same {
            true => Newest::PutBack,
            false => Newest::Moved,
        })
    }

    /// What the log has of a gate; none if it does not reach to where the gate began.
    async fn seen(&self, row: &Row) -> Result<Option<Seen>> {
        let reader = {
            let readers = self.0.readers.lock();
            readers
                .unwrap_or_else(PoisonError::into_inner)
                .of(&row.tenant)
        };
        let mut reader = reader.lock().await;
        let Reader { newest, older } = &mut *reader;
        if row.logged < newest.from && !newest.has_forgotten {
            *newest = Span::default();
        }
        if row.logged >= newest.from {
            self.read_on(row, newest).await?;
        }
        // It was, or became one of those for which there is no room.
        if row.logged >= newest.from {
            return newest.of(row);
        }
        let known = older.iter().position(|span| span.only == Some(row.id));
        let known = known.and_then(|nth| older.remove(nth));
        let mut span = known.unwrap_or_else(|| Span {
            only: Some(row.id),
            ..Span::default()
        });
        self.read_on(row, &mut span).await?;
        let seen = span.of(row);
        if older.len() >= MOST_OLDER {
            older.pop_front();
        }
        older.push_back(span);
        seen
    }

    /// Reads a log on to its end, from where that gate began if it was not read yet.
    async fn read_on(&self, row: &Row, span: &mut Span) -> Result<()> {
        let of = Of::Tenant(row.tenant.clone());
        for _ in 0..2 {
            // Cut off or failed, it is read anew: what was read counts once the head was found to
            // vouch for it.
            let mut at_work = std::mem::take(span);
            span.only = at_work.only;
            let to = at_work.to.take();
            if to.is_none() {
                at_work.from = row.logged;
            }
            let from = at_work.from;
            let each = |kept: &Kept| at_work.note(kept);
            let followed = self.0.audit.follow(&of, from, to.as_ref(), each).await?;
            if followed.is_some() {
                at_work.to = followed;
                *span = at_work;
                break;
            }
            // The log is another one by now.
        }
        Ok(())
    }
}

/// The gate that an entry is of, its number, and what else happened.
fn place_in(entry: &Entry) -> Option<(GateId, u64, Option<&str>)> {
    let find = |name: &str| {
        let mut detail = entry.detail.iter();
        detail.find_map(|(own, typed)| (own == name).then_some(typed))
    };
    let event = match find("event") {
        Some(Typed::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    match (find("ticket")?, find("entry")?) {
        (Typed::Id(ticket), Typed::Number(nth)) => {
            let gate = GateId::parse(ticket).ok()?;
            Some((gate, nth.0, event))
        }
        _ => None,
    }
}
