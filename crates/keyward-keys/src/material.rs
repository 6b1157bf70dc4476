//! What the keys of the ring are in memory.
//!
//! The 32 bytes that the root wraps are never a MAC key or a seed themselves: each of those is
//! derived from them, for the ring and for each tenant, by HKDF-Expand with SHA-256 under a label
//! of its own.

use std::fmt;
use std::sync::Arc;

use keyward_base::{Domain, Error, KeyId, Purpose, Result, SecretArray, Suite, Tenant};
use keyward_crypto::sign::SigningKey;
use keyward_crypto::{BodyKey, MacKey, Provider};

use crate::reason;
use crate::ring::{KeyKind, RingKey};
use crate::ring_id::RingId;

/// The hash of what is derived is that of this suite.
const DERIVES: Suite = Suite::Chunked2;

/// The material of a ring key. A cheap clone.
#[derive(Clone)]
pub(crate) enum Material {
    Seal(Arc<BodyKey>),
    Mac(Arc<MacMaterial>),
    Sign(Arc<SignMaterial>),
}

/// A key that MACs: the one of the ring itself, and what those of tenants are derived from.
pub(crate) struct MacMaterial {
    pub(crate) of_ring: Arc<MacKey>,
    base: BodyKey,
}

/// A key that signs.
pub(crate) struct SignMaterial {
    pub(crate) of_ring: Arc<SigningKey>,
    base: BodyKey,
}

/// What the ring's own keys are derived under, and those of tenants.
type OfRing<'a> = Domain<(RingId, KeyId, &'a Purpose)>;
type OfTenant<'a> = Domain<(RingId, KeyId, &'a Purpose, &'a Tenant)>;

const MAC_KEY: OfRing<'_> = Domain::new("keyward/v1/mac-key");
const TENANT_MAC_KEY: OfTenant<'_> = Domain::new("keyward/v1/tenant-mac-key");
const SIGNING_KEY: OfRing<'_> = Domain::new("keyward/v1/signing-key");
const TENANT_SIGNING_KEY: OfTenant<'_> = Domain::new("keyward/v1/tenant-signing-key");

impl Material {
    /// # Errors
    /// `Corrupt` if a signing key is not the one whose public half the ring has.
    pub(crate) fn new(
        provider: &Provider,
        ring: RingId,
        key: &RingKey,
        material: &SecretArray<32>,
    ) -> Result<Self> {
        match &key.kind {
            KeyKind::Seal(suite) => {
                let body = BodyKey::new(provider, *suite, material)?;
                Ok(Self::Seal(Arc::new(body)))
            }
            KeyKind::Mac => {
                let made = MacMaterial::new(provider, ring, key.id, &key.purpose, material)?;
                Ok(Self::Mac(Arc::new(made)))
            }
            KeyKind::Sign(published) => {
                let made = SignMaterial::new(provider, ring, key.id, &key.purpose, material)?;
                if made.of_ring.public() != published.public {
                    return Err(Error::corrupt(
                        "a signing key of the keyring is not the one that was published",
                    )
                    .because(reason::DAMAGED_KEYS));
                }
                Ok(Self::Sign(Arc::new(made)))
            }
        }
    }
}

impl MacMaterial {
    fn new(
        provider: &Provider,
        ring: RingId,
        key: KeyId,
        purpose: &Purpose,
        material: &SecretArray<32>,
    ) -> Result<Self> {
        let base = BodyKey::new(provider, DERIVES, material)?;
        let context = MAC_KEY.encode(&(ring, key, purpose))?;
        let of_ring = MacKey::new(provider, &base.derive("mac", &context)?)?;
        let of_ring = Arc::new(of_ring);
        Ok(Self { of_ring, base })
    }

    pub(crate) fn of_tenant(
        &self,
        provider: &Provider,
        ring: RingId,
        key: KeyId,
        purpose: &Purpose,
        tenant: &Tenant,
    ) -> Result<MacKey> {
        let context = TENANT_MAC_KEY.encode(&(ring, key, purpose, tenant))?;
        MacKey::new(provider, &self.base.derive("tenant-mac", &context)?)
    }
}

impl SignMaterial {
    pub(crate) fn new(
        provider: &Provider,
        ring: RingId,
        key: KeyId,
        purpose: &Purpose,
        material: &SecretArray<32>,
    ) -> Result<Self> {
        let base = BodyKey::new(provider, DERIVES, material)?;
        let context = SIGNING_KEY.encode(&(ring, key, purpose))?;
        let of_ring = Arc::new(SigningKey::new(base.derive("sign", &context)?)?);
        Ok(Self { of_ring, base })
    }

    pub(crate) fn of_tenant(
        &self,
        ring: RingId,
        key: KeyId,
        purpose: &Purpose,
        tenant: &Tenant,
    ) -> Result<SigningKey> {
        let context = TENANT_SIGNING_KEY.encode(&(ring, key, purpose, tenant))?;
        SigningKey::new(self.base.derive("tenant-sign", &context)?)
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material(..)")
    }
}
