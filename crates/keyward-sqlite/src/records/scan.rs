//! What walks through records.

use std::cmp::Ordering;

use keyward_store::{
    Collection, DamagedRow, Find, Found, Outline, Page, PageBudget, Place, Record, RecordKey, Scan,
    StoreLimits, Version,
};
use rusqlite::blob::Blob;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, MAIN_DB, Row, Rows, params_from_iter};

use super::read::{COLUMNS, KEY, after, expires, record};
use super::words;
use crate::damaged;
use crate::number::{from_usize, to_u64};

/// A page of whole records.
pub(super) fn records(conn: &Connection, scan: &Scan) -> rusqlite::Result<Page<Record>> {
    let Some(select) = select(scan, COLUMNS) else {
        return Ok(nothing());
    };
    let budget = || PageBudget::of(scan);
    let place = |record: &Record| place(&record.key);
    page(conn, &scan.collection, select, budget, whole, place)
}

/// A page of outlines. The columns stand before `sealed` in the row, so that none of the pages
/// that a long text takes is read.
pub(super) fn outlines(
    conn: &Connection,
    scan: &Scan,
    front: usize,
) -> rusqlite::Result<Page<Outline>> {
    let columns = "version, octet_length(sealed), data, expires, typeof(sealed)";
    let Some(select) = select(scan, columns) else {
        return Ok(nothing());
    };
    let budget = || PageBudget::of(scan);
    let mut fronts = Fronts { conn, open: None };
    let place = |outline: &Outline| place(&outline.key);
    let make = |row: &Row<'_>, key| {
        let sealed_len = length(1, row.get(1)?)?;
        text_or_bytes(row, 4)?;
        let front = fronts.read(row.get(5)?, sealed_len.min(front))?;
        let outline = Outline {
            key,
            version: Version::new(to_u64(0, row.get(0)?)?),
            front,
            sealed_len,
            data: row.get(2)?,
            expires: expires(row, 3)?,
        };
        let length = outline.front.len().saturating_add(outline.data.len());
        Ok((outline, length))
    };
    page(conn, &scan.collection, select, budget, make, place)
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
    let budget = || PageBudget::new(find.limit, find.bytes);
    let place = |record: &Record| Found {
        word: record.word.clone(),
        owner: record.key.owner.clone(),
        id: record.key.id.clone(),
    };
    page(conn, &find.collection, select, budget, whole, place)
}

fn whole(row: &Row<'_>, key: RecordKey) -> rusqlite::Result<(Record, usize)> {
    let record = record(row, key)?;
    let length = record.sealed.len().saturating_add(record.data.len());
    Ok((record, length))
}

fn place(key: &RecordKey) -> Place {
    (key.owner.clone(), key.id.clone())
}

fn nothing<T, P>() -> Page<T, P> {
    Page {
        items: Vec::new(),
        damaged: Vec::new(),
        next: None,
    }
}

/// A statement whose columns end with rowid, owner and id, and its values.
type Select = (String, Vec<Value>);

/// Reads one page: each row as what `make` makes of it, and how many bytes that has beside owner
/// and id; `place` says where an item lies in the order. The statement's last value bounds its rows.
fn page<T, P>(
    conn: &Connection,
    collection: &Collection,
    (sql, mut values): Select,
    budget: impl Fn() -> PageBudget,
    mut make: impl FnMut(&Row<'_>, RecordKey) -> rusqlite::Result<(T, usize)>,
    place: impl Fn(&T) -> P,
) -> rusqlite::Result<Page<T, P>> {
    // One moment: a text is read after its row was.
    let tx = conn.unchecked_transaction()?;
    let page = loop {
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&values))?;
        let (page, read) = one(conn, collection, &mut rows, budget(), &mut make, &place)?;
        let ended = page.next.is_some() || read < limit(&values);
        if page.damaged.is_empty() || ended {
            break page;
        }
        // Rows that were passed over took the places of others: again, with room for both.
        let more = limit(&values).saturating_mul(2);
        values.pop();
        values.push(from_usize(more).into());
    };
    tx.finish()?;
    Ok(page)
}

/// How many rows the statement reads at most.
fn limit(values: &[Value]) -> usize {
    match values.last() {
        Some(Value::Integer(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    }
}

/// A page from the rows of a statement, and how many of them were looked at.
fn one<T, P>(
    conn: &Connection,
    collection: &Collection,
    rows: &mut Rows<'_>,
    mut budget: PageBudget,
    make: &mut impl FnMut(&Row<'_>, RecordKey) -> rusqlite::Result<(T, usize)>,
    place: &impl Fn(&T) -> P,
) -> rusqlite::Result<(Page<T, P>, usize)> {
    let mut page = nothing();
    // Those behind the last item are named by the page after this one.
    let mut named = 0;
    let mut read = 0_usize;
    while let Some(row) = rows.next()? {
        read = read.saturating_add(1);
        let at = row.as_ref().column_count().saturating_sub(3);
        let made = key(row, at.saturating_add(1), collection).and_then(|key| {
            let names = key.owner.len().saturating_add(key.id.len());
            let (item, length) = make(row, key)?;
            Ok((item, names.saturating_add(length)))
        });
        match made {
            Ok((_, length)) if !budget.admit(length) => {
                page.next = page.items.last().map(place);
                page.damaged.truncate(named);
                break;
            }
            Ok((item, _)) => {
                page.items.push(item);
                named = page.damaged.len();
            }
            // More in one place are no damage that costs one owner.
            Err(e) if page.damaged.len() >= DamagedRow::MOST => return Err(e),
            Err(e) => page.damaged.push(damaged::record(conn, row.get(at)?, e)?),
        }
    }
    Ok((page, read))
}

/// The key of a row, whose owner and id stand in `column` and the one after.
fn key(row: &Row<'_>, column: usize, collection: &Collection) -> rusqlite::Result<RecordKey> {
    let key = RecordKey {
        collection: collection.clone(),
        owner: row.get(column)?,
        id: row.get(column.saturating_add(1))?,
    };
    damaged::check_names(column, &key.owner, &key.id)?;
    Ok(key)
}

/// The statement of a scan, and its values. `None`: nothing can be found.
fn select(scan: &Scan, columns: &str) -> Option<Select> {
    let mut sql = format!("SELECT {columns}, rowid, owner, id FROM record WHERE collection = ?");
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

/// What an outline begins with is text, or what a flipped bit made of one.
fn text_or_bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<()> {
    match row.get_ref(column)?.as_str()? {
        "text" | "blob" => Ok(()),
        _ => Err(rusqlite::Error::InvalidColumnType(
            column,
            "sealed".to_owned(),
            Type::Null,
        )),
    }
}

fn length(column: usize, number: i64) -> rusqlite::Result<usize> {
    usize::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
