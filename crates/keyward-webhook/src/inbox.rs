//! The inbox: a verified delivery is kept whole and answered at once, and handled afterwards.
//!
//! ```
//! # use std::sync::Arc;
//! # use http::{HeaderMap, HeaderValue};
//! # use keyward_base::{Purpose, RecordId, SecretBytes, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! # use keyward_keys::{EphemeralRoot, Keyring};
//! # use keyward_store::MemoryStore;
//! # use keyward_webhook::{Endpoint, Inbox, OnceTerms, Outcome, Webhook, Worked, preset};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! # let github = Webhook::new(preset::GITHUB, Provider::default())?;
//! # let mut secrets = github.secrets();
//! # secrets.add("2026-11", None, &SecretBytes::copy_of(b"It's a Secret to Everybody"))?;
//! # let mut headers = HeaderMap::new();
//! # headers.insert("x-hub-signature-256", HeaderValue::from_static("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"));
//! # let received = github.receive(&headers, Timestamp::from_millis(1_795_000_000_000))?;
//! # let hook = received.verify(&secrets, b"Hello, World!")?;
//! # let root = Arc::new(EphemeralRoot::new(&Provider::default())?);
//! # let purposes = [Purpose::new("webhook")?];
//! # let keyring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root).create(&purposes, &[]).await?;
//! # let store = Arc::new(MemoryStore::new(1_000));
//! let inbox = Inbox::builder(keyring, store)
//!     .provider(&github, OnceTerms::of(github.scheme()))?
//!     .build()
//!     .await?;
//! let endpoint = Endpoint { tenant: Tenant::new("acme")?, id: RecordId::new("deploys")? };
//! // The route: kept in the same step as it is claimed. The sender is answered 200.
//! assert_eq!(inbox.accept(&endpoint, &hook).await?.outcome(), Outcome::Stored);
//! assert_eq!(inbox.accept(&endpoint, &hook).await?.outcome(), Outcome::Done);
//! // A worker.
//! while let Some(taken) = inbox.next().await? {
//!     let hook = taken.hook();
//!     let worked = taken.run(async move {
//!         assert_eq!(hook.get().body(), b"Hello, World!");
//!         Ok::<_, keyward_base::Error>(())
//!     });
//!     assert!(matches!(worked.await?, Worked::Done(())));
//! }
//! # Ok(()) }
//! ```
//!
//! A delivery is acknowledged when it is durable, and handled at least once: a worker that dies is
//! followed by another when its lease is over. One that keeps failing waits longer each time, and
//! becomes a dead letter in the end, which stays until somebody [replays](Inbox::replay) or
//! [forgets](Inbox::forget) it. Where the events of a delivery have ids of their own, or effects are
//! to happen exactly once, the handler claims them: see [`crate::once`]. What it claims is told apart
//! from the inbox's own claim, which is done since the delivery was kept.
//!
//! Bodies are sealed under the tenant's key of a purpose of their own, and bound to tenant,
//! endpoint, provider and id. Rows take part in rotation: a key is not destroyed while a row needs
//! it. State and due time are not sealed: who can write to the store can have a delivery handled
//! again, or never, but not another's, nor one that was not verified.
//!
//! `docs/formats/webhook.md` specifies the rows.

mod accept;
mod attach;
mod builder;
mod list;
mod operate;
pub mod policy;
pub(crate) mod row;
mod sealing;
pub(crate) mod state;
mod taken;
mod usage;
mod work;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::audit::{Act, Event, Outcome as Ended};
use keyward_base::{Clock, EventId, Purpose, Result, Timestamp, Trail};
use keyward_crypto::Provider;
use keyward_keys::{Barrier, Keyring, RecordColumn};
use keyward_store::{Stores, Version};

pub use accept::Accepted;
pub use builder::InboxBuilder;
pub use list::{Counts, Listed, Page};
pub use row::RowId;
#[doc(hidden)]
pub use row::reread;
pub use state::{Fault, State};
pub use taken::{Taken, Worked};

use crate::coverage::Covered;
use crate::endpoint::Endpoint;
use crate::once::OnceTerms;
use crate::scheme::Scheme;
use policy::InboxPolicy;
use row::INBOX;
use taken::Unended;
use usage::Usage;

/// How often a write that lost a race is tried again.
const MAX_TRIES: usize = 64;

/// Verified deliveries, kept until they are handled. A cheap clone.
#[derive(Clone)]
pub struct Inbox {
    inner: Arc<Inner>,
    trail: Trail,
}

struct Inner {
    keyring: Keyring,
    store: Arc<dyn Stores>,
    clock: Arc<dyn Clock>,
    crypto: Provider,
    purpose: Purpose,
    policy: InboxPolicy,
    providers: HashMap<String, Kind>,
    column: RecordColumn,
    barrier: Mutex<Option<Barrier>>,
    usage: Usage,
    unended: Unended,
    /// What the ids of its acts begin with.
    named: [u8; 8],
}

/// A provider whose deliveries are kept.
#[derive(Clone, Debug)]
struct Kind {
    scheme: Arc<Scheme<Covered>>,
    terms: OnceTerms,
}

impl Inbox {
    /// An inbox in `store`, sealed with the keys of `keyring`.
    pub fn builder(keyring: Keyring, store: Arc<dyn Stores>) -> InboxBuilder {
        InboxBuilder::new(keyring, store)
    }

    /// The same inbox, on which the acts of operators are recorded as `actor`'s.
    #[must_use]
    pub fn acting_as(&self, actor: keyward_base::Actor) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            trail: self.trail.acting_as(actor),
        }
    }

    /// Its rows as a column. It is among [`Keyring::coverages`] from the moment that the inbox is
    /// built.
    #[must_use]
    pub fn coverage(&self) -> &RecordColumn {
        &self.inner.column
    }

    /// What its keys are for.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.inner.purpose
    }

    async fn barrier(&self) -> Result<Barrier> {
        let held = self.held_barrier().clone();
        if let Some(barrier) = held {
            return Ok(barrier);
        }
        let inner = &self.inner;
        let barrier = Barrier::claim(inner.store.as_ref(), &INBOX, &inner.purpose).await?;
        *self.held_barrier() = Some(barrier.clone());
        Ok(barrier)
    }

    fn held_barrier(&self) -> std::sync::MutexGuard<'_, Option<Barrier>> {
        let barrier = self.inner.barrier.lock();
        barrier.unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Result<Timestamp> {
        self.inner.clock.now()
    }

    fn event(&self, action: &'static str, endpoint: &Endpoint, outcome: Ended) -> Result<Event> {
        let mut event = Event::new(self.now()?, action, outcome);
        event.tenant = Some(endpoint.tenant.clone());
        event.record = Some(endpoint.id.clone());
        Ok(event)
    }

    /// Records that an operator is about to do something.
    async fn intend(
        &self,
        action: &'static str,
        endpoint: &Endpoint,
        found: Option<Version>,
    ) -> Result<Act> {
        let mut random = [0; 8];
        self.inner.crypto.fill(&mut random)?;
        let mut event = self.event(action, endpoint, Ended::Intended)?;
        event.found = found.map(Version::number);
        let id = EventId::new(self.inner.named, random);
        self.trail.intend(id, event).await
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("purpose", &self.inner.purpose)
            .finish_non_exhaustive()
    }
}
