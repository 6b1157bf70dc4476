//! The keyring: one handle on the keys of a service.

mod builder;
mod replica;
mod tenants;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use keyward_base::audit::Event;
use keyward_base::{Clock, Error, KeyId, Purpose, Result, Sink, Timestamp};
use keyward_crypto::Provider;
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Version, Write};

pub use builder::KeyringBuilder;
pub(crate) use builder::{new_key, wrap_new};
pub use replica::ReplicaStatus;
pub(crate) use tenants::contended;

use crate::admin::Admin;
use crate::anchor::{Anchor, Pin};
use crate::cache::{Cache, Unknown};
use crate::policy::Policy;
use crate::ring::Ring;
use crate::root::Root;
use crate::snapshot::{Snapshot, sealed_bytes};
use crate::status::Status;
use replica::Replica;

pub(crate) const KEYRING: Collection = Collection::named("keyring");
pub(crate) const TENANT_KEYS: Collection = Collection::named("tenant-keys");
pub(crate) const REPLICAS: Collection = Collection::named("replica");
pub(crate) const COLUMNS: Collection = Collection::named("column");

/// How often a lost compare-and-swap is tried again. Each loss means that another writer won.
pub(crate) const MAX_TRIES: usize = 32;

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
    pub(crate) audit: Arc<dyn Sink>,
    pub(crate) provider: Provider,
    pub(crate) policy: Policy,
    replica: Option<Replica>,
    view: RwLock<Arc<Snapshot>>,
    refreshed: Mutex<Timestamp>,
    refreshing: tokio::sync::Mutex<()>,
    cache: Cache,
    unknown: Unknown,
    flights: [tokio::sync::Mutex<()>; FLIGHTS],
}

impl Keyring {
    /// Starts a handle on the ring that lies in `store`, wrapped by `root`.
    pub fn builder(store: Arc<dyn Records>, root: Arc<dyn Root>) -> KeyringBuilder {
        KeyringBuilder::new(store, root)
    }

    /// The handle that may change the ring. A process is a reader unless it says so.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    /// What this handle knows of the ring, without reading anything.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(&self.snapshot().ring)
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

    /// The least [`TenantKey::seq`](crate::TenantKey::seq) of a key that was issued under the
    /// Active ring key of `purpose`: what a fence is raised to.
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of that purpose.
    pub fn active_seq(&self, purpose: &Purpose) -> Result<u64> {
        self.snapshot()
            .ring
            .active(purpose)
            .map(|key| key.promoted_epoch)
    }

    /// Reads the ring anew. Returns whether it is newer than what this handle knew.
    ///
    /// # Errors
    /// `Unavailable` if store or root cannot be reached, or if the ring is older than this handle
    /// or the anchor has seen; `Corrupt` if it is not authentic.
    pub async fn refresh(&self) -> Result<bool> {
        let _one = self.0.refreshing.lock().await;
        self.refresh_held().await
    }

    /// [`Keyring::refresh`] by who holds the lock.
    async fn refresh_held(&self) -> Result<bool> {
        let now = self.0.clock.now()?;
        let known = self.snapshot();
        let record = self.0.store.fetch(&ring_key()).await?.ok_or_else(|| {
            Error::unavailable("the keyring is gone from its store: restore it, see the runbook")
        })?;
        // The MAC too: a whole store put back may give a version out a second time.
        let newer = if record.version == known.version && record.data.ends_with(&known.tag) {
            false
        } else {
            let fresh = Snapshot::load(
                &record,
                self.0.root.as_ref(),
                &self.0.provider,
                Some(&known),
            )
            .await?;
            self.0.check_anchor(&fresh.ring)?;
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

    /// Writes `next` over `known` by compare-and-swap. `None`: somebody else was faster.
    pub(crate) async fn commit(&self, known: &Snapshot, next: Ring) -> Result<Option<()>> {
        let data = sealed_bytes(&next, &known.mac)?;
        let swap = Write::Swap {
            key: ring_key(),
            version: known.version,
            content: Content {
                data,
                ..Content::default()
            },
        };
        match self.0.store.apply(vec![swap]).await? {
            Applied::Done(_) => {
                self.refresh().await?;
                Ok(Some(()))
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn record(
        &self,
        action: &'static str,
        key: Option<KeyId>,
        outcome: keyward_base::audit::Outcome,
    ) -> Result<()> {
        let mut event = Event::new(self.0.clock.now()?, action, outcome);
        event.key = key;
        self.0.audit.record(&event)
    }
}

impl Inner {
    /// Refuses a ring other than the anchor's, or older; raises the anchor to a newer one.
    fn check_anchor(&self, ring: &Ring) -> Result<()> {
        let Some(anchor) = &self.anchor else {
            return Ok(());
        };
        let here = Pin {
            ring: ring.id,
            epoch: ring.epoch,
        };
        match anchor.load()? {
            Some(pin) if pin.ring != here.ring => Err(Error::unavailable(format!(
                "this is keyring {}, and the anchor {} is of keyring {}: restore the right one, or see `keyward keys accept-restore`",
                here.ring,
                anchor.describe(),
                pin.ring
            ))),
            Some(pin) if pin.epoch > here.epoch => Err(Error::unavailable(format!(
                "the keyring is older (epoch {}) than the anchor {} has seen (epoch {}): a backup was put back; restore the newest, or see `keyward keys accept-restore`",
                here.epoch,
                anchor.describe(),
                pin.epoch
            ))),
            Some(pin) if pin == here => Ok(()),
            _ => anchor.store(here),
        }
    }

    /// Takes `fresh` for the current view. Never goes back.
    fn install(&self, fresh: Snapshot) -> Result<bool> {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.ring.id != view.ring.id {
            return Err(Error::unavailable(
                "another keyring took the place of this one: restart",
            ));
        }
        if fresh.ring.epoch < view.ring.epoch {
            return Err(Error::unavailable(
                "an older keyring was put back while this process ran: restore the newest",
            ));
        }
        if fresh.ring.epoch == view.ring.epoch && fresh.ring != view.ring {
            return Err(Error::unavailable(
                "the keyring was put back and changed differently: restore the newest",
            ));
        }
        let newer = fresh.ring.epoch > view.ring.epoch;
        let changed = fresh.changed_since(&view);
        *view = Arc::new(fresh);
        drop(view);
        if !changed.is_empty() {
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

/// Where the ring lies.
pub(crate) fn ring_key() -> RecordKey {
    RecordKey {
        collection: KEYRING,
        owner: String::new(),
        id: "ring".to_owned(),
    }
}

/// A write that makes or replaces a record of ours.
pub(crate) fn put(key: RecordKey, version: Option<Version>, data: Vec<u8>) -> Write {
    let (sealed, expires) = (String::new(), None);
    match version {
        Some(version) => Write::Swap {
            key,
            version,
            content: Content {
                sealed,
                data,
                expires,
                ..Content::default()
            },
        },
        None => Write::Insert {
            key,
            content: Content {
                sealed,
                data,
                expires,
                ..Content::default()
            },
        },
    }
}
