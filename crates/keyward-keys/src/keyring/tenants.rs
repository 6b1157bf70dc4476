//! The way to a tenant's keys: from memory, from its record, or newly issued.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use keyward_base::{Error, ErrorKind, KeyId, Purpose, Reason, Result, Tenant, Timestamp};
use keyward_store::{Applied, RecordKey};

use super::{COLUMNS, FLIGHTS, Keyring, MAX_TRIES, put};
use crate::cache::Cached;
use crate::format::TenantRecord;
use crate::policy::TenantKeyMode;
use crate::snapshot::Snapshot;
use crate::tenant::{self, TenantKey};

impl Keyring {
    /// The key that seals for `tenant`, whose seq is at least `least_seq`. One is issued if the
    /// tenant has none, or none under the Active ring key.
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of `purpose`; `Unavailable` if the store cannot be reached
    /// or the lease was lost; `Corrupt` if the tenant's record is not authentic.
    pub async fn sealing_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        least_seq: u64,
    ) -> Result<TenantKey> {
        let now = self.0.clock.now()?;
        self.check_lease(now)?;
        let snapshot = self.snapshot();
        if let Some(key) = self.cached_sealing_key(&snapshot, purpose, tenant, least_seq, now)? {
            return Ok(key);
        }
        let _one = self.flight(purpose, tenant).lock().await;
        let now = self.0.clock.now()?;
        self.check_lease(now)?;
        let snapshot = self.snapshot_of_at_least(least_seq, purpose).await?;
        if let Some(key) = self.cached_sealing_key(&snapshot, purpose, tenant, least_seq, now)? {
            return Ok(key);
        }
        match self.0.policy.tenant_keys {
            TenantKeyMode::Derived => {
                let active = snapshot.ring.active(purpose)?.id;
                tenant::derive(&snapshot, &self.0.provider, active, purpose, tenant)
            }
            TenantKeyMode::Random => self.issue(purpose, tenant, least_seq, now).await,
        }
    }

    /// The key of `tenant` that the id in a sealed value names.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::NotAuthentic`] if the key is another tenant's or another
    /// purpose's, [`Reason::UnknownKey`] if it is nobody's, [`Reason::PendingKey`] or [`Reason::DestroyedKey`];
    /// `Unavailable` with [`Reason::DisabledKey`], or if the store cannot be reached or the lease
    /// was lost; `Corrupt` if the tenant's record is not authentic.
    pub async fn opening_key(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
    ) -> Result<TenantKey> {
        let now = self.0.clock.now()?;
        self.check_lease(now)?;
        if let Some(key) = self.known_opening_key(purpose, tenant, id, now)? {
            return Ok(key);
        }
        if let Some(reason) = self.0.unknown.find(tenant, id, now, &self.0.policy) {
            return Err(Error::rejected(reason));
        }
        let _one = self.flight(purpose, tenant).lock().await;
        // Another may have read the keys while this one waited, later than `now` was asked for.
        let now = self.0.clock.now()?;
        self.check_lease(now)?;
        if let Some(key) = self.known_opening_key(purpose, tenant, id, now)? {
            return Ok(key);
        }
        if let Some(reason) = self.0.unknown.find(tenant, id, now, &self.0.policy) {
            return Err(Error::rejected(reason));
        }
        // What was read is used from here and not from memory, which may be full of others.
        if let Some(read) = self.read_tenant(purpose, tenant, now).await?
            && let Some(slot) = read.find(id)
        {
            self.snapshot().opens(slot.wrapped_by)?;
            return slot
                .key
                .clone()
                .ok_or_else(|| Error::unavailable("the key was enabled this moment: try again"));
        }
        self.look_for(purpose, tenant, id, now).await
    }

    /// Neither the tenant nor the ring as we know it has the key: the ring may be newer, or the
    /// key is somebody else's, or nobody's. Costs a read of the ring and a scan of all tenants, so
    /// it has a budget.
    async fn look_for(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
        now: Timestamp,
    ) -> Result<TenantKey> {
        self.0.unknown.spend(now, &self.0.policy)?;
        if self.refresh().await?
            && let Some(key) = self.known_opening_key(purpose, tenant, id, now)?
        {
            return Ok(key);
        }
        // Of another tenant or purpose, the value was moved; of nobody, the key is missing.
        let reason = match self.admin().locate(id).await {
            Ok(Some(_)) => Reason::NotAuthentic,
            _ if self.snapshot().ring.find(id).is_some() => Reason::NotAuthentic,
            Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
            _ => Reason::UnknownKey,
        };
        self.0.unknown.insert(tenant, id, now, reason);
        Err(Error::rejected(reason))
    }

    /// Says that a value sealed with `key` lies where no registered column counts it, so that
    /// its ring key is not destroyed by mistake. Durable when this returns.
    ///
    /// # Errors
    /// As [`Keyring::sealing_key`].
    pub async fn mark_unregistered(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        key: KeyId,
    ) -> Result<()> {
        if self.snapshot().ring.find(key).is_some() {
            self.admin().mark_unregistered(key).await?;
            return self.check_still_opens(key).await;
        }
        for _ in 0..MAX_TRIES {
            let snapshot = self.snapshot();
            let place = tenant::record_key(purpose, tenant);
            let unknown = || Error::rejected(Reason::UnknownKey);
            let found = self.0.store.fetch(&place).await?.ok_or_else(unknown)?;
            let mut record = tenant::read(&found, &snapshot, purpose, tenant)?;
            let entry = record
                .entries
                .iter_mut()
                .find(|e| e.id == key)
                .ok_or_else(unknown)?;
            let ring_key = entry.wrapped_by;
            if entry.unregistered {
                return self.check_still_opens(ring_key).await;
            }
            entry.unregistered = true;
            let data = tenant::write(&record, &snapshot, purpose, tenant)?;
            let swap = put(place, Some(found.version), data);
            if let Applied::Done(_) = self.0.store.apply(vec![swap]).await? {
                return self.check_still_opens(ring_key).await;
            }
        }
        Err(contended())
    }

    /// Reads the ring anew: whoever destroys a key disables it first, and looks at the marks then.
    /// So either they see the mark, or this sees that the key is disabled.
    async fn check_still_opens(&self, ring_key: KeyId) -> Result<()> {
        self.refresh().await?;
        self.snapshot().opens(ring_key).map(|_| ())
    }

    /// Registers the name of a column of sealed values, for good: no ring key is destroyed by a
    /// process that cannot count it.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 300 bytes; `Unavailable` if the store cannot be reached.
    pub async fn register(&self, column: &str) -> Result<()> {
        if column.is_empty() {
            return Err(Error::misuse("a column's name is 1 to 300 bytes"));
        }
        let key = RecordKey {
            collection: COLUMNS,
            owner: String::new(),
            id: column.to_owned(),
        };
        if self.0.store.fetch(&key).await?.is_none() {
            // Lost to another process that registers the same: just as well.
            let _either_way = self.0.store.apply(vec![put(key, None, Vec::new())]).await?;
        }
        Ok(())
    }

    fn flight(&self, purpose: &Purpose, tenant: &Tenant) -> &tokio::sync::Mutex<()> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let at = usize::try_from(hasher.hash_one((purpose, tenant))).unwrap_or_default();
        let [first, ..] = &self.0.flights;
        self.0
            .flights
            .get(at.checked_rem(FLIGHTS).unwrap_or_default())
            .unwrap_or(first)
    }

    /// The current view, read anew if its Active key cannot satisfy a fence of `least_seq`.
    async fn snapshot_of_at_least(
        &self,
        least_seq: u64,
        purpose: &Purpose,
    ) -> Result<Arc<Snapshot>> {
        if self.snapshot().ring.active(purpose)?.promoted_epoch < least_seq {
            self.refresh().await?;
        }
        let snapshot = self.snapshot();
        if snapshot.ring.active(purpose)?.promoted_epoch < least_seq {
            return Err(Error::unavailable(
                "the data store's fence is ahead of the keyring: an older keyring was put back",
            ));
        }
        Ok(snapshot)
    }

    fn cached_sealing_key(
        &self,
        snapshot: &Snapshot,
        purpose: &Purpose,
        tenant: &Tenant,
        least_seq: u64,
        now: Timestamp,
    ) -> Result<Option<TenantKey>> {
        let active = snapshot.ring.active(purpose)?;
        let Some(cached) = self.0.cache.find(purpose, tenant, now, &self.0.policy) else {
            return Ok(None);
        };
        let fit = cached
            .slots
            .last()
            .filter(|slot| slot.wrapped_by == active.id && slot.seq >= least_seq);
        Ok(fit.and_then(|slot| slot.key.clone()))
    }

    /// The key from memory or derived; `None` if it must be looked for.
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
            return Ok(slot.key.clone());
        }
        if snapshot
            .ring
            .find(id)
            .is_some_and(|key| key.purpose == *purpose)
        {
            return tenant::derive(&snapshot, &self.0.provider, id, purpose, tenant).map(Some);
        }
        Ok(None)
    }

    /// Reads a tenant's record into memory; the ring as well, if the record is of a newer one.
    async fn read_tenant(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Option<Arc<Cached>>> {
        let place = tenant::record_key(purpose, tenant);
        let Some(found) = self.0.store.fetch(&place).await? else {
            return Ok(None);
        };
        let record = tenant::read(&found, &self.snapshot(), purpose, tenant)?;
        let snapshot = self.snapshot_that_knows(&record).await?;
        self.keep(&record, &snapshot, purpose, tenant, now)
            .map(Some)
    }

    async fn snapshot_that_knows(&self, record: &TenantRecord) -> Result<Arc<Snapshot>> {
        let knows = |snapshot: &Snapshot| {
            record
                .entries
                .iter()
                .all(|e| e.seq <= snapshot.ring.epoch && snapshot.ring.find(e.wrapped_by).is_some())
        };
        if !knows(&self.snapshot()) {
            self.refresh().await?;
        }
        let snapshot = self.snapshot();
        if !knows(&snapshot) {
            return Err(Error::unavailable(
                "a tenant's keys are newer than the keyring: an older keyring was put back",
            ));
        }
        Ok(snapshot)
    }

    fn keep(
        &self,
        record: &TenantRecord,
        snapshot: &Snapshot,
        purpose: &Purpose,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Arc<Cached>> {
        let cached = Arc::new(tenant::open_all(
            record,
            snapshot,
            &self.0.provider,
            purpose,
            tenant,
            now,
        )?);
        self.0
            .cache
            .insert(purpose, tenant, Arc::clone(&cached), &self.0.policy);
        Ok(cached)
    }

    /// Takes the tenant's current key if it may seal, or issues one by compare-and-swap.
    async fn issue(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        least_seq: u64,
        now: Timestamp,
    ) -> Result<TenantKey> {
        let place = tenant::record_key(purpose, tenant);
        for _ in 0..MAX_TRIES {
            let found = self.0.store.fetch(&place).await?;
            let mut record = match &found {
                Some(found) => tenant::read(found, &self.snapshot(), purpose, tenant)?,
                None => TenantRecord::default(),
            };
            let snapshot = self.snapshot_that_knows(&record).await?;
            let active = snapshot.ring.active(purpose)?.id;
            let fits = record
                .current()
                .is_some_and(|entry| entry.wrapped_by == active && entry.seq >= least_seq);
            if !fits {
                record
                    .entries
                    .retain(|entry| snapshot.ring.may_return(entry.wrapped_by));
                record.entries.push(tenant::issue(
                    &snapshot,
                    &self.0.provider,
                    purpose,
                    tenant,
                    now,
                )?);
                let data = tenant::write(&record, &snapshot, purpose, tenant)?;
                let write = put(place.clone(), found.map(|found| found.version), data);
                match self.0.store.apply(vec![write]).await? {
                    Applied::Done(_) => {}
                    _ => continue,
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

pub(crate) fn contended() -> Error {
    Error::unavailable("the key store is contended: every try lost to another writer")
}
