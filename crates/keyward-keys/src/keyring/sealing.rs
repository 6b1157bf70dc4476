//! The key that seals for a tenant: from memory, from its record, or newly issued.

use std::sync::Arc;

use keyward_base::{Error, Purpose, Result, Tenant, Timestamp};

use super::Keyring;
use crate::format::TenantRecord;
use crate::key_use::Algorithm;
use crate::policy::TenantKeyMode;
use crate::records::{MAX_TRIES, contended, tenant_place};
use crate::snapshot::Snapshot;
use crate::tenant::{self, TenantKey};

impl Keyring {
    /// The key that seals for `tenant`, issued in the epoch `promoted_epoch` of a barrier or
    /// later. One is issued if the tenant has none, or none under the Active ring key.
    ///
    /// # Errors
    /// `Misuse` if the ring has no Active key of `purpose`; `Unavailable` if the store cannot be
    /// reached or the lease was lost; `Corrupt` if the tenant's record is not authentic.
    pub async fn sealing_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        promoted_epoch: u64,
    ) -> Result<TenantKey> {
        let now = self.0.clock.now()?;
        self.check_view(now).await?;
        let snapshot = self.snapshot();
        snapshot.ring.rules_for(purpose, Algorithm::Seal)?;
        let held = self.cached_sealing_key(&snapshot, purpose, tenant, promoted_epoch, now)?;
        if let Some(key) = held {
            return Ok(key);
        }
        let _one = self.flight(purpose, tenant).lock().await;
        // Another may have read the keys while this one waited, and the lease may have run out.
        let now = self.0.clock.now()?;
        self.check_view(now).await?;
        let snapshot = self.snapshot_behind(promoted_epoch, purpose).await?;
        let held = self.cached_sealing_key(&snapshot, purpose, tenant, promoted_epoch, now)?;
        if let Some(key) = held {
            return Ok(key);
        }
        match self.0.policy.tenant_keys {
            TenantKeyMode::Derived => {
                let active = snapshot.ring.active(purpose)?.id;
                tenant::derive(&snapshot, &self.0.provider, active, purpose, tenant)
            }
            TenantKeyMode::Random => self.issue(purpose, tenant, promoted_epoch, now).await,
        }
    }

    /// The current view, read anew if its Active key cannot satisfy the barrier.
    pub(super) async fn snapshot_behind(
        &self,
        promoted_epoch: u64,
        purpose: &Purpose,
    ) -> Result<Arc<Snapshot>> {
        if self.snapshot().ring.active(purpose)?.promoted_epoch < promoted_epoch {
            self.refresh().await?;
        }
        let snapshot = self.snapshot();
        if snapshot.ring.active(purpose)?.promoted_epoch < promoted_epoch {
            return Err(Error::unavailable(
                "the data store's barrier is ahead of the keyring: an older keyring was put back; restore the newest, or rotate",
            ));
        }
        Ok(snapshot)
    }

    pub(super) fn cached_sealing_key(
        &self,
        snapshot: &Snapshot,
        purpose: &Purpose,
        tenant: &Tenant,
        promoted_epoch: u64,
        now: Timestamp,
    ) -> Result<Option<TenantKey>> {
        let active = snapshot.ring.active(purpose)?;
        let Some(cached) = self.0.cache.find(purpose, tenant, now, &self.0.policy) else {
            return Ok(None);
        };
        let fit = cached.slots.last().filter(|slot| {
            slot.wrapped_by == active.id
                && slot.issued_epoch >= promoted_epoch
                && Some(slot.suite) == active.kind.suite()
        });
        Ok(fit.and_then(|slot| slot.key.clone()))
    }

    /// Takes the tenant's current key if it may seal, or issues one by compare-and-swap.
    async fn issue(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        promoted_epoch: u64,
        now: Timestamp,
    ) -> Result<TenantKey> {
        for _ in 0..MAX_TRIES {
            let (version, mut record, snapshot) = match self.fetch_tenant(purpose, tenant).await? {
                Some((found, record, snapshot)) => (Some(found.version), record, snapshot),
                None => (None, TenantRecord::default(), self.snapshot()),
            };
            if !tenant::may_seal(&record, &snapshot, purpose, promoted_epoch)? {
                let provider = &self.0.provider;
                if !tenant::add_key(&mut record, &snapshot, provider, purpose, tenant, now)? {
                    continue;
                }
                let place = tenant_place(purpose, tenant);
                let written = self
                    .write_tenant(place, version, &record, &snapshot, purpose, tenant)
                    .await?;
                if !written {
                    continue;
                }
            }
            let cached = self.keep(&record, &snapshot, purpose, tenant, now)?;
            if let Some(key) = cached.slots.last().and_then(|slot| slot.key.clone()) {
                return Ok(key);
            }
        }
        Err(contended())
    }
}
