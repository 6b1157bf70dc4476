//! The keyring: one handle on the keys of a service.

mod ahead;
mod anchored;
mod builder;
mod columns;
mod counted;
mod handles;
mod left_open;
mod marks;
mod opening;
mod replica;
mod replicas;
mod reports;
mod sealing;
mod settle;
mod tenants;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use keyward_base::{Clock, Error, Purpose, Result, Timestamp, Trail};
use keyward_crypto::Provider;
use keyward_store::{Applied, Records, Write};

pub use builder::KeyringBuilder;
pub(crate) use builder::{new_key, wrap_new};
pub(crate) use counted::{names, rows_of};
pub use left_open::LeftOpen;
pub use replicas::ReplicaStatus;
pub(crate) use settle::{BESIDE_THE_RING, event_id};

use crate::anchor::Anchor;
use crate::cache::Cache;
use crate::coverage::Coverages;
use crate::policy::Policy;
use crate::record_mac::RecordMac;
use crate::records::{MAX_TRIES, contended, put, ring_place};
use crate::ring::Ring;
use crate::root::Root;
use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::token_ids::TokenIds;
use crate::unknown_ids::UnknownIdBudget;
use replica::Replica;

/// Tenants that are read cold at the same time without waiting for each other.
const FLIGHTS: usize = 64;

/// A handle on the keys of a service. A cheap clone; all clones share one view and one cache.
///
/// A handle reads. What changes the ring goes through [`Keyring::admin`].
#[derive(Clone)]
pub struct Keyring(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Records>,
    pub(crate) root: Arc<dyn Root>,
    pub(crate) anchor: Option<Arc<dyn Anchor>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trail: Trail,
    pub(crate) provider: Provider,
    pub(crate) policy: Policy,
    coverages: Coverages,
    replica: Option<Replica>,
    /// When to look again for what other runs left open in the trail.
    look_again: Mutex<Option<Timestamp>>,
    view: RwLock<Arc<Snapshot>>,
    refreshed: Mutex<Timestamp>,
    refreshing: tokio::sync::Mutex<()>,
    cache: Cache,
    unknown: UnknownIdBudget,
    token_ids: TokenIds,
    /// Held by who reads the ring anew for the id in a token.
    looking: tokio::sync::Mutex<()>,
    flights: [tokio::sync::Mutex<()>; FLIGHTS],
}

impl Keyring {
    /// Starts a handle on the ring that lies in `store`, wrapped by `root`.
    pub fn builder(store: Arc<dyn Records>, root: Arc<dyn Root>) -> KeyringBuilder {
        KeyringBuilder::new(store, root)
    }

    /// What this handle knows of the ring, without reading anything.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(&self.snapshot().ring, &self.0.policy)
    }

    /// The crypto provider this handle was given.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// The clock this handle was given.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The times and bounds this handle was given.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The columns that this process can count. Vaults and columns add themselves.
    #[must_use]
    pub fn coverages(&self) -> &Coverages {
        &self.0.coverages
    }

    /// The ring's epoch in which the Active key of `purpose` became active: what a barrier is
    /// raised to, and the least [`TenantKey::issued_epoch`](crate::TenantKey::issued_epoch) of a
    /// key that seals behind it.
    ///
    /// # Errors
    /// `Misuse` if the ring has no Active key of that purpose.
    pub fn promoted_epoch(&self, purpose: &Purpose) -> Result<u64> {
        self.snapshot()
            .ring
            .active(purpose)
            .map(|key| key.promoted_epoch)
    }

    /// Reads the ring anew. Returns whether it is newer than what this handle knew.
    ///
    /// # Errors
    /// `Unavailable` if store, root or anchor cannot be reached, or if the ring is older than this
    /// handle or the anchor has seen, or another of the same epoch; `Corrupt` if it is not
    /// authentic.
    pub async fn refresh(&self) -> Result<bool> {
        let _one = self.0.refreshing.lock().await;
        self.read_ring().await
    }

    /// [`Keyring::refresh`], for one at a time.
    async fn read_ring(&self) -> Result<bool> {
        let now = self.0.clock.now()?;
        let known = self.snapshot();
        // The anchor first: whoever changes the ring raises it after, so that the ring read next
        // is at or past it, unless it was put back.
        let pinned = self.0.pinned()?;
        let record = self.0.store.fetch(&ring_place()).await?.ok_or_else(|| {
            Error::unavailable("the keyring is gone from its store: restore it, see the runbook")
        })?;
        // The MAC too: a whole store put back may give a version out a second time.
        let newer = if record.version == known.version && record.data.ends_with(&known.tag) {
            self.0.judge(pinned.as_ref(), &known)?;
            false
        } else {
            let (root, provider) = (self.0.root.as_ref(), &self.0.provider);
            let fresh = Snapshot::load(&record, root, provider, Some(&known)).await?;
            self.0.judge(pinned.as_ref(), &fresh)?;
            self.0.install(fresh)?
        };
        *self
            .0
            .refreshed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = now;
        Ok(newer)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies `step` to the newest ring and writes it, again as often as another was faster.
    /// `step` says whether it changed anything.
    pub(crate) async fn change(
        &self,
        step: impl Fn(&mut Ring, Timestamp) -> Result<bool> + Send + Sync,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            self.refresh().await?;
            let known = self.snapshot();
            let mut next = known.ring.next_epoch()?;
            if !step(&mut next, self.0.clock.now()?)? {
                return Ok(());
            }
            if self.commit(&known, next).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Writes `next` over `known` by compare-and-swap. No: somebody else was faster.
    pub(crate) async fn commit(&self, known: &Snapshot, next: Ring) -> Result<bool> {
        self.commit_with(known, &next, known.mac(), Vec::new())
            .await
    }

    /// [`Keyring::commit`] under `mac`, together with other writes: all, or none.
    pub(crate) async fn commit_with(
        &self,
        known: &Snapshot,
        next: &Ring,
        mac: &RecordMac,
        others: Vec<Write>,
    ) -> Result<bool> {
        // A ring that was put back to what this process knows would be forked by this change.
        if !self.0.may_follow(known)? {
            self.refresh().await?;
            return Ok(false);
        }
        let data = crate::snapshot::authenticated_bytes(next, mac)?;
        let mut batch = vec![put(ring_place(), Some(known.version), data)];
        batch.extend(others);
        match self.0.store.apply(batch).await? {
            Applied::Done(_) => {
                self.refresh().await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Inner {
    /// Takes `fresh` for the current view. Never goes back.
    fn install(&self, fresh: Snapshot) -> Result<bool> {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.ring.id != view.ring.id {
            return Err(Error::unavailable(
                "another keyring took the place of this one: restart",
            ));
        }
        if fresh.ring.epoch < view.ring.epoch || fresh.ring.mac.epoch < view.ring.mac.epoch {
            return Err(Error::unavailable(
                "an older keyring was put back while this process ran: restore the newest",
            ));
        }
        if fresh.ring.epoch == view.ring.epoch && fresh.tag != view.tag {
            return Err(Error::unavailable(
                "the keyring was put back and changed differently: restore the newest",
            ));
        }
        let newer = fresh.ring.epoch > view.ring.epoch;
        let changed = fresh.changed_since(&view);
        *view = Arc::new(fresh);
        drop(view);
        if newer {
            self.cache.forget_wrapped_by(&changed);
        }
        Ok(newer)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({:?})", self.snapshot())
    }
}
