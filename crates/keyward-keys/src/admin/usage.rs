//! What each key still protects.

use keyward_base::{Error, KeyId, Purpose, Result, Tenant};

use super::Admin;
use crate::coverage::Coverage;
use crate::keyring::rows_of;
use crate::ring::RingKey;
use crate::usage::{TenantUsage, Usage};

impl Admin {
    /// What each key of the ring protects, counted over all columns that this process can count.
    /// Reads every tenant's record, and counts each of their keys.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached, `Corrupt` if the registry of columns is not
    /// what was written.
    pub async fn usage(&self) -> Result<Usage> {
        let columns = self.keyring.coverages().all();
        let columns: Vec<&dyn Coverage> = columns.iter().map(AsRef::as_ref).collect();
        let mut usage = self.keyring.usage_of(&columns).await?;
        usage.uncounted = self.keyring.uncounted().await?;
        Ok(usage)
    }

    /// What each key of one tenant protects, counted over all columns that this process can count.
    ///
    /// # Errors
    /// As [`Admin::usage`]; `Corrupt` if a key record of the tenant is not what was written.
    pub async fn tenant_usage(&self, tenant: &Tenant) -> Result<Vec<TenantUsage>> {
        let columns = self.keyring.coverages().all();
        let columns: Vec<&dyn Coverage> = columns.iter().map(AsRef::as_ref).collect();
        let mut out = Vec::new();
        let damaged = self
            .keyring
            .each_tenant_key(Some(tenant), &columns, |found| out.push(found))
            .await?;
        match damaged.first() {
            None => Ok(out),
            Some(record) => Err(Error::corrupt(record.says.clone())),
        }
    }

    /// Finds the tenant key `id`, whoever's it is: reads every tenant's record.
    /// [`TenantUsage::rows`] is not counted.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn locate(&self, id: KeyId) -> Result<Option<TenantUsage>> {
        let mut out = None;
        self.keyring
            .each_tenant_key(None, &[], |found| {
                if found.key == id {
                    out = Some(found);
                }
            })
            .await?;
        Ok(out)
    }

    /// How many values of `columns` are sealed with keys of `purpose` issued before
    /// `promoted_epoch`: what a rewrap of values has left to do.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached.
    pub async fn rows_older_than(
        &self,
        purpose: &Purpose,
        promoted_epoch: u64,
        columns: &[&dyn Coverage],
    ) -> Result<u64> {
        let mut rows = 0_u64;
        let snapshot = self.keyring.snapshot();
        let older = |key: &&RingKey| key.purpose == *purpose && key.promoted_epoch < promoted_epoch;
        for key in snapshot.ring.keys.iter().filter(older) {
            rows = rows.saturating_add(rows_of(&key.tag(), purpose, columns).await?);
        }
        self.keyring
            .each_tenant_key(None, columns, |found| {
                if found.purpose == *purpose && found.issued_epoch < promoted_epoch {
                    rows = rows.saturating_add(found.rows);
                }
            })
            .await?;
        Ok(rows)
    }
}
