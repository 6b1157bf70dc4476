//! Tenant keys wrapped anew under the Active ring key.

use keyward_base::{Purpose, Result, Tenant};
use keyward_store::Record;

use super::Admin;
use crate::format::TenantEntry;
use crate::keyring::names;
use crate::records::{MAX_TRIES, TENANT_KEYS, contended, pages};
use crate::snapshot::Snapshot;
use crate::tenant;
use crate::usage::{self, DamagedRecord};

/// What a rewrap of keys did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Tenants whose record was written anew.
    pub tenants: u64,
    /// Tenant keys that are under the Active ring key now and were not before.
    pub moved: u64,
    /// Tenant keys whose ring key is disabled or destroyed, left as they were.
    pub skipped: u64,
    /// Tenants' records that cannot be read, left as they are.
    pub damaged: Vec<DamagedRecord>,
}

/// What is done to each record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Renew {
    /// Keys are wrapped by the Active ring key.
    Keys,
    /// The record is put under the newest MAC key.
    Mac,
}

impl Admin {
    /// Wraps every tenant key under the Active ring key of its purpose. Values are untouched:
    /// this is hygiene, and no answer to a leaked key. May be killed and repeated, beside anything
    /// else: each record is written on condition that the ring has not changed. `progress` is told
    /// how many tenants were seen.
    ///
    /// # Errors
    /// `Unavailable` if store or audit cannot be reached.
    pub async fn rewrap_keys(&self, progress: impl FnMut(u64) + Send) -> Result<Rewrapped> {
        self.audited("keys.rewrap", None, self.renew(Renew::Keys, progress))
            .await
    }

    pub(super) async fn renew(
        &self,
        what: Renew,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Rewrapped> {
        self.keyring.refresh().await?;
        let mut done = Rewrapped::default();
        let mut seen = 0_u64;
        let store = self.keyring.0.store.as_ref();
        let mut found = pages(store, TENANT_KEYS, None);
        while let Some(page) = found.next().await? {
            for record in page {
                match self.keyring.read_record(&record).await? {
                    Ok(_) => self.renew_tenant(what, record, &mut done).await?,
                    Err(bad) => usage::note(&mut done.damaged, bad),
                }
                seen = seen.saturating_add(1);
                progress(seen);
            }
        }
        usage::note_rows(&mut done.damaged, found.damaged());
        usage::note_nowhere(&mut done.damaged, store).await?;
        Ok(done)
    }

    async fn renew_tenant(
        &self,
        what: Renew,
        mut found: Record,
        done: &mut Rewrapped,
    ) -> Result<()> {
        let (tenant, purpose) = names(&found)?;
        for _ in 0..MAX_TRIES {
            let read = self.keyring.read_tenant(&found, &purpose, &tenant).await;
            let Ok((mut record, ring)) = read else {
                // Damaged since the scan, or the store does not answer, which this tells apart.
                match self.keyring.read_record(&found).await? {
                    Ok(_) => continue,
                    Err(bad) => usage::note(&mut done.damaged, bad),
                }
                return Ok(());
            };
            let before = record.entries.len();
            record
                .entries
                .retain(|entry| ring.ring.may_return(entry.wrapped_by));
            let (mut moved, mut skipped) = (0_u64, 0_u64);
            if what == Renew::Keys {
                for entry in &mut record.entries {
                    match rewrap(&ring, &purpose, &tenant, entry)? {
                        Some(true) => moved = moved.saturating_add(1),
                        Some(false) => skipped = skipped.saturating_add(1),
                        None => {}
                    }
                }
            }
            let current = record.mac_epoch == ring.ring.mac.epoch;
            if moved == 0 && current && record.entries.len() == before {
                done.skipped = done.skipped.saturating_add(skipped);
                return Ok(());
            }
            let (place, version) = (found.key.clone(), Some(found.version));
            if self
                .keyring
                .write_tenant(place, version, &record, &ring, &purpose, &tenant)
                .await?
            {
                done.tenants = done.tenants.saturating_add(1);
                done.moved = done.moved.saturating_add(moved);
                done.skipped = done.skipped.saturating_add(skipped);
                return Ok(());
            }
            match self.keyring.0.store.fetch(&found.key).await? {
                Some(newer) => found = newer,
                None => return Ok(()),
            }
        }
        Err(contended())
    }
}

/// Wraps one key by the Active ring key. `None`: it is, or the purpose has none; no: its own ring
/// key does not open.
fn rewrap(
    ring: &Snapshot,
    purpose: &Purpose,
    tenant: &Tenant,
    entry: &mut TenantEntry,
) -> Result<Option<bool>> {
    let Ok(active) = ring.ring.active(purpose) else {
        return Ok(None);
    };
    if entry.wrapped_by == active.id {
        return Ok(None);
    }
    if ring.opens(entry.wrapped_by).is_err() {
        return Ok(Some(false));
    }
    let material = tenant::unwrap(ring, purpose, tenant, entry)?;
    let mut next = entry.clone();
    next.wrapped_by = active.id;
    *entry = tenant::wrap(ring, purpose, tenant, next, &material)?;
    Ok(Some(true))
}
