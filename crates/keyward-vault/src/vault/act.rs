//! What the vault does to a slot, as its trail tells it.

use std::sync::{MutexGuard, PoisonError};

use keyward_base::audit::{Act, Intent, Outcome};
use keyward_base::{Error, ErrorKind, Event, EventId, KeyId, Reason, Result, Timestamp};
use keyward_store::{Applied, Write};

use super::Vault;
use crate::metadata::Metadata;
use crate::slot::Slot;

pub(super) const PUT: &str = "vault.put";
pub(super) const DELETE: &str = "vault.delete";
pub(crate) const REWRAP: &str = "vault.rewrap";
pub(super) const SET_ASIDE: &str = "vault.set-aside";

/// A write to a slot: refused before anything was intended, or intended, made and ended.
pub(super) struct Doing<'a> {
    vault: &'a Vault,
    slot: &'a Slot,
    action: &'static str,
    id: EventId,
    act: Option<Act>,
    key: Option<KeyId>,
    /// The store did not answer a batch: it may have been written.
    unsure: bool,
}

impl<'a> Doing<'a> {
    pub(super) fn new(vault: &'a Vault, action: &'static str, slot: &'a Slot) -> Result<Self> {
        Ok(Self {
            vault,
            slot,
            action,
            id: vault.event_id()?,
            act: None,
            key: None,
            unsure: false,
        })
    }

    pub(super) const fn id(&self) -> EventId {
        self.id
    }

    /// Makes `batch` in place of what was `found`. The intent is recorded before the first try.
    pub(super) async fn apply(
        &mut self,
        found: Option<u64>,
        key: Option<KeyId>,
        batch: Vec<Write>,
    ) -> Result<Applied> {
        self.key = key;
        if self.act.is_none() {
            let mut event = self
                .vault
                .event(self.action, self.slot, Outcome::Intended)?;
            event.key = key;
            event.found = found;
            self.act = Some(self.vault.trail.intend(self.id, event).await?);
        }
        let applied = self.vault.inner.store.apply(batch).await;
        if let Err(e) = &applied {
            self.unsure = e.kind() == ErrorKind::Unavailable;
        }
        applied
    }

    /// Records how it ended, and hands `result` on.
    pub(super) async fn end<T>(self, result: Result<T>) -> Result<T> {
        let outcome = match &result {
            Err(_) if self.unsure => Outcome::Unknown,
            result => Event::outcome_of(result),
        };
        match self.act {
            Some(mut act) => {
                act.event_mut().key = self.key;
                act.end(self.vault.inner.clock.as_ref(), outcome).await;
            }
            None => {
                if let Err(e) = &result {
                    self.vault.refuse(self.action, self.slot, None, e).await;
                }
            }
        }
        result
    }
}

impl Vault {
    pub(crate) fn event_id(&self) -> Result<EventId> {
        let mut random = [0; 8];
        self.inner.keyring.provider().fill(&mut random)?;
        Ok(EventId::new(self.inner.named, random))
    }

    /// An event about `slot`, now.
    pub(crate) fn event(
        &self,
        action: &'static str,
        slot: &Slot,
        outcome: Outcome,
    ) -> Result<Event> {
        let mut event = Event::new(self.inner.clock.now()?, action, outcome);
        event.tenant = Some(slot.tenant.clone());
        event.place = Some(slot.place.clone());
        event.record = Some(slot.record.clone());
        Ok(event)
    }

    /// Records that what lies in `slot` is opened next, by whom the caller's trail says.
    pub(crate) async fn grant(&self, action: &'static str, slot: &Slot, key: KeyId) -> Result<()> {
        let mut event = self.event(action, slot, Outcome::Granted)?;
        event.key = Some(key);
        self.trail.require(event).await
    }

    /// Records that it was refused, as well as can be: nothing was handed out.
    pub(crate) async fn refuse(
        &self,
        action: &'static str,
        slot: &Slot,
        key: Option<KeyId>,
        error: &Error,
    ) {
        let outcome = Outcome::Failed(error.kind(), error.reason());
        // A clock that cannot be relied on is why it was refused, and is told to the caller.
        if let Ok(mut event) = self.event(action, slot, outcome) {
            event.key = key;
            self.trail.note(event).await;
        }
    }

    /// What a long-running process does every few seconds beside
    /// [`Keyring::tick`](keyward_keys::Keyring::tick): acts on this vault that another run left
    /// open in the trail are closed once that run is seen to be over. Reads nothing where none was
    /// open at the start. `Home::serve` calls it.
    ///
    /// # Errors
    /// `Unavailable` if a store or the trail cannot be reached.
    pub async fn tick(&self) -> Result<()> {
        let due = *self.look_again();
        match due {
            Some(due) if due <= self.inner.clock.now()? => self.settle().await,
            _ => Ok(()),
        }
    }

    fn look_again(&self) -> MutexGuard<'_, Option<Timestamp>> {
        let held = self.inner.look_again.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what runs that are over left open, by what its slots say became of it.
    pub(super) async fn settle(&self) -> Result<()> {
        let keyring = &self.inner.keyring;
        let found = keyring.left_open(&self.trail, self.inner.named).await?;
        for intent in found.ended {
            let known = [PUT, DELETE, REWRAP, SET_ASIDE];
            let Some(action) = known.into_iter().find(|known| *known == intent.action) else {
                continue;
            };
            let outcome = self.became(&intent).await?;
            let now = self.inner.clock.now()?;
            self.trail.close(intent, action, now, outcome).await?;
        }
        // Not before: what could not be closed is looked at again by the next tick.
        *self.look_again() = found.look_again;
        Ok(())
    }

    /// What became of an act. A slot that was put carries the act's id. Revisions never repeat, so
    /// a slot at the revision that was found is one that was not written. A slot that is empty, or
    /// was written since, does not tell: another may have deleted it, or put it.
    async fn became(&self, intent: &Intent) -> Result<Outcome> {
        let (Some(tenant), Some(place), Some(record)) =
            (&intent.tenant, &intent.place, &intent.record)
        else {
            return Ok(Outcome::Unknown);
        };
        let slot = Slot {
            tenant: tenant.clone(),
            place: place.clone(),
            record: record.clone(),
        };
        let found = self.inner.store.fetch(&self.place_of(&slot)).await?;
        let Some(found) = found else {
            return Ok(Outcome::Unknown);
        };
        let Ok(held) = Metadata::parse(&found.data) else {
            return Ok(Outcome::Unknown);
        };
        Ok(if intent.action == PUT && held.was_put_by(intent.id) {
            Outcome::Done
        } else if intent.found == Some(held.revision().number()) {
            Outcome::NotDone
        } else {
            Outcome::Unknown
        })
    }

    /// Whether what lies in `slot` was put by the act `id`: asked when a store did not answer.
    pub(super) async fn was_put(&self, slot: &Slot, id: EventId) -> bool {
        let found = self.inner.store.fetch(&self.place_of(slot)).await;
        let held = found.ok().flatten();
        held.and_then(|record| Metadata::parse(&record.data).ok())
            .is_some_and(|held| held.was_put_by(id))
    }
}

/// Another writer was there.
pub(super) fn conflict() -> Error {
    Error::rejected(Reason::CONFLICT)
}

/// Every try was lost.
pub(super) fn contended() -> Error {
    Error::unavailable("the data store is contended: every try lost to another writer")
}
