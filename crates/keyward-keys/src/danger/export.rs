//! A copy of all key records in one piece, for a place apart from the backups of the data.
//!
//! `kwex | version: 2 | records | digest(32)`, each record as `collection | owner | id | data`, every field as
//! its length in four bytes and its bytes, and SHA-256 of all that. Keys in it are wrapped as they are in the store: it
//! opens nothing without the root, and with the root it opens everything.

use keyward_base::{Error, Result};
use keyward_crypto::Provider;
use keyward_store::{Applied, Collection, DamagedRow, RecordKey, Records, Write};

use crate::keyring::Keyring;
use crate::records::{COVERAGE, KEYRING, SET_ASIDE, TENANT_KEYS, is_empty, pages, put};

const MAGIC: &[u8; 5] = b"kwex\x02";

/// What an export holds: leases of running processes are not part of it.
const COLLECTIONS: [Collection; 4] = [KEYRING, TENANT_KEYS, COVERAGE, SET_ASIDE];

/// Records written in one batch.
const BATCH: usize = 256;

/// Copies the ring and all tenants' key records.
///
/// Whoever has the export and the root, or gets the root later, opens every value sealed so far,
/// those of keys destroyed since too: keep it as a root is kept, and destroy it when a key in it
/// is destroyed for good. Take it while nothing rotates: records are read page by page.
///
/// # Errors
/// `Unavailable` if the store cannot be reached; `Corrupt` if a row of it cannot be read.
pub async fn export(keyring: &Keyring) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    for collection in COLLECTIONS {
        let mut found = pages(keyring.0.store.as_ref(), collection, None);
        while let Some(page) = found.next().await? {
            for record in &page {
                field(&mut out, record.key.collection.as_str().as_bytes())?;
                field(&mut out, record.key.owner.as_bytes())?;
                field(&mut out, record.key.id.as_bytes())?;
                field(&mut out, &record.data)?;
            }
        }
        if let Some(row) = found.damaged().first() {
            return Err(lacks(row));
        }
    }
    let nowhere = keyring.0.store.damaged().await?;
    // Of one that does not say of which collection it is, no walk tells; nor of those behind so many.
    let full = nowhere.len() >= DamagedRow::MOST;
    if let Some(row) = nowhere.iter().find(|row| full || row.collection.is_none()) {
        return Err(lacks(row));
    }
    let digest = keyring.provider().sha256(&[&out]);
    out.extend_from_slice(&digest);
    Ok(out)
}

fn lacks(row: &DamagedRow) -> Error {
    Error::corrupt(format!(
        "row {place} of the key store cannot be read, and a copy would lack it: restore it, or give it up with `keyward keys set-aside --row {place}`",
        place = row.place
    ))
}

/// Writes an export into a key store that holds no key records. The ring is written last, so that
/// an import that was killed is not taken for a whole one: empty the store and run it again. Then
/// open the ring, or [`accept_restore`](super::accept_restore) it where an anchor knows a newer.
///
/// # Errors
/// `Misuse` if `bytes` are no export, or the store holds key records; `Unavailable` if it cannot
/// be written.
pub async fn import(store: &dyn Records, bytes: &[u8]) -> Result<()> {
    for collection in COLLECTIONS {
        if !is_empty(store, collection).await? {
            return Err(Error::misuse(
                "the key store holds key records: import into an empty one",
            ));
        }
    }
    let mut writes = read(bytes)?;
    // The ring comes first in an export, and last into the store.
    writes.sort_by_key(|(key, _)| key.collection == KEYRING);
    let inserts = writes.into_iter().map(|(key, data)| put(key, None, data));
    let inserts: Vec<Write> = inserts.collect();
    for batch in inserts.chunks(BATCH) {
        match store.apply(batch.to_vec()).await? {
            Applied::Done(_) => {}
            _ => return Err(Error::misuse("somebody else writes to the key store")),
        }
    }
    Ok(())
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    let len = u32::try_from(bytes.len())
        .map_err(|_| Error::corrupt("a key record is longer than any of ours"))?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Vec<(RecordKey, Vec<u8>)>> {
    let wrong = || Error::misuse("this is not an export of a keyring, or it is cut off");
    let (bytes, digest) = bytes.split_last_chunk::<32>().ok_or_else(wrong)?;
    if Provider::default().sha256(&[bytes]) != *digest {
        return Err(wrong());
    }
    let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let mut next = || -> Result<&[u8]> {
            let (len, after) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
            let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| wrong())?;
            let (field, after) = after.split_at_checked(len).ok_or_else(wrong)?;
            rest = after;
            Ok(field)
        };
        let (collection, owner, id, data) = (next()?, next()?, next()?, next()?);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| wrong());
        let collection = Collection::new(&text(collection)?).map_err(|_| wrong())?;
        if !COLLECTIONS.contains(&collection) {
            return Err(wrong());
        }
        let key = RecordKey {
            collection,
            owner: text(owner)?,
            id: text(id)?,
        };
        records.push((key, data.to_vec()));
    }
    Ok(records)
}
