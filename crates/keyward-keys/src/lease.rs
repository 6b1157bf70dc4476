//! Leases of replicas: MACed by the ring for one replica.

use keyward_base::context::Encoded;
use keyward_base::{Error, Result};
use keyward_store::Record;

use crate::format::{Lease, decode_lease, encode_lease};
use crate::snapshot::Snapshot;

const LEASE_MAC: &[u8] = b"keyward/v1/replica\0";

fn prefix(snapshot: &Snapshot, id: &str) -> Encoded {
    let mut prefix = Encoded::new("keyward/v1/replica");
    prefix.push(&snapshot.ring.id.to_bytes());
    prefix.push(id.as_bytes());
    prefix
}

/// The bytes of the record of replica `id`, with its MAC.
pub(crate) fn write(lease: &Lease, snapshot: &Snapshot, id: &str) -> Result<Vec<u8>> {
    let mut bytes = encode_lease(lease)?;
    let prefix = prefix(snapshot, id);
    let mac = snapshot.mac().sign(&[LEASE_MAC, prefix.as_bytes(), &bytes]);
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}

/// Reads and authenticates a replica's record.
pub(crate) fn read(record: &Record, snapshot: &Snapshot) -> Result<Lease> {
    let (lease, body, mac) = decode_lease(&record.data)?;
    let key = snapshot
        .mac_of(lease.mac_epoch)
        .ok_or_else(|| Error::corrupt("a replica record is under a MAC key that is not in use"))?;
    let prefix = prefix(snapshot, &record.key.id);
    key.verify(&[LEASE_MAC, prefix.as_bytes(), body], &mac)
        .map_err(|e| Error::corrupt("a replica record is not authentic").with_source(e))?;
    Ok(lease)
}
