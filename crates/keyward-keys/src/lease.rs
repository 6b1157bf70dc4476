//! Leases of replicas: MACed by the ring for one replica.

use keyward_base::{Error, Result};
use keyward_store::Record;

use crate::format::{Lease, decode_lease, encode_lease};
use crate::record_mac::RecordOf;
use crate::snapshot::Snapshot;

/// The bytes of the record of replica `id`, with its MAC.
pub(crate) fn write(lease: &Lease, snapshot: &Snapshot, id: &str) -> Result<Vec<u8>> {
    let mut bytes = encode_lease(lease)?;
    let whose = RecordOf::Replica(snapshot.ring.id, id);
    let mac = snapshot.mac().sign(whose, &bytes)?;
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}

/// Reads and authenticates a replica's record.
pub(crate) fn read(record: &Record, snapshot: &Snapshot) -> Result<Lease> {
    let (lease, body, mac) = decode_lease(&record.data)?;
    let key = snapshot
        .mac_of(lease.mac_epoch)
        .ok_or_else(|| Error::corrupt("a replica record is under a MAC key that is not in use"))?;
    let whose = RecordOf::Replica(snapshot.ring.id, &record.key.id);
    key.verify(whose, body, &mac)
        .map_err(|e| Error::corrupt("a replica record is not authentic").with_source(e))?;
    Ok(lease)
}
