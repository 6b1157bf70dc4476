//! The tables of a database, and the columns that lie in its file.

use keyward_base::Result;
use rusqlite::Connection;

use super::connection::File;

/// An ordinary table, and those of its columns that are stored.
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
pub(super) fn tables(file: &File) -> Result<Tables> {
    file.said(read(&file.conn))
}

fn read(conn: &Connection) -> rusqlite::Result<Tables> {
    let mut ordinary = vec![Table {
        name: "sqlite_schema".to_owned(),
        columns: vec!["sql".to_owned()],
        generates: false,
    }];
    let mut virtual_ones = Vec::new();
    let mut statement = conn.prepare(
        "SELECT name, coalesce(rootpage, 0) FROM main.sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        // A virtual table has no page of its own.
        if row.get::<_, i64>(1)? == 0 {
            virtual_ones.push(name);
        } else {
            ordinary.push(table(conn, name)?);
        }
    }
    Ok(Tables {
        ordinary,
        virtual_ones,
    })
}

fn table(conn: &Connection, name: String) -> rusqlite::Result<Table> {
    /// A generated column that is worked out when it is read.
    const VIRTUAL: i64 = 2;
    let mut columns = Vec::new();
    let mut generates = false;
    let mut statement = conn.prepare("SELECT name, hidden FROM pragma_table_xinfo(?1, 'main')")?;
    let mut rows = statement.query([&name])?;
    while let Some(row) = rows.next()? {
        let hidden: i64 = row.get(1)?;
        generates |= hidden >= VIRTUAL;
        if hidden != VIRTUAL {
            columns.push(row.get(0)?);
        }
    }
    Ok(Table {
        name,
        columns,
        generates,
    })
}
