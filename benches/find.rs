//! Looking for the values of a key in a million rows, beside a bare read of the same.
//!
//! Bare is, for a database, a statement that selects all columns of all rows and looks at the
//! length of each value; for a dump, reading it to its end
//! from the pipe it comes through. Each round does all of them in turn.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

use keyward_base::encoding::{hex, sealed_prefix};
use keyward_base::{KeyId, Suite};
use keyward_find::{Keys, Options, dump, file};
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
    dump(piped(path), keys, |_| ()).unwrap().values()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64() * 1e3)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(title: &str, path: &Path, bare: fn(&Path) -> usize, ours: fn(&Path, &Keys) -> u64) {
    let (keys, nothing) = (keys(), [id(1)].into_iter().collect());
    let rounds = if keyward_benches::is_smoke() { 1 } else { 11 };
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        let (len, time) = timed(|| bare(path));
        assert!(len > 0);
        times[0].push(time);
        let (found, time) = timed(|| ours(path, &keys));
        assert_eq!(found, rows() / 10);
        times[1].push(time);
        let (found, time) = timed(|| ours(path, &nothing));
        assert_eq!(found, 0);
        times[2].push(time);
    }
    let ratio = |which: usize| {
        let ratios = times[which].iter().zip(&times[0]).map(|(a, b)| a / b);
        median(ratios.collect())
    };
    println!(
        "{title:<28} bare {:>6.0} ms   a tenth found {:>6.0} ms {:>5.2}   none found {:>6.0} ms {:>5.2}",
        median(times[0].clone()),
        median(times[1].clone()),
        ratio(1),
        median(times[2].clone()),
        ratio(2),
    );
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    database(&path("app.db"));
    compare("SQLite", &path("app.db"), bare_file, found_in_file);
    postgresql(&path("text.sql"), false);
    compare(
        "PostgreSQL, text",
        &path("text.sql"),
        bare_dump,
        found_in_dump,
    );
    postgresql(&path("bytea.sql"), true);
    compare(
        "PostgreSQL, bytea",
        &path("bytea.sql"),
        bare_dump,
        found_in_dump,
    );
    mysql(&path("mysql.sql"));
    compare("MySQL", &path("mysql.sql"), bare_dump, found_in_dump);
}
