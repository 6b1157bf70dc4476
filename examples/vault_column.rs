//! Sealed values in an application's own table: its schema and index, seal, open, list, count, and
//! a rotation that finds them. A program of five commands:
//!
//! ```text
//! vault_column put TENANT NAME      a password from standard input
//! vault_column open TENANT NAME
//! vault_column list TENANT
//! vault_column count
//! vault_column rotate
//! ```
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward::embedded::Home;
use keyward::keys::{KeyState, Stage};
use keyward::store::{BoxFuture, StoreId};
use keyward::vault::{Cell, Column, Rewrap, Row, Sealed, Table};
use keyward::{
    CredentialKind, Error, Place, Purpose, RecordId, Result, Revision, Role, SecretBytes, Tenant,
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// The first 16 characters of a value name its key. The index counts the values of a key without
/// reading them.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS server (
        id       INTEGER PRIMARY KEY,
        tenant   TEXT NOT NULL,
        name     TEXT NOT NULL,
        password TEXT NOT NULL, -- sealed: kw1.…
        UNIQUE (tenant, name)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS server_key ON server (substr(password, 1, 16));";

#[derive(Debug)]
struct Servers(Mutex<Connection>);

impl Servers {
    fn db(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value is bound to its row, so the row's id comes first.
    async fn put(&self, column: &Column, tenant: &str, name: &str) -> Result<()> {
        let secret = SecretBytes::read(std::io::stdin(), 4096)?;
        let find = "INSERT INTO server (tenant, name, password) VALUES (?1, ?2, '')
                    ON CONFLICT DO UPDATE SET name = name RETURNING id";
        let id: i64 = self
            .db()
            .query_row(find, [tenant, name], |row| row.get(0))
            .map_err(failed)?;
        let value = column.seal(&cell(tenant, id)?, &secret).await?;
        let db = self.db();
        // Sealed too long ago, its key may be gone: asked as late as can be.
        column.check_use(&value)?;
        let store = "UPDATE server SET password = ?2 WHERE id = ?1";
        db.execute(store, params![id, value.as_str()])
            .map_err(failed)?;
        Ok(())
    }

    async fn open(&self, column: &Column, tenant: &str, name: &str) -> Result<SecretBytes> {
        let sql = "SELECT id, password FROM server WHERE tenant = ?1 AND name = ?2";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let found = self.db().query_row(sql, [tenant, name], read).optional();
        let (id, value) = found
            .map_err(failed)?
            .ok_or_else(|| Error::misuse("no such server"))?;
        column.open(&cell(tenant, id)?, &value.parse()?).await
    }

    /// Names and hints: opens nothing, and needs no key.
    fn list(&self, tenant: &str) -> Result<Vec<(String, Sealed)>> {
        let db = self.db();
        let sql =
            "SELECT name, password FROM server WHERE tenant = ?1 AND password <> '' ORDER BY name";
        let mut statement = db.prepare(sql).map_err(failed)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
        let rows = statement.query_map([tenant], read).map_err(failed)?;
        rows.map(|row| {
            row.map_err(failed)
                .and_then(|(name, text)| Ok((name, text.parse()?)))
        })
        .collect()
    }
}

fn cell(tenant: &str, id: i64) -> Result<Cell> {
    Ok(Cell {
        tenant: Tenant::new(tenant)?,
        record: RecordId::new(&id.to_string())?,
        role: Role::none(),
        kind: CredentialKind::new("password")?,
        revision: Revision::FIRST,
    })
}

fn failed(e: rusqlite::Error) -> Error {
    Error::unavailable("the table of servers cannot be reached").with_source(e)
}

/// What rotation asks: counted before a key is destroyed, and sealed anew before that.
impl Table for Servers {
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        let sql = "SELECT count(*) FROM server WHERE substr(password, 1, 16) >= ?1
                   AND substr(password, 1, 16) < ?1 || '~' AND password <> ''";
        let count = self
            .db()
            .query_row(sql, [prefix], |row| row.get::<_, i64>(0))
            .map_err(failed);
        Box::pin(std::future::ready(
            count.map(|rows| u64::try_from(rows).unwrap_or_default()),
        ))
    }

    fn rows<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Row>>> {
        let page = || {
            let db = self.db();
            let sql = "SELECT id, tenant, password FROM server
                       WHERE id > CAST(?1 AS INTEGER) AND password <> '' ORDER BY id LIMIT ?2";
            let mut statement = db.prepare(sql).map_err(failed)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                ))
            };
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![after.unwrap_or("0"), limit], read);
            let rows = rows.map_err(failed)?.map(|row| {
                let (id, tenant, text) = row.map_err(failed)?;
                Ok(Row {
                    cursor: id.to_string(),
                    cell: cell(&tenant, id).ok(),
                    value: text,
                })
            });
            rows.collect()
        };
        Box::pin(std::future::ready(page()))
    }

    fn swap<'a>(&'a self, row: &'a Row, next: &'a Sealed) -> BoxFuture<'a, Result<bool>> {
        let sql =
            "UPDATE server SET password = ?3 WHERE id = CAST(?1 AS INTEGER) AND password = ?2";
        let words = params![row.cursor.as_str(), row.value.as_str(), next.as_str()];
        let changed = self.db().execute(sql, words).map_err(failed);
        Box::pin(std::future::ready(changed.map(|rows| rows == 1)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let home = Home::open_once().await?;
    let db = Connection::open("servers.db").map_err(failed)?;
    db.execute_batch(SCHEMA).map_err(failed)?;
    // Registered for good: no process destroys a key without counting this column.
    let place = Place::new("server.password")?;
    let column = home.vault().column(StoreId::new("servers")?, place).await?;
    let servers = Arc::new(Servers(Mutex::new(db)));
    column.attach(servers.clone());

    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["put", tenant, name] => servers.put(&column, tenant, name).await,
        ["open", tenant, name] => {
            let opened = servers.open(&column, tenant, name).await?;
            println!("{} bytes", opened.len());
            Ok(())
        }
        ["list", tenant] => {
            for (name, value) in servers.list(tenant)? {
                println!("{name} {value}");
            }
            Ok(())
        }
        ["count"] => {
            println!("{} values", servers.count("").await?);
            Ok(())
        }
        ["rotate"] => rotate(&home).await,
        _ => Err(Error::misuse("say put, open, list, count or rotate")),
    }
}

/// Ends when only time is missing: run it again then.
async fn rotate(home: &Home) -> Result<()> {
    let mut rotation = home.keyring().admin().rotation(&Purpose::new("vault")?);
    loop {
        match rotation.step().await? {
            Stage::Waiting {
                key,
                to: KeyState::Destroyed,
                of: 0,
                ..
            } => {
                println!("{key} is disabled: what was sealed with it has to be stored first");
                return Ok(());
            }
            Stage::Waiting { .. } => tokio::time::sleep(Duration::from_millis(500)).await,
            Stage::Rewrap { .. } => {
                // The vault's own records, and every table that was attached.
                let report = Rewrap::new(home.vault()).run().await?;
                println!("{} values moved, {} left", report.moved, report.left);
            }
            Stage::Done { destroyed, .. } => {
                println!("{} keys destroyed", destroyed.len());
                return Ok(());
            }
            _ => return Ok(()),
        }
    }
}
