//! Leases of replicas: MACed by the ring for one replica.

use keyward_base::{Domain, Error, Result};
use keyward_store::Record;

use crate::format::{Lease, decode_lease, encode_lease};
use crate::ring_id::RingId;
use crate::snapshot::Snapshot;

const LEASE_MAC: &[u8] = b"keyward/v1/replica\0";

/// The id is at most as long as a record's.
const REPLICA: Domain<(RingId, &str)> = Domain::new("keyward/v1/replica");

/// The bytes of the record of replica `id`, with its MAC.
pub(crate) fn write(lease: &Lease, snapshot: &Snapshot, id: &str) -> Result<Vec<u8>> {
    let mut bytes = encode_lease(lease)?;
    let prefix = REPLICA.encode(&(snapshot.ring.id, id))?;
    let mac = snapshot
        .mac()
        .sign_parts(&[LEASE_MAC, prefix.as_bytes(), &bytes]);
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}

/// Reads and authenticates a replica's record.
pub(crate) fn read(record: &Record, snapshot: &Snapshot) -> Result<Lease> {
    let (lease, body, mac) = decode_lease(&record.data)?;
    let key = snapshot
        .mac_of(lease.mac_epoch)
        .ok_or_else(|| Error::corrupt("a replica record is under a MAC key that is not in use"))?;
    let prefix = REPLICA.encode(&(snapshot.ring.id, &record.key.id))?;
    key.verify_parts(&[LEASE_MAC, prefix.as_bytes(), body], &mac)
        .map_err(|e| Error::corrupt("a replica record is not authentic").with_source(e))?;
    Ok(lease)
}
