//! SQLite databases, as applications make them.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::type_complexity,
    missing_docs
)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_base::ErrorKind;
use keyward_find::{Options, Report, file};
use rusqlite::{Connection, params};
use support::{escaped, in_hex, keys, lines, other, ours};
use tempfile::TempDir;

struct Database {
    folder: TempDir,
}

impl Database {
    fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Self { folder };
        database.connect().execute_batch(sql).unwrap();
        database
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn look(&self) -> Report {
        look(&self.path()).unwrap()
    }
}

fn look(path: &Path) -> keyward_base::Result<Report> {
    let mut options = Options::default();
    options.patience = Duration::ZERO;
    options.in_memory = 1 << 20;
    file(path, &keys(), options, |_| ())
}

#[test]
fn every_form_of_a_value_is_found_in_text_and_blobs() {
    let database = Database::new("CREATE TABLE doc (id INTEGER PRIMARY KEY, body)");
    let conn = database.connect();
    let base64 = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let utf16_big =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    let forms: [&dyn Fn(&str) -> Vec<u8>; 13] = [
        &|v| v.into(),
        &|v| format!("{{\"a\":[\"{v}\"]}}").into(),
        &|v| format!("{{\"a\":\"{}\"}}", escaped(v, 1)).into(),
        &|v| format!("\"{{\\\"a\\\":\\\"{}\\\"}}\"", escaped(v, 2)).into(),
        &|v| format!("{}{}", escaped(&v[..1], 7), &v[1..]).into(),
        &|v| format!("{}{}", &v[..15], escaped(&v[15..], 3)).into(),
        &|v| v.replace('.', "\\x2e").into(),
        &|v| v.replace('w', "\\167").into(),
        &|v| v.replace('-', "\\-").replace('.', "\\.").into(),
        &|v| in_hex(v).into(),
        &|v| in_hex(v).to_uppercase().into(),
        &|v| [b"\xff\x02\x03".to_vec(), utf16(v), utf16_big(v)].concat(),
        &|v| format!("[\"{}\"]", base64(v)).into(),
    ];
    let mut wanted = 0;
    for (index, form) in forms.iter().enumerate() {
        let mut insert = conn.prepare("INSERT INTO doc (body) VALUES (?1)").unwrap();
        insert.execute([form(&other())]).unwrap();
        insert.execute([form(&ours())]).unwrap();
        if let Ok(text) = String::from_utf8(form(&ours())) {
            insert.execute([text]).unwrap();
            wanted += 1;
        }
        wanted += if index == 11 { 2 } else { 1 };
        assert_eq!(
            lines(&database.look()),
            [format!("doc.body {wanted}")],
            "form {index}"
        );
    }
    // JSONB, as SQLite itself writes it.
    conn.execute(
        "INSERT INTO doc (body) VALUES (jsonb(?1))",
        [format!(
            "[\"{}\", {{\"k\": \"{}\"}}]",
            ours(),
            escaped(&ours(), 1)
        )],
    )
    .unwrap();
    assert_eq!(
        lines(&database.look()),
        [format!("doc.body {}", wanted + 2)]
    );
}

