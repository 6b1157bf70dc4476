//! The replica record: a lease, and what the replica counted in its own columns.

use keyward_base::{Error, KeyId, Purpose, Result, Timestamp};
use keyward_store::StoreId;

use super::reader::Reader;
use super::{MAC_LEN, split_mac};
use crate::coverage::ColumnId;
use crate::usage::{ColumnReport, KeyRows};

const MAGIC: &[u8; 4] = b"kwrp";
const VERSION: u8 = 2;

/// The most columns a replica reports, and the most keys of one.
pub(crate) const MAX_REPORTS: usize = 64;
const MAX_KEYS: usize = 1024;

/// A replica's word: which epoch it holds, until when it counts as alive, and what it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Which MAC key of the ring its MAC is under: the epoch in which that was made.
    pub(crate) mac_epoch: u64,
    pub(crate) epoch: u64,
    pub(crate) until: Timestamp,
    pub(crate) reports: Vec<ColumnReport>,
}

/// The bytes that the MAC covers, besides its prefix: all but the MAC itself.
pub(crate) fn encode_lease(lease: &Lease) -> Result<Vec<u8>> {
    let full = || Error::misuse("a replica reports at most 64 columns of 1024 keys");
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend_from_slice(&lease.mac_epoch.to_be_bytes());
    out.extend_from_slice(&lease.epoch.to_be_bytes());
    out.extend_from_slice(&lease.until.as_millis().to_be_bytes());
    if lease.reports.len() > MAX_REPORTS {
        return Err(full());
    }
    out.push(u8::try_from(lease.reports.len()).map_err(|_| full())?);
    for report in &lease.reports {
        let (store, purpose) = (report.column.store(), report.column.purpose());
        let name = report.column.name().as_bytes();
        out.push(u8::try_from(store.as_str().len()).map_err(|_| full())?);
        out.extend_from_slice(store.as_str().as_bytes());
        out.extend_from_slice(&u16::try_from(name.len()).map_err(|_| full())?.to_be_bytes());
        out.extend_from_slice(name);
        out.push(u8::try_from(purpose.as_str().len()).map_err(|_| full())?);
        out.extend_from_slice(purpose.as_str().as_bytes());
        out.extend_from_slice(&report.at.as_millis().to_be_bytes());
        // No more than a ring holds, which are as many as are read.
        let count = u16::try_from(report.keys.len()).map_err(|_| full())?;
        out.extend_from_slice(&count.to_be_bytes());
        for key in &report.keys {
            out.extend_from_slice(&key.key.to_bytes());
            out.extend_from_slice(&key.rows.to_be_bytes());
        }
    }
    Ok(out)
}

/// Reads a replica record; returns it with the bytes the MAC covers and the MAC.
pub(crate) fn decode_lease(bytes: &[u8]) -> Result<(Lease, &[u8], [u8; MAC_LEN])> {
    let (body, mac) = split_mac(bytes)?;
    let mut from = Reader::new(body, "a replica record is not one of ours");
    from.magic(MAGIC)?;
    from.version(VERSION)?;
    let (mac_epoch, epoch) = (from.u64()?, from.u64()?);
    let until = Timestamp::from_millis(from.u64()?);
    let count = usize::from(from.u8()?);
    if count > MAX_REPORTS {
        return Err(from.wrong());
    }
    let mut reports = Vec::new();
    for _ in 0..count {
        reports.push(read_report(&mut from)?);
    }
    from.end()?;
    Ok((
        Lease {
            mac_epoch,
            epoch,
            until,
            reports,
        },
        body,
        mac,
    ))
}

fn read_report(from: &mut Reader<'_>) -> Result<ColumnReport> {
    let len = usize::from(from.u8()?);
    let store = StoreId::new(from.text(len)?).map_err(|_| from.wrong())?;
    let len = usize::from(from.u16()?);
    let name = from.text(len)?;
    let len = usize::from(from.u8()?);
    let purpose = Purpose::new(from.text(len)?).map_err(|_| from.wrong())?;
    let column = ColumnId::new(store, name, purpose).map_err(|_| from.wrong())?;
    let at = Timestamp::from_millis(from.u64()?);
    let count = usize::from(from.u16()?);
    if count > MAX_KEYS {
        return Err(from.wrong());
    }
    let mut keys = Vec::new();
    for _ in 0..count {
        let key: KeyId = from.key_id()?;
        let rows = from.u64()?;
        keys.push(KeyRows { key, rows });
    }
    Ok(ColumnReport { column, at, keys })
}
