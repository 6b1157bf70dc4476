//! A new MAC key for the ring and all records beside it.

use keyward_base::Result;
use keyward_store::DamagedRow;

use super::Admin;
use super::rewrap::Renew;
use crate::records::{MAX_TRIES, contended};
use crate::snapshot::new_mac;
use crate::usage::DamagedRecord;

/// What a rotation of the MAC key did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MacRotated {
    /// The ring's epoch in which the MAC key was made that is in use now.
    pub mac_epoch: u64,
    /// Tenants whose record was written anew.
    pub tenants: u64,
    /// Tenants' records that cannot be read, left as they are. The old key stays while one of them
    /// is a row that the store cannot give.
    pub damaged: Vec<DamagedRecord>,
    /// Replicas that have not renewed their lease under the new key: the old one stays until they
    /// have. Run it again in a moment.
    pub behind: Vec<String>,
}

impl Admin {
    /// Replaces the MAC key of the ring, and puts the records of all tenants under the new one.
    /// The old key is dropped once no record and no lease needs it. May be killed and repeated: a
    /// run goes on with a rotation that was begun, and begins one only if none was. One that is
    /// overtaken by another process, which ended this rotation and began the next, drops nothing.
    /// `progress` is told how many tenants were seen.
    ///
    /// # Errors
    /// `Unavailable` if store, root or audit cannot be reached.
    pub async fn rotate_mac(&self, progress: impl FnMut(u64) + Send) -> Result<MacRotated> {
        self.audited("keys.rotate-mac", None, self.try_rotate_mac(progress))
            .await
    }

    async fn try_rotate_mac(&self, progress: impl FnMut(u64) + Send) -> Result<MacRotated> {
        let mac_epoch = self.begin_mac().await?;
        let renewed = self.renew(Renew::Mac, progress).await?;
        let behind = self.leases_behind().await?;
        // A row that the store cannot give may be given again, under the key it is under.
        let mut rows = renewed.damaged.iter().any(|record| record.row.is_some());
        rows |= renewed.damaged.len() >= DamagedRow::MOST;
        if behind.is_empty() && !rows {
            self.keyring
                .change(|next, _| {
                    // Of a later rotation the one before is a key that records seen here are under.
                    let is_ours = next.mac.epoch == mac_epoch;
                    Ok(is_ours && next.previous_mac.take().is_some())
                })
                .await?;
        }
        Ok(MacRotated {
            mac_epoch: self.keyring.snapshot().ring.mac.epoch,
            tenants: renewed.tenants,
            damaged: renewed.damaged,
            behind,
        })
    }

    /// From here on nothing is written under the old key: every write requires the ring. Returns
    /// the epoch of the new one.
    async fn begin_mac(&self) -> Result<u64> {
        let inner = &self.keyring.0;
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            if known.ring.previous_mac.is_some() {
                return Ok(known.ring.mac.epoch);
            }
            let mut next = known.ring.next_epoch()?;
            let (provider, root) = (&inner.provider, inner.root.as_ref());
            let (mac, key) = new_mac(provider, root, next.id, next.epoch).await?;
            next.previous_mac = Some(std::mem::replace(&mut next.mac, mac));
            if self
                .keyring
                .commit_with(&known, &next, &key, Vec::new())
                .await?
            {
                return Ok(next.mac.epoch);
            }
        }
        Err(contended())
    }

    /// Live replicas whose lease is under the old key.
    async fn leases_behind(&self) -> Result<Vec<String>> {
        let snapshot = self.keyring.snapshot();
        let live = self.keyring.replicas().await?;
        let old = live
            .into_iter()
            .filter(|replica| replica.mac_epoch != snapshot.ring.mac.epoch);
        Ok(old.map(|replica| replica.name).collect())
    }
}
