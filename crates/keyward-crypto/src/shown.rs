//! A secret that the other side shows as it is.

use std::fmt;

use keyward_base::{Result, SecretBytes};

use crate::hmac::{HmacHash, HmacKey, HmacTag};
use crate::provider::Provider;

/// A secret that the other side shows as it is, kept as its HMAC-SHA-256 tag under a key made at
/// random: two tags of 32 bytes are compared, so that neither length nor content of the right one
/// shows in the time that it takes, and no memory holds the secret.
pub struct Shown {
    key: HmacKey,
    tag: HmacTag,
}

impl Shown {
    /// Keeps `secret`, of any length.
    ///
    /// # Errors
    /// `Unavailable` without randomness, or if the provider cannot take the key.
    pub fn new(provider: &Provider, secret: &SecretBytes) -> Result<Self> {
        let random = SecretBytes::copy_of(provider.random::<32>()?.expose());
        let key = HmacKey::new(provider, HmacHash::Sha256, &random)?;
        let tag = key.sign(&[secret.expose()]);
        Ok(Self { key, tag })
    }

    /// Whether it is that secret. Allocates nothing.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        self.key.matches_any(&[shown], [self.tag.clone()])
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}
