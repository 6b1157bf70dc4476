//! The bytes of the records. See `docs/formats/keyring.md`.
//!
//! Reading is strict: every length is bounded, every enumeration closed, nothing may follow. What
//! is read is not yet authentic: the MAC is checked by who has its key.

mod coverage;
mod cursor;
mod lease;
mod purposes;
mod reader;
mod ring;
mod tenant;

use keyward_base::{Error, Result};

pub(crate) use coverage::{MAX_PAGES, PAGE_ENTRIES, decode_coverage, encode_coverage};
pub(crate) use cursor::{decode_cursor, encode_cursor};
pub(crate) use lease::{Lease, decode_lease, encode_lease};
pub(crate) use ring::{decode_ring, encode_ring};
pub(crate) use tenant::{TenantEntry, TenantRecord, decode_tenant, encode_tenant};

/// Bytes of the MAC at the end of ring, tenant and replica records.
pub const MAC_LEN: usize = 32;

/// Reads the outside of a ring record, checks its structure and what must hold of any ring, and
/// says how many keys it has. Nothing in it is authentic yet.
///
/// # Errors
/// `Corrupt` for bytes that are not a ring record; `Unavailable` for another version.
pub fn inspect_ring(bytes: &[u8]) -> Result<usize> {
    let (ring, _, _) = decode_ring(bytes)?;
    ring.check()?;
    Ok(ring.keys.len())
}

/// Reads the outside of a tenant record and says how many keys it has. Nothing in it is authentic
/// yet.
///
/// # Errors
/// `Corrupt` for bytes that are not a tenant record; `Unavailable` for another version.
pub fn inspect_tenant(bytes: &[u8]) -> Result<usize> {
    decode_tenant(bytes).map(|(record, _, _)| record.entries.len())
}

/// Reads the outside of a replica record. Nothing in it is authentic yet.
///
/// # Errors
/// `Corrupt` for bytes that are not one; `Unavailable` for another version.
pub fn inspect_replica(bytes: &[u8]) -> Result<()> {
    decode_lease(bytes).map(|_| ())
}

/// Reads a page of the registry of columns, and says how many it has. It is authentic only
/// together with the digest in the ring.
///
/// # Errors
/// `Corrupt` for bytes that are not one; `Unavailable` for another version.
pub fn inspect_coverage(bytes: &[u8]) -> Result<usize> {
    decode_coverage(bytes).map(|entries| entries.len())
}

/// Reads a barrier record.
///
/// # Errors
/// `Corrupt` for bytes that are not one; `Unavailable` for another version.
pub fn inspect_barrier(bytes: &[u8]) -> Result<()> {
    crate::barrier::parse(bytes).map(|_| ())
}

/// Reads the cursor of a pass over a collection.
///
/// # Errors
/// `Corrupt` for bytes that are not one; `Unavailable` for another version.
pub fn inspect_cursor(bytes: &[u8]) -> Result<()> {
    decode_cursor(bytes).map(|_| ())
}

/// `body | MAC`: splits off the MAC.
fn split_mac(bytes: &[u8]) -> Result<(&[u8], [u8; MAC_LEN])> {
    bytes
        .split_last_chunk::<MAC_LEN>()
        .map(|(body, mac)| (body, *mac))
        .ok_or_else(|| Error::corrupt("a key record is too short"))
}
