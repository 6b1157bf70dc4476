//! The tenant record: all keys of one tenant and purpose.

use keyward_base::{Error, KeyId, Result, Suite, Timestamp};

use super::reader::Reader;
use super::{MAC_LEN, split_mac};

const MAGIC: &[u8; 4] = b"kwtk";
const VERSION: u8 = 2;
const UNREGISTERED: u8 = 1;
const WRONG: &str = "a tenant's key record is not one of ours";

/// The most keys a tenant may have at once. Keys whose ring key is destroyed are dropped.
pub(crate) const MAX_ENTRIES: usize = 1024;

/// The most bytes of a wrapped tenant key: 104 in suite 1.
const MAX_WRAPPED: usize = 512;

/// One key of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantEntry {
    pub(crate) id: KeyId,
    /// The ring's epoch when it was made.
    pub(crate) issued_epoch: u64,
    pub(crate) suite: Suite,
    /// Values were sealed with it that no registered column counts.
    pub(crate) unregistered: bool,
    /// The ring key that wraps it.
    pub(crate) wrapped_by: KeyId,
    pub(crate) created: Timestamp,
    /// A body under the ring key.
    pub(crate) wrapped: Vec<u8>,
}

/// All keys of a tenant, in the order they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TenantRecord {
    /// The ring's epoch when it was written: an older ring does not have all that it needs.
    pub(crate) epoch: u64,
    /// Which MAC key of the ring its MAC is under: the epoch in which that was made.
    pub(crate) mac_epoch: u64,
    pub(crate) entries: Vec<TenantEntry>,
}

impl TenantRecord {
    /// The key made last, which alone may seal.
    pub(crate) fn current(&self) -> Option<&TenantEntry> {
        self.entries.last()
    }
}

/// The bytes that the MAC covers, besides its prefix: all but the MAC itself.
pub(crate) fn encode_tenant(record: &TenantRecord) -> Result<Vec<u8>> {
    let full = || Error::misuse("a tenant has at most 1024 keys: destroy retired ring keys first");
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend_from_slice(&record.epoch.to_be_bytes());
    out.extend_from_slice(&record.mac_epoch.to_be_bytes());
    let count = u16::try_from(record.entries.len())
        .ok()
        .filter(|_| record.entries.len() <= MAX_ENTRIES)
        .ok_or_else(full)?;
    out.extend_from_slice(&count.to_be_bytes());
    for entry in &record.entries {
        out.extend_from_slice(&entry.id.to_bytes());
        out.extend_from_slice(&entry.issued_epoch.to_be_bytes());
        out.push(entry.suite.to_byte());
        out.push(if entry.unregistered { UNREGISTERED } else { 0 });
        out.extend_from_slice(&entry.wrapped_by.to_bytes());
        out.extend_from_slice(&entry.created.as_millis().to_be_bytes());
        let len = u16::try_from(entry.wrapped.len()).map_err(|_| full())?;
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&entry.wrapped);
    }
    Ok(out)
}

/// Reads a tenant record; returns it with the bytes the MAC covers and the MAC.
pub(crate) fn decode_tenant(bytes: &[u8]) -> Result<(TenantRecord, &[u8], [u8; MAC_LEN])> {
    let (body, mac) = split_mac(bytes)?;
    let mut from = Reader::new(body, WRONG);
    from.magic(MAGIC)?;
    from.version(VERSION)?;
    let (epoch, mac_epoch) = (from.u64()?, from.u64()?);
    let count = usize::from(from.u16()?);
    if count > MAX_ENTRIES {
        return Err(from.wrong());
    }
    let mut entries: Vec<TenantEntry> = Vec::new();
    for _ in 0..count {
        let entry = read_entry(&mut from)?;
        if entries
            .last()
            .is_some_and(|last| last.issued_epoch > entry.issued_epoch)
        {
            return Err(from.wrong());
        }
        entries.push(entry);
    }
    from.end()?;
    let record = TenantRecord {
        epoch,
        mac_epoch,
        entries,
    };
    Ok((record, body, mac))
}

fn read_entry(from: &mut Reader<'_>) -> Result<TenantEntry> {
    let id = from.key_id()?;
    let issued_epoch = from.u64()?;
    let suite = Suite::from_byte(from.u8()?)?;
    let unregistered = from.flags(UNREGISTERED)? != 0;
    let wrapped_by = from.key_id()?;
    let created = Timestamp::from_millis(from.u64()?);
    let len = usize::from(from.u16()?);
    if len > MAX_WRAPPED {
        return Err(from.wrong());
    }
    let wrapped = from.bytes(len)?.to_vec();
    Ok(TenantEntry {
        id,
        issued_epoch,
        suite,
        unregistered,
        wrapped_by,
        created,
        wrapped,
    })
}