#[test]
fn each_table_and_column_is_told_apart_and_none_is_left_out() {
    let database = Database::new(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY, token TEXT, note TEXT);
         CREATE TABLE \"od\"\"d name\" (\"a b\" INTEGER, \"select\" BLOB);
         CREATE TABLE keyed (k TEXT COLLATE THEIRS PRIMARY KEY, v TEXT) WITHOUT ROWID;
         CREATE TABLE made (doc TEXT, kept TEXT GENERATED ALWAYS AS (doc ->> 'a') STORED,
                            shown TEXT GENERATED ALWAYS AS (doc ->> 'a') VIRTUAL);
         CREATE VIRTUAL TABLE words USING fts5(body);
         CREATE VIEW all_of_it AS SELECT token FROM plain;
         CREATE TABLE strict_one (n INTEGER, t ANY) STRICT;
         CREATE INDEX by_expression ON plain (upper(note));"
            .replace("COLLATE THEIRS ", "")
            .as_str(),
    );
    let conn = database.connect();
    for _ in 0..3 {
        conn.execute(
            "INSERT INTO plain (token, note) VALUES (?1, ?2)",
            [ours(), other()],
        )
        .unwrap();
    }
    conn.execute(
        "INSERT INTO \"od\"\"d name\" VALUES (?1, ?2)",
        params![ours(), ours().into_bytes()],
    )
    .unwrap();
    conn.execute("INSERT INTO keyed VALUES (?1, ?2)", [ours(), ours()])
        .unwrap();
    conn.execute(
        "INSERT INTO made (doc) VALUES (?1)",
        [format!("{{\"a\":\"{}\"}}", ours())],
    )
    .unwrap();
    conn.execute("INSERT INTO words VALUES (?1)", [ours()])
        .unwrap();
    conn.execute("INSERT INTO strict_one VALUES (1, ?1)", [ours()])
        .unwrap();
    conn.execute_batch(&format!(
        "ALTER TABLE plain ADD COLUMN added TEXT DEFAULT '{}'",
        ours()
    ))
    .unwrap();
    let report = database.look();
    assert_eq!(
        lines(&report),
        [
            "keyed.k 1",
            "keyed.v 1",
            "made.doc 1",
            "made.kept 1",
            "od\"d name.a b 1",
            "od\"d name.select 1",
            "plain.added 3",
            "plain.token 3",
            "sqlite_schema.sql 1",
            "strict_one.t 1",
            "words_content.c0 1",
        ]
    );
    assert_eq!(report.virtual_tables, ["words"]);
}

#[test]
fn a_database_in_utf16_and_one_with_its_own_collation_are_read() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let database = Database::new(&format!(
            "PRAGMA encoding = '{encoding}'; CREATE TABLE t (a TEXT, b BLOB)"
        ));
        database
            .connect()
            .execute(
                "INSERT INTO t VALUES (?1, ?2)",
                params![ours(), ours().into_bytes()],
            )
            .unwrap();
        assert_eq!(lines(&database.look()), ["t.a 1", "t.b 1"]);
    }
    let database = Database::new("");
    let conn = database.connect();
    conn.create_collation("theirs", |a, b| b.cmp(a)).unwrap();
    conn.execute_batch("CREATE TABLE t (k TEXT COLLATE theirs PRIMARY KEY, v TEXT) WITHOUT ROWID")
        .unwrap();
    for key in ["a", "b", "c"] {
        conn.execute("INSERT INTO t VALUES (?1, ?2)", [key, &ours()])
            .unwrap();
    }
    assert_eq!(lines(&database.look()), ["t.v 3"]);
}

#[test]
fn a_value_in_a_document_longer_than_memory_is_found_wherever_it_lies() {
    for sql in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
        "CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT, b TEXT) WITHOUT ROWID",
        "CREATE TABLE t (id TEXT, a TEXT, b TEXT, c TEXT GENERATED ALWAYS AS (length(a)) VIRTUAL)",
    ] {
        let database = Database::new(sql);
        let conn = database.connect();
        let mut insert = conn
            .prepare("INSERT INTO t (id, a, b) VALUES (?1, ?2, ?3)")
            .unwrap();
        // Across the edges of a window too.
        for (id, before) in (0_i64..).zip([
            0,
            256 * 1024 - 650,
            256 * 1024 - 5,
            512 * 1024 - 645,
            1_500_000,
        ]) {
            let rest = "x".repeat(2_000_000 - before);
            let plain = format!("{}{}{rest}", " ".repeat(before), ours());
            let odd = format!("{}{}{rest}", "\\".repeat(before), escaped(&ours(), 9));
            insert.execute(params![id, plain, odd]).unwrap();
        }
        insert.execute(params![99, ours(), other()]).unwrap();
        assert_eq!(lines(&database.look()), ["t.a 6", "t.b 5"], "{sql}");
    }
}

