//! How often programs may ask: each key, and all keys of an organisation together. And how often a
//! person may have others asked for their approval.

use std::sync::Arc;
use std::time::Duration;

use keyward_axum::WebGuard;
use keyward_axum::api_key::AnyKey;
use keyward_axum::limit::{RateLimit, Tell, of_proof};
use keyward_base::{Purpose, Result, Subject, Tenant};
use keyward_keys::{Keyring, RingNames};
use keyward_session::api_key::ApiKeyId;
use keyward_store::Attempts;
use keyward_store::limit::{Admitted, Asked, Limit, Limiter, Standing, Whom};

use super::Office;

const MINUTE: Duration = Duration::from_secs(60);

/// A key: five requests a second for a minute, more than a program needs that looks at what runs.
const OF_KEY: u32 = 300;

/// All keys of an organisation together, as many as are counted exactly.
const OF_ALL: u32 = 1_000;

/// What a person may ask of those who approve, within an hour: each is mailed each time.
const OF_ASKER: u32 = 30;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The limits of the API, counted by all processes together.
#[derive(Clone)]
pub(crate) struct ApiLimits {
    limiter: Limiter,
    of_key: Limit,
    of_all: Limit,
    of_asker: Limit,
}

impl std::fmt::Debug for ApiLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiLimits")
            .field("of_key", &self.of_key)
            .field("of_all", &self.of_all)
            .finish_non_exhaustive()
    }
}

impl ApiLimits {
    /// Counted in `attempts`, under names that the ring makes as it does for log-ins.
    pub(super) async fn open(ring: &Keyring, attempts: Arc<dyn Attempts>) -> Result<Self> {
        let of_key = Limit::new("api-key", OF_KEY, MINUTE)?;
        let of_all = Limit::new("api-organisation", OF_ALL, MINUTE)?;
        let of_asker = Limit::new("approval-asker", OF_ASKER, HOUR)?;
        let names = Arc::new(RingNames::new(ring.clone(), Purpose::new("login")?)?);
        let limiter = Limiter::builder(attempts, names, Arc::clone(ring.clock()))
            .limit(&of_key)
            .limit(&of_all)
            .limit(&of_asker);
        Ok(Self {
            limiter: limiter.build().await?,
            of_key,
            of_all,
            of_asker,
        })
    }

    /// Before routes that a key opens.
    pub(crate) fn before_keys(&self, guard: &WebGuard) -> RateLimit {
        let of_key = of_proof(|key: &AnyKey| Whom::key(&key.id().to_bytes()));
        let of_all = of_proof(|key: &AnyKey| Whom::tenant(key.tenant()));
        RateLimit::new(guard, &self.limiter)
            .by(&self.of_key, of_key)
            .by(&self.of_all, of_all)
            .tell(Tell::Always)
    }

    /// Counts an ask of that person's.
    ///
    /// # Errors
    /// `Rejected` ([`keyward_store::reason::LIMITED`]) if it is one too many.
    pub(super) async fn ask(&self, tenant: &Tenant, who: &Subject) -> Result<Admitted> {
        let asker = (&self.of_asker, Whom::user(tenant, who.as_str())?);
        match self.limiter.ask(&[asker]).await? {
            Asked::Admitted(admitted) => Ok(admitted),
            Asked::Refused(refused) => Err(refused.error()),
        }
    }

    /// How many of the rows that limits share found no room.
    pub(super) fn lacks(&self) -> usize {
        self.limiter.lacks()
    }

    /// Removes counts that are over.
    pub(super) async fn purge(&self, limit: usize) -> Result<u64> {
        self.limiter.purge(limit).await
    }
}

impl Office {
    /// How much of its limit the organisation has used.
    pub(crate) async fn api_use(&self) -> Result<Vec<Standing>> {
        let limits = &self.desk.api_limits;
        let all = (&limits.of_all, Whom::tenant(&self.tenant));
        limits.limiter.look(&[all]).await
    }

    /// How much a key of it has used of its own, and all of them of theirs.
    pub(crate) async fn api_use_of(&self, id: ApiKeyId) -> Result<Vec<Standing>> {
        let limits = &self.desk.api_limits;
        let key = (&limits.of_key, Whom::key(&id.to_bytes()));
        let all = (&limits.of_all, Whom::tenant(&self.tenant));
        limits.limiter.look(&[key, all]).await
    }
}
