//! A column of an application's own table.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{ErrorKind, ManualClock, Purpose, Reason, SecretBytes, Timestamp};
use keyward_embedded::{Home, HomeDir, Layout};
use keyward_sqlite::rusqlite::{Connection, params};

use super::options;

const LAYOUT: Layout<'_> = Layout {
    table: "server",
    id: "id",
    tenant: "tenant",
    column: "password",
    version: None,
};

const TABLE: &str =
    "CREATE TABLE server (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, password TEXT) STRICT";

fn secret(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

#[tokio::test]
async fn its_values_are_bound_counted_and_moved() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    let database = folder.path().join("app.db");
    let app = Connection::open(&database).unwrap();
    app.execute_batch(TABLE).unwrap();
    let column = home.own_column(&database, &LAYOUT).await.unwrap();
    let put = |id: i64, tenant: &str, value: Option<&str>| {
        let sql = "INSERT OR REPLACE INTO server VALUES (?1, ?2, ?3)";
        app.execute(sql, params![id, tenant, value]).unwrap();
    };
    let get = |id: i64| -> String {
        let sql = "SELECT password FROM server WHERE id = ?1";
        app.query_row(sql, [id], |row| row.get(0)).unwrap()
    };
    for (id, tenant) in [(-3, "acme"), (1, "acme"), (2, "globex"), (40, "acme")] {
        let value = column
            .seal(tenant, id, &secret("a password"))
            .await
            .unwrap();
        column.check_use(&value).unwrap();
        put(id, tenant, Some(value.as_str()));
    }
    put(5, "acme", None);
    put(6, "acme", Some(""));
    let opened = column.open("acme", 1, &get(1)).await.unwrap();
    assert_eq!(opened.expose(), b"a password");
    for (tenant, id) in [("acme", 2), ("acme", 40), ("globex", 1)] {
        let refused = column.open(tenant, id, &get(1)).await.unwrap_err();
        assert_eq!(
            refused.reason(),
            Some(Reason::NOT_AUTHENTIC),
            "{tenant} {id}"
        );
    }
    // One that is no value of ours stops nobody.
    put(7, "acme", Some("a password in the clear"));

    let purpose = Purpose::new("vault").unwrap();
    let admin = home.keyring().admin();
    let old = home.keyring().status().keys.first().unwrap().id;
    admin.rotate(&purpose).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    assert_eq!(admin.usage().await.unwrap().rows(old), 4);
    let report = admin.rewrap_values(&purpose, |_| {}).await.unwrap();
    let found = (report.seen, report.moved, report.quarantined, report.left);
    assert_eq!(found, (5, 4, 1, 0));
    assert_eq!(get(7), "a password in the clear");
    for (id, tenant) in [(-3, "acme"), (1, "acme"), (2, "globex"), (40, "acme")] {
        let opened = column.open(tenant, id, &get(id)).await.unwrap();
        assert_eq!(opened.expose(), b"a password");
    }
    // Who does not present the column disables nothing.
    let stranger = Home::open(&dir, &options).await.unwrap();
    let refused = stranger.keyring().admin().disable(old).await.unwrap_err();
    assert!(refused.to_string().contains("server.password"), "{refused}");
}

