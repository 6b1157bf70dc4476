//! Rows with a column that nobody wrote through the store, and the way out.

use keyward_store::{Collection, DamagedRow, StoreLimits};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::number::{from_u64, to_u64};
use crate::writer::{Tx, Verdict};

/// Where rows that were given up are kept.
const SET_ASIDE: &str = "set-aside";

/// What a column holds that was written through the store.
#[derive(Clone, Copy)]
enum Holds {
    /// Attempts, 16 bytes each.
    Attempts,
    Bytes,
    Collection,
    Id,
    /// Bytes, or null.
    MaybeBytes,
    /// A number, or null.
    MaybeNumber,
    Number,
    Owner,
    /// Text. What is not UTF-8 fails to open, and what a flipped bit made a blob of is read as well.
    Sealed,
    Word,
}

impl Holds {
    /// What is asked of a row for it: of long columns their type alone.
    fn asks(self, column: &str) -> String {
        match self {
            Self::Attempts => format!("iif(octet_length({column}) % 16, '', typeof({column}))"),
            Self::Bytes | Self::MaybeBytes | Self::Sealed => format!("typeof({column})"),
            _ => column.to_owned(),
        }
    }

    /// Whether the answer is one of a row that can be given.
    fn is_met(self, answer: ValueRef<'_>) -> bool {
        let kind = || answer.as_str().unwrap_or_default();
        let text = |check: fn(&str) -> keyward_base::Result<()>| {
            answer.as_str().is_ok_and(|text| check(text).is_ok())
        };
        match self {
            Self::Attempts | Self::Bytes => kind() == "blob",
            Self::Collection => text(|name| Collection::new(name).map(|_| ())),
            Self::Id => text(StoreLimits::check_id),
            Self::MaybeBytes => ["blob", "null"].contains(&kind()),
            Self::MaybeNumber => matches!(answer, ValueRef::Null | ValueRef::Integer(0..)),
            Self::Number => matches!(answer, ValueRef::Integer(0..)),
            Self::Owner => text(StoreLimits::check_owner),
            Self::Sealed => ["text", "blob"].contains(&kind()),
            Self::Word => text(StoreLimits::check_word),
        }
    }
}

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Holds)],
}

/// Collection, owner and id come first.
const TABLES: [Table; 4] = [
    Table {
        name: "record",
        columns: &[
            ("collection", Holds::Collection),
            ("owner", Holds::Owner),
            ("id", Holds::Id),
            ("version", Holds::Number),
            ("expires", Holds::MaybeNumber),
            ("mac_key", Holds::Bytes),
            ("token_key", Holds::Bytes),
            ("word", Holds::Word),
            ("data", Holds::Bytes),
            ("sealed", Holds::Sealed),
        ],
    },
    Table {
        name: "claim",
        columns: &[
            ("collection", Holds::Collection),
            ("owner", Holds::Owner),
            ("id", Holds::Id),
            ("digest", Holds::Bytes),
            ("fence", Holds::Number),
            ("lease_until", Holds::Number),
            ("keep_until", Holds::Number),
            ("result", Holds::MaybeBytes),
        ],
    },
    Table {
        name: "attempt",
        columns: &[
            ("collection", Holds::Collection),
            ("owner", Holds::Owner),
            ("id", Holds::Id),
            ("admitted", Holds::Attempts),
            ("until", Holds::Number),
        ],
    },
    Table {
        name: "entry",
        columns: &[
            ("collection", Holds::Collection),
            ("owner", Holds::Owner),
            ("id", Holds::Id),
            ("seq", Holds::Number),
            ("bytes", Holds::MaybeBytes),
        ],
    },
];

impl Table {
    fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    fn select(&self) -> String {
        let asks = self.columns.iter().map(|(name, holds)| holds.asks(name));
        let asks: Vec<String> = asks.collect();
        format!("SELECT {}, rowid FROM {}", asks.join(", "), self.name)
    }

    /// The row, if a column of it cannot be given.
    fn judge(&self, row: &Row<'_>) -> rusqlite::Result<Option<DamagedRow>> {
        let mut first = None;
        for (at, (name, holds)) in self.columns.iter().enumerate() {
            if !holds.is_met(row.get_ref(at)?) {
                first = first.or(Some(*name));
            }
        }
        let Some(column) = first else {
            return Ok(None);
        };
        let rowid: i64 = row.get(self.columns.len())?;
        let text = |at: usize, holds: Holds| {
            let answer = row.get_ref(at)?;
            let text = answer.as_str().ok().filter(|_| holds.is_met(answer));
            Ok::<_, rusqlite::Error>(text.map(str::to_owned))
        };
        let collection = text(0, Holds::Collection)?;
        let mut damaged = DamagedRow::at(format!("{}/{rowid}", self.name), column);
        damaged.collection = collection.and_then(|name| Collection::new(&name).ok());
        damaged.owner = text(1, Holds::Owner)?;
        damaged.id = text(2, Holds::Id)?;
        Ok(Some(damaged))
    }

