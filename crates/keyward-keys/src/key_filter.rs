//! Key ids that carry a filter, so that one that was made up costs no read.
//!
//! An id is 4 random bytes and the first 4 bytes of a MAC of them, under a key that only the ring
//! has, over what the key is for. Of 2^32 ids that somebody makes up, one fits.

use std::fmt;

use keyward_base::{Domain, KeyId, Purpose, Result, SecretArray, Tenant};
use keyward_crypto::{MacKey, Provider};

const TENANT_KEY_ID: Domain<(&Purpose, &Tenant, [u8; 4])> = Domain::new("keyward/v1/tenant-key-id");
const RING_KEY_ID: Domain<(&Purpose, [u8; 4])> = Domain::new("keyward/v1/ring-key-id");

/// Makes ids that fit, and tells those that do not.
pub(crate) struct KeyFilter(MacKey);

impl KeyFilter {
    pub(crate) fn new(provider: &Provider, key: &SecretArray<32>) -> Result<Self> {
        MacKey::new(provider, key).map(Self)
    }

    /// A new id for a key of `tenant`; without one, for a key of the ring.
    pub(crate) fn make(
        &self,
        provider: &Provider,
        purpose: &Purpose,
        tenant: Option<&Tenant>,
    ) -> Result<KeyId> {
        let mut random = [0; 4];
        provider.fill(&mut random)?;
        Ok(self.id(random, purpose, tenant))
    }

    /// Whether `id` can be a key of `tenant` and purpose; without a tenant, one of the ring.
    pub(crate) fn fits(&self, id: KeyId, purpose: &Purpose, tenant: Option<&Tenant>) -> bool {
        let [a, b, c, d, ..] = id.to_bytes();
        self.id([a, b, c, d], purpose, tenant) == id
    }

    fn id(&self, random: [u8; 4], purpose: &Purpose, tenant: Option<&Tenant>) -> KeyId {
        let [e, f, g, h, ..] = match tenant {
            Some(tenant) => self.0.sign(TENANT_KEY_ID, &(purpose, tenant, random)),
            None => self.0.sign(RING_KEY_ID, &(purpose, random)),
        };
        let [a, b, c, d] = random;
        KeyId::from_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for KeyFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFilter(..)")
    }
}
