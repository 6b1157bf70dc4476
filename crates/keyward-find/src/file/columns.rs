//! The tables of a database, and the columns that lie in its file.

use keyward_base::Result;
use rusqlite::{Connection, OptionalExtension};

use super::connection::File;

/// An ordinary table, and those of its columns that are stored and can hold text or a blob.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// Whether some of its columns are generated.
    pub(super) generates: bool,
}

impl Table {
    /// All stored columns of all rows, from the table itself and not from an index of it.
    pub(super) fn select(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        format!("SELECT {} FROM {}", columns.join(", "), self.source())
    }

    pub(super) fn source(&self) -> String {
        format!("main.{} NOT INDEXED", quoted(&self.name))
    }
}

/// `name` as an identifier of SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) struct Tables {
    pub(super) ordinary: Vec<Table>,
    pub(super) virtual_ones: Vec<String>,
}

/// All tables. The schema's own comes first: a default is a value too. SQLite's statistics are
/// left out: samples of earlier rows, which nobody needs.
///
/// A table is what SQLite takes for one, which is not what its row of the schema should look
/// like: whoever writes the schema by hand hides nothing that the application still reads, and
/// has no virtual table asked in place of an ordinary one.
///
/// # Errors
/// `Corrupt` for a table that is neither.
pub(super) fn tables(file: &File) -> Result<Tables> {
    let tables = file.said(read(&file.conn))?;
    tables.ok_or_else(|| file.damaged())
}

/// What SQLite writes of an ordinary table, and of a virtual one, which has no page of its own.
const ORDINARY: &str = "CREATE TABLE ";
const VIRTUAL: &str = "CREATE VIRTUAL TABLE ";

/// `None` if a table is neither.
fn read(conn: &Connection) -> rusqlite::Result<Option<Tables>> {
    let mut ordinary = vec![Table {
        name: "sqlite_schema".to_owned(),
        columns: vec!["sql".to_owned()],
        generates: false,
    }];
    let mut virtual_ones = Vec::new();
    let mut statement = conn.prepare(
        "SELECT name, coalesce(rootpage, 0), coalesce(sql, '') FROM main.sqlite_schema
         WHERE lower(type) = 'table' AND lower(name) NOT IN
             ('sqlite_stat1', 'sqlite_stat2', 'sqlite_stat3', 'sqlite_stat4')
         ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let has_page = row.get::<_, i64>(1)? != 0;
        let sql: String = row.get(2)?;
        if has_page && sql.starts_with(ORDINARY) {
            let table = table(conn, name)?;
            if !table.columns.is_empty() {
                ordinary.push(table);
            }
        } else if !has_page && sql.starts_with(VIRTUAL) {
            virtual_ones.push(name);
        } else {
            return Ok(None);
        }
    }
    Ok(Some(Tables {
        ordinary,
        virtual_ones,
    }))
}

fn table(conn: &Connection, name: String) -> rusqlite::Result<Table> {
    /// A generated column that is worked out when it is read.
    const COMPUTED: i64 = 2;
    let mut columns = Vec::new();
    let mut generates = false;
    let row_id = row_id(conn, &name)?;
    let mut statement = conn.prepare("SELECT name, hidden FROM pragma_table_xinfo(?1, 'main')")?;
    let mut rows = statement.query([&name])?;
    while let Some(row) = rows.next()? {
        let hidden: i64 = row.get(1)?;
        generates |= hidden >= COMPUTED;
        let column: String = row.get(0)?;
        if hidden != COMPUTED && row_id.as_ref() != Some(&column) {
            columns.push(column);
        }
    }
    Ok(Table {
        name,
        columns,
        generates,
    })
}

/// The column that is the row id itself, and so a number in every row: of the type `INTEGER`, alone
/// in a primary key that has no index of its own. Tables without row ids have one, and so has a key
/// declared as `DESC`.
fn row_id(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.query_row(
        "SELECT max(name) FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0
         HAVING count(*) = 1 AND max(type) = 'INTEGER' COLLATE NOCASE AND NOT EXISTS
             (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')",
        [name],
        |row| row.get(0),
    )
    .optional()
}