/// An older value of the same row does not open where the table has versions, and moves with its
/// row's.
#[tokio::test]
async fn a_value_is_bound_to_the_version_of_its_row_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let home = Home::init(&dir, &options(folder.path())).await.unwrap();
    let database = folder.path().join("app.db");
    let app = Connection::open(&database).unwrap();
    app.execute_batch(
        "CREATE TABLE server (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, password TEXT,
         version INTEGER NOT NULL) STRICT",
    )
    .unwrap();
    let layout = Layout {
        version: Some("version"),
        ..LAYOUT
    };
    let column = home.own_column(&database, &layout).await.unwrap();
    let put = |id: i64, value: &str, version: i64| {
        let sql = "INSERT OR REPLACE INTO server VALUES (?1, 'acme', ?2, ?3)";
        app.execute(sql, params![id, value, version]).unwrap();
    };
    let get = |id: i64| -> String {
        let sql = "SELECT password FROM server WHERE id = ?1";
        app.query_row(sql, [id], |row| row.get(0)).unwrap()
    };
    let seal = async |version: u64, text: &str| {
        let at = column.with_version(version);
        let sealed = at.seal("acme", 1, &secret(text)).await.unwrap();
        sealed.as_str().to_owned()
    };
    let (older, newer) = (seal(7, "older").await, seal(8, "newer").await);
    put(1, &newer, 8);
    let at = column.with_version(8);
    let opened = at.open("acme", 1, &get(1)).await.unwrap();
    assert_eq!(opened.expose(), b"newer");
    let refused = at.open("acme", 1, &older).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    // Without its version nothing is sealed or opened, nor with one where there is none.
    let unsaid = column.seal("acme", 1, &secret("x")).await.unwrap_err();
    assert_eq!(unsaid.kind(), ErrorKind::Misuse);
    let unsaid = column.open("acme", 1, &newer).await.unwrap_err();
    assert_eq!(unsaid.kind(), ErrorKind::Misuse);
    let beyond = column
        .with_version(1 << 53)
        .seal("acme", 1, &secret("x"))
        .await;
    assert_eq!(beyond.unwrap_err().kind(), ErrorKind::Misuse);
    let without = folder.path().join("without.db");
    Connection::open(&without)
        .unwrap()
        .execute_batch(TABLE)
        .unwrap();
    let bare = home.own_column(&without, &LAYOUT).await.unwrap();
    let said = bare.with_version(1).seal("acme", 1, &secret("x")).await;
    assert_eq!(said.unwrap_err().kind(), ErrorKind::Misuse);

    // A row whose version is no version of ours, or not that of its value, stops no other.
    put(2, &newer, -1);
    put(3, &newer, 8);
    let purpose = Purpose::new("vault").unwrap();
    home.keyring().admin().rotate(&purpose).await.unwrap();
    let admin = home.keyring().admin();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&purpose, |_| {}).await.unwrap();
    assert_eq!((report.moved, report.quarantined), (1, 2));
    assert_ne!(get(1), newer);
    let opened = at.open("acme", 1, &get(1)).await.unwrap();
    assert_eq!(opened.expose(), b"newer");
}

/// What was sealed before the layout named a version does not open, keeps its key, and is mended by
/// who has both layouts.
#[tokio::test]
async fn a_version_that_comes_later_shuts_older_values_out_until_they_are_sealed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let home = Home::init(&dir, &options(folder.path())).await.unwrap();
    let database = folder.path().join("app.db");
    let app = Connection::open(&database).unwrap();
    app.execute_batch(TABLE).unwrap();
    let without = home.own_column(&database, &LAYOUT).await.unwrap();
    let value = without.seal("acme", 1, &secret("kept")).await.unwrap();
    let put = "INSERT INTO server VALUES (1, 'acme', ?1)";
    app.execute(put, [value.as_str()]).unwrap();
    app.execute_batch("ALTER TABLE server ADD COLUMN version INTEGER NOT NULL DEFAULT 0")
        .unwrap();

    let layout = Layout {
        version: Some("version"),
        ..LAYOUT
    };
    let with = home.own_column(&database, &layout).await.unwrap();
    let at = with.with_version(0);
    let get = || -> String {
        let sql = "SELECT password FROM server WHERE id = 1";
        app.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let refused = at.open("acme", 1, &get()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    let admin = home.keyring().admin();
    let purpose = Purpose::new("vault").unwrap();
    let old = home.keyring().status().keys.first().unwrap().id;
    admin.rotate(&purpose).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&purpose, |_| {}).await.unwrap();
    assert_eq!((report.moved, report.quarantined, report.left), (0, 1, 1));
    assert_eq!(get(), value.as_str());
    assert_eq!(admin.usage().await.unwrap().rows(old), 1);

    let opened = without.open("acme", 1, &get()).await.unwrap();
    let anew = at.seal("acme", 1, &opened).await.unwrap();
    let swap = "UPDATE server SET password = ?1 WHERE id = 1 AND version = 0";
    assert_eq!(app.execute(swap, [anew.as_str()]).unwrap(), 1);
    let opened = at.open("acme", 1, &get()).await.unwrap();
    assert_eq!(opened.expose(), b"kept");
    let report = admin.rewrap_values(&purpose, |_| {}).await.unwrap();
    assert_eq!((report.quarantined, report.left), (0, 0));
}

