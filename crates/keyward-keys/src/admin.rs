//! What changes the ring. Every step is one compare-and-swap, and may be killed and repeated.

mod damage;
mod destroy;
mod mac;
mod purpose;
mod recorded;
mod rewrap;
mod root;
mod rotation;
mod suites;
mod under;
mod usage;

use keyward_base::audit::Value;
use keyward_base::{Actor, Error, KeyId, Purpose, Result, Tenant, Timestamp, Trail};

use keyward_store::Erased;

use crate::key_use::{Rules, Signs};
use crate::keyring::{Keyring, new_key, wrap_new};
use crate::records::{MAX_TRIES, contended};
use crate::ring::{KeyState, MAX_KEYS, Ring};
use crate::snapshot::Snapshot;
use crate::tenant::TenantKey;

pub(crate) use destroy::Even;
pub use destroy::{Destruction, Receipt};
pub use mac::MacRotated;
pub use rewrap::Rewrapped;
pub use root::RootRewrapped;
pub use rotation::{Rotation, Stage};

/// The handle that may change the ring.
#[derive(Clone, Debug)]
pub struct Admin {
    pub(crate) keyring: Keyring,
    pub(crate) trail: Trail,
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
        /// The pending key.
        key: KeyId,
        /// Replicas that acknowledged it.
        acknowledged: usize,
        /// How many live replicas there are.
        of: usize,
        /// When it is promoted all the same: whoever has not read it by then reads the ring anew
        /// when it meets the unknown key.
        until: Timestamp,
    },
}

impl Keyring {
    /// The handle that may change the ring. A process is a reader unless it says so.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin {
            keyring: self.clone(),
            trail: self.0.trail.clone(),
        }
    }
}

