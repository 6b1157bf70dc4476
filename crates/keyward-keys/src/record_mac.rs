//! The key that MACs the ring and the records beside it, and what each of those MACs is over.
//!
//! The bytes are those of `docs/formats/keyring.md`: a name and a zero byte, then the fields of the
//! domain, if there are any, and then the record itself to its end. They are older than the
//! encoding of a domain alone ([`keyward_base::Domain`]), in which the record would be a field, and
//! stay as they are, so that a home goes on. No two uses have the same bytes: no name holds a zero
//! byte, or begins another, and the fields before the record are of one number for each name. The
//! key has no other use, and no way out of here.

use std::fmt;

use keyward_base::domain::Fields;
use keyward_base::{Domain, Error, Purpose, Result, SecretArray, SecretBytes, Tenant};
use keyward_crypto::Provider;
use keyward_crypto::hmac::{HmacHash, HmacKey, HmacTag};

use crate::format::MAC_LEN;
use crate::ring_id::RingId;

/// The ring has no fields: its id is in the record.
const RING: &str = "keyward/v1/ring";
const TENANT_KEYS: Domain<(RingId, &Purpose, &Tenant)> = Domain::new("keyward/v1/tenant-keys");
/// The id is at most as long as a record's.
const REPLICA: Domain<(RingId, &str)> = Domain::new("keyward/v1/replica");

/// A MAC key of the ring: HMAC-SHA-256. Its pads are kept as hashed, and wiped on drop.
pub(crate) struct RecordMac(HmacKey);

/// What a record is, and whose.
#[derive(Clone, Copy)]
pub(crate) enum RecordOf<'a> {
    Ring,
    Tenant(RingId, &'a Purpose, &'a Tenant),
    Replica(RingId, &'a str),
}

impl RecordMac {
    /// # Errors
    /// `Unavailable` if the provider cannot take the key.
    pub(crate) fn new(provider: &Provider, key: &SecretArray<32>) -> Result<Self> {
        let key = SecretBytes::copy_of(key.expose());
        HmacKey::new(provider, HmacHash::Sha256, &key).map(Self)
    }

    /// The MAC of a record's bytes before it.
    pub(crate) fn sign(&self, of: RecordOf<'_>, record: &[u8]) -> Result<[u8; MAC_LEN]> {
        let tag = of.with_prefix(|name, fields| self.0.sign(&[name, b"\0", fields, record]))?;
        let tag = tag.as_bytes().first_chunk::<MAC_LEN>();
        tag.copied()
            .ok_or_else(|| Error::unavailable("the MAC of a record is not of 32 bytes"))
    }

    /// # Errors
    /// `Rejected` for any other MAC than [`RecordMac::sign`] gives.
    pub(crate) fn verify(
        &self,
        of: RecordOf<'_>,
        record: &[u8],
        mac: &[u8; MAC_LEN],
    ) -> Result<()> {
        let mac = HmacTag::from_bytes(HmacHash::Sha256, mac)?;
        of.with_prefix(|name, fields| self.0.verify(&[name, b"\0", fields, record], &mac))?
    }
}

impl RecordOf<'_> {
    /// Gives the name and the encoded fields to `to`.
    fn with_prefix<T>(self, to: impl FnOnce(&[u8], &[u8]) -> T) -> Result<T> {
        match self {
            Self::Ring => Ok(to(RING.as_bytes(), &[])),
            Self::Tenant(ring, purpose, tenant) => {
                encoded(TENANT_KEYS, &(ring, purpose, tenant), to)
            }
            Self::Replica(ring, id) => encoded(REPLICA, &(ring, id), to),
        }
    }
}

fn encoded<F: Fields, T>(
    domain: Domain<F>,
    fields: &F,
    to: impl FnOnce(&[u8], &[u8]) -> T,
) -> Result<T> {
    let fields = domain.encode(fields)?;
    Ok(to(domain.name().as_bytes(), fields.as_bytes()))
}

impl fmt::Debug for RecordMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordMac(..)")
    }
}
