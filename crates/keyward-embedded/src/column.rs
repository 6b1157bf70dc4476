//! A column of sealed values in an application's own SQLite table.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_base::{
    CredentialKind, Error, Place, RecordId, Result, Revision, Role, SecretBytes, Tenant,
};
use keyward_sqlite::identity;
use keyward_sqlite::rusqlite::{
    self, Connection, OpenFlags, OptionalExtension, TransactionBehavior, params,
};
use keyward_store::BoxFuture;
use keyward_vault::{Cell, Column, Row, Sealed, Table};

use crate::home::Home;

/// How long it waits for another connection that writes.
const BUSY: Duration = Duration::from_secs(5);

/// Which column it is. Each name is 1 to 63 of `A-Z a-z 0-9 _`.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // A new field must break every caller.
pub struct Layout<'a> {
    /// The table. It is `STRICT`, so that a value cannot lie in it as anything but text.
    pub table: &'a str,
    /// The `INTEGER PRIMARY KEY`: a value is bound to its row.
    pub id: &'a str,
    /// The column that names whose a row is, `TEXT NOT NULL`.
    pub tenant: &'a str,
    /// The column of sealed values, `TEXT`; NULL or empty where there is none. An index on
    /// `substr(column, 1, 16)` lets a rotation count the values of a key without reading them.
    pub column: &'a str,
    /// The column of the row's own version, `INTEGER NOT NULL` from 0 up to [`Revision::LAST`],
    /// that a value is bound to as well; none where the table has none. Whoever gives the row
    /// another version seals its value anew for it. One that is named later shuts the values of
    /// before out until they are sealed anew: see [`OwnColumn::with_version`].
    pub version: Option<&'a str>,
}

/// A column of sealed values in an application's own table: counted and sealed anew by every
/// rotation of this process, through a connection of its own to the database.
///
/// The application writes and reads the rows itself, over any connection and driver. What it
/// stores is bound to the purpose of the vault, to table and column, to the tenant and the id of its
/// row, and, where the layout names one, to its version; it opens for any caller of its tenant, and
/// is stored within [`Sealed::use_by`].
///
/// It is bound to nothing else of the row. Without a version, whoever may write the table can put
/// back an older value of the same row, and it opens: [`OwnColumn::with_version`] closes that as far
/// as the application knows the version from elsewhere than the row. The whole row put back, its
/// version with it, opens in either case.
#[derive(Clone, Debug)]
pub struct OwnColumn {
    column: Column,
    kind: CredentialKind,
    has_version: bool,
    /// The one to seal and open at.
    version: Option<u64>,
}

impl Home {
    /// The column of `layout` in the SQLite database `database`, registered for good: no process
    /// destroys a key that its values may need without counting them. The database gets an
    /// identity, in a table `keyward_store` of one row. What its values are bound to, and what they
    /// are not, [`OwnColumn`] says.
    ///
    /// # Errors
    /// `Misuse` if the path is empty, or the table or one of the columns is not as the layout says;
    /// `Unavailable` if the database is missing (it is not made), or it or the key store cannot be
    /// reached; `Corrupt` if the database has a table `keyward_store` that is not ours.
    pub async fn own_column(&self, database: &Path, layout: &Layout<'_>) -> Result<OwnColumn> {
        let (store, rows) = Rows::open(database, layout)?;
        let place = Place::new(&format!("{}.{}", layout.table, layout.column))?;
        let kind = rows.kind.clone();
        let column = self.vault().column(store, place).await?;
        column.attach(Arc::new(rows));
        Ok(OwnColumn {
            column,
            kind,
            has_version: layout.version.is_some(),
            version: None,
        })
    }
}

impl OwnColumn {
    /// The same column, at a row whose version is `version`: the one that the row is given with the
    /// value that is sealed, or the one that it is expected to have when it is opened.
    ///
    /// # A table that gets a version later
    ///
    /// A value that was sealed while the layout named no version is bound to none. Once the layout
    /// names one, it does not open any more: [`OwnColumn::open`] refuses it as not authentic, and a
    /// rotation quarantines it: it notes the row in the audit trail, leaves the value as it is, and
    /// its old key stays, since the value still counts. Nothing is lost, and nothing opens.
    ///
    /// So seal the values anew first, in a program that has both: [`Home::own_column`] with the
    /// layout that names no version opens a value, and with the one that names it, made after the
    /// other, seals it for the row's version; store it in the transaction that read the row, if the
    /// row still has that version. Then let the service name the version. Values that were left
    /// out are mended in the same way later, and the next rotation moves them.
    #[must_use]
    pub fn with_version(&self, version: u64) -> Self {
        Self {
            version: Some(version),
            ..self.clone()
        }
    }

