//! What writes records.

use keyward_base::Timestamp;
use keyward_store::{Applied, Collection, Content, RecordKey, Version, Write};
use rusqlite::{Connection, OptionalExtension, params};

use crate::number::{from_time, from_u64, from_usize, to_u64};
use crate::writer::{Tx, Verdict};

pub(super) fn batch(tx: &mut Tx<'_>, batch: &[Write]) -> rusqlite::Result<Verdict<Applied>> {
    let mut versions = Vec::with_capacity(batch.len());
    for (index, write) in batch.iter().enumerate() {
        match one(tx, write)? {
            Some(version) => versions.push(version),
            None => return Ok(Verdict::Undo(Applied::Conflict { index })),
        }
    }
    Ok(Verdict::Keep(Applied::Done(versions)))
}

/// Makes one write if its condition holds. `None`: it does not.
pub(crate) fn one(tx: &mut Tx<'_>, write: &Write) -> rusqlite::Result<Option<Option<Version>>> {
    match write {
        Write::Delete { key, version } => {
            let gone = tx
                .conn
                .prepare_cached(
                    "DELETE FROM record
                     WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND version = ?4",
                )?
                .execute(params![
                    key.collection.as_str(),
                    key.owner,
                    key.id,
                    from_u64(version.number())
                ])?;
            Ok((gone == 1).then_some(None))
        }
        Write::Insert { key, content } => {
            let version = tx.next()?;
            let made = tx
                .conn
                .prepare_cached(
                    "INSERT INTO record (collection, owner, id, version, expires,
                         mac_key, token_key, word, data, sealed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    key.collection.as_str(),
                    key.owner,
                    key.id,
                    version,
                    content.expires.map(from_time),
                    content.mac_key.as_bytes(),
                    content.token_key.as_bytes(),
                    content.word,
                    content.data,
                    content.sealed
                ])?;
            given(made, version)
        }
        Write::Require { key, version } => Ok((at(tx.conn, key)? == *version).then_some(None)),
        Write::Swap {
            key,
            version: expected,
            content,
        } => {
            let version = tx.next()?;
            let swapped = swap(tx.conn, key, *expected, content, version)?;
            given(swapped, version)
        }
        // A write this release does not know must not be taken for one that was made.
        _ => Err(rusqlite::Error::InvalidQuery),
    }
}

/// Most swaps change text and data alone: then the five indexes over the other columns are not even
/// opened. Which columns a statement sets says so to SQLite, not whether they differ, so that the
/// statement which sets them all is the second to be tried.
fn swap(
    conn: &Connection,
    key: &RecordKey,
    expected: Version,
    content: &Content,
    version: i64,
) -> rusqlite::Result<usize> {
    let tried = [
        "UPDATE record SET version = ?4, data = ?9, sealed = ?10
         WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND version = ?11
             AND expires IS ?5 AND mac_key = ?6 AND token_key = ?7 AND word = ?8",
        "UPDATE record SET version = ?4, expires = ?5, mac_key = ?6, token_key = ?7,
             word = ?8, data = ?9, sealed = ?10
         WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND version = ?11",
    ];
    for statement in tried {
        let made = conn.prepare_cached(statement)?.execute(params![
            key.collection.as_str(),
            key.owner,
            key.id,
            version,
            content.expires.map(from_time),
            content.mac_key.as_bytes(),
            content.token_key.as_bytes(),
            content.word,
            content.data,
            content.sealed,
            from_u64(expected.number())
        ])?;
        if made > 0 {
            return Ok(made);
        }
    }
    Ok(0)
}

fn given(made: usize, version: i64) -> rusqlite::Result<Option<Option<Version>>> {
    if made == 0 {
        return Ok(None);
    }
    Ok(Some(Some(Version::new(to_u64(0, version)?))))
}

fn at(conn: &Connection, key: &RecordKey) -> rusqlite::Result<Option<Version>> {
    let version: Option<i64> = conn
        .prepare_cached(
            "SELECT version FROM record WHERE collection = ?1 AND owner = ?2 AND id = ?3",
        )?
        .query_row(params![key.collection.as_str(), key.owner, key.id], |row| {
            row.get(0)
        })
        .optional()?;
    version
        .map(|version| to_u64(0, version).map(Version::new))
        .transpose()
}

pub(super) fn delete_owner(
    conn: &Connection,
    collection: &Collection,
    owner: &str,
) -> rusqlite::Result<u64> {
    conn.prepare_cached("DELETE FROM record WHERE collection = ?1 AND owner = ?2")?
        .execute(params![collection.as_str(), owner])
        .map(rows)
}

/// A time that nobody wrote through the store tells nobody that the row is over.
pub(super) fn purge(
    conn: &Connection,
    collection: &Collection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "DELETE FROM record WHERE rowid IN (
             SELECT rowid FROM record
             WHERE collection = ?1 AND expires BETWEEN 0 AND ?2 AND typeof(expires) = 'integer'
             LIMIT ?3)",
    )?
    .execute(params![
        collection.as_str(),
        from_time(now),
        from_usize(limit)
    ])
    .map(rows)
}

fn rows(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
