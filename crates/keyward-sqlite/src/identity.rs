//! The identity of an application's own database.
//!
//! Whoever destroys keys counts the values of every registered column, and two databases may have
//! columns of one name. So a column is registered with the identity of its database: a random one
//! in a table of one row, which [`install`] makes, or a name that the application gives
//! ([`StoreId::new`]). A copy of the database has the same identity.
//!
//! ```
//! # use keyward_sqlite::{identity, rusqlite};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut conn = rusqlite::Connection::open_in_memory()?;
//! let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
//! let store = identity::install(&tx)?;
//! tx.commit()?;
//! # let tx = conn.transaction()?;
//! # assert_eq!(identity::install(&tx)?, store);
//! # Ok(()) }
//! ```
//!
//! For another driver, such as sqlx, the table is [`TABLE`] and the statements are [`INSERT`] and
//! [`SELECT`], in one transaction, with [`StoreId::random`] as the parameter.

use keyward_base::{Error, Result};
use keyward_store::StoreId;
use rusqlite::{OptionalExtension, Transaction};

use crate::failure::Said;

/// The table, as its definition stands in `sqlite_schema`.
pub const TABLE: &str = include_str!("identity/table.sql").trim_ascii();

/// Parameter: the new identity. One that is there stays.
pub const INSERT: &str =
    "INSERT INTO keyward_store (one, id) VALUES (1, ?1) ON CONFLICT DO NOTHING";

/// Column: the identity.
pub const SELECT: &str = "SELECT id FROM keyward_store WHERE one = 1";

/// The identity of the caller's database, made with its table if there is none.
///
/// # Errors
/// `Corrupt` if a table or view of that name is another than ours, or holds no identity;
/// `Unavailable` if the database cannot be read or written, or without randomness.
pub fn install(tx: &Transaction<'_>) -> Result<StoreId> {
    let found: Option<(String, Option<String>)> = tx
        .query_row(
            "SELECT type, sql FROM sqlite_schema WHERE name = 'keyward_store' COLLATE NOCASE",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .said()?;
    match found {
        None => tx.execute_batch(TABLE).said()?,
        Some((kind, Some(sql))) if kind == "table" && sql == TABLE => {}
        Some(_) => {
            return Err(Error::corrupt(
                "the database has a keyward_store that is not the table of its identity: rename it, and install the table again",
            ));
        }
    }
    let held: Option<String> = tx
        .query_row(SELECT, [], |row| row.get(0))
        .optional()
        .said()?;
    if let Some(held) = held {
        return StoreId::new(&held).map_err(|_| {
            Error::corrupt("the identity of the database is none of ours: restore the row")
        });
    }
    let new = StoreId::random()?;
    tx.execute(INSERT, [new.as_str()]).said()?;
    Ok(new)
}
