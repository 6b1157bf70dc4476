//! A claim within the caller's own transaction, in the caller's own database.
//!
//! Where the effects of a request are rows of the same database, claim and effects are committed
//! together: the effects then happen exactly once. The claims lie in a table of ours, which
//! [`install`] makes. Only its definition is compared: triggers and views of the database are the
//! caller's.
//!
//! ```
//! # use keyward_base::Timestamp;
//! # use keyward_sqlite::{claims, rusqlite};
//! # use keyward_store::{Begun, Claim, Collection, RecordKey};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut conn = rusqlite::Connection::open_in_memory()?;
//! # conn.execute_batch("CREATE TABLE paid (id TEXT)")?;
//! # let at = Timestamp::from_millis;
//! # let (now, request) = (at(0), [7; 32]);
//! let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
//! claims::install(&tx)?;
//! let key = RecordKey {
//!     collection: Collection::named("payment"),
//!     owner: "acme".into(),
//!     id: "42".into(),
//! };
//! let claim = Claim { digest: request, lease_until: at(60_000), keep_until: at(86_400_000) };
//! if let Begun::Lease(token) = claims::begin(&tx, &key, claim, now)? {
//!     tx.execute("INSERT INTO paid VALUES ('42')", [])?;
//!     let _recorded = claims::finish(&tx, &key, token, b"paid", claim.keep_until)?;
//! }
//! tx.commit()?;
//! # Ok(()) }
//! ```
//!
//! For another driver, such as sqlx, the table is [`TABLE`] and the statements are those of
//! [`statements`]; `docs/formats/store-sqlite.md` says in which order they run.

use keyward_base::{Error, Result, Timestamp};
use keyward_store::{Begun, Claim, Collection, FencingToken, Finished, RecordKey, StoreLimits};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::failure::Said;
use crate::number::{from_time, from_u64, from_usize, to_u64};

/// The table, as its definition stands in `sqlite_schema`.
pub const TABLE: &str = include_str!("claims/table.sql").trim_ascii();

/// The statements over [`TABLE`], as text for any driver.
pub mod statements {
    /// Parameters: collection, owner, id, fence. Gives an unfinished lease up.
    pub const ABANDON: &str = "DELETE FROM keyward_claim WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND fence = ?4 AND result IS NULL";
    /// Parameters: collection, owner, id, now. Columns: digest, lease_until, result. A claim that
    /// was to be kept until now or earlier is not found.
    pub const HELD: &str = "SELECT digest, lease_until, result FROM keyward_claim WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND keep_until > ?4";
    /// Parameters: collection, owner, id. Makes room for the next lease.
    pub const FORGET: &str =
        "DELETE FROM keyward_claim WHERE collection = ?1 AND owner = ?2 AND id = ?3";
    /// Parameters: collection, owner, id, digest, lease_until, keep_until. Gives the fencing token.
    pub const BEGIN: &str = "INSERT INTO keyward_claim (collection, owner, id, digest, lease_until, keep_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING fence";
    /// Parameters: collection, owner, id, fencing token. Column: result, null while in flight.
    pub const RESULT: &str = "SELECT result FROM keyward_claim WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND fence = ?4";
    /// Parameters: collection, owner, id, fencing token, result, keep_until.
    pub const FINISH: &str = "UPDATE keyward_claim SET result = ?5, keep_until = ?6 WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND fence = ?4 AND result IS NULL";
    /// Parameters: collection, now, limit. Removes what was to be kept until now or earlier.
    pub const PURGE: &str = "DELETE FROM keyward_claim WHERE fence IN (SELECT fence FROM keyward_claim WHERE collection = ?1 AND keep_until <= ?2 LIMIT ?3)";
}

