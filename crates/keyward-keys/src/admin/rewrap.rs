//! Wrapping keys anew: tenant keys under the Active ring key, ring keys under the newest root.

use keyward_base::{Purpose, Result, Tenant};
use keyward_store::{Applied, Record};

use super::usage::names;
use super::{Admin, MAX_TRIES};
use crate::keyring::{contended, put};
use crate::root::Wrapped;
use crate::snapshot::{key_context, mac_context};
use crate::tenant;

/// What a rewrap of keys did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Tenants whose record was written anew.
    pub tenants: u64,
    /// Tenant keys that are under the Active ring key now and were not before.
    pub moved: u64,
    /// Tenant keys whose ring key is disabled or destroyed, left as they were.
    pub skipped: u64,
}

impl Admin {
    /// Wraps every tenant key under the Active ring key of its purpose. Values are untouched:
    /// this is hygiene, and no answer to a leaked key. May be killed and repeated. `progress` is
    /// told how many tenants were seen.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached, `Corrupt` for a record that is not authentic.
    pub async fn rewrap_keys(&self, mut progress: impl FnMut(u64) + Send) -> Result<Rewrapped> {
        self.keyring.refresh().await?;
        let mut done = Rewrapped::default();
        let mut seen = 0_u64;
        let mut pages = self.tenant_pages(None);
        while let Some(page) = pages.next().await? {
            for record in &page {
                let (tenant, purpose) = names(record)?;
                self.rewrap_tenant(&purpose, &tenant, record.clone(), &mut done)
                    .await?;
                seen = seen.saturating_add(1);
                progress(seen);
            }
        }
        self.audited("keys.rewrap", None, Ok(done))
    }

    async fn rewrap_tenant(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        mut found: Record,
        done: &mut Rewrapped,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let snapshot = self.keyring.snapshot();
            let active = snapshot.ring.active(purpose)?.id;
            let mut record = tenant::read(&found, &snapshot, purpose, tenant)?;
            let before = record.entries.len();
            record
                .entries
                .retain(|entry| snapshot.ring.may_return(entry.wrapped_by));
            let (mut moved, mut skipped) = (0_u64, 0_u64);
            for entry in record
                .entries
                .iter_mut()
                .filter(|entry| entry.wrapped_by != active)
            {
                if snapshot.opens(entry.wrapped_by).is_err() {
                    skipped = skipped.saturating_add(1);
                    continue;
                }
                let material = tenant::unwrap(&snapshot, purpose, tenant, entry)?;
                let mut next = entry.clone();
                next.wrapped_by = active;
                *entry = tenant::wrap(&snapshot, purpose, tenant, next, &material)?;
                moved = moved.saturating_add(1);
            }
            if moved == 0 && record.entries.len() == before {
                done.skipped = done.skipped.saturating_add(skipped);
                return Ok(());
            }
            let data = tenant::write(&record, &snapshot, purpose, tenant)?;
            let swap = put(found.key.clone(), Some(found.version), data);
            if let Applied::Done(_) = self.keyring.0.store.apply(vec![swap]).await? {
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

    /// Wraps the ring's MAC key and all its keys under the newest version of the root. Returns
    /// how many were wrapped anew. After it, older versions of the root are needed only by
    /// backups of the key store.
    ///
    /// # Errors
    /// `Unavailable` if store or root cannot be reached.
    pub async fn rewrap_root(&self) -> Result<u64> {
        let result = self.try_rewrap_root().await;
        self.audited("keys.rewrap-root", None, result)
    }

    async fn try_rewrap_root(&self) -> Result<u64> {
        let root = self.keyring.0.root.as_ref();
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            let mut next = known.ring.next_epoch()?;
            let old = |wrapped: &Wrapped| wrapped.version != root.version();
            let mut moved = 0_u64;
            if old(&next.mac_key) {
                let context = mac_context(next.id);
                let key = root.unwrap(context.as_bytes(), &next.mac_key).await?;
                next.mac_key = root.wrap(context.as_bytes(), &key).await?;
                moved = moved.saturating_add(1);
            }
            let id = next.id;
            for key in &mut next.keys {
                let Some(wrapped) = key.wrapped.as_ref().filter(|wrapped| old(wrapped)) else {
                    continue;
                };
                let context = key_context(id, key);
                let material = root.unwrap(context.as_bytes(), wrapped).await?;
                key.wrapped = Some(root.wrap(context.as_bytes(), &material).await?);
                moved = moved.saturating_add(1);
            }
            if moved == 0 || self.keyring.commit(&known, next).await?.is_some() {
                return Ok(moved);
            }
        }
        Err(contended())
    }
}