/// One that begins exactly where a window is cut counts once, and one without any counts none.
#[test]
fn a_value_at_the_cut_of_a_window_counts_once() {
    let database = Database::new("CREATE TABLE t (a TEXT, b TEXT, c TEXT)");
    let conn = database.connect();
    let document = |at: &[usize]| {
        let mut text = " ".repeat(1_200_000);
        for at in at {
            text.replace_range(*at..*at + ours().len(), &ours());
        }
        text
    };
    let cut = 256 * 1024 - 640;
    let documents = [
        document(&[cut]),
        document(&[]),
        document(&[cut - 1_000, cut, cut + 640]),
    ];
    conn.execute("INSERT INTO t VALUES (?1, ?2, ?3)", documents)
        .unwrap();
    assert_eq!(lines(&database.look()), ["t.a 1", "t.c 3"]);
}

/// What a crash or a stop leaves beside a database.
#[test]
fn a_write_that_was_cut_short_and_a_file_that_cannot_be_opened_are_told() {
    let database = Database::new("CREATE TABLE t (a TEXT)");
    let conn = database.connect();
    for _ in 0..40 {
        conn.execute("INSERT INTO t VALUES (?1)", ["x".repeat(4_000)])
            .unwrap();
    }
    conn.execute_batch("PRAGMA cache_size = 1; BEGIN; UPDATE t SET a = 'y' || a;")
        .unwrap();
    let copy = database.folder.path().join("copy.db");
    std::fs::copy(database.path(), &copy).unwrap();
    let journal = database.folder.path().join("app.db-journal");
    std::fs::copy(journal, database.folder.path().join("copy.db-journal")).unwrap();
    let refused = look(&copy).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("cut short"), "{refused}");

    let logged = Database::new("PRAGMA journal_mode = WAL; CREATE TABLE t (a TEXT)");
    std::fs::create_dir(logged.folder.path().join("app.db-shm")).unwrap();
    std::fs::create_dir(logged.folder.path().join("app.db-wal")).unwrap();
    let refused = look(&logged.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(
        refused.to_string().contains("cannot be opened"),
        "{refused}"
    );
}

/// Where a document cannot be read in parts by its row, it is read whole.
#[test]
fn a_long_document_is_read_in_another_encoding_and_beside_columns_called_rowid() {
    for sql in [
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a TEXT)",
        "CREATE TABLE t (rowid TEXT, a TEXT)",
        "CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT, a TEXT)",
    ] {
        let database = Database::new(sql);
        let long = format!("{}{}", "x ".repeat(550_000), in_hex(&ours()));
        let conn = database.connect();
        conn.execute("INSERT INTO t (a) VALUES (?1)", [long])
            .unwrap();
        assert_eq!(lines(&database.look()), ["t.a 1"], "{sql}");
    }
}

#[test]
fn no_sql_of_the_database_runs() {
    let database = Database::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, token TEXT);
         CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n;
         CREATE TRIGGER t_read INSTEAD OF INSERT ON endless BEGIN DELETE FROM t; END;",
    );
    database
        .connect()
        .execute("INSERT INTO t (token) VALUES (?1)", [ours()])
        .unwrap();
    let bad = "ALTER TABLE t ADD COLUMN bad INTEGER
               GENERATED ALWAYS AS (abs(-9223372036854775808 + 0 * id)) VIRTUAL";
    database.connect().execute_batch(bad).unwrap();
    assert!(
        database
            .connect()
            .query_row("SELECT bad FROM t", [], |row| row.get::<_, i64>(0))
            .is_err()
    );
    assert_eq!(lines(&database.look()), ["t.token 1"]);
}

