//! The ring's keys wrapped anew under the newest version of the root.

use keyward_base::Result;

use super::Admin;
use crate::records::{MAX_TRIES, contended};
use crate::root::Wrapped;
use crate::snapshot::{filter_context, key_context, mac_context};

/// What a rewrap under the newest root did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootRewrapped {
    /// Keys of the ring that were wrapped anew.
    pub moved: u64,
    /// Whether the store showed that what the older root wrapped is gone from it. No: it may still
    /// lie in free pages or in the journal, because others were using the store, or it failed at
    /// that; run it again.
    pub erased: bool,
}

impl Admin {
    /// Wraps the ring's MAC keys and all its keys under the newest version of the root, and has the
    /// store erase what the older one wrapped. After it, older versions of the root are needed only
    /// by backups of the key store; and by whoever copied the store, as long as
    /// [`RootRewrapped::erased`] is no.
    ///
    /// # Errors
    /// `Unavailable` if store, root or audit cannot be reached.
    pub async fn rewrap_root(&self) -> Result<RootRewrapped> {
        let moved = self
            .audited("keys.rewrap-root", None, self.try_rewrap_root())
            .await?;
        // Also when nothing moved: an earlier run may have died before it erased.
        let erased = self.erase().await;
        Ok(RootRewrapped { moved, erased })
    }

    async fn try_rewrap_root(&self) -> Result<u64> {
        let root = self.keyring.0.root.as_ref();
        for _ in 0..MAX_TRIES {
            self.keyring.refresh().await?;
            let known = self.keyring.snapshot();
            let mut next = known.ring.next_epoch()?;
            let old = |wrapped: &Wrapped| wrapped.version != root.version();
            let mut moved = 0_u64;
            let id = next.id;
            for mac in std::iter::once(&mut next.mac).chain(&mut next.previous_mac) {
                if old(&mac.wrapped) {
                    let context = mac_context(id, mac.epoch)?;
                    let key = root.unwrap(&context, &mac.wrapped).await?;
                    mac.wrapped = root.wrap(&context, &key).await?;
                    moved = moved.saturating_add(1);
                }
            }
            if old(&next.filter) {
                let context = filter_context(id)?;
                let key = root.unwrap(&context, &next.filter).await?;
                next.filter = root.wrap(&context, &key).await?;
                moved = moved.saturating_add(1);
            }
            for key in &mut next.keys {
                let Some(wrapped) = key.wrapped.as_ref().filter(|wrapped| old(wrapped)) else {
                    continue;
                };
                let context = key_context(id, key)?;
                let material = root.unwrap(&context, wrapped).await?;
                key.wrapped = Some(root.wrap(&context, &material).await?);
                moved = moved.saturating_add(1);
            }
            if moved == 0 || self.keyring.commit(&known, next).await? {
                return Ok(moved);
            }
        }
        Err(contended())
    }
}