impl Admin {
    /// The same handle, whose changes are recorded as `actor`'s.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            keyring: self.keyring.clone(),
            trail: self.trail.acting_as(actor),
        }
    }

    /// The handle this one changes.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Makes a Pending key for `purpose`, or returns the one there is. It is promoted by
    /// [`Admin::promote_ready`]. A Pending key of another suite than new keys are to seal in
    /// ([`Admin::write_suite`]) is not returned: it is disabled in the same swap, and another made.
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of that purpose, or is full; `Unavailable` if store, root
    /// or audit cannot be reached.
    pub async fn rotate(&self, purpose: &Purpose) -> Result<KeyId> {
        let mut act = self.intend("keys.rotate", None).await?;
        let result = self.try_rotate(purpose).await;
        if let Ok((_, Some(outdated))) = &result {
            let detail = &mut act.event_mut().detail;
            *detail = std::mem::take(detail).with("disabled", Value::Key(*outdated));
        }
        let result = result.map(|(made, _)| made);
        self.ended(act, result.as_ref().ok().copied(), result).await
    }

    /// The Pending key, and the one that it takes the place of.
    async fn try_rotate(&self, purpose: &Purpose) -> Result<(KeyId, Option<KeyId>)> {
        let inner = &self.keyring.0;
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            known.ring.active(purpose)?;
            let mut next = known.ring.next_epoch()?;
            let now = inner.clock.now()?;
            let outdated = known.ring.outdated(purpose);
            match (known.ring.pending(purpose), outdated) {
                (_, Some(outdated)) => {
                    next.disable(outdated, now)?;
                }
                (Some(pending), None) => return Ok((pending.id, None)),
                (None, None) => {}
            }
            let id = self.add_key(&known, &mut next, purpose, now).await?;
            if self.keyring.commit(&known, next).await? {
                return Ok((id, outdated));
            }
        }
        Err(contended())
    }

    /// Adds a Pending key to `next`, wrapped by the root.
    async fn add_key(
        &self,
        known: &Snapshot,
        next: &mut Ring,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Result<KeyId> {
        let inner = &self.keyring.0;
        if next.keys.len() >= MAX_KEYS {
            return Err(Error::misuse(
                "the keyring is full: it holds 1024 keys, destroyed ones included",
            ));
        }
        let rules = next.rules(purpose)?;
        let before = match (rules, next.active(purpose)) {
            (Rules::Sign(Signs::Fields), Ok(active)) => Some((active.id, known.signs(active.id)?)),
            _ => None,
        };
        for _ in 0..MAX_TRIES {
            let (provider, epoch) = (&inner.provider, next.epoch);
            let key = new_key(provider, &known.filter, purpose, rules, epoch, now)?;
            if next.find(key.id).is_some() {
                continue;
            }
            let before = before.map(|(id, key)| (id, key.of_ring.as_ref()));
            let key = wrap_new(provider, inner.root.as_ref(), next.id, key, before).await?;
            let id = key.id;
            next.keys.push(key);
            return Ok(id);
        }
        Err(Error::unavailable(
            "every new key id is taken: is the randomness sound?",
        ))
    }

    /// Promotes every pending key that all live replicas have acknowledged, or whose propagation
    /// window has passed. Without live replicas, at once.
    ///
    /// # Errors
    /// `Unavailable` if store or audit cannot be reached.
    pub async fn promote_ready(&self) -> Result<Promotion> {
        self.keyring.refresh().await?;
        let ring = &self.keyring.snapshot().ring;
        let mut promoted = Vec::new();
        let pending = |key: &&crate::ring::RingKey| key.state == KeyState::Pending;
        for key in ring.keys.iter().filter(pending) {
            match self.promote_key(key.id).await? {
                Promotion::Promoted(keys) => promoted.extend(keys),
                waiting @ Promotion::Waiting { .. } => return Ok(waiting),
                Promotion::Nothing => {}
            }
        }
        Ok(if promoted.is_empty() {
            Promotion::Nothing
        } else {
            Promotion::Promoted(promoted)
        })
    }

    /// Promotes one key, if it is pending and ready.
    pub(crate) async fn promote_key(&self, id: KeyId) -> Result<Promotion> {
        let live = self.keyring.replicas().await?;
        let ring = &self.keyring.snapshot().ring;
        let Some(key) = ring.find(id).filter(|key| key.state == KeyState::Pending) else {
            return Ok(Promotion::Nothing);
        };
        let now = self.keyring.0.clock.now()?;
        let acknowledged = live.iter().filter(|r| r.epoch >= key.created_epoch).count();
        let until = key
            .created
            .saturating_add(self.keyring.0.policy.propagation());
        if acknowledged < live.len() && now < until {
            return Ok(Promotion::Waiting {
                key: id,
                acknowledged,
                of: live.len(),
                until,
            });
        }
        let act = |next: &mut Ring, now| Ok(next.promote(id, now));
        self.audited("keys.promote", Some(id), self.keyring.change(act))
            .await?;
        Ok(Promotion::Promoted(vec![id]))
    }

    /// Refuses to open with a Retired or Pending key, until it is enabled again. Rows that need
    /// it are kept, and no rotation ends the key from then on.
    ///
    /// # Errors
    /// `Misuse` for an unknown, Active or Destroyed key, or if a column of its purpose is
    /// registered that this process cannot count: values of it may need the key (see
    /// [`Admin::disable_even_uncounted`]); `Unavailable` if store or audit cannot be reached.
    pub async fn disable(&self, id: KeyId) -> Result<()> {
        self.audited("keys.disable", Some(id), self.try_disable(id))
            .await
    }

    async fn try_disable(&self, id: KeyId) -> Result<()> {
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            // Judged by this state of ring and registry, and written over this state or not at all.
            let (known, registry) = self.keyring.registry().await?;
            let purpose = known.ring.find(id).map(|key| &key.purpose);
            let uncounted = registry.entries().find(|entry| {
                Some(entry.column.purpose()) == purpose
                    && !self.keyring.coverages().has(&entry.column)
            });
            if let Some(entry) = uncounted {
                return Err(Error::misuse(format!(
                    "column {} is registered, and this process cannot count it: values of it may need key {id}; disable the key from the service that owns the column, or with --even-uncounted",
                    entry.column
                )));
            }
            let mut next = known.ring.next_epoch()?;
            if !next.disable(id, self.keyring.0.clock.now()?)? {
                return Ok(());
            }
            if self.keyring.commit(&known, next).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// [`Admin::disable`], although values of columns that this process cannot count may need the
    /// key, and would not open until it is enabled again.
    ///
    /// # Errors
    /// As [`Admin::disable`], but for columns that cannot be counted.
    pub async fn disable_even_uncounted(&self, id: KeyId) -> Result<()> {
        let act = self.keyring.change(|next, now| next.disable(id, now));
        self.audited("keys.disable-even-uncounted", Some(id), act)
            .await
    }

    /// Lets a Disabled key open again. No rotation ends it from then on.
    ///
    /// # Errors
    /// `Misuse` for an unknown, Pending or Destroyed key; `Unavailable` if store or audit cannot
    /// be reached.
    pub async fn enable(&self, id: KeyId) -> Result<()> {
        let act = self.keyring.change(|next, _| next.enable(id));
        self.audited("keys.enable", Some(id), act).await
    }

    /// [`Keyring::opening_key`] without its budget of look-ups: for what goes through all values,
    /// as a rewrap does, and not for requests.
    ///
    /// # Errors
    /// As [`Keyring::opening_key`], but for the budget.
    pub async fn opening_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
    ) -> Result<TenantKey> {
        self.keyring.find_key(purpose, tenant, id, false).await
    }

    /// Removes a replica record that is not an authentic lease, by the name that
    /// [`Keyring::unreadable_replicas`] gives.
    ///
    /// # Errors
    /// `Misuse` if there is no such record, or it is a lease; `Unavailable` if store or audit
    /// cannot be reached.
    pub async fn remove_replica(&self, name: &str) -> Result<()> {
        self.audited(
            "keys.remove-replica",
            None,
            self.keyring.remove_replica(name),
        )
        .await
    }

    /// Has the store erase what was replaced. No: it may still be there.
    pub(crate) async fn erase(&self) -> bool {
        matches!(self.keyring.0.store.erase().await, Ok(Erased::Done))
    }
}
