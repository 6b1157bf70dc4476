//! Keys that MAC, as callers hold them: one that makes MACs, and one that only verifies.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::domain::Fields;
use keyward_base::key_tag::key_tag;
use keyward_base::{Domain, Error, KeyId, Reason, Result};
use keyward_crypto::mac::TAG_LEN;
use keyward_crypto::{MacKey, equal};

/// Bytes of a MAC that are enough to tell a token from what was made up.
pub const FRONT_LEN: usize = 8;

/// The Active key of one purpose, of the ring or of one tenant: it makes MACs. A cheap clone; its
/// pads are kept, and wiped when the last one and the keyring's are dropped. Hold it for one call,
/// not longer: a handle does not see that its key retired.
#[derive(Clone)]
pub struct MacHandle {
    pub(crate) verifies: MacVerifier,
    pub(crate) promoted_epoch: u64,
    pub(crate) longest_life: Option<Duration>,
}

impl MacHandle {
    /// The id of the ring key, which tokens and records name: 8 bytes.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.verifies.id
    }

    /// What a record says of the key that MACed it
    /// ([`Content::mac_key`](keyward_store::Content::mac_key)), or that a token issued for it needs
    /// ([`Content::token_key`](keyward_store::Content::token_key)): 16 bytes, by which it is
    /// counted.
    #[must_use]
    pub fn tag(&self) -> String {
        self.verifies.tag()
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

    /// The MAC of these fields in `domain`: 32 bytes, over what `docs/formats/mac.md` says.
    #[must_use]
    pub fn sign<F: Fields>(&self, domain: Domain<F>, fields: &F) -> [u8; TAG_LEN] {
        self.verifies.key.sign(domain, fields)
    }

    /// Checks a MAC that this very key made. One that names its key is checked by
    /// [`Keyring::mac_by_id`](crate::Keyring::mac_by_id).
    ///
    /// # Errors
    /// As [`MacVerifier::verify`].
    pub fn verify<F: Fields>(
        &self,
        domain: Domain<F>,
        fields: &F,
        tag: &[u8; TAG_LEN],
    ) -> Result<()> {
        self.verifies.verify(domain, fields, tag)
    }
}

impl fmt::Debug for MacHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacHandle({})", self.id())
    }
}

/// A key that something names, Active or Retired: it verifies, and makes no MAC, so that nothing
/// new is made under a key that is on the way out. A cheap clone, wiped and held as
/// [`MacHandle`] is.
#[derive(Clone)]
pub struct MacVerifier {
    pub(crate) id: KeyId,
    pub(crate) key: Arc<MacKey>,
}

impl MacVerifier {
    /// The id of the ring key: 8 bytes.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// As [`MacHandle::tag`]: by it the records are found that need this key.
    #[must_use]
    pub fn tag(&self) -> String {
        key_tag(self.id)
    }

    /// Checks the MAC of these fields in `domain`, in constant time.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`](keyward_base::Reason::NOT_AUTHENTIC)) for any other.
    pub fn verify<F: Fields>(
        &self,
        domain: Domain<F>,
        fields: &F,
        tag: &[u8; TAG_LEN],
    ) -> Result<()> {
        self.key.verify(domain, fields, tag)
    }

    /// Checks the first 8 bytes of the MAC of these fields in `domain`, in constant time, and gives
    /// all 32 where they fit. Of a token that carries as much and is told by it from what was made
    /// up, before anything is read; what it proves is in the record that holds the whole MAC.
    ///
    /// # Errors
    /// As [`MacVerifier::verify`]: one of 2^64 that were made up fits.
    pub fn verify_front<F: Fields>(
        &self,
        domain: Domain<F>,
        fields: &F,
        front: &[u8; FRONT_LEN],
    ) -> Result<[u8; TAG_LEN]> {
        let tag = self.key.sign(domain, fields);
        let fits = tag
            .first_chunk()
            .is_some_and(|right: &[u8; FRONT_LEN]| equal(right, front));
        if fits {
            return Ok(tag);
        }
        Err(Error::rejected(Reason::NOT_AUTHENTIC))
    }
}

impl fmt::Debug for MacVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacVerifier({})", self.id)
    }
}