    /// Seals `secret` for the row `id` of `tenant`. The row's id comes first: an application that
    /// inserts a row seals for the id it got, in the transaction that stores the value, or before.
    ///
    /// # Errors
    /// As [`Column::seal`]; `Misuse` for a tenant that is not well formed, without a version where
    /// the layout names its column, and with one where it names none.
    pub async fn seal(&self, tenant: &str, id: i64, secret: &SecretBytes) -> Result<Sealed> {
        self.column.seal(&self.cell(tenant, id)?, secret).await
    }

    /// Opens the `text` that lies in the row `id` of `tenant`.
    ///
    /// # Errors
    /// As [`Column::open`], and `Misuse` as [`OwnColumn::seal`].
    pub async fn open(&self, tenant: &str, id: i64, text: &str) -> Result<SecretBytes> {
        let cell = self.cell(tenant, id)?;
        self.column.open(&cell, &text.parse()?).await
    }

    /// Whether `value` may still be stored: as [`Column::check_use`].
    ///
    /// # Errors
    /// As [`Column::check_use`].
    pub fn check_use(&self, value: &Sealed) -> Result<()> {
        self.column.check_use(value)
    }

    fn cell(&self, tenant: &str, id: i64) -> Result<Cell> {
        let version = match (self.has_version, self.version) {
            (false, None) => NO_VERSION,
            (true, Some(version)) => version,
            (true, None) => {
                return Err(Error::misuse(
                    "the values of this column are bound to the version of their row: say it by `with_version`",
                ));
            }
            (false, Some(_)) => {
                return Err(Error::misuse(
                    "the values of this column are bound to no version: name its column in the layout, which no value may be sealed without",
                ));
            }
        };
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        cell(tenant, id, version, &self.kind)
    }
}

/// What a value is bound to in a table without versions: [`Revision::FIRST`].
const NO_VERSION: u64 = Revision::FIRST.number();

fn cell(tenant: &str, id: i64, version: i64, kind: &CredentialKind) -> Result<Cell> {
    let revision = u64::try_from(version).map(Revision::new).ok();
    let revision = revision.filter(|revision| *revision <= Revision::LAST);
    let revision = revision
        .ok_or_else(|| Error::misuse("the version of a row is a number from 0 up to 2^53 - 1"))?;
    Ok(Cell {
        tenant: Tenant::new(tenant)?,
        record: RecordId::new(&id.to_string())?,
        role: Role::none(),
        kind: kind.clone(),
        revision,
    })
}

/// Id, tenant, value and version of a row.
type Read = (i64, String, String, i64);

/// The rows of the table, over a connection of their own.
struct Rows {
    conn: Mutex<Connection>,
    kind: CredentialKind,
    count: String,
    page: String,
    swap: String,
}

impl Rows {
    fn open(database: &Path, layout: &Layout<'_>) -> Result<(keyward_store::StoreId, Self)> {
        let Layout {
            table,
            id,
            tenant,
            column,
            version,
        } = *layout;
        [table, id, tenant, column]
            .into_iter()
            .chain(version)
            .try_for_each(check_name)?;
        // Whole, or SQLite would take a name that begins with `file:` for a URI.
        let database = std::path::absolute(database).map_err(|e| {
            Error::misuse("the path of the application's database is empty").with_source(e)
        })?;
        // A database that is missing is not made.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(database, flags).map_err(failed)?;
        conn.busy_timeout(BUSY).map_err(failed)?;
        check_table(&conn, layout)?;
        let begun = conn.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = begun.map_err(failed)?;
        let store = identity::install(&tx)?;
        tx.commit().map_err(failed)?;
        // A half-open range of the key's 16 characters, byte by byte: no base64 character is as
        // high as `~`.
        let version = match version {
            Some(version) => format!("\"{version}\""),
            None => NO_VERSION.to_string(),
        };
        let front = format!("substr(\"{column}\", 1, 16)");
        let rows = Self {
            conn: Mutex::new(conn),
            kind: CredentialKind::new("column")?,
            count: format!(
                "SELECT count(*) FROM \"{table}\" WHERE {front} >= ?1 AND {front} < ?1 || '~' AND \"{column}\" <> ''"
            ),
            page: format!(
                "SELECT \"{id}\", \"{tenant}\", \"{column}\", {version} FROM \"{table}\" WHERE \"{id}\" >= ?1 AND \"{column}\" <> '' ORDER BY \"{id}\" LIMIT ?2"
            ),
            swap: format!(
                "UPDATE \"{table}\" SET \"{column}\" = ?3 WHERE \"{id}\" = ?1 AND \"{column}\" = ?2 COLLATE BINARY AND {version} = ?4"
            ),
        };
        Ok((store, rows))
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted(&self, prefix: &str) -> rusqlite::Result<i64> {
        let conn = self.conn();
        let mut count = conn.prepare_cached(&self.count)?;
        count.query_row([prefix], |row| row.get(0))
    }

    fn paged(&self, from: i64, limit: i64) -> rusqlite::Result<Vec<Read>> {
        let conn = self.conn();
        let mut page = conn.prepare_cached(&self.page)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, text_of(row, 1)?, text_of(row, 2)?, row.get(3)?))
        };
        page.query_map(params![from, limit], read)?.collect()
    }

    fn swapped(&self, id: i64, version: i64, value: &str, next: &str) -> rusqlite::Result<bool> {
        let conn = self.conn();
        let mut swap = conn.prepare_cached(&self.swap)?;
        Ok(swap.execute(params![id, value, next, version])? == 1)
    }
}

