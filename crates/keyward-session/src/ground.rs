//! What sessions and API keys rest on alike: a ring's keys, a store, and the epochs by which many end
//! at once.

pub(crate) mod epochs;
mod fence;
mod verified;

use std::sync::Arc;

use keyward_base::audit::Outcome;
use keyward_base::{
    Clock, Domain, Error, ErrorKind, Event, KeyId, Purpose, Reason, RecordId, Result, Timestamp,
    Trail,
};
use keyward_keys::{Keyring, MacVerifier, RecordColumn};
use keyward_store::{Applied, Record, Records};

pub(crate) use fence::Fence;

use crate::epoch::{Epoch, Form, Scope};
use crate::format::{authentic, damaged, split};
use epochs::{Keys, put_epoch};

/// How often a write is tried anew that lost to another.
pub(crate) const MAX_TRIES: usize = 64;

/// `N` is how many sorts of things end apart, by one epoch.
pub(crate) struct Ground<const N: usize> {
    pub(crate) keyring: Keyring,
    pub(crate) store: Arc<dyn Records>,
    pub(crate) purpose: Purpose,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trail: Trail,
    form: &'static Form<N>,
    fence: fence::Kept,
    verified: verified::Verified<N>,
}

impl<const N: usize> Ground<N> {
    pub(crate) fn new(
        keyring: Keyring,
        store: Arc<dyn Records>,
        purpose: Purpose,
        clock: Arc<dyn Clock>,
        trail: Trail,
        form: &'static Form<N>,
    ) -> Self {
        Self {
            keyring,
            store,
            purpose,
            clock,
            trail,
            form,
            fence: fence::Kept::default(),
            verified: verified::Verified::default(),
        }
    }

    pub(crate) fn now(&self) -> Result<Timestamp> {
        self.clock.now()
    }

    /// The key that a record names: one of the ring, read anew if this process does not know it.
    pub(crate) async fn key(&self, id: KeyId) -> Result<MacVerifier> {
        self.keyring.find_mac(&self.purpose, id).await
    }

    /// What `pass` makes of a token with the key that it names. No store is asked for what is
    /// malformed or was made up; a key that another process has just made is looked for once.
    pub(crate) async fn pass<T>(
        &self,
        key_of: impl FnOnce() -> Result<KeyId>,
        pass: impl Fn(&dyn Fn(KeyId) -> Result<MacVerifier>) -> Result<T>,
    ) -> Result<T> {
        let passed = pass(&|id| self.keyring.mac_by_id(&self.purpose, id));
        let may_be_newer = |e: &Error| {
            let (unknown, pending) = (
                keyward_keys::reason::UNKNOWN_KEY,
                keyward_keys::reason::PENDING_KEY,
            );
            e.reason()
                .is_some_and(|why| why == unknown || why == pending)
        };
        match passed {
            Err(e) if may_be_newer(&e) => {
                // No secret waits for it.
                let key = Box::pin(self.key(key_of()?)).await?;
                pass(&|_| Ok(key.clone()))
            }
            other => other,
        }
    }

    /// The record in front of its MAC, which is one that the key it names made in `domain`.
    pub(crate) async fn verified_bytes<'r>(
        &self,
        domain: Domain<(&'r [u8],)>,
        record: &'r Record,
        keys: &mut Keys,
        says: &'static str,
    ) -> Result<&'r [u8]> {
        let (bytes, tag, id) = split(&record.data).ok_or_else(|| damaged(says))?;
        let key = authentic(keys.find(self, id).await, says)?;
        authentic(key.verify(domain, &(bytes,), tag), says)?;
        Ok(bytes)
    }

    /// Moves the epoch of a scope by `change`, which is given the time and a random stamp, and says
    /// when that began. What is made of one that is damaged or not there has a new era: all that was
    /// of it ends.
    pub(crate) async fn move_epoch(
        &self,
        scope: &Scope,
        until: impl Fn(Timestamp) -> Option<Timestamp>,
        change: impl Fn(&mut Epoch<N>, Timestamp, u64),
    ) -> Result<Timestamp> {
        let began = self.now()?;
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let fence = self.fence().await?;
            let record = self.store.fetch(&scope.place(self.form)).await?;
            let held = self.read_held(scope, record, &mut Keys::default()).await?;
            let mut epoch = match held.found() {
                Some(found) => Epoch::clone(&found.epoch),
                // So that who read that there is none starts nothing.
                None => Epoch::new(scope.clone(), self.era()?),
            };
            change(&mut epoch, now, self.stamp()?);
            let mut batch = fence.batch.clone();
            batch.push(put_epoch(self.form, &epoch, &held, &fence, until(now)));
            if let Applied::Done(_) = self.store.apply(batch).await? {
                return Ok(began);
            }
            self.forget_fence();
        }
        Err(contended())
    }

    /// A clock that cannot be read leaves the time of an event open, and the event is told.
    pub(crate) fn event(&self, action: &'static str, outcome: Outcome) -> Event {
        let at = self.now().unwrap_or(Timestamp::from_millis(0));
        Event::new(at, action, outcome)
    }

    /// A record that a token of ours leads to is not what was written.
    pub(crate) async fn note_damaged(&self, record: &Record) {
        let failed = Outcome::Failed(ErrorKind::Corrupt, Some(Reason::NOT_AUTHENTIC));
        let mut event = self.event(self.form.refused, failed);
        event.record = RecordId::new(&record.key.id).ok();
        self.trail.note(event).await;
    }
}

/// Registers rows and epochs with the ring, so that no key goes that one needs.
pub(crate) async fn cover<const N: usize>(
    keyring: &Keyring,
    store: &Arc<dyn Records>,
    purpose: &Purpose,
    form: &Form<N>,
) -> Result<()> {
    for collection in [&form.rows, &form.collection] {
        let (store, collection) = (Arc::clone(store), collection.clone());
        let column = RecordColumn::of_macs(store, collection, purpose.clone())?;
        keyring.cover(Arc::new(column)).await?;
    }
    Ok(())
}

pub(crate) fn contended() -> Error {
    Error::unavailable(
        "the session store is contended: every try lost to another writer; try again in a moment",
    )
}
