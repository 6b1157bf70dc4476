//! Logs.

use std::ops::Range;
use std::sync::LazyLock;

use keyward_base::Result;
use keyward_store::{
    Appended, BoxFuture, Collection, Entry, Log, Page, PageBudget, Place, RecordKey, StoreLimits,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::damaged;
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

    fn erase_entries<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        until: u64,
        keep: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_key(log)?;
            let log = log.clone();
            self.writer
                .write(move |tx| erase(tx.conn, &log, from..until, keep).map(Verdict::Keep))
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

    fn logs<'a>(
        &'a self,
        collection: &'a Collection,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<RecordKey>>> {
        Box::pin(async move {
            StoreLimits::check_logs(collection, after.as_ref(), limit)?;
            let collection = collection.clone();
            self.readers
                .run(move |conn| logs(conn, &collection, after, limit))
                .await
        })
    }

    fn read<'a>(
        &'a self,
        log: &'a RecordKey,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<Entry, u64>>> {
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

pub(crate) fn append(
    conn: &Connection,
    log: &RecordKey,
    expected: u64,
    entries: &[Vec<u8>],
) -> rusqlite::Result<Verdict<Appended>> {
    let mut head = head(conn, log)?;
    if head != expected {
        return Ok(Verdict::Undo(Appended::Conflict { head }));
    }
    let (whole, rest) = entries.as_chunks::<AT_ONCE>();
    if !whole.is_empty() {
        let chunks = whole.iter().map(<[_; AT_ONCE]>::as_slice);
        head = insert(conn, &INSERT_MANY, log, head, chunks)?;
    }
    if !rest.is_empty() {
        head = insert(conn, INSERT, log, head, rest.chunks(1))?;
    }
    Ok(Verdict::Keep(Appended::Done { head }))
}

/// Rows of one statement, where there are as many: a statement that is begun and ended for each row
/// finds its places in the trees anew each time.
const AT_ONCE: usize = 32;

/// Inserts one entry.
const INSERT: &str =
    "INSERT INTO entry (collection, owner, id, seq, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";

/// Inserts [`AT_ONCE`] entries.
static INSERT_MANY: LazyLock<String> = LazyLock::new(|| {
    let row = |nth: usize| {
        let seq = nth.saturating_mul(2).saturating_add(4);
        format!(", (?1, ?2, ?3, ?{seq}, ?{})", seq.saturating_add(1))
    };
    let more: String = (1..AT_ONCE).map(row).collect();
    format!("{INSERT}{more}")
});

/// Inserts entries from that place on, by a statement of as many rows as each chunk has.
fn insert<'a>(
    conn: &Connection,
    sql: &str,
    log: &RecordKey,
    mut seq: u64,
    chunks: impl Iterator<Item = &'a [Vec<u8>]>,
) -> rusqlite::Result<u64> {
    let mut insert = conn.prepare_cached(sql)?;
    // Bound once: each row differs in its place and its bytes alone.
    insert.raw_bind_parameter(1, log.collection.as_str())?;
    insert.raw_bind_parameter(2, &log.owner)?;
    insert.raw_bind_parameter(3, &log.id)?;
    for chunk in chunks {
        for (bytes, at) in chunk.iter().zip((4..).step_by(2)) {
            insert.raw_bind_parameter(at, from_u64(seq))?;
            insert.raw_bind_parameter(at.saturating_add(1), bytes)?;
            seq = seq.saturating_add(1);
        }
        insert.raw_execute()?;
    }
    Ok(seq)
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
) -> rusqlite::Result<Page<Entry, u64>> {
    let mut page = Page {
        items: Vec::new(),
        damaged: Vec::new(),
        next: None,
    };
    if i64::try_from(from).is_err() {
        return Ok(page);
    }
    let mut select = conn.prepare_cached(
        "SELECT seq, bytes FROM entry
         WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND seq >= ?4 ORDER BY seq LIMIT ?5",
    )?;
    let mut rows = select.query(params![
        log.collection.as_str(),
        log.owner,
        log.id,
        from_u64(from),
        // A row more than the page holds tells that there are more.
        from_usize(limit.saturating_add(1))
    ])?;
    let mut budget = PageBudget::new(limit, StoreLimits::SCAN_BYTES);
    while let Some(row) = rows.next()? {
        let seq = to_u64(0, row.get(0)?)?;
        let bytes: Option<Vec<u8>> = row.get(1)?;
        if !budget.admit(bytes.as_ref().map_or(0, Vec::len)) {
            page.next = Some(seq);
            break;
        }
        page.items.push(Entry { seq, bytes });
    }
    Ok(page)
}

