//! What walks through records.

use std::cmp::Ordering;

use keyward_store::{
    Collection, Find, Found, Outline, Page, PageBudget, Place, Record, RecordKey, Scan,
    StoreLimits, Version,
};
use rusqlite::blob::Blob;
use rusqlite::types::Value;
use rusqlite::{Connection, MAIN_DB, Row, params_from_iter};

use super::read::{COLUMNS, KEY, after, expires, record};
use super::words;
use crate::number::{from_usize, to_u64};

/// A page of whole records.
pub(super) fn records(conn: &Connection, scan: &Scan) -> rusqlite::Result<Page<Record>> {
    let Some(select) = select(scan, COLUMNS) else {
        return Ok(nothing());
    };
    let budget = PageBudget::of(scan);
    page(conn, &scan.collection, select, budget, whole)
}

/// A page of outlines. The columns stand before `sealed` in the row, so that none of the pages
/// that a long text takes is read.
pub(super) fn outlines(
    conn: &Connection,
    scan: &Scan,
    front: usize,
) -> rusqlite::Result<Page<Outline>> {
    let columns = "version, octet_length(sealed), data, expires, rowid";
    let Some(select) = select(scan, columns) else {
        return Ok(nothing());
    };
    let budget = PageBudget::of(scan);
    let mut fronts = Fronts { conn, open: None };
    page(conn, &scan.collection, select, budget, |row, key| {
        let place = place(&key);
        let sealed_len = length(1, row.get(1)?)?;
        let front = fronts.read(row.get(4)?, sealed_len.min(front))?;
        let outline = Outline {
            key,
            version: Version::new(to_u64(0, row.get(0)?)?),
            front,
            sealed_len,
            data: row.get(2)?,
            expires: expires(row, 3)?,
        };
        let length = outline.front.len().saturating_add(outline.data.len());
        Ok((outline, place, length))
    })
}

/// Reads the beginnings of sealed texts, and nothing behind them.
struct Fronts<'a> {
    conn: &'a Connection,
    open: Option<Blob<'a>>,
}

impl Fronts<'_> {
    fn read(&mut self, rowid: i64, length: usize) -> rusqlite::Result<String> {
        let mut bytes = vec![0; length];
        if length > 0 {
            let blob = match &mut self.open {
                Some(blob) => {
                    blob.reopen(rowid)?;
                    blob
                }
                open => open.insert(
                    self.conn
                        .blob_open(MAIN_DB, "record", "sealed", rowid, true)?,
                ),
            };
            blob.read_at_exact(&mut bytes, 0)?;
        }
        // A character that was cut in two is left out; one that was damaged is replaced, as in the
        // record.
        let cut = std::str::from_utf8(&bytes).map_or_else(
            |e| match e.error_len() {
                None => e.valid_up_to(),
                Some(_) => bytes.len(),
            },
            str::len,
        );
        bytes.truncate(cut);
        let text = String::from_utf8_lossy(&bytes);
        Ok(Outline::front_of(&text, length).to_owned())
    }
}

/// Records by their word.
pub(super) fn find(conn: &Connection, find: &Find) -> rusqlite::Result<Page<Record, Found>> {
    let Some(select) = words::select(find, COLUMNS) else {
        return Ok(nothing());
    };
    let budget = PageBudget::new(find.limit, find.bytes);
    page(conn, &find.collection, select, budget, |row, key| {
        // Where to go on: a word that was damaged says it for no page.
        let word = row.get(6)?;
        let (record, (owner, id), length) = whole(row, key)?;
        Ok((record, Found { word, owner, id }, length))
    })
}

fn whole(row: &Row<'_>, key: RecordKey) -> rusqlite::Result<(Record, Place, usize)> {
    let place = place(&key);
    let record = record(row, key)?;
    let length = record.sealed.len().saturating_add(record.data.len());
    Ok((record, place, length))
}

fn place(key: &RecordKey) -> Place {
    (key.owner.clone(), key.id.clone())
}

fn nothing<T, P>() -> Page<T, P> {
    Page {
        items: Vec::new(),
        next: None,
    }
}

/// A statement whose columns end with owner and id, and its values.
type Select = (String, Vec<Value>);

/// Reads one page: each row as what `make` makes of it, where that lies in the order, and how
/// many bytes it has beside owner and id.
fn page<T, P>(
    conn: &Connection,
    collection: &Collection,
    (sql, values): Select,
    mut budget: PageBudget,
    mut make: impl FnMut(&Row<'_>, RecordKey) -> rusqlite::Result<(T, P, usize)>,
) -> rusqlite::Result<Page<T, P>> {
    let mut page = Page {
        items: Vec::new(),
        next: None,
    };
    // One moment: a text is read after its row was.
    let tx = conn.unchecked_transaction()?;
    let mut last = None;
    {
        let mut statement = conn.prepare_cached(&sql)?;
        let owner = statement.column_count().saturating_sub(2);
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let key = RecordKey {
                collection: collection.clone(),
                owner: row.get(owner)?,
                id: row.get(owner.saturating_add(1))?,
            };
            let names = key.owner.len().saturating_add(key.id.len());
            let (item, place, length) = make(row, key)?;
            if !budget.admit(names.saturating_add(length)) {
                page.next = last;
                break;
            }
            page.items.push(item);
            last = Some(place);
        }
    }
    tx.finish()?;
    Ok(page)
}

/// The statement of a scan, and its values. `None`: nothing can be found.
fn select(scan: &Scan, columns: &str) -> Option<Select> {
    let mut sql = format!("SELECT {columns}, owner, id FROM record WHERE collection = ?");
    let mut values = vec![Value::from(scan.collection.as_str().to_owned())];
    let mut narrow = |with: &str, by: Vec<Value>| {
        sql.push_str(with);
        values.extend(by);
    };
    match (&scan.owner, &scan.after) {
        // Within one owner, a range of ids: beside `owner = ?`, a pair would not be searched for,
        // and each page would walk over all pages before it.
        (Some(owner), Some((after, id))) => {
            narrow(" AND owner = ?", vec![owner.clone().into()]);
            match after.cmp(owner) {
                Ordering::Less => {}
                Ordering::Equal => narrow(" AND id > ?", vec![id.clone().into()]),
                Ordering::Greater => return None,
            }
        }
        (Some(owner), None) => narrow(" AND owner = ?", vec![owner.clone().into()]),
        (None, Some((owner, id))) => {
            let place = vec![owner.clone().into(), id.clone().into()];
            narrow(" AND (owner, id) > (?, ?)", place);
        }
        (None, None) => {}
    }
    let prefix = scan.prefix.as_deref().unwrap_or_default();
    if let Some(end) = after(prefix) {
        let start = prefix.as_bytes().to_vec();
        if start.len() == StoreLimits::PREFIX {
            // The index has the rows of one key in the order of owner and id.
            narrow(&format!(" AND {KEY} = ?"), vec![start.into()]);
        } else {
            // Not the index's expression, on purpose: a walk in order beats a sort for each page.
            narrow(
                " AND CAST(sealed AS BLOB) >= ? AND CAST(sealed AS BLOB) < ?",
                vec![start.into(), end.into()],
            );
        }
    }
    // A row more than the page holds tells that there are more.
    let limit = from_usize(scan.limit.saturating_add(1));
    narrow(" ORDER BY owner, id LIMIT ?", vec![limit.into()]);
    Some((sql, values))
}

fn length(column: usize, number: i64) -> rusqlite::Result<usize> {
    usize::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
