//! What reads records.

use std::cmp::Ordering;

use keyward_base::Timestamp;
use keyward_store::{Collection, Record, RecordKey, Scan, StoreLimits, Version};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::number::{from_usize, to_u64};

/// The expression that the index `record_sealed` is over: bytes, not characters, and no `LIKE`.
const KEY: &str = "substr(CAST(sealed AS BLOB), 1, 16)";

pub(super) fn one(conn: &Connection, key: &RecordKey) -> rusqlite::Result<Option<Record>> {
    conn.prepare_cached(
        "SELECT version, sealed, data, expires FROM record
         WHERE collection = ?1 AND owner = ?2 AND id = ?3",
    )?
    .query_row(params![key.collection.as_str(), key.owner, key.id], |row| {
        record(row, || key.clone())
    })
    .optional()
}

pub(super) fn many(conn: &Connection, keys: &[RecordKey]) -> rusqlite::Result<Vec<Option<Record>>> {
    // Without a transaction each read would see a moment of its own.
    let tx = conn.unchecked_transaction()?;
    let records = keys.iter().map(|key| one(&tx, key)).collect();
    tx.finish()?;
    records
}

pub(super) fn count(
    conn: &Connection,
    collection: &Collection,
    prefix: &str,
) -> rusqlite::Result<u64> {
    let number: i64 = match after(prefix) {
        None => conn
            .prepare_cached("SELECT count(*) FROM record WHERE collection = ?1")?
            .query_row([collection.as_str()], |row| row.get(0))?,
        Some(end) => conn
            .prepare_cached(&format!(
                "SELECT count(*) FROM record WHERE collection = ?1 AND {KEY} >= ?2 AND {KEY} < ?3"
            ))?
            .query_row(
                params![collection.as_str(), prefix.as_bytes(), end],
                |row| row.get(0),
            )?,
    };
    to_u64(0, number)
}

pub(super) fn scan(conn: &Connection, scan: &Scan) -> rusqlite::Result<Vec<Record>> {
    let mut sql = String::from(
        "SELECT version, sealed, data, expires, owner, id FROM record WHERE collection = ?",
    );
    let mut values = vec![Value::from(scan.collection.as_str().to_owned())];
    let mut narrow = |with: &str, by: Vec<Value>| {
        sql.push_str(with);
        values.extend(by);
    };
    match (&scan.owner, &scan.after) {
        // Within one owner, a range of ids: beside `owner = ?`, a pair would not be searched for,
        // and each page would walk over all pages before it.
        (Some(owner), Some((after, id))) => {
            narrow(" AND owner = ?", vec![owner.clone().into()]);
            match after.cmp(owner) {
                Ordering::Less => {}
                Ordering::Equal => narrow(" AND id > ?", vec![id.clone().into()]),
                Ordering::Greater => return Ok(Vec::new()),
            }
        }
        (Some(owner), None) => narrow(" AND owner = ?", vec![owner.clone().into()]),
        (None, Some((owner, id))) => {
            let place = vec![owner.clone().into(), id.clone().into()];
            narrow(" AND (owner, id) > (?, ?)", place);
        }
        (None, None) => {}
    }
    let prefix = scan.prefix.as_deref().unwrap_or_default();
    if let Some(end) = after(prefix) {
        let start = prefix.as_bytes().to_vec();
        if start.len() == StoreLimits::PREFIX {
            // The index has the rows of one key in the order of owner and id.
            narrow(&format!(" AND {KEY} = ?"), vec![start.into()]);
        } else {
            // Not the index's expression, on purpose: a walk in order beats a sort for each page.
            narrow(
                " AND CAST(sealed AS BLOB) >= ? AND CAST(sealed AS BLOB) < ?",
                vec![start.into(), end.into()],
            );
        }
    }
    narrow(
        " ORDER BY owner, id LIMIT ?",
        vec![from_usize(scan.limit).into()],
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        let (owner, id) = (row.get(4)?, row.get(5)?);
        record(row, || RecordKey {
            collection: scan.collection.clone(),
            owner,
            id,
        })
    })?;
    rows.collect()
}

/// The first bytes that lie after all that begin with `prefix`. `None`: everything begins with it.
fn after(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    let last = end.last_mut()?;
    // No byte of UTF-8 is 255.
    *last = last.saturating_add(1);
    Some(end)
}

fn record(row: &Row<'_>, key: impl FnOnce() -> RecordKey) -> rusqlite::Result<Record> {
    let expires: Option<i64> = row.get(3)?;
    Ok(Record {
        version: Version::new(to_u64(0, row.get(0)?)?),
        sealed: row.get(1)?,
        data: row.get(2)?,
        expires: expires
            .map(|at| to_u64(3, at).map(Timestamp::from_millis))
            .transpose()?,
        key: key(),
    })
}
