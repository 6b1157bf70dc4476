//! HMAC-SHA-256 (RFC 2104, FIPS 198-1) with a kept key, over a domain and its fields.
//!
//! ```
//! use keyward_base::{Domain, Tenant};
//! use keyward_crypto::{MacKey, Provider};
//!
//! const LINK: Domain<(&Tenant, u64)> = Domain::new("example/v1/link");
//!
//! # fn main() -> keyward_base::Result<()> {
//! let provider = Provider::default();
//! let key = MacKey::new(&provider, &provider.random()?)?;
//! let (acme, globex) = (Tenant::new("acme")?, Tenant::new("globex")?);
//! let tag = key.sign(LINK, &(&acme, 7));
//! key.verify(LINK, &(&acme, 7), &tag)?;
//! assert!(key.verify(LINK, &(&globex, 7), &tag).is_err());
//! # Ok(()) }
//! ```
//!
//! The bytes are those of `docs/formats/mac.md`. For the schemes of others, which have fields of
//! another form or none, see [`crate::hmac`].

use std::fmt;

use keyward_base::domain::Fields;
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Domain, Error, Reason, Result, SecretArray};

use crate::kdf::Hmac256;
use crate::provider::Provider;

/// Bytes of a tag.
pub const TAG_LEN: usize = 32;

/// A key for HMAC-SHA-256. Its pads are kept as hashed, and wiped on drop.
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

    /// The tag of these fields in `domain`. Of any length: they are hashed as they come.
    #[must_use]
    pub fn sign<F: Fields>(&self, domain: Domain<F>, fields: &F) -> [u8; TAG_LEN] {
        let mut tag = [0; TAG_LEN];
        self.0
            .with_stack_wiped(|| self.write(domain, fields, &mut tag));
        tag
    }

    /// Checks a tag in constant time. The right one is wiped.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) for any other tag.
    pub fn verify<F: Fields>(
        &self,
        domain: Domain<F>,
        fields: &F,
        tag: &[u8; TAG_LEN],
    ) -> Result<()> {
        let right = self.0.with_stack_wiped(|| {
            let mut expected = [0; TAG_LEN];
            self.write(domain, fields, &mut expected);
            crate::equal(&expected, tag)
        });
        if right {
            return Ok(());
        }
        Err(Error::rejected(Reason::NOT_AUTHENTIC))
    }

    fn write<F: Fields>(&self, domain: Domain<F>, fields: &F, tag: &mut [u8; TAG_LEN]) {
        self.0.sign_fed(|to| domain.stream(fields, to), tag);
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}
