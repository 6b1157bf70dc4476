//! What the authenticator says of an assertion (WebAuthn Level 3, section 6.1).

use keyward_base::reader::Reader;
use keyward_base::{Error, Reason, Result};

/// Bytes of the hash of the RP ID, the flags and the counter. An assertion has nothing else: a key
/// is attested when it is made only, and extensions are answered where some were asked for.
pub const LEN: usize = 37;

const USER_PRESENT: u8 = 1 << 0;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;

/// Every other bit says that more follows, or is not defined yet.
const KNOWN: u8 = USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP;

/// The fields of [`LEN`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatorData {
    rp_id_hash: [u8; 32],
    flags: u8,
    counter: u32,
}

impl AuthenticatorData {
    /// Reads exactly [`LEN`] bytes: 32 of the hash, one of flags, four of the counter, big-endian.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for another length; for flags that say that a key or
    /// extensions follow, or that are not defined; and for a key that is backed up though it cannot
    /// be (section 6.1.3).
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut rest = Reader::new(bytes);
        let read = (|| {
            let (rp_id_hash, flags) = (rest.array()?, rest.byte()?);
            let counter = rest.array().map(u32::from_be_bytes)?;
            let sound = flags & !KNOWN == 0 && flags & (BACKUP_ELIGIBLE | BACKED_UP) != BACKED_UP;
            (sound && rest.is_empty()).then_some(Self {
                rp_id_hash,
                flags,
                counter,
            })
        })();
        read.ok_or_else(|| Error::rejected(Reason::MALFORMED))
    }

    /// SHA-256 of the RP ID that the authenticator signed for.
    #[must_use]
    pub const fn rp_id_hash(&self) -> &[u8; 32] {
        &self.rp_id_hash
    }

    /// Whether somebody touched it.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.flags & USER_PRESENT != 0
    }

    /// Whether that was its owner: by a PIN, a finger, a face.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// Whether the key can be copied to other devices of its owner.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// How often it has signed; 0 of one that does not count, as synced keys do not.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.counter
    }
}
