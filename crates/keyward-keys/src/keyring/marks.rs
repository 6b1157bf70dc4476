//! Marks of keys that sealed what no column counts.

use keyward_base::{Error, KeyId, Purpose, Result, Tenant};

use super::Keyring;
use crate::reason;
use crate::records::{MAX_TRIES, contended, tenant_place};

impl Keyring {
    /// Says that a value sealed with `key` lies where no registered column counts it, so that
    /// its ring key is not destroyed by mistake. Durable when this returns.
    ///
    /// # Errors
    /// As [`Keyring::sealing_key`]; and those of [`Keyring::opening_key`] if the key does not
    /// open any more.
    pub async fn mark_unregistered(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        key: KeyId,
    ) -> Result<()> {
        if self.snapshot().ring.find(key).is_some() {
            return self.mark_ring_key(key).await;
        }
        let unknown = || Error::rejected(reason::UNKNOWN_KEY);
        for _ in 0..MAX_TRIES {
            // Read anew: a mark that stands already says nothing of a key withdrawn since.
            self.refresh().await?;
            let found = self.fetch_tenant(purpose, tenant).await?;
            let (found, mut record, snapshot) = found.ok_or_else(unknown)?;
            let entry = record.entries.iter_mut().find(|entry| entry.id == key);
            let entry = entry.ok_or_else(unknown)?;
            snapshot.opens(entry.wrapped_by)?;
            if entry.unregistered {
                return Ok(());
            }
            entry.unregistered = true;
            let place = tenant_place(purpose, tenant);
            let version = Some(found.version);
            if self
                .write_tenant(place, version, &record, &snapshot, purpose, tenant)
                .await?
            {
                return Ok(());
            }
        }
        Err(contended())
    }

    async fn mark_ring_key(&self, id: KeyId) -> Result<()> {
        self.change(|next, _| {
            let key = next.keys.iter_mut().find(|key| key.id == id);
            let key = key.ok_or_else(|| Error::misuse(format!("the keyring has no key {id}")))?;
            key.state.check_opens()?;
            Ok(!std::mem::replace(&mut key.unregistered, true))
        })
        .await
    }
}
