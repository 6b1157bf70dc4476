//! The key that a sealed value names: from memory, from the tenant's record, or nobody's.

use keyward_base::{Error, KeyId, Purpose, Reason, Result, Tenant, Timestamp};

use super::Keyring;
use crate::format::TenantRecord;
use crate::key_use::Algorithm;
use crate::reason;
use crate::ring::KeyState;
use crate::tenant::{self, TenantKey};

impl Keyring {
    /// The key of `tenant` that the id in a sealed value names.
    ///
    /// An id that was made up, or is another tenant's or purpose's, costs no read. One that fits
    /// and is not in memory costs a read of the tenant's record, or of the ring, within a budget
    /// ([`Policy::unknown_lookups`](crate::Policy::unknown_lookups)).
    ///
    /// # Errors
    /// `Rejected` with [`Reason::NOT_AUTHENTIC`] if the id is none of the tenant's and purpose's,
    /// [`reason::UNKNOWN_KEY`] if it may have been and is not there, [`reason::PENDING_KEY`],
    /// [`reason::DESTROYED_KEY`] or [`reason::REFUSED_SUITE`]; `Misuse` if the purpose does not seal;
    /// `Unavailable` with [`reason::DISABLED_KEY`], with
    /// [`reason::UNKNOWN_KEY`] if the budget is spent and it may well be there, or if the store
    /// cannot be reached or the lease was lost; `Corrupt` with [`reason::DAMAGED_KEYS`] if the
    /// tenant's record is not what was written, and `Unavailable` with it if the record says that
    /// it is newer than the keyring or this release.
    pub async fn opening_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
    ) -> Result<TenantKey> {
        self.find_key(purpose, tenant, id, true).await
    }

    /// [`Keyring::opening_key`], for requests within a budget.
    pub(crate) async fn find_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
        within_budget: bool,
    ) -> Result<TenantKey> {
        let now = self.0.clock.now()?;
        self.check_view(now).await?;
        // One that this handle does not know may have been added since.
        if self.snapshot().ring.rules(purpose).is_ok() {
            self.snapshot().ring.rules_for(purpose, Algorithm::Seal)?;
        }
        if let Some(key) = self.known_opening_key(purpose, tenant, id, now)? {
            return Ok(key);
        }
        let filter = &self.snapshot().filter;
        let of_tenant = filter.fits(id, purpose, Some(tenant));
        if !of_tenant && !filter.fits(id, purpose, None) {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        let _one = self.flight(purpose, tenant).lock().await;
        // Another may have read the keys while this one waited, later than `now` was asked for.
        let now = self.0.clock.now()?;
        self.check_view(now).await?;
        if let Some(key) = self.known_opening_key(purpose, tenant, id, now)? {
            return Ok(key);
        }
        let (unknown, policy) = (&self.0.unknown, &self.0.policy);
        if within_budget && unknown.has(purpose, tenant, id, now, policy) {
            return Err(Error::rejected(reason::UNKNOWN_KEY));
        }
        let free = of_tenant && !self.0.cache.holds(purpose, tenant, now, policy);
        if within_budget && !free {
            unknown.spend(tenant, now, policy)?;
        }
        let found = if of_tenant {
            self.read_opening_key(purpose, tenant, id, now).await?
        } else {
            self.refresh().await?;
            self.known_opening_key(purpose, tenant, id, now)?
        };
        found.ok_or_else(|| {
            if self
                .snapshot()
                .ring
                .pending(purpose)
                .is_some_and(|key| key.id == id)
            {
                return Error::rejected(reason::PENDING_KEY);
            }
            unknown.insert(purpose, tenant, id, now);
            Error::rejected(reason::UNKNOWN_KEY)
        })
    }

    /// The key from memory or derived; `None` if it must be looked for. So must one that this
    /// handle knows as pending: it may have been promoted, and sealed, since.
    fn known_opening_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
        now: Timestamp,
    ) -> Result<Option<TenantKey>> {
        let snapshot = self.snapshot();
        if let Some(cached) = self.0.cache.find(purpose, tenant, now, &self.0.policy)
            && let Some(slot) = cached.find(id)
        {
            snapshot.opens(slot.wrapped_by)?;
            snapshot.ring.check_suite(purpose, slot.suite)?;
            return Ok(slot.key.clone());
        }
        if snapshot
            .ring
            .find(id)
            .is_some_and(|key| key.purpose == *purpose && key.state != KeyState::Pending)
        {
            return tenant::derive(&snapshot, &self.0.provider, id, purpose, tenant).map(Some);
        }
        Ok(None)
    }

    /// Reads the tenant's record, keeps its keys in memory, and looks among them. A tenant without
    /// a record is kept as one without keys.
    async fn read_opening_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
        now: Timestamp,
    ) -> Result<Option<TenantKey>> {
        let (record, snapshot) = match self.fetch_tenant(purpose, tenant).await? {
            Some((_, record, snapshot)) => (record, snapshot),
            None => (TenantRecord::default(), self.snapshot()),
        };
        let read = self.keep(&record, &snapshot, purpose, tenant, now)?;
        // What was read is used from here and not from memory, which may be full of others.
        let Some(slot) = read.find(id) else {
            return Ok(None);
        };
        let snapshot = self.snapshot();
        snapshot.opens(slot.wrapped_by)?;
        snapshot.ring.check_suite(purpose, slot.suite)?;
        let enabled = || Error::unavailable("the key was enabled this moment: try again");
        slot.key.clone().ok_or_else(enabled).map(Some)
    }
}
