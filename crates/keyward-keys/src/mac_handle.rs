//! A key that MACs, as callers hold it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::KeyId;
use keyward_base::encoding::key_tag;
use keyward_crypto::MacKey;

/// A key for MACs of one purpose, of the ring or of one tenant. A cheap clone; its pads are kept,
/// and wiped when the last one and the keyring's are dropped. Hold it for one call, not longer: a
/// handle does not see that its key was disabled.
#[derive(Clone)]
pub struct MacHandle {
    pub(crate) id: KeyId,
    pub(crate) promoted_epoch: u64,
    pub(crate) longest_life: Option<Duration>,
    pub(crate) key: Arc<MacKey>,
}

impl MacHandle {
    /// The id of the ring key, which tokens and records name: 8 bytes.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What a record says of the key that MACed it
    /// ([`Content::mac_key`](keyward_store::Content::mac_key)), or that a token issued for it needs
    /// ([`Content::token_key`](keyward_store::Content::token_key)): 16 bytes, by which it is
    /// counted.
    #[must_use]
    pub fn tag(&self) -> String {
        key_tag(self.id)
    }

    /// The ring's epoch in which the key became Active: it MACs records where the
    /// [`Barrier`](crate::Barrier) is not above it.
    #[must_use]
    pub const fn promoted_epoch(&self) -> u64 {
        self.promoted_epoch
    }

    /// The longest that anything may live which it authenticates, in whole seconds; none has no
    /// end. Whoever issues a token caps its life by this.
    #[must_use]
    pub const fn longest_life(&self) -> Option<Duration> {
        self.longest_life
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &MacKey {
        &self.key
    }
}

impl fmt::Debug for MacHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacHandle({})", self.id)
    }
}
