//! A page of the registry of columns.

use keyward_base::{Error, Purpose, Result};
use keyward_store::StoreId;

use super::reader::Reader;
use crate::coverage::ColumnId;
use crate::registry::Registered;

const MAGIC: &[u8; 4] = b"kwcv";
const VERSION: u8 = 1;
const WRONG: &str = "a page of the registry of columns is not one of ours";

/// The most columns of a page: about 200 KiB.
pub(crate) const PAGE_ENTRIES: usize = 512;

/// The most pages: 131,072 columns.
pub(crate) const MAX_PAGES: usize = 256;

pub(crate) fn encode_coverage(entries: &[Registered]) -> Result<Vec<u8>> {
    let count = u16::try_from(entries.len())
        .ok()
        .filter(|_| (1..=PAGE_ENTRIES).contains(&entries.len()))
        .ok_or_else(|| Error::misuse("a page of the registry has 1 to 512 columns"))?;
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend_from_slice(&count.to_be_bytes());
    for entry in entries {
        let (store, purpose) = (entry.column.store(), entry.column.purpose());
        let name = entry.column.name().as_bytes();
        // At most 64, 300 and 32 bytes: their types see to it.
        out.push(u8::try_from(store.as_str().len()).unwrap_or(u8::MAX));
        out.extend_from_slice(store.as_str().as_bytes());
        out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(name);
        out.push(u8::try_from(purpose.as_str().len()).unwrap_or(u8::MAX));
        out.extend_from_slice(purpose.as_str().as_bytes());
        out.push(u8::from(entry.has_barrier));
    }
    Ok(out)
}

pub(crate) fn decode_coverage(bytes: &[u8]) -> Result<Vec<Registered>> {
    let mut from = Reader::new(bytes, WRONG);
    from.magic(MAGIC)?;
    from.version(VERSION)?;
    let count = usize::from(from.u16()?);
    if !(1..=PAGE_ENTRIES).contains(&count) {
        return Err(from.wrong());
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let len = usize::from(from.u8()?);
        let store = StoreId::new(from.text(len)?).map_err(|_| from.wrong())?;
        let len = usize::from(from.u16()?);
        let name = from.text(len)?;
        let len = usize::from(from.u8()?);
        let purpose = Purpose::new(from.text(len)?).map_err(|_| from.wrong())?;
        let column = ColumnId::new(store, name, purpose).map_err(|_| from.wrong())?;
        let has_barrier = from.u8()?;
        entries.push(Registered {
            column,
            has_barrier: match has_barrier {
                0 => false,
                1 => true,
                _ => return Err(from.wrong()),
            },
        });
    }
    from.end()?;
    Ok(entries)
}
