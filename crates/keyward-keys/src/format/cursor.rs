//! The cursor of a pass over a collection: `kwcu`, version, epoch, and the last row done.

use keyward_base::{Error, Result};
use keyward_store::StoreLimits;

use super::reader::Reader;

const MAGIC: &[u8; 4] = b"kwcu";
const VERSION: u8 = 2;

/// The epoch that the pass is for, and owner and id of the last row done.
pub(crate) fn decode_cursor(bytes: &[u8]) -> Result<(u64, (String, String))> {
    let mut reader = Reader::new(bytes, "a cursor is not one of ours");
    reader.magic(MAGIC)?;
    reader.version(VERSION)?;
    let epoch = reader.u64()?;
    let owner_len = reader.u8()?.into();
    let owner = reader.text(owner_len)?.to_owned();
    let id_len = reader.u16()?.into();
    let id = reader.text(id_len)?.to_owned();
    reader.end()?;
    if owner.len() > StoreLimits::OWNER || id.len() > StoreLimits::ID {
        return Err(reader.wrong());
    }
    Ok((epoch, (owner, id)))
}

pub(crate) fn encode_cursor(epoch: u64, (owner, id): &(String, String)) -> Result<Vec<u8>> {
    let too_long = |_| Error::misuse("an owner or an id is longer than a store holds");
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend_from_slice(&epoch.to_be_bytes());
    out.push(u8::try_from(owner.len()).map_err(too_long)?);
    out.extend_from_slice(owner.as_bytes());
    out.extend_from_slice(&u16::try_from(id.len()).map_err(too_long)?.to_be_bytes());
    out.extend_from_slice(id.as_bytes());
    Ok(out)
}
