//! What changes the ring. Every step is one compare-and-swap, and may be killed and repeated.

mod destroy;
mod rewrap;
mod under;
mod usage;

use keyward_base::audit::Event;
use keyward_base::{Error, KeyId, Purpose, Result, Timestamp};

use crate::keyring::{Keyring, MAX_TRIES};
use crate::ring::{KeyState, MAX_KEYS, Ring};

pub use destroy::Receipt;
pub use rewrap::Rewrapped;

/// The handle that may change the ring.
#[derive(Clone, Debug)]
pub struct Admin {
    pub(crate) keyring: Keyring,
}

/// How far the promotion of pending keys is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promotion {
    /// No key is pending.
    Nothing,
    /// These keys are Active now.
    Promoted(Vec<KeyId>),
    /// Live replicas have not all acknowledged the new key.
    Waiting {
        /// The key that waits.
        key: KeyId,
        /// Replicas that acknowledged it.
        acknowledged: usize,
        /// Live replicas.
        of: usize,
        /// When it is promoted all the same: whoever has not read it by then reads the ring anew
        /// when it meets the unknown key.
        until: Timestamp,
    },
}

impl Admin {
    pub(crate) const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// The handle this one changes.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Makes a Pending key for `purpose`, or returns the one there is. It is promoted by
    /// [`Admin::promote_ready`].
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of that purpose, or is full; `Unavailable` if store, root
    /// or audit cannot be reached.
    pub async fn rotate(&self, purpose: &Purpose) -> Result<KeyId> {
        let result = self.try_rotate(purpose).await;
        self.audited("keys.rotate", result.as_ref().ok().copied(), result)
    }

    async fn try_rotate(&self, purpose: &Purpose) -> Result<KeyId> {
        let inner = &self.keyring.0;
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            known.ring.active(purpose)?;
            if let Some(pending) = known.ring.pending(purpose) {
                return Ok(pending.id);
            }
            if known.ring.keys.len() >= MAX_KEYS {
                return Err(Error::misuse("the keyring is full: it holds 1024 keys"));
            }
            let mut next = known.ring.next_epoch()?;
            let now = inner.clock.now()?;
            let key = crate::keyring::new_key(&inner.provider, purpose, next.epoch, now)?;
            let key = crate::keyring::wrap_new(&inner.provider, inner.root.as_ref(), next.id, key)
                .await?;
            let id = key.id;
            next.keys.push(key);
            if self.keyring.commit(&known, next).await?.is_some() {
                return Ok(id);
            }
        }
        Err(crate::keyring::contended())
    }

    /// Promotes every pending key that all live replicas have acknowledged, or whose propagation
    /// window has passed. Without live replicas, at once.
    ///
    /// # Errors
    /// `Unavailable` if store or audit cannot be reached.
    pub async fn promote_ready(&self) -> Result<Promotion> {
        self.keyring.refresh().await?;
        let now = self.keyring.0.clock.now()?;
        let ring = &self.keyring.snapshot().ring;
        let live = self.keyring.replicas().await?;
        let mut promoted = Vec::new();
        for key in ring
            .keys
            .iter()
            .filter(|key| key.state == KeyState::Pending)
        {
            let acknowledged = live.iter().filter(|r| r.epoch >= key.seq).count();
            let until = key
                .created
                .saturating_add(self.keyring.0.policy.propagation());
            if acknowledged < live.len() && now < until {
                return Ok(Promotion::Waiting {
                    key: key.id,
                    acknowledged,
                    of: live.len(),
                    until,
                });
            }
            let result = self
                .change(|next, now| promote_pending(next, key.id, now))
                .await;
            self.audited("keys.promote", Some(key.id), result)?;
            promoted.push(key.id);
        }
        Ok(if promoted.is_empty() {
            Promotion::Nothing
        } else {
            Promotion::Promoted(promoted)
        })
    }

    /// Refuses to open with a Retired or Pending key, until it is enabled again. Rows that need
    /// it are kept.
    ///
    /// # Errors
    /// `Misuse` for an unknown, Active or Destroyed key; `Unavailable` if store or audit cannot
    /// be reached.
    pub async fn disable(&self, id: KeyId) -> Result<()> {
        let result = self.change(|next, now| next.disable(id, now)).await;
        self.audited("keys.disable", Some(id), result)
    }

    /// Lets a Disabled key open again.
    ///
    /// # Errors
    /// `Misuse` for an unknown, Pending or Destroyed key; `Unavailable` if store or audit cannot
    /// be reached.
    pub async fn enable(&self, id: KeyId) -> Result<()> {
        let result = self.change(|next, _| next.enable(id)).await;
        self.audited("keys.enable", Some(id), result)
    }

    pub(crate) async fn mark_unregistered(&self, id: KeyId) -> Result<()> {
        self.change(|next, _| {
            let key = next.keys.iter_mut().find(|key| key.id == id);
            let key = key.ok_or_else(|| Error::misuse(format!("the keyring has no key {id}")))?;
            let changes = !key.unregistered;
            key.unregistered = true;
            Ok(changes)
        })
        .await
    }

    /// Applies `step` to the newest ring and writes it, again as often as another was faster.
    /// `step` says whether it changed anything.
    pub(crate) async fn change(
        &self,
        step: impl Fn(&mut Ring, Timestamp) -> Result<bool> + Send + Sync,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            let mut next = known.ring.next_epoch()?;
            if !step(&mut next, self.keyring.0.clock.now()?)? {
                return Ok(());
            }
            if self.keyring.commit(&known, next).await?.is_some() {
                return Ok(());
            }
        }
        Err(crate::keyring::contended())
    }

    /// Records how an action ended. A success that cannot be recorded is reported as that.
    pub(crate) fn audited<T>(
        &self,
        action: &'static str,
        key: Option<KeyId>,
        result: Result<T>,
    ) -> Result<T> {
        let recorded = self.keyring.record(action, key, Event::outcome_of(&result));
        let value = result?;
        recorded?;
        Ok(value)
    }
}

/// Promotes a key that another process may have promoted, or disabled, meanwhile.
fn promote_pending(next: &mut Ring, id: KeyId, now: Timestamp) -> Result<bool> {
    if next
        .find(id)
        .is_none_or(|key| key.state != KeyState::Pending)
    {
        return Ok(false);
    }
    next.promote(id, now)?;
    Ok(true)
}
