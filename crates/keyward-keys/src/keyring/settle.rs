//! Acts on the ring that runs which are over left open in the trail.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_base::audit::{Intent, Outcome};
use keyward_base::{EventId, Result, Timestamp};
use keyward_crypto::Provider;

use super::Keyring;
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
pub(crate) const BESIDE_THE_RING: [&str; 5] = [
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
    /// Closes the acts on the ring that runs which are over left open in the trail, by what the ring
    /// says became of them. Opening does it, unless
    /// [`KeyringBuilder::settle_later`](super::KeyringBuilder::settle_later) said that whoever opens
    /// will; ticks go on with what may not be told yet.
    ///
    /// # Errors
    /// `Unavailable` if the trail or the store cannot be reached.
    pub async fn settle(&self) -> Result<()> {
        let trail = &self.0.trail;
        let of = named(self.snapshot().ring.id);
        let found = self.left_open(trail, of).await?;
        for intent in found.ended {
            let Some(action) = ACTIONS.into_iter().find(|known| *known == intent.action) else {
                continue;
            };
            let outcome = became(&intent, &self.snapshot().ring);
            let now = self.0.clock.now()?;
            trail.close(intent, action, now, outcome).await?;
        }
        // Not before: what could not be closed is looked at again by the next tick.
        *lock(&self.0.look_again) = found.look_again;
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
