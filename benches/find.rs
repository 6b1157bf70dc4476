//! Looking for the values of a key in a million rows, beside a bare read of the same.
//!
//! Bare is, for a database, a statement that selects all columns of all rows and looks at the
//! length of each value; for a dump, reading it to its end
//! from the pipe it comes through. Each round does all of them in turn.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use keyward_base::encoding::hex;

use keyward_base::key_tag::sealed_prefix;
use keyward_base::{KeyId, Suite};
use keyward_benches::{Bar, compare_long, finish, is_wanted};
use keyward_find::{Keys, Options, dump, file, widen};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

/// The key whose values are looked for, and one whose values are there too.
const OURS: u64 = 0x0011_2233_4455_6677;
const OTHER: u64 = 0x8899_aabb_ccdd_eeff;

fn rows() -> u64 {
    if keyward_benches::is_smoke() {
        1_000
    } else {
        1_000_000
    }
}

fn id(number: u64) -> KeyId {
    KeyId::parse(&hex(&number.to_be_bytes())).unwrap()
}

/// A tenant key in a thousand is one that is looked for.
fn keys() -> Keys {
    (0..1_000).map(|n| id(OURS + n)).collect()
}

fn value(row: u64) -> String {
    let key = if row.is_multiple_of(10) {
        OURS + row / 10 % 1_000
    } else {
        OTHER
    };
    let prefix = sealed_prefix(Suite::Chunked1, id(key));
    format!("{prefix}{}", "Ab3-_x".repeat(25))
}

fn document(row: u64) -> String {
    format!(
        r#"{{"id": {row}, "name": "customer {row}", "note": "called on Monday, wants a copy", "address": "12 Long Street, Springfield", "tags": ["new", "paid"]}}"#
    )
}

fn database(path: &Path) {
    let mut conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT, doc TEXT, token TEXT)",
    )
    .unwrap();
    let batch = conn.transaction().unwrap();
    {
        let mut insert = batch
            .prepare("INSERT INTO account (name, doc, token) VALUES (?1, ?2, ?3)")
            .unwrap();
        for row in 0..rows() {
            let name = format!("customer {row}");
            insert
                .execute(params![name, document(row), value(row)])
                .unwrap();
        }
    }
    batch.commit().unwrap();
}

fn bare_file(path: &Path) -> usize {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn
        .prepare("SELECT id, name, doc, token FROM account")
        .unwrap();
    let mut found = statement.query([]).unwrap();
    let mut len = 0;
    while let Some(row) = found.next().unwrap() {
        for column in 0..4 {
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(column).unwrap() {
                len += black_box(bytes).len();
            }
        }
    }
    len
}

fn postgresql(path: &Path, in_hex: bool) {
    let mut text = String::from(
        "-- PostgreSQL database dump\nCOPY public.account (id, name, doc, token) FROM stdin;\n",
    );
    for row in 0..rows() {
        let value = if in_hex {
            format!("\\\\x{}", hex(value(row).as_bytes()))
        } else {
            value(row)
        };
        writeln!(text, "{row}\tcustomer {row}\t{}\t{value}", document(row)).unwrap();
    }
    text.push_str("\\.\n-- PostgreSQL database dump complete\n");
    std::fs::write(path, text).unwrap();
}

fn mysql(path: &Path) {
    let mut text = String::from("-- MySQL dump 10.13\n");
    for row in 0..rows() {
        text.push_str(if row.is_multiple_of(3_000) {
            "INSERT INTO `account` VALUES "
        } else {
            ","
        });
        let document = document(row).replace('"', "\\\"");
        write!(
            text,
            "({row},'customer {row}','{document}','{}')",
            value(row)
        )
        .unwrap();
        if row % 3_000 == 2_999 || row + 1 == rows() {
            text.push_str(";\n");
        }
    }
    text.push_str("-- Dump completed\n");
    std::fs::write(path, text).unwrap();
}

/// The dump through a pipe, as `pg_dump` and `mysqldump` write it.
fn piped(path: &Path) -> ChildStdout {
    let mut cat = Command::new("cat");
    let child = cat.arg(path).stdout(Stdio::piped()).spawn();
    child.unwrap().stdout.take().unwrap()
}

fn bare_dump(path: &Path) -> usize {
    let mut from = piped(path);
    let mut piece = vec![0; 1 << 20];
    let mut len = 0;
    loop {
        match from.read(&mut piece).unwrap() {
            0 => return len,
            read => len += black_box(&piece[..read]).len(),
        }
    }
}

fn found_in_file(path: &Path, keys: &Keys) -> u64 {
    file(path, keys, Options::default(), |_| ())
        .unwrap()
        .values()
}

fn found_in_dump(path: &Path, keys: &Keys) -> u64 {
    let from = piped(path);
    widen(&from);
    dump(from, keys, |_| ()).unwrap().values()
}

fn search(title: &str, path: &Path, bare: fn(&Path) -> usize, ours: fn(&Path, &Keys) -> u64) {
    let (keys, nothing) = (keys(), [id(1)].into_iter().collect());
    compare_long(
        title,
        11,
        |_| (),
        &mut [
            ("bare", Box::new(|| assert!(bare(path) > 0))),
            (
                "keyward, a tenth found",
                Box::new(|| assert_eq!(ours(path, &keys), rows() / 10)),
            ),
            (
                "keyward, none found",
                Box::new(|| assert_eq!(ours(path, &nothing), 0)),
            ),
        ],
    );
}

const BARS: &[Bar] = &[
    (SQLITE, "keyward, a tenth found", 1.3),
    (SQLITE, "keyward, none found", 1.3),
    (TEXT, "keyward, a tenth found", 1.3),
    (TEXT, "keyward, none found", 1.3),
    (BYTEA, "keyward, a tenth found", 1.3),
    (BYTEA, "keyward, none found", 1.3),
    (MYSQL, "keyward, a tenth found", 1.3),
    (MYSQL, "keyward, none found", 1.3),
];

const SQLITE: &str = "SQLite";
const TEXT: &str = "PostgreSQL, text";
const BYTEA: &str = "PostgreSQL, bytea";
const MYSQL: &str = "MySQL";

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    let file = |write: &dyn Fn(&Path), title, bare, ours| {
        if is_wanted(title) {
            write(&path);
            search(title, &path, bare, ours);
            std::fs::remove_file(&path).unwrap();
        }
    };
    file(&database, SQLITE, bare_file, found_in_file);
    file(
        &|path| postgresql(path, false),
        TEXT,
        bare_dump,
        found_in_dump,
    );
    file(
        &|path| postgresql(path, true),
        BYTEA,
        bare_dump,
        found_in_dump,
    );
    file(&mysql, MYSQL, bare_dump, found_in_dump);
    finish("find", BARS);
}
