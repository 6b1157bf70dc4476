//! What each key still protects, as a handle counts it that changes nothing.

use std::collections::BTreeMap;

use keyward_base::key_tag::sealed_prefix;
use keyward_base::{Error, KeyId, Purpose, Result, Tenant};
use keyward_store::Record;

use super::Keyring;
use crate::coverage::Coverage;
use crate::format::TenantEntry;
use crate::records::{TENANT_KEYS, pages};
use crate::usage::{self, DamagedRecord, KeyUsage, TenantUsage, Usage};

impl Keyring {
    /// What each key of the ring protects, counted over `columns` alone.
    pub(crate) async fn usage_of(&self, columns: &[&dyn Coverage]) -> Result<Usage> {
        let snapshot = self.snapshot();
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

    /// Every tenant key, and the records that cannot be read: each costs its own owner only.
    pub(crate) async fn each_tenant_key(
        &self,
        tenant: Option<&Tenant>,
        columns: &[&dyn Coverage],
        mut seen: impl FnMut(TenantUsage) + Send,
    ) -> Result<Vec<DamagedRecord>> {
        let mut damaged = Vec::new();
        let store = self.0.store.as_ref();
        let mut found = pages(store, TENANT_KEYS, tenant.map(Tenant::as_str));
        while let Some(page) = found.next().await? {
            for record in &page {
                let (owner, purpose, entries) = match self.read_record(record).await? {
                    Ok(read) => read,
                    Err(bad) => {
                        usage::note(&mut damaged, bad);
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
        usage::note_rows(&mut damaged, found.damaged());
        if tenant.is_none() {
            usage::note_nowhere(&mut damaged, store).await?;
        }
        Ok(damaged)
    }

    /// Reads a record of the tenants, wherever it lies. The inner error is the record's own; the
    /// outer one is of the key store.
    pub(crate) async fn read_record(
        &self,
        record: &Record,
    ) -> Result<Result<(Tenant, Purpose, Vec<TenantEntry>), DamagedRecord>> {
        let bad = |e: Error| DamagedRecord {
            owner: record.key.owner.clone(),
            purpose: record.key.id.clone(),
            kind: e.kind(),
            says: e.to_string(),
            row: None,
        };
        let (tenant, purpose) = match names(record) {
            Ok(names) => names,
            Err(e) => return Ok(Err(bad(e))),
        };
        if crate::tenant::least_epoch(record) > self.snapshot().ring.epoch {
            self.refresh().await?;
        }
        let snapshot = self.snapshot();
        Ok(
            match crate::tenant::read(record, &snapshot, &purpose, &tenant) {
                Ok(read) => Ok((tenant, purpose, read.entries)),
                Err(e) => Err(bad(e)),
            },
        )
    }
}

/// Whose record it is, and for what. Both are in the record's MAC.
pub(crate) fn names(record: &Record) -> Result<(Tenant, Purpose)> {
    let wrong = |_| Error::corrupt("a tenant's key record lies where none should");
    Ok((
        Tenant::new(&record.key.owner).map_err(wrong)?,
        Purpose::new(&record.key.id).map_err(wrong)?,
    ))
}

/// How many values of the columns of `purpose` name the key of that tag.
pub(crate) async fn rows_of(
    tag: &str,
    purpose: &Purpose,
    columns: &[&dyn Coverage],
) -> Result<u64> {
    let mut rows = 0_u64;
    for column in columns
        .iter()
        .filter(|column| column.id().purpose() == purpose)
    {
        rows = rows.saturating_add(column.count(tag).await?);
    }
    Ok(rows)
}
