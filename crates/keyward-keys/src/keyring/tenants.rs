//! Tenants' key records: read against a ring that is new enough, written on condition that the
//! ring has not changed.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use keyward_base::{Purpose, Result, Tenant, Timestamp};
use keyward_store::{Applied, Record, RecordKey, Version};

use super::{FLIGHTS, Keyring};
use crate::cache::Cached;
use crate::format::TenantRecord;
use crate::records::{MAX_TRIES, contended, put, tenant_place};
use crate::snapshot::Snapshot;
use crate::tenant;

impl Keyring {
    /// A tenant's record, with the ring it was read against.
    pub(crate) async fn fetch_tenant(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
    ) -> Result<Option<(Record, TenantRecord, Arc<Snapshot>)>> {
        let place = tenant_place(purpose, tenant);
        for _ in 0..MAX_TRIES {
            let before = self.snapshot();
            let found = self.0.store.fetch(&place).await;
            let Some(found) = found.map_err(tenant::unreadable)? else {
                return Ok(None);
            };
            let (record, snapshot) = self.read_tenant(&found, purpose, tenant).await?;
            // Of a ring that came while the record was read, the record may be too old: its keys
            // were wrapped anew, and those that wrap them here are disabled.
            if Arc::ptr_eq(&before, &snapshot) {
                return Ok(Some((found, record, snapshot)));
            }
        }
        Err(contended())
    }

    /// Reads a record as that of `tenant`; the ring as well, if the record is of a newer one, or
    /// under a MAC key that this handle does not know.
    pub(crate) async fn read_tenant(
        &self,
        found: &Record,
        purpose: &Purpose,
        tenant: &Tenant,
    ) -> Result<(TenantRecord, Arc<Snapshot>)> {
        if tenant::least_epoch(found) > self.snapshot().ring.epoch {
            self.refresh().await?;
        }
        let snapshot = self.snapshot();
        let record = tenant::read(found, &snapshot, purpose, tenant)?;
        Ok((record, snapshot))
    }

    /// Writes a tenant's record on condition that neither it nor the ring changed since they were
    /// read: nothing is wrapped by a key that is on its way out. No: one of them did, and this
    /// handle has read the ring anew.
    pub(crate) async fn write_tenant(
        &self,
        place: RecordKey,
        version: Option<Version>,
        record: &TenantRecord,
        snapshot: &Snapshot,
        purpose: &Purpose,
        tenant: &Tenant,
    ) -> Result<bool> {
        let data = tenant::write(record, snapshot, purpose, tenant)?;
        let batch = vec![snapshot.require(), put(place, version, data)];
        match self.0.store.apply(batch).await? {
            Applied::Done(_) => Ok(true),
            _ => {
                self.refresh().await?;
                Ok(false)
            }
        }
    }

    /// Keeps the keys of a record in memory.
    pub(super) fn keep(
        &self,
        record: &TenantRecord,
        snapshot: &Snapshot,
        purpose: &Purpose,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Arc<Cached>> {
        let slots = tenant::open_all(record, snapshot, &self.0.provider, purpose, tenant)?;
        let cached = Arc::new(Cached::new(slots, now));
        self.0
            .cache
            .insert(purpose, tenant, Arc::clone(&cached), &self.0.policy);
        // The ring may have changed meanwhile, and what it withdrew been forgotten already.
        if !std::ptr::eq(Arc::as_ptr(&self.snapshot()), snapshot) {
            self.0.cache.forget(purpose, tenant, &cached);
        }
        Ok(cached)
    }

    /// Held by who reads the keys of a tenant, so that others wait for what it finds.
    pub(super) fn flight(&self, purpose: &Purpose, tenant: &Tenant) -> &tokio::sync::Mutex<()> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let at = usize::try_from(hasher.hash_one((purpose, tenant))).unwrap_or_default();
        let [first, ..] = &self.0.flights;
        self.0
            .flights
            .get(at.checked_rem(FLIGHTS).unwrap_or_default())
            .unwrap_or(first)
    }
}
