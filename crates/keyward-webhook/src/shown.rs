//! A secret that the other side shows as it is.

use keyward_base::{Result, SecretBytes};
use keyward_crypto::Provider;
use keyward_crypto::hmac::{HmacHash, HmacKey, HmacTag};

/// Kept as its tag under a key made at random: two tags are compared, so that neither length nor
/// content of the right one shows in the time that it takes.
pub(crate) struct Shown {
    key: HmacKey,
    tag: HmacTag,
}

impl Shown {
    pub(crate) fn new(provider: &Provider, secret: &SecretBytes) -> Result<Self> {
        let random = SecretBytes::copy_of(provider.random::<32>()?.expose());
        let key = HmacKey::new(provider, HmacHash::Sha256, &random)?;
        let tag = key.sign(&[secret.expose()]);
        Ok(Self { key, tag })
    }

    /// Whether it is that secret. Allocates nothing.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        self.key.matches_any(&[shown], [self.tag.clone()])
    }
}
