//! HMAC-SHA-256 (RFC 2104, FIPS 198-1) with a kept key.

use std::fmt;

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Reason, Result, SecretArray};

use crate::kdf::Hmac256;
use crate::provider::Provider;

/// A key for HMAC-SHA-256; its pads are wiped on drop.
pub struct MacKey(Hmac256);

impl MacKey {
    /// Takes over a copy of `key`.
    ///
    /// # Errors
    /// `Unavailable` if the provider cannot take the key.
    pub fn new(provider: &Provider, key: &SecretArray<32>) -> Result<Self> {
        with_stack_wiped(|| Hmac256::new(provider.hash(), key.expose()))
            .map(Self)
            .ok_or_else(|| Error::unavailable("the provider cannot take the key"))
    }

    /// The 32-byte tag of the concatenation of `parts`. The caller makes the encoding injective.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut tag = [0; 32];
        with_stack_wiped(|| self.0.ready().sign(parts, &mut tag));
        tag
    }

    /// Checks a tag of exactly 32 bytes, in constant time.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NotAuthentic`]) for any other tag.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<()> {
        if crate::equal(&self.sign(parts), tag) {
            return Ok(());
        }
        Err(Error::rejected(Reason::NotAuthentic))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}