pub(crate) fn erase(
    conn: &Connection,
    log: &RecordKey,
    places: Range<u64>,
    keep: usize,
) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "UPDATE entry SET bytes = CASE ?6 WHEN 0 THEN NULL ELSE substr(bytes, 1, ?6) END
         WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND seq >= ?4 AND seq < ?5
           AND bytes IS NOT NULL AND (?6 = 0 OR length(bytes) > ?6)",
    )?
    .execute(params![
        log.collection.as_str(),
        log.owner,
        log.id,
        from_u64(places.start),
        from_u64(places.end),
        from_usize(keep)
    ])
    .map(|count| u64::try_from(count).unwrap_or(u64::MAX))
}

/// Leaps from log to log: what lies within them is not walked through.
fn logs(
    conn: &Connection,
    collection: &Collection,
    after: Option<Place>,
    limit: usize,
) -> rusqlite::Result<Page<RecordKey>> {
    let mut page = Page {
        items: Vec::new(),
        damaged: Vec::new(),
        next: None,
    };
    // One moment, although each leap is a statement.
    let tx = conn.unchecked_transaction()?;
    let mut at: Option<(Vec<u8>, Vec<u8>)> = after.map(|(owner, id)| (owner.into(), id.into()));
    let mut last = None;
    while let Some((owner, id)) = log_after(&tx, collection, at.as_ref())? {
        at = Some((owner.clone(), id.clone()));
        let texts = String::from_utf8(owner)
            .ok()
            .zip(String::from_utf8(id).ok());
        let fits = |(owner, id): &Place| damaged::check_names(0, owner, id).is_ok();
        // Those of a name that nobody gave are passed over: `Records::damaged` has their rows.
        let Some((owner, id)) = texts.filter(fits) else {
            continue;
        };
        if page.items.len() == limit {
            page.next = last;
            break;
        }
        last = Some((owner.clone(), id.clone()));
        page.items.push(RecordKey {
            collection: collection.clone(),
            owner,
            id,
        });
    }
    tx.finish()?;
    Ok(page)
}

/// The name of the next log, by its very bytes.
fn log_after(
    conn: &Connection,
    collection: &Collection,
    after: Option<&(Vec<u8>, Vec<u8>)>,
) -> rusqlite::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let name = |row: &Row<'_>| {
        let bytes = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_bytes()?.to_vec());
        Ok((bytes(0)?, bytes(1)?))
    };
    let found = match after {
        None => conn
            .prepare_cached(
                "SELECT owner, id FROM entry
                 WHERE collection = ?1 AND typeof(owner) = 'text' AND typeof(id) = 'text'
                 ORDER BY owner, id LIMIT 1",
            )?
            .query_row([collection.as_str()], name),
        Some((owner, id)) => conn
            .prepare_cached(
                "SELECT owner, id FROM entry
                 WHERE collection = ?1 AND (owner, id) > (CAST(?2 AS TEXT), CAST(?3 AS TEXT))
                     AND typeof(owner) = 'text' AND typeof(id) = 'text'
                 ORDER BY owner, id LIMIT 1",
            )?
            .query_row(params![collection.as_str(), owner, id], name),
    };
    found.optional()
}