impl Table for Rows {
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        let count = self.counted(prefix).map_err(failed);
        let count = count.map(|rows| u64::try_from(rows).unwrap_or_default());
        Box::pin(std::future::ready(count))
    }

    fn rows<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let lost = |_| Error::misuse("a cursor of the table is not one of ours");
            let from = match after.map(str::parse::<i64>) {
                None => i64::MIN,
                Some(after) => match after.map_err(lost)?.checked_add(1) {
                    Some(from) => from,
                    None => return Ok(Vec::new()),
                },
            };
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = self.paged(from, limit).map_err(failed)?.into_iter();
            let row = |(id, tenant, value, version): Read| Row {
                cursor: id.to_string(),
                cell: cell(&tenant, id, version, &self.kind).ok(),
                value,
            };
            Ok(found.map(row).collect())
        })
    }

    fn swap<'a>(&'a self, row: &'a Row, next: &'a Sealed) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let lost = |_| Error::misuse("a row of the table is not one of ours");
            let id = row.cursor.parse().map_err(lost)?;
            let cell = row.cell.as_ref();
            let version = cell.map_or(NO_VERSION, |cell| cell.revision.number());
            let version = i64::try_from(version).unwrap_or(i64::MAX);
            self.swapped(id, version, &row.value, next.as_str())
                .map_err(failed)
        })
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}

/// A text as it stands in the row. One that is not UTF-8 comes out changed, and is then neither a
/// tenant nor a value of ours: it stops nobody else's row from being read.
fn text_of(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(at)?.as_bytes().unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn check_name(name: &str) -> Result<()> {
    let fits = (1..=63).contains(&name.len());
    if fits && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    Err(Error::misuse(
        "a name of a layout is 1 to 63 of A-Z, a-z, 0-9 and _",
    ))
}

fn check_table(conn: &Connection, layout: &Layout<'_>) -> Result<()> {
    let strict = "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name = ?1";
    let strict: Option<bool> = conn
        .query_row(strict, [layout.table], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    match strict {
        Some(true) => {}
        Some(false) => {
            return Err(Error::misuse(format!(
                "the table {} is not STRICT, so that a value in it could be no text and not be counted: make it STRICT",
                layout.table
            )));
        }
        None => {
            return Err(Error::misuse(format!(
                "the database has no table {}: make it before its column is registered",
                layout.table
            )));
        }
    }
    // Alone: of a key of several columns, one does not tell a row from the others.
    let of = "SELECT type, pk = 1 AND (SELECT max(pk) FROM pragma_table_info(?1)) = 1, \"notnull\" FROM pragma_table_info(?1) WHERE name = ?2";
    let check = |column: &str, what: &str, fits: fn(&(String, bool, bool)) -> bool| {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let found = conn.query_row(of, [layout.table, column], read).optional();
        match found.map_err(failed)? {
            Some(found) if fits(&found) => Ok(()),
            _ => Err(Error::misuse(format!(
                "the column {column} of the table {} must be {what}",
                layout.table
            ))),
        }
    };
    check(layout.id, "its INTEGER PRIMARY KEY", |(of, key, _)| {
        of.eq_ignore_ascii_case("INTEGER") && *key
    })?;
    check(layout.tenant, "TEXT NOT NULL", |(of, _, notnull)| {
        of.eq_ignore_ascii_case("TEXT") && *notnull
    })?;
    if let Some(version) = layout.version {
        check(version, "INTEGER NOT NULL", |(of, _, notnull)| {
            of.eq_ignore_ascii_case("INTEGER") && *notnull
        })?;
    }
    check(layout.column, "TEXT", |(of, ..)| {
        of.eq_ignore_ascii_case("TEXT")
    })
}

fn failed(e: rusqlite::Error) -> Error {
    Error::unavailable("the application's database cannot be read or written").with_source(e)
}