/// Makes the table of claims in the caller's database if there is none.
///
/// # Errors
/// `Corrupt` if a table or view of that name is another than ours; `Unavailable` if the database
/// cannot be read or written.
pub fn install(tx: &Transaction<'_>) -> Result<()> {
    let found: Option<(String, Option<String>)> = tx
        .query_row(
            "SELECT type, sql FROM sqlite_schema WHERE name = 'keyward_claim' COLLATE NOCASE",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .said()?;
    match found {
        None => tx.execute_batch(TABLE).said(),
        Some((kind, Some(sql))) if kind == "table" && sql == TABLE => Ok(()),
        Some(_) => Err(Error::corrupt(
            "the database has a keyward_claim that is not the table of claims: rename it, and install the table again",
        )),
    }
}

/// Begins, or says what stands in the way, as [`Once::begin`](keyward_store::Once::begin). The
/// lease is given when the transaction is committed.
///
/// # Errors
/// `Misuse` for a claim that makes no sense; `Unavailable` if the database is busy or cannot be
/// written: roll the transaction back.
pub fn begin(tx: &Transaction<'_>, key: &RecordKey, claim: Claim, now: Timestamp) -> Result<Begun> {
    StoreLimits::check_key(key)?;
    claim.check(now)?;
    try_begin(tx, key, claim, now).said()
}

fn try_begin(
    tx: &Transaction<'_>,
    key: &RecordKey,
    claim: Claim,
    now: Timestamp,
) -> rusqlite::Result<Begun> {
    let (set, owner, id) = (key.collection.as_str(), &key.owner, &key.id);
    let held = tx
        .prepare_cached(statements::HELD)?
        .query_row(params![set, owner, id, from_time(now)], |row| {
            let until = Timestamp::from_millis(to_u64(1, row.get(1)?)?);
            Ok((row.get::<_, Vec<u8>>(0)?, until, row.get(2)?))
        })
        .optional()?;
    match held {
        Some((digest, _, _)) if digest != claim.digest => return Ok(Begun::Conflict),
        Some((_, _, Some(result))) => return Ok(Begun::Done(result)),
        Some((_, until, None)) if until > now => return Ok(Begun::InFlight { until }),
        _ => {}
    }
    tx.prepare_cached(statements::FORGET)?
        .execute(params![set, owner, id])?;
    let token = tx.prepare_cached(statements::BEGIN)?.query_row(
        params![
            set,
            owner,
            id,
            claim.digest,
            from_time(claim.lease_until),
            from_time(claim.keep_until)
        ],
        |row| to_u64(0, row.get(0)?),
    )?;
    Ok(Begun::Lease(FencingToken::new(token)))
}

/// Records the result, as [`Once::finish`](keyward_store::Once::finish), when the transaction is
/// committed.
///
/// # Errors
/// As [`begin`].
pub fn finish(
    tx: &Transaction<'_>,
    key: &RecordKey,
    token: FencingToken,
    result: &[u8],
    keep_until: Timestamp,
) -> Result<Finished> {
    StoreLimits::check_key(key)?;
    StoreLimits::check_data(result)?;
    StoreLimits::check_time(keep_until)?;
    try_finish(tx, key, token, result, keep_until).said()
}

fn try_finish(
    tx: &Transaction<'_>,
    key: &RecordKey,
    token: FencingToken,
    result: &[u8],
    keep_until: Timestamp,
) -> rusqlite::Result<Finished> {
    let (set, owner, id) = (key.collection.as_str(), &key.owner, &key.id);
    let token = from_u64(token.number());
    let recorded: Option<Option<Vec<u8>>> = tx
        .prepare_cached(statements::RESULT)?
        .query_row(params![set, owner, id, token], |row| row.get(0))
        .optional()?;
    match recorded {
        Some(None) => {
            let keep = from_time(keep_until);
            let written = tx
                .prepare_cached(statements::FINISH)?
                .execute(params![set, owner, id, token, result, keep])?;
            // A trigger of the caller's may have it ignored.
            Ok(match written {
                1 => Finished::Recorded,
                _ => Finished::Lost,
            })
        }
        Some(Some(recorded)) if recorded == result => Ok(Finished::Recorded),
        _ => Ok(Finished::Lost),
    }
}

/// Gives a lease up that an earlier transaction was given, as
/// [`Once::abandon`](keyward_store::Once::abandon). One that this transaction was given is gone
/// when it is rolled back.
///
/// # Errors
/// As [`begin`].
pub fn abandon(tx: &Transaction<'_>, key: &RecordKey, token: FencingToken) -> Result<bool> {
    StoreLimits::check_key(key)?;
    let fence = from_u64(token.number());
    let place = params![key.collection.as_str(), key.owner, key.id, fence];
    let gone = tx
        .prepare_cached(statements::ABANDON)
        .and_then(|mut abandon| abandon.execute(place));
    Ok(gone.said()? == 1)
}

/// Forgets a claim, as [`Once::forget`](keyward_store::Once::forget).
///
/// # Errors
/// As [`begin`].
pub fn forget(tx: &Transaction<'_>, key: &RecordKey) -> Result<bool> {
    StoreLimits::check_key(key)?;
    let place = params![key.collection.as_str(), key.owner, key.id];
    let gone = tx
        .prepare_cached(statements::FORGET)
        .and_then(|mut forget| forget.execute(place));
    Ok(gone.said()? == 1)
}

/// Removes what was to be kept until `now` or earlier, at most `limit`, and says how many.
///
/// # Errors
/// As [`begin`].
pub fn purge(
    tx: &Transaction<'_>,
    collection: &Collection,
    now: Timestamp,
    limit: usize,
) -> Result<u64> {
    StoreLimits::check_collection(collection)?;
    let gone = tx.prepare_cached(statements::PURGE).and_then(|mut purge| {
        purge.execute(params![
            collection.as_str(),
            from_time(now),
            from_usize(limit)
        ])
    });
    Ok(u64::try_from(gone.said()?).unwrap_or(u64::MAX))
}