    fn row(&self, conn: &Connection, rowid: i64) -> rusqlite::Result<Option<DamagedRow>> {
        let one = format!("{} WHERE rowid = ?1", self.select());
        let judged = conn
            .prepare_cached(&one)?
            .query_row([rowid], |row| self.judge(row));
        Ok(judged.optional()?.flatten())
    }
}

/// Whether it is a value that could not be given, and not the file or the disk.
pub(crate) const fn is_of_a_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// A name of a record beyond what the store takes is none of ours.
pub(crate) fn check_names(column: usize, owner: &str, id: &str) -> rusqlite::Result<()> {
    let fits = StoreLimits::check_owner(owner).and_then(|()| StoreLimits::check_id(id));
    fits.map_err(|e| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(e))
    })
}

/// The record that could not be given, by its row; `error` if that is not why.
pub(crate) fn record(
    conn: &Connection,
    rowid: i64,
    error: rusqlite::Error,
) -> rusqlite::Result<DamagedRow> {
    let named = Table::named("record").filter(|_| is_of_a_value(&error));
    let row = named.map_or(Ok(None), |table| table.row(conn, rowid))?;
    row.ok_or(error)
}

/// All rows that cannot be given.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<DamagedRow>> {
    let mut found = Vec::new();
    let tx = conn.unchecked_transaction()?;
    for table in &TABLES {
        let mut select = tx.prepare_cached(&table.select())?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            found.extend(table.judge(row)?);
            if found.len() == DamagedRow::MOST {
                return Ok(found);
            }
        }
    }
    tx.finish()?;
    Ok(found)
}

/// Whether a line of SQLite's own check is of a value that a row was judged by here.
pub(crate) fn is_judged(line: &str) -> bool {
    let Some((kind, column)) = line.split_once(" value in ") else {
        return false;
    };
    let ours = column.split_once('.').is_some_and(|(table, column)| {
        let known = |table: &Table| table.columns.iter().any(|(name, _)| *name == column);
        Table::named(table).is_some_and(known)
    });
    ours && (kind == "NULL" || kind.starts_with("non-"))
}

/// Keeps what stands in a row that cannot be given, and removes it. None: there is no such row.
pub(crate) fn set_aside(
    tx: &mut Tx<'_>,
    place: &str,
) -> rusqlite::Result<Verdict<Option<DamagedRow>>> {
    let named = place.split_once('/').and_then(|(table, row)| {
        let rowid: i64 = row.parse().ok()?;
        Some((Table::named(table)?, rowid))
    });
    let Some((table, rowid)) = named else {
        return Ok(Verdict::Undo(None));
    };
    let Some(damaged) = table.row(tx.conn, rowid)? else {
        return Ok(Verdict::Undo(None));
    };
    let kept = raw(tx.conn, table, rowid)?;
    let version = tx.next()?;
    tx.conn
        .prepare_cached(
            "INSERT INTO record (collection, owner, id, version, expires,
                 mac_key, token_key, word, data, sealed)
             VALUES (?1, '', ?2, ?3, NULL, x'', x'', '', ?4, '')",
        )?
        .execute(params![
            SET_ASIDE,
            format!("{}/{}", table.name, to_u64(0, version)?),
            version,
            kept
        ])?;
    let delete = format!("DELETE FROM {} WHERE rowid = ?1", table.name);
    tx.conn.prepare_cached(&delete)?.execute([rowid])?;
    Ok(Verdict::Keep(Some(damaged)))
}

/// What stands in a row, as `docs/formats/store-sqlite.md` says.
fn raw(conn: &Connection, table: &Table, rowid: i64) -> rusqlite::Result<Vec<u8>> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let select = format!(
        "SELECT {} FROM {} WHERE rowid = ?1",
        names.join(", "),
        table.name
    );
    conn.prepare_cached(&select)?.query_row([rowid], |row| {
        let mut out = b"kwrow\x01".to_vec();
        field(&mut out, b't', table.name.as_bytes());
        for (at, name) in names.iter().enumerate() {
            field(&mut out, b't', name.as_bytes());
            match row.get_ref(at)? {
                ValueRef::Null => field(&mut out, b'n', &[]),
                ValueRef::Integer(number) => field(&mut out, b'i', &number.to_be_bytes()),
                ValueRef::Real(number) => field(&mut out, b'r', &number.to_be_bytes()),
                ValueRef::Text(text) => field(&mut out, b't', text),
                ValueRef::Blob(bytes) => field(&mut out, b'b', bytes),
            }
        }
        Ok(out)
    })
}

fn field(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    out.push(kind);
    out.extend_from_slice(&from_u64(length).to_be_bytes());
    out.extend_from_slice(bytes);
}
