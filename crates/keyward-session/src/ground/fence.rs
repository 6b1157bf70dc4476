//! Under which key, and on which conditions, rows and epochs are written.

use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};
use keyward_keys::{Barrier, MacHandle};
use keyward_store::Write;

use super::Ground;

/// The barriers of both collections, once they were read.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Option<[Barrier; 2]>>);

/// The key to write under, and what the batch requires for it: two writes, the first.
pub(crate) struct Fence {
    pub(crate) key: MacHandle,
    pub(crate) batch: Vec<Write>,
}

impl<const N: usize> Ground<N> {
    /// The active key, unless the barriers ask for one that this process does not know.
    pub(crate) async fn fence(&self) -> Result<Fence> {
        let barriers = self.barriers().await?;
        let least = barriers.iter().map(Barrier::promoted_epoch).max();
        let fits = |key: &MacHandle| key.promoted_epoch() >= least.unwrap_or(0);
        let (keyring, purpose) = (&self.keyring, &self.purpose);
        let mut key = keyring.mac(purpose)?;
        if !fits(&key) {
            keyring.refresh().await?;
            key = keyring.mac(purpose)?;
        }
        if !fits(&key) {
            return Err(Error::unavailable(
                "the barrier of sessions is ahead of the keyring: an older keyring was put back; restore the newest, or rotate",
            ));
        }
        let batch = barriers.iter().map(Barrier::require).collect();
        Ok(Fence { key, batch })
    }

    async fn barriers(&self) -> Result<[Barrier; 2]> {
        let held = self.kept_barriers().clone();
        if let Some(held) = held {
            return Ok(held);
        }
        let (store, purpose) = (self.store.as_ref(), &self.purpose);
        let read = [
            Barrier::claim_macs(store, &self.form.rows, purpose).await?,
            Barrier::claim_macs(store, &self.form.collection, purpose).await?,
        ];
        *self.kept_barriers() = Some(read.clone());
        Ok(read)
    }

    /// Reads the barriers anew at the next write: a batch met a conflict, which they may be.
    pub(crate) fn forget_fence(&self) {
        *self.kept_barriers() = None;
    }

    fn kept_barriers(&self) -> std::sync::MutexGuard<'_, Option<[Barrier; 2]>> {
        let held = self.fence.0.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}
