//! What may run: a value that only the gate makes.

use std::sync::PoisonError;

use keyward_audit::entry::Typed;
use keyward_audit::{Entry, Of};
use keyward_base::{Error, Result, Tenant};

use super::Gates;
use super::held::{Draft, Held};
use super::id::GateId;
use super::row::Row;
use super::state::State;
use crate::action::Action;
use crate::reason;

/// How many entries of a log are read at once.
const PAGE: usize = 1_024;

/// Of how many gates is kept in mind how far the log was read for them.
const MOST_READ: usize = 4_096;

/// What was approved and not claimed yet, when it was asked: the executor takes nothing else, and asks
/// all of it again. It cannot be made or copied, and holds nothing that runs: what runs is read anew.
#[derive(Debug)]
#[must_use = "nothing runs before an executor takes it"]
pub struct ApprovedAction {
    pub(crate) id: GateId,
    pub(crate) action: Action,
}

impl ApprovedAction {
    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> GateId {
        self.id
    }

    /// What is to run, to be shown.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }
}

impl Gates {
    /// What may run, of a gate that is approved and whose run-by has not come.
    ///
    /// # Errors
    /// `Rejected` ([`reason::NOT_APPROVED`]) for any other; `Corrupt` if the record is not what was
    /// written, or an older one was put back; else as [`Gates::vote`].
    pub async fn approved(&self, tenant: &Tenant, id: GateId) -> Result<ApprovedAction> {
        let held = self.held(tenant, id).await?;
        let mut draft = Draft::of(&held, self.now()?);
        draft.settle()?;
        if draft.row.state != State::Approved {
            // As well as can be: whoever acts on it next settles it again.
            let _settled = self.write(&held, &draft, &[]).await;
            return Err(Error::rejected(reason::NOT_APPROVED));
        }
        self.check_newest(&held).await?;
        Ok(ApprovedAction {
            id,
            action: held.action,
        })
    }

    /// Refuses a record that the log has gone on from.
    pub(crate) async fn check_newest(&self, held: &Held) -> Result<()> {
        if self.is_put_back(&held.row).await? {
            return Err(Error::corrupt(
                "a gate's record is older than the log has it: it was put back; it does not run",
            )
            .because(reason::PUT_BACK));
        }
        Ok(())
    }

    /// Whether the log has another history of this gate than its record: then the record is an older
    /// one, or goes on from an older one. Each entry of the record stands in the log once, in its
    /// order, and nothing else of it, since one batch writes both. What was read of a log is not read
    /// again.
    pub(crate) async fn is_put_back(&self, row: &Row) -> Result<bool> {
        let of = Of::Tenant(row.tenant.clone());
        let ours = row.id.to_string();
        let (mut at, mut seen) = self.read_so_far(row);
        loop {
            let page = self.0.audit.entries(&of, at, PAGE).await?;
            for kept in &page.entries {
                let Some((_, text)) = &kept.body else {
                    // Erased by a rule: what it said is not known.
                    return Err(Error::unavailable(
                        "the log was erased up to after this gate was asked for: ask anew",
                    ));
                };
                // The id is random, and stands in no other entry.
                if text.contains(&ours) {
                    let entry = kept.entry()?.ok_or_else(super::row::wrong)?;
                    match place_in(&entry) {
                        Some((ticket, nth)) if *ticket == ours => {
                            if nth != seen {
                                return Ok(true);
                            }
                            seen = seen.saturating_add(1);
                        }
                        _ => {}
                    }
                }
                at = kept.seq.saturating_add(1);
            }
            match page.next {
                Some(next) => at = next,
                None => break,
            }
        }
        let known = u64::try_from(row.history.len()).unwrap_or(u64::MAX);
        if seen != known {
            return Ok(true);
        }
        self.remember(row, (at, seen));
        Ok(false)
    }

    fn read_so_far(&self, row: &Row) -> (u64, u64) {
        let read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(&row.id).copied().unwrap_or((row.logged, 0))
    }

    fn remember(&self, row: &Row, so_far: (u64, u64)) {
        let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MOST_READ {
            read.clear();
        }
        read.insert(row.id, so_far);
    }
}

/// The gate that an entry is of, and its number in the history.
fn place_in(entry: &Entry) -> Option<(&String, u64)> {
    let find = |name: &str| {
        let mut detail = entry.detail.iter();
        detail.find_map(|(own, typed)| (own == name).then_some(typed))
    };
    match (find("ticket")?, find("entry")?) {
        (Typed::Id(ticket), Typed::Number(nth)) => Some((ticket, nth.0)),
        _ => None,
    }
}
