//! The links of a gate: each is a slot of its record, and dies alone.

use keyward_base::{Error, Result, Subject, Tenant};

use super::Gates;
use super::held::{Draft, Saying};
use super::id::GateId;
use super::row::{LINKS, Row, Slot};
use super::state::What;
use crate::link::Presented;
use crate::reason;

/// How often the code of a link may be tried: one of 10^6 codes is found in five tries one time in
/// 200,000.
pub const TRIES: u8 = 5;

/// A try that was written down.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a try that was reserved is spent"]
pub struct Reserved {
    /// The MAC of the code that was given with the link; none if it has none.
    pub code: Option<[u8; 32]>,
    pub(super) is_last: bool,
}

/// How a link is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LinkState<'a> {
    /// Whom it was sent to; none: a mailbox of nobody in particular.
    pub approver: Option<&'a Subject>,
    /// Whether it still leads to something: it was not used, killed or tried too often, and what it is of
    /// can still be decided.
    pub is_alive: bool,
    /// Whether somebody opened it.
    pub is_fetched: bool,
    /// Whether a code goes with it.
    pub has_code: bool,
    /// How often its code may still be tried.
    pub tries_left: u8,
}

impl<'a> LinkState<'a> {
    pub(super) fn of(row: &'a Row, nth: u16) -> Option<Self> {
        let slot = row.slots.get(usize::from(nth))?;
        Some(Self {
            approver: slot.approver.as_ref(),
            is_alive: alive(row, nth).is_ok(),
            is_fetched: slot.fetched,
            has_code: slot.code.is_some(),
            tries_left: TRIES.saturating_sub(slot.tries),
        })
    }
}

impl Gates {
    /// Takes note of a link: for this approver, or for a mailbox of nobody in particular. `code` is
    /// the MAC of the code that goes with it. Gives its slot, which the link names.
    ///
    /// # Errors
    /// `Rejected` ([`reason::NOT_OPEN`]) if the gate is not waited for; `Misuse` beyond 64 links; else
    /// as [`Gates::issue`].
    pub async fn add_link(
        &self,
        tenant: &Tenant,
        id: GateId,
        approver: Option<Subject>,
        code: Option<[u8; 32]>,
    ) -> Result<u16> {
        let made = self.step(tenant, id, |draft| {
            draft.settle()?;
            if !draft.row.state.is_open() {
                return Ok(Err(Error::rejected(reason::NOT_OPEN)));
            }
            if draft.row.slots.len() >= LINKS {
                return Err(Error::misuse("a gate has at most 64 links"));
            }
            let nth = u16::try_from(draft.row.slots.len()).unwrap_or(u16::MAX);
            draft.row.slots.push(Slot {
                approver: approver.clone(),
                dead: false,
                fetched: false,
                tries: 0,
                code,
            });
            let saying = Saying {
                for_whom: approver.clone(),
                ..Saying::service()
            };
            let state = draft.row.state;
            draft.note(What::LinkMade, state, saying)?;
            Ok(Ok(nth))
        });
        made.await?
    }

    /// Takes note that a link was opened, once for each: by its reader or by a scanner of mail, which
    /// nobody can tell apart. It decides nothing.
    ///
    /// # Errors
    /// `Rejected` ([`reason::LINK`]) for a link that is dead or was never made; else as
    /// [`Gates::issue`].
    pub async fn fetched(&self, tenant: &Tenant, id: GateId, slot: u16) -> Result<()> {
        let seen = self.step(tenant, id, |draft| {
            draft.settle()?;
            if let Err(e) = alive(&draft.row, slot) {
                return Ok(Err(e));
            }
            let state = draft.row.state;
            match draft.row.slots.get_mut(usize::from(slot)) {
                Some(slot) if !slot.fetched => slot.fetched = true,
                _ => return Ok(Ok(())),
            }
            let channel = super::Channel::Link;
            draft.note(What::Fetched, state, Saying::by_way(channel))?;
            Ok(Ok(()))
        });
        seen.await?
    }

    /// Ends a link for good: no vote of its holder is counted after this has returned.
    ///
    /// # Errors
    /// `Rejected` ([`reason::LINK`]) if there is none; else as [`Gates::issue`].
    pub async fn kill_link(&self, tenant: &Tenant, id: GateId, slot: u16) -> Result<()> {
        self.step(tenant, id, |draft| {
            let state = draft.row.state;
            let slot = draft.row.slots.get_mut(usize::from(slot));
            let slot = slot.ok_or_else(|| Error::rejected(reason::LINK))?;
            if state.is_ended() {
                return Ok(());
            }
            // Nor does a vote count that was in time with the last try, and is not written yet.
            slot.code = None;
            if std::mem::replace(&mut slot.dead, true) {
                return Ok(());
            }
            draft.note(What::LinkDead, state, Saying::service())
        })
        .await
    }

    /// Writes a try of a link's code down, before anything is compared. With the last one the link is
    /// dead, whatever the code is that is compared with it.
    ///
    /// # Errors
    /// `Rejected` ([`reason::LINK`]) for a link that is dead or was never made; else as
    /// [`Gates::issue`].
    pub async fn reserve_try(&self, tenant: &Tenant, id: GateId, slot: u16) -> Result<Reserved> {
        let tried = self.step(tenant, id, |draft| {
            draft.settle()?;
            if let Err(e) = alive(&draft.row, slot) {
                return Ok(Err(e));
            }
            let state = draft.row.state;
            let slot = draft.row.slots.get_mut(usize::from(slot));
            let slot = slot.ok_or_else(|| Error::rejected(reason::LINK))?;
            slot.tries = slot.tries.saturating_add(1);
            let reserved = Reserved {
                code: slot.code,
                is_last: slot.tries >= TRIES,
            };
            if reserved.is_last {
                slot.dead = true;
                draft.note(What::LinkDead, state, Saying::by_way(super::Channel::Link))?;
            }
            Ok(Ok(reserved))
        });
        tried.await?
    }
}

fn alive(row: &Row, slot: u16) -> Result<&Slot> {
    let found = row.slots.get(usize::from(slot)).filter(|slot| !slot.dead);
    let waits = row.state.is_open() || row.state == super::State::Approved;
    found
        .filter(|_| waits)
        .ok_or_else(|| Error::rejected(reason::LINK))
}

/// Whether a link leads to this gate, and was made for its action.
pub(super) fn leads_here(draft: &Draft, link: &Presented) -> Result<()> {
    if link.gate() != draft.row.id {
        return Err(Error::rejected(reason::LINK));
    }
    link.is_about(&draft.action)
}

/// Whether who comes by that link may: it leads here, lives, and is his or nobody's.
pub(super) fn check(draft: &Draft, link: &Presented, who: Option<&Subject>) -> Result<()> {
    leads_here(draft, link)?;
    let slot = alive(&draft.row, link.slot())?;
    match &slot.approver {
        Some(approver) if Some(approver) != who => Err(Error::rejected(reason::LINK)),
        _ => Ok(()),
    }
}
