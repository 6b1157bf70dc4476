//! Whether a record is the newest of its gate: the log says, and its head says that of the log.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use keyward_audit::Of;
use keyward_audit::audit::{Kept, ReadTo};
use keyward_audit::entry::{Entry, Typed};
use keyward_base::{Error, Result, Tenant};

use super::Gates;
use super::held::{Counts, Held, TRIED, USED, place};
use super::row::{Row, wrong};
use crate::reason;

/// Of how many gates is kept in mind what their log has: more, and it is read anew.
const MOST_SEEN: usize = 65_536;

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

/// What a log has of all gates, as far as it was read: each entry once.
#[derive(Debug, Default)]
pub(super) struct Reader {
    from: u64,
    to: Option<ReadTo>,
    seen: HashMap<String, Seen>,
    /// The last entry that is erased: what it said is not known.
    erased: Option<u64>,
}

/// The readers of tenants' logs.
pub(super) type Readers = HashMap<Tenant, Arc<tokio::sync::Mutex<Reader>>>;

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
        let reader = self.reader(&row.tenant);
        let mut reader = reader.lock().await;
        let of = Of::Tenant(row.tenant.clone());
        if row.logged < reader.from || reader.seen.len() > MOST_SEEN {
            *reader = Reader::default();
        }
        for _ in 0..2 {
            // Cut off or failed, it is read anew: what was read counts once the head was found to
            // vouch for it.
            let mut at_work = std::mem::take(&mut *reader);
            let to = at_work.to.take();
            if to.is_none() {
                at_work.from = row.logged;
            }
            let (seen, erased) = (&mut at_work.seen, &mut at_work.erased);
            let each = |kept: &Kept| note(seen, erased, kept);
            let audit = &self.0.audit;
            let followed = audit.follow(&of, at_work.from, to.as_ref(), each).await?;
            if followed.is_some() {
                at_work.to = followed;
                *reader = at_work;
                break;
            }
            // The log is another one by now.
        }
        if reader.to.is_none() {
            return Ok(None);
        }
        if reader.erased.is_some_and(|seq| seq >= row.logged) {
            return Err(Error::unavailable(
                "the log was erased up to after this gate was asked for: ask anew",
            ));
        }
        let seen = reader.seen.get(&row.id.to_string());
        Ok(Some(seen.copied().unwrap_or_default()))
    }

    fn reader(&self, tenant: &Tenant) -> Arc<tokio::sync::Mutex<Reader>> {
        let mut all = self
            .0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_LOGS && !all.contains_key(tenant) {
            // Any of them: it is read anew when it is asked for.
            if let Some(one) = all.keys().next().cloned() {
                all.remove(&one);
            }
        }
        Arc::clone(all.entry(tenant.clone()).or_default())
    }
}

/// Takes note of an entry.
fn note(seen: &mut HashMap<String, Seen>, erased: &mut Option<u64>, kept: &Kept) -> Result<()> {
    let Some((_, text)) = &kept.body else {
        *erased = Some(kept.seq);
        return Ok(());
    };
    if !text.contains("ticket") {
        return Ok(());
    }
    let entry = kept.entry()?.ok_or_else(wrong)?;
    let Some((ticket, nth, event)) = place_in(&entry) else {
        return Ok(());
    };
    let of = seen.entry(ticket.clone()).or_default();
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

/// The gate that an entry is of, its number, and what else happened.
fn place_in(entry: &Entry) -> Option<(&String, u64, Option<&str>)> {
    let find = |name: &str| {
        let mut detail = entry.detail.iter();
        detail.find_map(|(own, typed)| (own == name).then_some(typed))
    };
    let event = match find("event") {
        Some(Typed::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    match (find("ticket")?, find("entry")?) {
        (Typed::Id(ticket), Typed::Number(nth)) => Some((ticket, nth.0, event)),
        _ => None,
    }
}