/// Whoever may write the application's table does not stop a rotation by one row of it, and no row
/// is out of its reach.
#[tokio::test]
async fn rows_that_name_no_tenant_or_hold_no_text_stop_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let home = Home::init(&dir, &options(folder.path())).await.unwrap();
    let database = folder.path().join("app.db");
    let app = Connection::open(&database).unwrap();
    app.execute_batch(TABLE).unwrap();
    let column = home.own_column(&database, &LAYOUT).await.unwrap();
    let mut sound = Vec::new();
    for id in [i64::MIN, -1, 20, i64::MAX] {
        let value = column.seal("acme", id, &secret("a password")).await;
        let value = value.unwrap().as_str().to_owned();
        let sql = "INSERT INTO server VALUES (?1, 'acme', ?2)";
        app.execute(sql, params![id, value]).unwrap();
        sound.push(id);
    }
    // More of them than a page has rows, so that one page holds nothing else.
    for id in 0..18_i64 {
        let sql = "INSERT INTO server SELECT ?1, 'two words', password FROM server WHERE id = 20";
        app.execute(sql, [id]).unwrap();
    }
    app.execute_batch(
        "INSERT INTO server VALUES (30, 'acme', CAST(x'6b77312eff' AS TEXT));
         INSERT INTO server SELECT 31, CAST(x'61ff' AS TEXT), password FROM server WHERE id = 20;
         INSERT INTO server SELECT 32, 'acme', password || CAST(x'ff' AS TEXT) FROM server WHERE id = 20",
    )
    .unwrap();
    let purpose = Purpose::new("vault").unwrap();
    let admin = home.keyring().admin();
    let old = home.keyring().status().keys.first().unwrap().id;
    admin.rotate(&purpose).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&purpose, |_| {}).await.unwrap();
    assert_eq!((report.seen, report.moved, report.quarantined), (25, 4, 21));
    // They are left as they are, and counted: the key that they name is not ended under them.
    assert_eq!(report.left, 20);
    let refused = admin.disable(old).await;
    assert!(refused.is_err() || admin.destroy(old).await.is_err());
    for id in sound {
        let sql = "SELECT password FROM server WHERE id = ?1";
        let text: String = app.query_row(sql, [id], |row| row.get(0)).unwrap();
        let opened = column.open("acme", id, &text).await.unwrap();
        assert_eq!(opened.expose(), b"a password");
    }
}

#[tokio::test]
async fn a_table_that_is_not_as_said_is_refused_with_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let home = Home::init(&dir, &options(folder.path())).await.unwrap();
    let strict = |columns: &str| format!("CREATE TABLE server ({columns}) STRICT");
    let cases = [
        ("PRAGMA user_version = 1".to_owned(), "no table"),
        (TABLE.replace(" STRICT", ""), "STRICT"),
        (
            strict("id INTEGER PRIMARY KEY, tenant TEXT, password TEXT"),
            "tenant",
        ),
        (
            strict("id TEXT PRIMARY KEY, tenant TEXT NOT NULL, password TEXT"),
            "id",
        ),
        (
            strict("id INTEGER, tenant TEXT NOT NULL, password TEXT"),
            "id",
        ),
        (
            strict("id INTEGER, tenant TEXT NOT NULL, password TEXT, PRIMARY KEY (id, tenant)"),
            "id",
        ),
        (
            strict("id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, password BLOB"),
            "password",
        ),
        (
            strict("id INTEGER PRIMARY KEY, tenant TEXT NOT NULL"),
            "password",
        ),
        (
            "CREATE VIEW server AS SELECT 1 id, 'a' tenant, 'b' password".to_owned(),
            "no table",
        ),
    ];
    for (number, (sql, says)) in cases.into_iter().enumerate() {
        let database = folder.path().join(format!("app-{number}.db"));
        Connection::open(&database)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let refused = home.own_column(&database, &LAYOUT).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{sql}");
        assert!(refused.to_string().contains(says), "{refused}");
    }
    let missing = folder.path().join("missing.db");
    let refused = home.own_column(&missing, &LAYOUT).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(!missing.exists(), "it is not made");
    // A name is a path, whatever it begins with.
    for name in ["file::memory:", "file:app.db?mode=memory"] {
        let refused = home.own_column(Path::new(name), &LAYOUT).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    let refused = home.own_column(Path::new(""), &LAYOUT).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let database = folder.path().join("names.db");
    let app = Connection::open(&database).unwrap();
    let longest = "x".repeat(63);
    for (name, fits) in [
        ("", false),
        ("a b", false),
        ("a\"b", false),
        ("\u{e4}", false),
        (&"x".repeat(64), false),
        (&longest, true),
        ("server_9", true),
        ("_", true),
    ] {
        // The table and the column are there, whatever they are called.
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        app.execute_batch(&format!(
            "CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {quoted} TEXT NOT NULL) STRICT"
        ))
        .unwrap();
        let layout = Layout {
            table: name,
            tenant: name,
            column: name,
            ..LAYOUT
        };
        match home.own_column(&database, &layout).await {
            Ok(_) => assert!(fits, "{name}"),
            // A place's name is shorter: that is another refusal.
            Err(e) if fits => assert!(!e.to_string().contains("layout"), "{name}: {e}"),
            Err(e) => assert!(e.to_string().contains("a name of a layout"), "{name}: {e}"),
        }
    }
}

