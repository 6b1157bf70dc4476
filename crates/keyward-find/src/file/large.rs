//! Tables with values that are too long for memory.

use keyward_base::Result;
use rusqlite::ErrorCode;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;

use super::columns::{Table, quoted};
use super::connection::File;
use crate::matcher::Matcher;
use crate::stream;

/// The names by which a row id may be asked for.
const ROW_ID: [&str; 3] = ["rowid", "_rowid_", "oid"];

pub(super) fn is_too_big(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::TooBig)
}

/// The number of values in each column of a table that has values of more than `most` bytes.
pub(super) fn look(
    file: &File,
    table: &Table,
    matcher: &Matcher<'_>,
    most: u32,
) -> Result<Vec<u64>> {
    file.said(file.conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::MAX))?;
    let found = match row_id(file, table)? {
        Some(row_id) => through_a_window(file, table, row_id, matcher, most),
        None => file.said(super::look(&file.conn, table, matcher, &mut || ())),
    };
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    file.said(
        file.conn
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, most.max(1 << 20)),
    )?;
    found
}

/// The name of the row id, if the values of this table can be read in pieces.
fn row_id(file: &File, table: &Table) -> Result<Option<&'static str>> {
    if table.generates || !file.is_utf8()? {
        return Ok(None);
    }
    let own = |name: &&str| table.columns.iter().any(|c| c.eq_ignore_ascii_case(name));
    let Some(name) = ROW_ID.iter().find(|name| !own(name)) else {
        return Ok(None);
    };
    let sql = format!("SELECT {name} FROM {} LIMIT 0", table.source());
    // Without row ids there is no such column.
    Ok(file.conn.prepare(&sql).is_ok().then_some(name))
}

fn through_a_window(
    file: &File,
    table: &Table,
    row_id: &str,
    matcher: &Matcher<'_>,
    most: u32,
) -> Result<Vec<u64>> {
    let mut counts = vec![0_u64; table.columns.len()];
    for (column, total) in table.columns.iter().zip(&mut counts) {
        let name = quoted(column);
        let sql = format!(
            "SELECT {row_id}, CASE WHEN octet_length({name}) <= {most} THEN {name} END,
                    octet_length({name}) > {most}
             FROM {}",
            table.source()
        );
        let mut statement = file.said(file.conn.prepare(&sql))?;
        let mut rows = file.said(statement.query([]))?;
        while let Some(row) = file.said(rows.next())? {
            let found = if file.said(row.get::<_, Option<bool>>(2))? == Some(true) {
                let row = file.said(row.get(0))?;
                let blob = file
                    .conn
                    .blob_open("main", &*table.name, &**column, row, true);
                stream::count(file.said(blob)?, matcher, |e| file.unread(e))?
            } else if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) =
                file.said(row.get_ref(1))?
            {
                matcher.count(bytes)
            } else {
                0
            };
            *total = total.saturating_add(found);
        }
    }
    Ok(counts)
}
