//! Keys issued ahead of a pass that seals values anew.
//!
//! Whatever is written waits for the disk. A pass meets the tenants in the order in which the key
//! store has them, so that where one lacks a key the next will lack theirs: they are issued in one
//! batch, and not one by one.

use std::sync::Arc;

use keyward_base::{ErrorKind, Purpose, Result, Tenant, Timestamp};
use keyward_store::{Applied, Record, Scan, Write};

use super::{Keyring, names};
use crate::format::TenantRecord;
use crate::key_use::Algorithm;
use crate::policy::TenantKeyMode;
use crate::records::{TENANT_KEYS, put};
use crate::snapshot::Snapshot;
use crate::tenant::{self, TenantKey};

/// Key records looked at in one batch.
const AHEAD: usize = 64;

/// Bytes of them: one of a tenant with ten keys takes about 1 KiB.
const BYTES: usize = 1024 * 1024;

/// A record with its new key, not written yet.
struct Issued {
    tenant: Tenant,
    record: TenantRecord,
    write: Write,
}

impl Keyring {
    /// [`Keyring::sealing_key`], for who goes on to the tenants behind this one.
    ///
    /// # Errors
    /// As [`Keyring::sealing_key`].
    pub(crate) async fn resealing_key(
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
        if self.0.policy.tenant_keys == TenantKeyMode::Random {
            self.issue_ahead(purpose, tenant, promoted_epoch).await?;
        }
        // At hand now; issued alone if it is one of a new tenant's, or somebody else was faster.
        self.sealing_key(purpose, tenant, promoted_epoch).await
    }

    /// Issues keys for `tenant` and those behind it that have some, and none new enough: all of
    /// the batch, or none.
    async fn issue_ahead(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        promoted_epoch: u64,
    ) -> Result<()> {
        let now = self.0.clock.now()?;
        let snapshot = self.snapshot_behind(promoted_epoch, purpose).await?;
        // A purpose has a name, so that this lies before all of the tenant's.
        let scan = Scan::of(TENANT_KEYS)
            .after(Some((tenant.as_str().to_owned(), String::new())))
            .limit(AHEAD)
            .bytes(BYTES);
        let mut issued = Vec::new();
        let found = match self.0.store.scan(scan).await {
            Ok(page) => page.items,
            // One that cannot be read is its owner's: the others get their keys one by one.
            Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(()),
            Err(e) => return Err(e),
        };
        for found in found {
            let new = self.issued(&found, &snapshot, purpose, promoted_epoch, now);
            issued.extend(new.await?);
        }
        if issued.is_empty() {
            return Ok(());
        }
        let mut batch = vec![snapshot.require()];
        let mut kept = Vec::with_capacity(issued.len());
        for new in issued {
            batch.push(new.write);
            kept.push((new.tenant, new.record));
        }
        if let Applied::Done(_) = self.0.store.apply(batch).await? {
            for (tenant, record) in &kept {
                self.keep(record, &snapshot, purpose, tenant, now)?;
            }
        }
        Ok(())
    }

    /// The record with a key that is new enough. None: it has one, or is none of the purpose; or it
    /// cannot be read, or the ring changed meanwhile, and whoever needs the key finds that out.
    async fn issued(
        &self,
        found: &Record,
        snapshot: &Arc<Snapshot>,
        purpose: &Purpose,
        promoted_epoch: u64,
        now: Timestamp,
    ) -> Result<Option<Issued>> {
        let Ok((tenant, of)) = names(found) else {
            return Ok(None);
        };
        if of != *purpose {
            return Ok(None);
        }
        let Ok((mut record, of)) = self.read_tenant(found, purpose, &tenant).await else {
            return Ok(None);
        };
        if !Arc::ptr_eq(&of, snapshot)
            || record.current().is_none()
            || tenant::may_seal(&record, snapshot, purpose, promoted_epoch)?
        {
            return Ok(None);
        }
        let provider = &self.0.provider;
        if !tenant::add_key(&mut record, snapshot, provider, purpose, &tenant, now)? {
            return Ok(None);
        }
        let Ok(data) = tenant::write(&record, snapshot, purpose, &tenant) else {
            return Ok(None);
        };
        let write = put(found.key.clone(), Some(found.version), data);
        Ok(Some(Issued {
            tenant,
            record,
            write,
        }))
    }
}
