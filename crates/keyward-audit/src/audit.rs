//! The logs of a service, in a store.

mod anchored;
mod append;
mod beside;
mod builder;
mod checkpoint;
mod follow;
mod grown;
mod lane;
mod lost;
mod many;
mod of;
mod own;
mod pins;
mod put;
mod read;
mod retention;
mod root;
mod rooted;
mod round;
mod settle;
mod sink;
mod state;
mod succeed;
mod summed;
mod sweep;
mod table;
mod tick;
mod tiles;
mod verify;
mod wait;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use keyward_base::{Actor, Error, ErrorKind, Purpose, Result, Timestamp};
use keyward_keys::{Anchor, Barrier, Keyring};
use keyward_store::{Collection, Stores};

pub use anchored::{Anchored, Signed};
pub use builder::AuditBuilder;
pub use follow::ReadTo;
use lane::Lane;
pub use lost::{LOST, Lost, MAX_LOST};
pub use of::{Earlier, Of};
pub(crate) use pins::doubt;
pub use read::{Entries, Kept};
pub use retention::{ERASE, Erasure, OWN_CLASS, Rule};
pub use root::{NOTED, ROOT, heads};
pub use rooted::{Dropped, Rooted};
pub use round::Round;
pub use settle::Renewed;
pub use state::{HOLD, KEEP, LIFT, STOP};
pub use succeed::{Before, GOES_ON};
pub use summed::SUM;
pub use sweep::Retained;
pub use tick::ROUND_EVERY;
pub use verify::Verified;
pub use wait::{CLOCK, LEAP, Leapt, WAIT};

use crate::leaf::{self, Class, LogId};

/// The entries of logs.
const ENTRIES: Collection = Collection::named("audit");

/// Their heads.
const HEADS: Collection = Collection::named("audit.head");

/// The logs that grew since the root log had their heads: a record without content for each.
const CHANGED: Collection = Collection::named("audit.changed");

/// What is set of logs, and goes on in them.
const STATES: Collection = Collection::named("audit.state");

/// The purpose of the key that MACs heads.
pub const HEAD_PURPOSE: &str = "audit-head";

/// The purpose of the key that signs checkpoints.
pub const SIGN_PURPOSE: &str = "audit-sign";

/// How many logs are kept in mind, beyond those that are appended to now.
const MOST_LANES: usize = 1024;

/// The logs. A cheap clone of the same.
#[derive(Clone)]
pub struct Audit(Arc<Inner>, Option<Actor>);

pub(crate) struct Inner {
    keyring: Keyring,
    store: Arc<dyn Stores>,
    purpose: Purpose,
    class: Class,
    /// That of approvals.
    approvals: Class,
    anchors: Vec<Arc<dyn Anchor>>,
    lanes: Mutex<HashMap<Of, Arc<Lane>>>,
    /// What every write of a head requires, and the era that the root log said after that.
    fence: Mutex<Option<Fence>>,
    summed: Mutex<summed::Summed>,
    /// Salts for the next entries.
    salts: Mutex<Vec<[u8; leaf::SALT_LEN]>>,
    /// What this process read of the root log. Whoever holds it notes heads.
    root: tokio::sync::Mutex<root::View>,
    round_every: Duration,
    last_round: Mutex<Option<Timestamp>>,
    sweep: tokio::sync::Mutex<sweep::Sweep>,
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
        of.upgrade().map(|inner| Self(inner, None))
    }

    /// The same logs, for what that one does to them by hand: holds, retention and erasures, which
    /// the logs say of themselves. Without it, the service itself does.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self(Arc::clone(&self.0), Some(actor))
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
        Ok(self.fence(anew).await?.barrier)
    }

    /// The barrier that every write of a head requires, and in which era logs are begun. Whoever
    /// begins another era moves the barrier with it, so that who knows the one before is refused.
    async fn fence(&self, anew: bool) -> Result<Fence> {
        let known = || self.0.fence.lock().unwrap_or_else(PoisonError::into_inner);
        let held = known().clone();
        if let Some(fence) = held.clone().filter(|_| !anew) {
            return Ok(fence);
        }
        let inner = &self.0;
        let barrier = Barrier::claim_macs(inner.store.as_ref(), &HEADS, &inner.purpose).await?;
        let era = match self.read_head(&Of::Root).await {
            Ok(root) => root.head.era,
            // A root log that is damaged stops nobody from appending; nothing is signed.
            Err(e) if costs_itself(&e) => held.map_or([0; 16], |held| held.era),
            Err(e) => return Err(e),
        };
        let fence = Fence { barrier, era };
        *known() = Some(fence.clone());
        Ok(fence)
    }
}

/// What a write of a head goes by.
#[derive(Clone, Debug)]
struct Fence {
    barrier: Barrier,
    era: LogId,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("keyring", &self.0.keyring)
            .finish_non_exhaustive()
    }
}

/// A log that is not the one that was seen.
fn put_back() -> Error {
    Error::corrupt(
        "an audit log does not go on from what the root log or an anchor has of it: an older database was put back, or another history was written",
    )
}

/// Whether a log failed with what costs it alone: it is not what was written, or a key vouches for it
/// that somebody disabled, and may enable again. Whoever does has to open what all logs are in.
fn costs_itself(e: &Error) -> bool {
    e.kind() == ErrorKind::Corrupt || e.reason() == Some(keyward_keys::reason::DISABLED_KEY)
}

/// What keeps a log from being gone on with.
fn contended() -> Error {
    Error::unavailable("the audit log is written to by too many at once: try again")
}
