//! What each key still protects.

use std::collections::BTreeMap;

use keyward_base::encoding::sealed_prefix;
use keyward_base::{Error, KeyId, Purpose, Result, Tenant};
use keyward_store::Record;

use super::Admin;
use crate::coverage::Coverage;
use crate::records::{TENANT_KEYS, pages};
use crate::ring::RingKey;
use crate::usage::{DamagedRecord, KeyUsage, TenantUsage, Usage};

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
        let mut usage = self.usage_of(&columns).await?;
        usage.uncounted = self.keyring.uncounted().await?;
        Ok(usage)
    }

    /// [`Admin::usage`] over `columns`, without those that nobody can count.
    pub(crate) async fn usage_of(&self, columns: &[&dyn Coverage]) -> Result<Usage> {
        let snapshot = self.keyring.snapshot();
        let mut by_key: BTreeMap<KeyId, KeyUsage> = BTreeMap::new();
        for key in &snapshot.ring.keys {
            let usage = KeyUsage {
                key: key.id,
                tenant_keys: 0,
                rows: rows_of(&key.tag(), &key.purpose, columns).await?,
                unregistered: key.unregistered,
            };
            by_key.insert(key.id, usage);
        }
        let damaged = self
            .each_tenant_key(None, columns, |found| {
                if let Some(usage) = by_key.get_mut(&found.wrapped_by) {
                    usage.tenant_keys = usage.tenant_keys.saturating_add(1);
                    usage.rows = usage.rows.saturating_add(found.rows);
                    usage.unregistered |= found.unregistered;
                }
            })
            .await?;
        let keys = snapshot.ring.keys.iter();
        Ok(Usage {
            keys: keys.filter_map(|key| by_key.remove(&key.id)).collect(),
            uncounted: Vec::new(),
            damaged,
        })
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
        self.each_tenant_key(None, &[], |found| {
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
        self.each_tenant_key(None, columns, |found| {
            if found.purpose == *purpose && found.issued_epoch < promoted_epoch {
                rows = rows.saturating_add(found.rows);
            }
        })
        .await?;
        Ok(rows)
    }

    /// Every tenant key, and the records that cannot be read: each costs its own owner only.
    pub(super) async fn each_tenant_key(
        &self,
        tenant: Option<&Tenant>,
        columns: &[&dyn Coverage],
        mut seen: impl FnMut(TenantUsage) + Send,
    ) -> Result<Vec<DamagedRecord>> {
        let mut damaged = Vec::new();
        let store = self.keyring.0.store.as_ref();
        let mut found = pages(store, TENANT_KEYS, tenant.map(Tenant::as_str));
        while let Some(page) = found.next().await? {
            for record in &page {
                let (owner, purpose, entries) = match self.read_record(record).await? {
                    Ok(read) => read,
                    Err(bad) => {
                        damaged.push(bad);
                        continue;
                    }
                };
                let last = entries.last().map(|entry| entry.id);
                for entry in entries {
                    let tag = sealed_prefix(entry.suite, entry.id);
                    let rows = rows_of(&tag, &purpose, columns).await?;
                    seen(TenantUsage {
                        tenant: owner.clone(),
                        purpose: purpose.clone(),
                        key: entry.id,
                        suite: entry.suite,
                        wrapped_by: entry.wrapped_by,
                        issued_epoch: entry.issued_epoch,
                        current: Some(entry.id) == last,
                        unregistered: entry.unregistered,
                        rows,
                    });
                }
            }
        }
        Ok(damaged)
    }
}

/// Whose record it is, and for what. Both are in the record's MAC.
pub(super) fn names(record: &Record) -> Result<(Tenant, Purpose)> {
    let wrong = |_| Error::corrupt("a tenant's key record lies where none should");
    Ok((
        Tenant::new(&record.key.owner).map_err(wrong)?,
        Purpose::new(&record.key.id).map_err(wrong)?,
    ))
}

/// How many values of the columns of `purpose` name the key of that tag.
async fn rows_of(tag: &str, purpose: &Purpose, columns: &[&dyn Coverage]) -> Result<u64> {
    let mut rows = 0_u64;
    for column in columns
        .iter()
        .filter(|column| column.id().purpose() == purpose)
    {
        rows = rows.saturating_add(column.count(tag).await?);
    }
    Ok(rows)
}
