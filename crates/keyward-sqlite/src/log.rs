//! Logs.

use keyward_base::Result;
use keyward_store::{Appended, BoxFuture, Entry, Log, RecordKey, StoreLimits};
use rusqlite::{Connection, OptionalExtension, params};

use crate::number::{from_u64, from_usize, to_u64};
use crate::store::SqliteStore;
use crate::writer::Verdict;

impl Log for SqliteStore {
    fn append<'a>(
        &'a self,
        log: &'a RecordKey,
        expected: u64,
        entries: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Appended>> {
        Box::pin(async move {
            StoreLimits::check_append(log, &entries)?;
            let log = log.clone();
            self.writer
                .write(move |tx| append(tx.conn, &log, expected, &entries))
                .await
        })
    }

    fn head<'a>(&'a self, log: &'a RecordKey) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            if let Some(read) = self.readers.inline(|conn| head(conn, log)) {
                return read;
            }
            let log = log.clone();
            self.readers.run(move |conn| head(conn, &log)).await
        })
    }

    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            StoreLimits::check_limit(limit)?;
            let log = log.clone();
            self.readers
                .run(move |conn| read(conn, &log, from, limit))
                .await
        })
    }
}

fn append(
    conn: &Connection,
    log: &RecordKey,
    expected: u64,
    entries: &[Vec<u8>],
) -> rusqlite::Result<Verdict<Appended>> {
    let mut head = head(conn, log)?;
    if head != expected {
        return Ok(Verdict::Undo(Appended::Conflict { head }));
    }
    let mut insert = conn.prepare_cached(
        "INSERT INTO entry (collection, owner, id, seq, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for bytes in entries {
        insert.execute(params![
            log.collection.as_str(),
            log.owner,
            log.id,
            from_u64(head),
            bytes
        ])?;
        head = head.saturating_add(1);
    }
    Ok(Verdict::Keep(Appended::Done { head }))
}

fn head(conn: &Connection, log: &RecordKey) -> rusqlite::Result<u64> {
    let last: Option<i64> = conn
        .prepare_cached(
            "SELECT seq FROM entry WHERE collection = ?1 AND owner = ?2 AND id = ?3
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![log.collection.as_str(), log.owner, log.id], |row| {
            row.get(0)
        })
        .optional()?;
    last.map_or(Ok(0), |last| to_u64(0, last.saturating_add(1)))
}

fn read(
    conn: &Connection,
    log: &RecordKey,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    if i64::try_from(from).is_err() {
        return Ok(Vec::new());
    }
    let mut select = conn.prepare_cached(
        "SELECT seq, bytes FROM entry
         WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND seq >= ?4 ORDER BY seq LIMIT ?5",
    )?;
    let place = params![
        log.collection.as_str(),
        log.owner,
        log.id,
        from_u64(from),
        from_usize(limit)
    ];
    let rows = select.query_map(place, |row| {
        Ok(Entry {
            seq: to_u64(0, row.get(0)?)?,
            bytes: row.get(1)?,
        })
    })?;
    rows.collect()
}
