//! The logs of a service, in a store.

mod anchored;
mod append;
mod builder;
mod checkpoint;
mod lane;
mod read;
mod retention;
mod settle;
mod sink;
mod summed;
mod tiles;
mod verify;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use keyward_base::{Error, Event, Purpose, Result, Tenant};
use keyward_keys::{Anchor, Barrier, Keyring};
use keyward_store::{Collection, RecordKey, Stores};

pub use anchored::Anchored;
pub use builder::AuditBuilder;
use lane::Lane;
pub use read::{Entries, Kept};
pub use retention::{ERASE, Erasure, OWN_CLASS, Rule};
pub use settle::Renewed;
pub use summed::SUM;
pub use verify::Verified;

use crate::leaf::Class;

/// The entries of logs.
const ENTRIES: Collection = Collection::named("audit");

/// Their heads.
const HEADS: Collection = Collection::named("audit.head");

/// The purpose of the key that MACs heads.
pub const HEAD_PURPOSE: &str = "audit-head";

/// The purpose of the key that signs checkpoints.
pub const SIGN_PURPOSE: &str = "audit-sign";

/// How many logs are kept in mind, beyond those that are appended to now.
const MOST_LANES: usize = 1024;

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Of {
    /// A tenant's.
    Tenant(Tenant),
    /// The service's own: what is of no tenant.
    Service,
}

impl Of {
    /// As a store has it: the tenant's name, or nothing.
    fn owner(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.as_str(),
            Self::Service => "",
        }
    }

    /// Where the log and its head lie.
    fn key(&self, collection: Collection) -> RecordKey {
        RecordKey {
            collection,
            owner: self.owner().to_owned(),
            id: "log".to_owned(),
        }
    }

    /// The log that an event belongs to.
    fn event(event: &Event) -> Self {
        event.tenant.clone().map_or(Self::Service, Self::Tenant)
    }
}

/// The logs. A cheap clone of the same.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

pub(crate) struct Inner {
    keyring: Keyring,
    store: Arc<dyn Stores>,
    purpose: Purpose,
    class: Class,
    anchors: Vec<Arc<dyn Anchor>>,
    lanes: Mutex<HashMap<Of, Arc<Lane>>>,
    barrier: Mutex<Option<Barrier>>,
    summed: Mutex<summed::Summed>,
}

impl Audit {
    /// Logs in `store`, whose heads the ring vouches for.
    pub fn builder(keyring: Keyring, store: Arc<dyn Stores>) -> AuditBuilder {
        AuditBuilder::new(keyring, store)
    }

    /// The same, without holding it.
    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    /// What [`Audit::downgrade`] gave, while somebody holds it.
    pub(crate) fn upgrade(of: &Weak<Inner>) -> Option<Self> {
        of.upgrade().map(Self)
    }

    /// The way to one log.
    fn lane(&self, of: &Of) -> Arc<Lane> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(of) {
            return Arc::clone(lane);
        }
        if lanes.len() >= MOST_LANES {
            // Whoever is on a way holds it.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lane = Arc::new(Lane::default());
        lanes.insert(of.clone(), Arc::clone(&lane));
        lane
    }

    /// Whether there was something to append to that log lately.
    fn has_lane(&self, of: &Of) -> bool {
        let lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.contains_key(of)
    }

    /// The barrier that every write of a head requires.
    async fn barrier(&self, anew: bool) -> Result<Barrier> {
        let known = || {
            self.0
                .barrier
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(barrier) = known().clone().filter(|_| !anew) {
            return Ok(barrier);
        }
        let inner = &self.0;
        let barrier = Barrier::claim_macs(inner.store.as_ref(), &HEADS, &inner.purpose).await?;
        *known() = Some(barrier.clone());
        Ok(barrier)
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("keyring", &self.0.keyring)
            .finish_non_exhaustive()
    }
}

/// What keeps a log from being gone on with.
fn contended() -> Error {
    Error::unavailable("the audit log is written to by too many at once: try again")
}