#[test]
fn a_schema_written_by_hand_hides_nothing() {
    let schema = |change: &str| {
        let database = Database::new("CREATE TABLE t (a TEXT)");
        let conn = database.connect();
        conn.execute("INSERT INTO t VALUES (?1)", [ours()]).unwrap();
        conn.execute_batch(&format!(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET {change}"
        ))
        .unwrap();
        database
    };
    // The application reads the first three as before.
    for (change, table) in [
        ("type = 'TABLE'", "t"),
        (
            "name = 'sqlite_t', tbl_name = 'sqlite_t', sql = 'CREATE TABLE sqlite_t (a TEXT)'",
            "sqlite_t",
        ),
        (
            "name = 'SQLITE_t', tbl_name = 'SQLITE_t', sql = 'CREATE TABLE SQLITE_t (a TEXT)'",
            "SQLITE_t",
        ),
    ] {
        let database = schema(change);
        let sql = format!("SELECT count(*) FROM {table}");
        let conn = database.connect();
        let rows: i64 = conn.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1, "{change}");
        let found = lines(&database.look());
        assert_eq!(found, [format!("{table}.a 1")], "{change}");
    }
    for change in [
        "rootpage = 0",
        "sql = NULL",
        "sql = 'CREATE VIRTUAL TABLE t USING fts5(a)'",
        "rootpage = 0, sql = 'CREATE /**/ VIRTUAL TABLE t USING fts5(a)'",
        "rootpage = 'x'",
    ] {
        let error = look(&schema(change).path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{change}: {error}");
    }
}

#[test]
fn nothing_is_written_and_a_write_ahead_log_is_read() {
    let database = Database::new("PRAGMA journal_mode = WAL; CREATE TABLE t (a TEXT)");
    let conn = database.connect();
    let before = std::fs::read(database.path()).unwrap();
    conn.execute("INSERT INTO t VALUES (?1)", [ours()]).unwrap();
    assert_eq!(lines(&database.look()), ["t.a 1"]);
    // Beside a transaction that is not over, what was committed.
    conn.execute_batch("BEGIN IMMEDIATE; DELETE FROM t")
        .unwrap();
    assert_eq!(lines(&database.look()), ["t.a 1"]);
    assert_eq!(std::fs::read(database.path()).unwrap(), before);
    assert!(!database.look().log_missing);
}

/// What was in the log is not in the copy, and nothing in the copy says so.
#[test]
fn a_copy_without_its_write_ahead_log_is_told_of() {
    let database = Database::new("PRAGMA journal_mode = WAL; CREATE TABLE t (a TEXT)");
    let conn = database.connect();
    conn.execute("INSERT INTO t VALUES (?1)", [ours()]).unwrap();
    let copy = database.folder.path().join("copy.db");
    std::fs::copy(database.path(), &copy).unwrap();
    let report = look(&copy).unwrap();
    assert_eq!((report.values(), report.log_missing), (0, true));
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(log(&database.path()), log(&copy)).unwrap();
    let report = look(&copy).unwrap();
    assert_eq!((report.values(), report.log_missing), (1, false));
    // Without such a log there is none to miss.
    let plain = Database::new("CREATE TABLE t (a TEXT)");
    assert!(!plain.look().log_missing);
}

