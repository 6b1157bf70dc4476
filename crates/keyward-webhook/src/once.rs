//! Handled once: a verified delivery is claimed before it is handled.
//!
//! A provider sends a delivery again until it is answered, and whoever captured one may send it
//! too. [`Claims`] gives each delivery to one handler: what comes again is told apart from what is
//! new, and a handler that fails, panics or is dropped lets the next attempt through.
//!
//! ```
//! # use std::sync::Arc;
//! # use http::{HeaderMap, HeaderValue};
//! # use keyward_base::{RecordId, SecretBytes, SystemClock, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! # use keyward_store::MemoryStore;
//! # use keyward_webhook::{Claims, Endpoint, OnceTerms, Outcome, Webhook, preset};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! # let github = Webhook::new(preset::GITHUB, Provider::default())?;
//! # let mut secrets = github.secrets();
//! # secrets.add("2026-11", None, &SecretBytes::copy_of(b"It's a Secret to Everybody"))?;
//! # let mut headers = HeaderMap::new();
//! # headers.insert("x-hub-signature-256", HeaderValue::from_static("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"));
//! # let received = github.receive(&headers, Timestamp::from_millis(1_795_000_000_000))?;
//! # let hook = received.verify(&secrets, b"Hello, World!")?;
//! # let store = Arc::new(MemoryStore::new(1_000));
//! let claims = Claims::new(OnceTerms::of(github.scheme()), store, Arc::new(SystemClock::new()))?;
//! let endpoint = Endpoint { tenant: Tenant::new("acme")?, id: RecordId::new("deploys")? };
//! for _attempt in 0..3 {
//!     // Runs at the first attempt only.
//!     let handler = async { Ok::<_, keyward_base::Error>(()) };
//!     assert_eq!(claims.handle(&endpoint, &hook, handler).await?, Outcome::Done);
//! }
//! # Ok(()) }
//! ```
//!
//! One completion is recorded for each delivery. Effects happen at least once: a process that dies
//! between its effect and the record is followed by another attempt. Where the effects are rows of
//! an SQLite database, `ClaimsInSqlite` (feature `sqlite`) commits claim and effects together, and
//! they happen exactly once.
//!
//! `docs/formats/webhook.md` says what a claim is in the store.

mod id;
mod lease;
pub(crate) mod record;
mod terms;
#[cfg(feature = "sqlite")]
pub mod within;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use keyward_base::{Clock, Result, Timestamp};
use keyward_store::{Begun, Claim, Once, RecordKey};

pub use id::ClaimId;
pub use lease::{Lease, Ran};
pub use terms::OnceTerms;

use crate::coverage::Coverage;
use crate::endpoint::Endpoint;
use crate::outcome::Outcome;
use crate::verified::VerifiedWebhook;
use lease::Unended;
pub(crate) use lease::caught;
pub(crate) use record::{Asked, Found};

/// Deliveries of one scheme, each claimed once. A cheap clone.
#[derive(Clone)]
pub struct Claims(Arc<Inner>);

struct Inner {
    terms: OnceTerms,
    store: Arc<dyn Once>,
    clock: Arc<dyn Clock>,
    unended: Unended,
}

/// What became of a claim.
#[allow(clippy::large_enum_variant)] // The one that matters is the large one.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "only a lease allows the work"]
pub enum Claimed {
    /// Nobody did it yet, and nobody else is at it.
    First(Lease),
    /// Somebody else is at it.
    InFlight {
        /// When it may be taken over.
        until: Timestamp,
    },
    /// It was done before.
    Done,
    /// The body was handled before, under another id that nobody signed: somebody sent a captured
    /// delivery again, or two events are alike byte for byte.
    Repeated,
    /// The id was handled before, with another body.
    Conflict,
}

/// One of several events of a delivery, as the application names it.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Named<'a> {
    /// What tells it from others of its endpoint: any bytes, out of what the proof covers. Never a
    /// position in the delivery: providers batch events anew between attempts.
    pub id: &'a [u8],
    /// What must be the same whenever the id comes again, or it is a [`Claimed::Conflict`]. None:
    /// it is not compared.
    pub content: Option<&'a [u8]>,
}

impl Claims {
    /// Claims in `store`, on these terms.
    ///
    /// # Errors
    /// `Misuse` for terms under which a delivery could be handled twice: see [`OnceTerms::check`].
    pub fn new(terms: OnceTerms, store: Arc<dyn Once>, clock: Arc<dyn Clock>) -> Result<Self> {
        terms.check()?;
        Ok(Self(Arc::new(Inner {
            terms,
            store,
            clock,
            unended: Unended::default(),
        })))
    }

    /// The terms.
    pub fn terms(&self) -> &OnceTerms {
        &self.0.terms
    }

    /// Claims a delivery, handles it if nobody did, and says how it stands. A handler that fails
    /// is [`Outcome::Failed`]: it runs again when the sender comes back.
    ///
    /// # Errors
    /// As [`Claims::claim`].
    pub async fn handle<C: Coverage, T, E>(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
        handler: impl Future<Output = Result<T, E>>,
    ) -> Result<Outcome> {
        match self.claim(endpoint, hook).await? {
            Claimed::First(lease) => Ok(lease.run(handler).await?.outcome()),
            other => Ok(other.outcome()),
        }
    }

