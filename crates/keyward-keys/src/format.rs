//! The bytes of the ring, tenant and replica records. See `docs/formats/keyring.md`.
//!
//! Reading is strict: every length is bounded, every enumeration closed, nothing may follow. What
//! is read is not yet authentic: the MAC is checked by who has its key.

mod reader;
mod ring;
mod tenant;

use keyward_base::{Error, Result, Timestamp};

use reader::Reader;
pub(crate) use ring::{decode_ring, encode_ring};
pub(crate) use tenant::{TenantEntry, TenantRecord, decode_tenant, encode_tenant};

/// Bytes of the MAC at the end of ring and tenant records.
pub const MAC_LEN: usize = 32;

/// Reads the outside of a ring record, checks its structure and what must hold of any ring, and
/// says how many keys it has. Nothing in it is authentic yet.
///
/// # Errors
/// `Corrupt` for bytes that are not a ring record; `Unavailable` for a newer version.
pub fn inspect_ring(bytes: &[u8]) -> Result<usize> {
    let (ring, _, _) = decode_ring(bytes)?;
    ring.check()?;
    Ok(ring.keys.len())
}

/// Reads the outside of a tenant record and says how many keys it has. Nothing in it is authentic
/// yet.
///
/// # Errors
/// `Corrupt` for bytes that are not a tenant record; `Unavailable` for a newer version.
pub fn inspect_tenant(bytes: &[u8]) -> Result<usize> {
    decode_tenant(bytes).map(|(record, _, _)| record.entries.len())
}

/// Reads a replica record.
///
/// # Errors
/// `Corrupt` for bytes that are not one; `Unavailable` for a newer version.
pub fn inspect_replica(bytes: &[u8]) -> Result<()> {
    decode_lease(bytes).map(|_| ())
}

/// A replica's word: which epoch it holds, and until when it counts as alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) epoch: u64,
    pub(crate) until: Timestamp,
}

const REPLICA_MAGIC: &[u8; 4] = b"kwrp";

pub(crate) fn encode_lease(lease: Lease) -> Vec<u8> {
    let mut out = REPLICA_MAGIC.to_vec();
    out.push(1);
    out.extend_from_slice(&lease.epoch.to_be_bytes());
    out.extend_from_slice(&lease.until.as_millis().to_be_bytes());
    out
}

pub(crate) fn decode_lease(bytes: &[u8]) -> Result<Lease> {
    let mut from = Reader::new(bytes, "a replica record is not one of ours");
    from.magic(REPLICA_MAGIC)?;
    from.version()?;
    let lease = Lease {
        epoch: from.u64()?,
        until: Timestamp::from_millis(from.u64()?),
    };
    from.end()?;
    Ok(lease)
}

/// `body | MAC`: splits off the MAC.
fn split_mac(bytes: &[u8]) -> Result<(&[u8], [u8; MAC_LEN])> {
    bytes
        .split_last_chunk::<MAC_LEN>()
        .map(|(body, mac)| (body, *mac))
        .ok_or_else(|| Error::corrupt("a key record is too short"))
}