/// A row id is a number whatever is written to it; what only looks like one is read.
#[test]
fn a_primary_key_that_can_hold_text_is_read() {
    let database = Database::new(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY, n INTEGER);
         CREATE TABLE only (id INTEGER PRIMARY KEY);
         CREATE TABLE down (id INTEGER PRIMARY KEY DESC);
         CREATE TABLE wide (id INT PRIMARY KEY);
         CREATE TABLE pair (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
         CREATE TABLE none (id INTEGER PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE apart (\"the id\" integer, PRIMARY KEY (\"the id\"));",
    );
    let conn = database.connect();
    for insert in [
        "INSERT INTO plain (n) VALUES (?1)",
        "INSERT INTO down VALUES (?1)",
        "INSERT INTO wide VALUES (?1)",
        "INSERT INTO pair VALUES (1, ?1)",
        "INSERT INTO none VALUES (?1)",
    ] {
        conn.execute(insert, [ours()]).unwrap();
    }
    for table in ["plain", "only", "apart"] {
        let sql = format!("INSERT INTO {table} DEFAULT VALUES");
        conn.execute(&sql, []).unwrap();
        let sql = format!("UPDATE {table} SET rowid = ?1");
        conn.execute(&sql, [ours()]).unwrap_err();
    }
    assert_eq!(
        lines(&database.look()),
        [
            "down.id 1",
            "none.id 1",
            "pair.b 1",
            "plain.n 1",
            "wide.id 1"
        ]
    );
}

/// Long runs of what a value is made of, of every length and in every place around one.
#[test]
fn a_value_is_found_wherever_it_lies_in_a_text() {
    let database = Database::new("CREATE TABLE t (a)");
    let conn = database.connect();
    let mut insert = conn.prepare("INSERT INTO t VALUES (?1)").unwrap();
    let (whole, least) = (ours(), &ours()[..114]);
    let mut wanted = 0;
    for value in [whole.as_str(), least] {
        for before in 0..200 {
            for (fill, end) in [("a", " "), (" ", ""), ("/", "\""), ("ab3 ", "x")] {
                let before = &fill.repeat(200)[..before];
                insert
                    .execute([format!("{before}{value}{end}{before}")])
                    .unwrap();
                wanted += 1;
            }
        }
    }
    // Lines that somebody broke at 64 characters.
    for newline in ["\n", "\r\n"] {
        let lines: Vec<&str> = (0..whole.len())
            .step_by(64)
            .map(|at| &whole[at..whole.len().min(at + 64)])
            .collect();
        insert.execute([lines.join(newline)]).unwrap();
        insert
            .execute([lines.join(&format!("{newline}  "))])
            .unwrap();
        wanted += 2;
    }
    assert_eq!(database.look().values(), wanted);
}

#[test]
fn what_cannot_be_read_is_said_and_never_taken_for_nothing() {
    let kind = |path: &Path, part: &str| {
        let error = look(path).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        error.kind()
    };
    let database = Database::new("CREATE TABLE t (a TEXT)");
    let conn = database.connect();
    for _ in 0..2_000 {
        conn.execute("INSERT INTO t VALUES (?1)", [ours()]).unwrap();
    }
    let folder = database.folder.path();
    assert_eq!(
        kind(&folder.join("none.db"), "there is no file"),
        ErrorKind::Misuse
    );
    assert_eq!(kind(folder, "is no file"), ErrorKind::Misuse);
    std::fs::write(folder.join("empty.db"), "").unwrap();
    assert_eq!(
        kind(&folder.join("empty.db"), "is empty"),
        ErrorKind::Misuse
    );
    std::fs::write(
        folder.join("text.db"),
        "no database at all, but longer than a header of one is, so that it is looked at",
    )
    .unwrap();
    assert_eq!(
        kind(&folder.join("text.db"), "no SQLite database"),
        ErrorKind::Corrupt
    );

    conn.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(kind(&database.path(), "locked"), ErrorKind::Unavailable);
    conn.execute_batch("ROLLBACK").unwrap();

    let whole = std::fs::read(database.path()).unwrap();
    let mut damaged = whole.clone();
    damaged[8 * 4096..9 * 4096].fill(0x5a);
    std::fs::write(folder.join("damaged.db"), &damaged).unwrap();
    assert_eq!(
        kind(&folder.join("damaged.db"), "damaged"),
        ErrorKind::Corrupt
    );
    std::fs::write(folder.join("short.db"), &whole[..20 * 4096]).unwrap();
    assert_eq!(
        kind(&folder.join("short.db"), "damaged"),
        ErrorKind::Corrupt
    );
}