    /// Claims a delivery.
    ///
    /// # Errors
    /// `Misuse` for a delivery of another scheme; `Unavailable` if the store cannot be reached or
    /// is full; `Corrupt` if a claim is not what was written.
    pub async fn claim<C: Coverage>(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
    ) -> Result<Claimed> {
        let asked = Asked::of(&self.0.terms, endpoint, hook)?;
        let now = self.0.clock.now()?;
        self.end_of([&asked.key]).await;
        let claimed = self.begin(&asked, now).await?;
        match (claimed, asked.again()) {
            (Found::Repeated, Some(again)) if self.0.terms.runs_repeated() => {
                self.end_of([&again.key]).await;
                let found = self.begin(&again, now).await?;
                Ok(self.claimed(found, &again))
            }
            (found, _) => Ok(self.claimed(found, &asked)),
        }
    }

    /// Claims several events of one delivery, each by itself: one answer for each, in their order.
    /// What is named here is not told apart by the scheme's own id, nor by the body.
    ///
    /// # Errors
    /// As [`Claims::claim`]; `Misuse` for more than 4096.
    pub async fn claim_named<C: Coverage>(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
        events: &[Named<'_>],
    ) -> Result<Vec<Claimed>> {
        let terms = &self.0.terms;
        terms.are_of(hook)?;
        let now = self.0.clock.now()?;
        let asked = events
            .iter()
            .map(|event| Asked::named(terms, endpoint, event));
        let asked = asked.collect::<Result<Vec<_>>>()?;
        self.end_of(asked.iter().map(|asked| &asked.key)).await;
        let claims: Vec<_> = (asked.iter())
            .map(|asked| (asked.key.clone(), self.terms_of(asked, now)))
            .collect();
        let begun = self.0.store.begin_many(&claims, now).await?;
        begun
            .into_iter()
            .zip(&asked)
            .map(|(begun, asked)| Ok(self.claimed(asked.judge(begun, now)?, asked)))
            .collect()
    }

    /// Forgets a claim, whatever became of it, so that the delivery runs when it comes again. Says
    /// whether there was one. A handler that is at it records nothing.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn forget(&self, endpoint: &Endpoint, id: ClaimId) -> Result<bool> {
        let key = self.0.terms.key(endpoint, id)?;
        self.0.store.forget(&key).await
    }

    /// The id of the claim of a delivery.
    ///
    /// # Errors
    /// `Misuse` for a delivery of another scheme.
    pub fn id<C: Coverage>(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
    ) -> Result<ClaimId> {
        Ok(Asked::of(&self.0.terms, endpoint, hook)?.id)
    }

    /// Ends what handlers that were dropped left open, and removes claims that lapsed, at most
    /// 4096. Says how many. Call it every minute or so; nothing depends on it but room.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn tidy(&self) -> Result<u64> {
        let now = self.0.clock.now()?;
        self.0.unended.end_all(self.0.store.as_ref()).await;
        let store = &self.0.store;
        store
            .purge_once(&record::COLLECTION, now, record::PURGED)
            .await
    }

    /// After a change of an endpoint's secret, where claims are kept until then
    /// ([`OnceTerms::keep_until_secret_changes`]): forgets those of before `since`, at most 4096,
    /// and says how many. `since` is when the new secret came into use, and is told once the old
    /// one has ended.
    ///
    /// # Errors
    /// `Misuse` if claims are not kept so; `Unavailable` if the store cannot be reached.
    pub async fn secret_changed(&self, endpoint: &Endpoint, since: Timestamp) -> Result<u64> {
        let (collection, since) = self.0.terms.kept_before(endpoint, since)?;
        let store = &self.0.store;
        store.purge_once(&collection, since, record::PURGED).await
    }

    /// Tells the store how handlers of these claims ended, where it was not told yet.
    async fn end_of<'a>(&self, keys: impl IntoIterator<Item = &'a RecordKey>) {
        let keys = keys.into_iter().collect();
        self.0.unended.end(self.0.store.as_ref(), &keys).await;
    }

    fn terms_of(&self, asked: &Asked, now: Timestamp) -> Claim {
        Claim {
            digest: asked.digest,
            lease_until: now.saturating_add(self.0.terms.lease_span()),
            keep_until: self.0.terms.keep_until(now),
        }
    }

    async fn begin(&self, asked: &Asked, now: Timestamp) -> Result<Found> {
        let claim = self.terms_of(asked, now);
        let begun: Begun = self.0.store.begin(&asked.key, claim, now).await?;
        asked.judge(begun, now)
    }

    fn claimed(&self, found: Found, asked: &Asked) -> Claimed {
        match found {
            Found::Lease(token, now) => {
                Claimed::First(Lease::new(Arc::clone(&self.0), asked, token, now))
            }
            Found::InFlight { until } => Claimed::InFlight { until },
            Found::Done => Claimed::Done,
            Found::Repeated => Claimed::Repeated,
            Found::Conflict => Claimed::Conflict,
        }
    }
}

impl Claimed {
    /// How the delivery stands, for its sender. A lease that is not run stands as in flight, and is
    /// given up.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::First(lease) => Outcome::InFlight {
                until: lease.until(),
            },
            Self::InFlight { until } => Outcome::InFlight { until },
            Self::Done => Outcome::Done,
            Self::Repeated => Outcome::Repeated,
            Self::Conflict => Outcome::Conflict,
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("terms", &self.0.terms)
            .finish_non_exhaustive()
    }
}
