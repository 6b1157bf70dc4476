//! What reads records.

use keyward_base::Timestamp;
use keyward_store::{Collection, Content, Record, RecordKey, StoreLimits, Version};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use crate::number::to_u64;

/// The expression that the index `record_sealed` is over: bytes, not characters, and no `LIKE`.
pub(super) const KEY: &str = "substr(CAST(sealed AS BLOB), 1, 16)";

/// The columns that [`record`] reads, in its order.
pub(super) const COLUMNS: &str = "version, sealed, data, expires, mac_key, token_key, word";

pub(super) fn one(conn: &Connection, key: &RecordKey) -> rusqlite::Result<Option<Record>> {
    conn.prepare_cached(
        "SELECT version, sealed, data, expires, mac_key, token_key, word FROM record
         WHERE collection = ?1 AND owner = ?2 AND id = ?3",
    )?
    .query_row(params![key.collection.as_str(), key.owner, key.id], |row| {
        record(row, key.clone())
    })
    .optional()
}

pub(super) fn many(conn: &Connection, keys: &[RecordKey]) -> rusqlite::Result<Vec<Option<Record>>> {
    // Without a transaction each read would see a moment of its own.
    let moment = Moment::begin(conn)?;
    let records = keys.iter().map(|key| one(conn, key)).collect();
    moment.end()?;
    records
}

/// A transaction that reads. Its statements are kept: what is compiled anew has the schema compared,
/// which costs several reads.
struct Moment<'c>(&'c Connection);

impl<'c> Moment<'c> {
    fn begin(conn: &'c Connection) -> rusqlite::Result<Self> {
        conn.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(conn))
    }

    fn end(self) -> rusqlite::Result<()> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(|_| ())
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        // It did not end: the next read has a moment of its own all the same.
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
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
        // Each is a walk of one index. Who was counted before is not counted again: `NOT` would
        // not do, as the expression is null for an empty text.
        Some(end) => conn
            .prepare_cached(&format!(
                "SELECT (SELECT count(*) FROM record WHERE collection = ?1
                             AND {KEY} >= ?2 AND {KEY} < ?3)
                      + (SELECT count(*) FROM record WHERE collection = ?1 AND mac_key <> x''
                             AND mac_key >= ?2 AND mac_key < ?3
                             AND ({KEY} >= ?2 AND {KEY} < ?3) IS NOT TRUE)
                      + (SELECT count(*) FROM record WHERE collection = ?1 AND token_key <> x''
                             AND token_key >= ?2 AND token_key < ?3
                             AND ({KEY} >= ?2 AND {KEY} < ?3) IS NOT TRUE
                             AND (mac_key >= ?2 AND mac_key < ?3) IS NOT TRUE)"
            ))?
            .query_row(
                params![collection.as_str(), prefix.as_bytes(), end],
                |row| row.get(0),
            )?,
    };
    to_u64(0, number)
}

/// The first bytes that lie after all that begin with `prefix`. `None`: everything begins with it.
pub(super) fn after(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    let last = end.last_mut()?;
    // No byte of UTF-8 is 255.
    *last = last.saturating_add(1);
    Some(end)
}

/// A record from the columns of `COLUMNS`.
pub(super) fn record(row: &Row<'_>, key: RecordKey) -> rusqlite::Result<Record> {
    Ok(Record {
        key,
        version: Version::new(to_u64(0, row.get(0)?)?),
        content: Content {
            sealed: text(row, 1)?,
            data: row.get(2)?,
            expires: expires(row, 3)?,
            mac_key: tag(row, 4)?,
            token_key: tag(row, 5)?,
            word: word(row, 6)?,
        },
    })
}

pub(super) fn expires(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = row.get(column)?;
    at.map(|at| to_u64(column, at).map(Timestamp::from_millis))
        .transpose()
}

/// Where a search goes on: a word that was damaged says it for no page.
fn word(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let word: String = row.get(column)?;
    match StoreLimits::check_word(&word) {
        Ok(()) => Ok(word),
        Err(e) => Err(Error::FromSqlConversionFailure(
            column,
            Type::Text,
            Box::new(e),
        )),
    }
}

fn tag(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Text that may have been damaged: what is not UTF-8 is replaced by U+FFFD, which nothing that was
/// sealed holds, so that it fails to open, and costs nobody else the page that it stands in.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes()?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
