//! What each key still protects.

use std::collections::BTreeMap;

use keyward_base::encoding::sealed_prefix;
use keyward_base::{Error, KeyId, Purpose, Result, Suite, Tenant};
use keyward_store::{Pages, Record, Scan};

use super::Admin;
use crate::coverage::{Coverage, KeyUsage, TenantUsage};
use crate::keyring::{COLUMNS, TENANT_KEYS};
use crate::tenant;

/// Records read at a time.
const PAGE: usize = 512;

impl Admin {
    /// What each key of the ring protects, counted over `columns`.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached, `Corrupt` for a record that is not authentic.
    pub async fn usage(&self, columns: &[&dyn Coverage]) -> Result<Vec<KeyUsage>> {
        let snapshot = self.keyring.snapshot();
        let mut by_key: BTreeMap<KeyId, KeyUsage> = BTreeMap::new();
        for key in &snapshot.ring.keys {
            let rows = rows_of(key.id, key.suite, columns).await?;
            let usage = KeyUsage {
                key: key.id,
                tenant_keys: 0,
                rows,
                unregistered: key.unregistered,
            };
            by_key.insert(key.id, usage);
        }
        self.each_tenant_key(None, columns, |found| {
            if let Some(usage) = by_key.get_mut(&found.wrapped_by) {
                usage.tenant_keys = usage.tenant_keys.saturating_add(1);
                usage.rows = usage.rows.saturating_add(found.rows);
                usage.unregistered |= found.unregistered;
            }
        })
        .await?;
        let in_order = snapshot
            .ring
            .keys
            .iter()
            .filter_map(|key| by_key.remove(&key.id));
        Ok(in_order.collect())
    }

    /// What each key of one tenant protects, counted over `columns`.
    ///
    /// # Errors
    /// As [`Admin::usage`].
    pub async fn tenant_usage(
        &self,
        tenant: &Tenant,
        columns: &[&dyn Coverage],
    ) -> Result<Vec<TenantUsage>> {
        let mut out = Vec::new();
        self.each_tenant_key(Some(tenant), columns, |found| out.push(found))
            .await?;
        Ok(out)
    }

    /// Finds the tenant key `id`, whoever's it is: reads every tenant's record.
    /// [`TenantUsage::rows`] is not counted.
    ///
    /// # Errors
    /// As [`Admin::usage`].
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

    /// How many values of `columns` are sealed with keys of `purpose` issued before `least_seq`:
    /// what a rewrap of values has left to do.
    ///
    /// # Errors
    /// As [`Admin::usage`].
    pub async fn rows_older_than(
        &self,
        purpose: &Purpose,
        least_seq: u64,
        columns: &[&dyn Coverage],
    ) -> Result<u64> {
        let mut rows = 0_u64;
        let snapshot = self.keyring.snapshot();
        let older =
            |key: &&crate::ring::RingKey| key.purpose == *purpose && key.promoted_epoch < least_seq;
        for key in snapshot.ring.keys.iter().filter(older) {
            rows = rows.saturating_add(rows_of(key.id, key.suite, columns).await?);
        }
        self.each_tenant_key(None, columns, |found| {
            if found.purpose == *purpose && found.seq < least_seq {
                rows = rows.saturating_add(found.rows);
            }
        })
        .await?;
        Ok(rows)
    }

    /// The names of all columns that any process registered.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn registered(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut pages = Scan::of(COLUMNS).pages(self.keyring.0.store.as_ref());
        while let Some(page) = pages.next().await? {
            found.extend(page.into_iter().map(|record| record.key.id));
        }
        Ok(found)
    }

    pub(super) async fn each_tenant_key(
        &self,
        tenant: Option<&Tenant>,
        columns: &[&dyn Coverage],
        mut seen: impl FnMut(TenantUsage) + Send,
    ) -> Result<()> {
        let mut pages = self.tenant_pages(tenant);
        while let Some(page) = pages.next().await? {
            for record in &page {
                let (owner, purpose) = names(record)?;
                let entries =
                    tenant::read(record, &self.keyring.snapshot(), &purpose, &owner)?.entries;
                let last = entries.last().map(|entry| entry.id);
                for entry in entries {
                    seen(TenantUsage {
                        tenant: owner.clone(),
                        purpose: purpose.clone(),
                        key: entry.id,
                        wrapped_by: entry.wrapped_by,
                        seq: entry.seq,
                        current: Some(entry.id) == last,
                        unregistered: entry.unregistered,
                        rows: rows_of(entry.id, entry.suite, columns).await?,
                    });
                }
            }
        }
        Ok(())
    }

    /// The key records of one tenant, or of all.
    pub(super) fn tenant_pages(&self, tenant: Option<&Tenant>) -> Pages<'_> {
        let mut scan = Scan::of(TENANT_KEYS).limit(PAGE);
        scan.owner = tenant.map(|tenant| tenant.as_str().to_owned());
        scan.pages(self.keyring.0.store.as_ref())
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

async fn rows_of(key: KeyId, suite: Suite, columns: &[&dyn Coverage]) -> Result<u64> {
    let prefix = sealed_prefix(suite, key);
    let mut rows = 0_u64;
    for column in columns {
        rows = rows.saturating_add(column.count(&prefix).await?);
    }
    Ok(rows)
}
