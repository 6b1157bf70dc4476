//! Attempts.

use keyward_base::{Result, Timestamp};
use keyward_store::{Attempts, BoxFuture, Collection, Judged, RecordKey, StoreLimits, Window};
use rusqlite::{Connection, OptionalExtension, params};

use crate::number::{from_time, from_usize};
use crate::store::SqliteStore;
use crate::writer::Verdict;

impl Attempts for SqliteStore {
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            StoreLimits::check_time(now.saturating_add(window.span()))?;
            let key = key.clone();
            self.writer
                .write(move |tx| attempt(tx.conn, &key, window, now))
                .await
        })
    }

    fn clear_attempts<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let key = key.clone();
            self.writer
                .write(move |tx| {
                    tx.conn
                        .prepare_cached(
                            "DELETE FROM attempt
                             WHERE collection = ?1 AND owner = ?2 AND id = ?3",
                        )?
                        .execute(params![key.collection.as_str(), key.owner, key.id])?;
                    Ok(Verdict::Keep(()))
                })
                .await
        })
    }

    fn purge_attempts<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let collection = collection.clone();
            self.writer
                .write(move |tx| {
                    let gone = tx
                        .conn
                        .prepare_cached(
                            "DELETE FROM attempt WHERE rowid IN (
                                 SELECT rowid FROM attempt
                                 WHERE collection = ?1 AND until <= ?2 LIMIT ?3)",
                        )?
                        .execute(params![
                            collection.as_str(),
                            from_time(now),
                            from_usize(limit)
                        ])?;
                    Ok(Verdict::Keep(u64::try_from(gone).unwrap_or(u64::MAX)))
                })
                .await
        })
    }
}

fn attempt(
    conn: &Connection,
    key: &RecordKey,
    window: Window,
    now: Timestamp,
) -> rusqlite::Result<Verdict<Judged>> {
    let known: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT admitted FROM attempt WHERE collection = ?1 AND owner = ?2 AND id = ?3",
        )?
        .query_row(params![key.collection.as_str(), key.owner, key.id], |row| {
            row.get(0)
        })
        .optional()?;
    let mut admitted = decode(&known.unwrap_or_default())?;
    let judged = window.judge(&mut admitted, now);
    let (Judged::Admitted { .. }, Some(last)) = (judged, admitted.last()) else {
        return Ok(Verdict::Undo(judged));
    };
    conn.prepare_cached(
        "INSERT INTO attempt (collection, owner, id, admitted, until) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET admitted = excluded.admitted, until = excluded.until",
    )?
    .execute(params![
        key.collection.as_str(),
        key.owner,
        key.id,
        encode(&admitted),
        from_time(last.saturating_add(window.span()))
    ])?;
    Ok(Verdict::Keep(judged))
}

/// Milliseconds as 8 bytes each, big-endian.
fn encode(admitted: &[Timestamp]) -> Vec<u8> {
    let bytes = |at: &Timestamp| at.as_millis().to_be_bytes();
    admitted.iter().flat_map(bytes).collect()
}

fn decode(bytes: &[u8]) -> rusqlite::Result<Vec<Timestamp>> {
    let (times, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let time = |bytes: &[u8; 8]| Timestamp::from_millis(u64::from_be_bytes(*bytes));
    Ok(times.iter().map(time).collect())
}
