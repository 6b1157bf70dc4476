//! Acts on the ring, as the trail tells them: an intent before, an outcome after, and what an
//! earlier run left open.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::audit::{Act, Intent, Outcome};
use keyward_base::{Error, ErrorKind, Event, EventId, KeyId, Result, Timestamp};
use keyward_crypto::Provider;

use super::Keyring;
use crate::admin::Admin;

use crate::ring::{KeyState, Ring};
use crate::ring_id::RingId;

/// Every act on the ring that is recorded. What an earlier run left of them is closed at the start.
const ACTIONS: [&str; 19] = [
    "keys.accept-restore",
    "keys.add-purpose",
    "keys.create",
    "keys.destroy",
    "keys.destroy-early",
    "keys.destroy-unregistered",
    "keys.disable",
    "keys.disable-even-uncounted",
    "keys.enable",
    "keys.oldest-suite",
    "keys.promote",
    "keys.remove-replica",
    "keys.rewrap",
    "keys.rewrap-root",
    "keys.rewrap-values",
    "keys.rotate",
    "keys.rotate-mac",
    "keys.set-aside",
    "keys.write-suite",
];

/// Those that change other records than the ring, so that its epoch does not tell of them.
const BESIDE_THE_RING: [&str; 5] = [
    "keys.remove-replica",
    "keys.rewrap",
    "keys.rewrap-values",
    "keys.rotate-mac",
    "keys.set-aside",
];

/// A new id of an act on `ring`.
pub(crate) fn event_id(provider: &Provider, ring: RingId) -> Result<EventId> {
    let mut random = [0; 8];
    provider.fill(&mut random)?;
    Ok(EventId::new(named(ring), random))
}

/// What the ids of its acts begin with.
fn named(ring: RingId) -> [u8; 8] {
    let [front @ .., _, _, _, _, _, _, _, _] = ring.to_bytes();
    front
}

impl Keyring {
    /// Closes what runs that are over left open, by what the ring says became of it.
    pub(super) async fn settle(&self) -> Result<()> {
        let trail = &self.0.trail;
        let of = named(self.snapshot().ring.id);
        let found = self.left_open(trail, of).await?;
        *lock(&self.0.look_again) = found.look_again;
        for intent in found.ended {
            let Some(action) = ACTIONS.into_iter().find(|known| *known == intent.action) else {
                continue;
            };
            let outcome = became(&intent, &self.snapshot().ring);
            let now = self.0.clock.now()?;
            trail.close(intent, action, now, outcome).await?;
        }
        Ok(())
    }

    /// [`Keyring::settle`], where another run may have ended since.
    pub(super) async fn settle_again(&self, now: Timestamp) -> Result<()> {
        let due = *lock(&self.0.look_again);
        match due {
            Some(due) if due <= now => self.settle().await,
            _ => Ok(()),
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of an act. Each change of the ring is one compare-and-swap that raises its epoch,
/// so that a ring at the epoch that was found is one that was not changed.
fn became(intent: &Intent, ring: &Ring) -> Outcome {
    let state = intent.key.and_then(|id| ring.find(id)).map(|key| key.state);
    match (intent.action.as_str(), state) {
        (action, _) if BESIDE_THE_RING.contains(&action) => Outcome::Unknown,
        ("keys.create", _) => Outcome::Done,
        _ if intent.found == Some(ring.epoch) => Outcome::NotDone,
        (
            "keys.destroy" | "keys.destroy-early" | "keys.destroy-unregistered",
            Some(KeyState::Destroyed),
        )
        | ("keys.disable" | "keys.disable-even-uncounted", Some(KeyState::Disabled))
        | ("keys.promote", Some(KeyState::Active)) => Outcome::Done,
        _ => Outcome::Unknown,
    }
}

impl Admin {
    /// Records that `action` is about to be done to `key`.
    pub(crate) async fn intend(&self, action: &'static str, key: Option<KeyId>) -> Result<Act> {
        let inner = &self.keyring.0;
        let mut event = Event::new(inner.clock.now()?, action, Outcome::Intended);
        event.key = key;
        event.found = Some(self.keyring.snapshot().ring.epoch);
        let id = event_id(&inner.provider, self.keyring.snapshot().ring.id)?;
        self.trail.intend(id, event).await
    }

    /// Records how it ended, and hands `result` on.
    pub(crate) async fn ended<T>(
        &self,
        mut act: Act,
        key: Option<KeyId>,
        result: Result<T>,
    ) -> Result<T> {
        let event = act.event_mut();
        event.key = key.or(event.key);
        let (action, found) = (event.action, event.found);
        let outcome = match &result {
            // The epoch tells nothing of what lies beside the ring.
            Err(e) if is_unsure(e) && BESIDE_THE_RING.contains(&action) => Outcome::Unknown,
            Err(e) if is_unsure(e) && !self.is_still_at(found).await => Outcome::Unknown,
            result => Event::outcome_of(result),
        };
        act.end(self.keyring.0.clock.as_ref(), outcome).await;
        result
    }

    /// [`Admin::intend`], `act`, [`Admin::ended`].
    pub(crate) async fn audited<T>(
        &self,
        action: &'static str,
        key: Option<KeyId>,
        act: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let intent = self.intend(action, key).await?;
        let result = act.await;
        self.ended(intent, None, result).await
    }

    /// Records, as well as can be, that `action` was refused before anything was intended.
    pub(crate) async fn refused(&self, action: &'static str, key: KeyId, error: &Error) {
        // A clock that cannot be relied on is why it was refused, and is told to the caller.
        if let Ok(now) = self.keyring.clock().now() {
            let outcome = Outcome::Failed(error.kind(), error.reason());
            let mut event = Event::new(now, action, outcome);
            event.key = Some(key);
            self.trail.note(event).await;
        }
    }

    async fn is_still_at(&self, found: Option<u64>) -> bool {
        self.keyring.refresh().await.is_ok() && found == Some(self.keyring.snapshot().ring.epoch)
    }
}

/// A store that could not be reached may have written all the same.
fn is_unsure(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable
}