#[tokio::test]
async fn a_version_is_an_integer_in_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let home = Home::init(&dir, &options(folder.path())).await.unwrap();
    let layout = Layout {
        version: Some("version"),
        ..LAYOUT
    };
    for (number, (column, fits)) in [
        ("version INTEGER NOT NULL", true),
        ("version INTEGER", false),
        ("version TEXT NOT NULL", false),
        ("other INTEGER NOT NULL", false),
    ]
    .into_iter()
    .enumerate()
    {
        let database = folder.path().join(format!("app-{number}.db"));
        let app = Connection::open(&database).unwrap();
        app.execute_batch(&TABLE.replace(") STRICT", &format!(", {column}) STRICT")))
            .unwrap();
        match home.own_column(&database, &layout).await {
            Ok(_) => assert!(fits, "{column}"),
            Err(e) => {
                assert!(!fits, "{column}: {e}");
                assert_eq!(e.kind(), ErrorKind::Misuse, "{column}");
                assert!(e.to_string().contains("INTEGER NOT NULL"), "{e}");
            }
        }
    }
}

/// A value that was sealed and not stored is not stored later: its key may have ended.
#[tokio::test]
async fn a_value_is_to_be_used_within_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    options.clock = clock.clone();
    let home = Home::init(&dir, &options).await.unwrap();
    let database = folder.path().join("app.db");
    let made = Connection::open(&database).unwrap();
    made.execute_batch(TABLE).unwrap();
    let column = home.own_column(&database, &LAYOUT).await.unwrap();
    let sealed = column.seal("acme", 1, &secret("a secret")).await.unwrap();
    column.check_use(&sealed).unwrap();
    clock.advance(options.policy.seal_use + Duration::from_millis(1));
    assert!(column.check_use(&sealed).is_err());
}

/// A value that the application stores after a pass has read its row is not overwritten by it.
#[tokio::test]
async fn a_pass_does_not_undo_what_was_stored_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let home = Home::init(&dir, &options(folder.path())).await.unwrap();
    let database = folder.path().join("app.db");
    let app = Connection::open(&database).unwrap();
    app.execute_batch(TABLE).unwrap();
    let column = home.own_column(&database, &LAYOUT).await.unwrap();
    for id in [1, 2] {
        let value = column.seal("acme", id, &secret("older")).await.unwrap();
        let row = params![id, "acme", value.as_str()];
        let sql = "INSERT INTO server VALUES (?1, ?2, ?3)";
        app.execute(sql, row).unwrap();
    }
    let purpose = Purpose::new("vault").unwrap();
    let admin = home.keyring().admin();
    admin.rotate(&purpose).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();

    // Both rows are read at once; moving the first one is when the second is stored anew.
    let newer = column.seal("acme", 2, &secret("newer")).await.unwrap();
    app.execute_batch(&format!(
        "CREATE TRIGGER meanwhile AFTER UPDATE ON server WHEN NEW.id = 1
         BEGIN UPDATE server SET password = '{}' WHERE id = 2; END",
        newer.as_str()
    ))
    .unwrap();
    let report = admin.rewrap_values(&purpose, |_| {}).await.unwrap();
    assert_eq!((report.quarantined, report.left), (0, 0));
    for (id, text) in [(1, "older"), (2, "newer")] {
        let sql = "SELECT password FROM server WHERE id = ?1";
        let value: String = app.query_row(sql, [id], |row| row.get(0)).unwrap();
        let opened = column.open("acme", id, &value).await.unwrap();
        assert_eq!(opened.expose(), text.as_bytes());
    }
}
