//! An application's own table, and values that lie in none.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{
    Clock as _, CredentialKind, ErrorKind, KeyId, ManualClock, Place, Reason, RecordId, Result,
    Revision, Role, SecretBytes, Tenant,
};
use keyward_store::{BoxFuture, StoreId};
use keyward_testkit::{Interrupt, Staged};
use keyward_vault::{Cell, Column, Kind, Rewrap, Row, Sealed, Slot, Table, Vault};
use rusqlite::{Connection, params};
use support::{World, memory};

const PLACE: &str = "server.password";

/// `server (id, tenant, version, password)`, as an application would have it.
#[derive(Debug)]
struct Servers {
    conn: Mutex<Connection>,
    /// What the application writes just before the next swap: id and value.
    beforehand: Mutex<Option<(i64, String)>>,
    /// By it, no value is stored that is too old to be.
    clock: Mutex<Option<Arc<ManualClock>>>,
}

impl Servers {
    fn new() -> Self {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE server (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL,
                                  version INTEGER NOT NULL, password TEXT NOT NULL)",
        )
        .unwrap();
        Self {
            conn: Mutex::new(conn),
            beforehand: Mutex::default(),
            clock: Mutex::default(),
        }
    }

    fn write(&self, id: i64, tenant: &str, value: &str) {
        let sql = "INSERT OR REPLACE INTO server VALUES (?1, ?2, 1, ?3)";
        let conn = self.conn.lock().unwrap();
        conn.execute(sql, params![id, tenant, value]).unwrap();
    }

    fn value(&self, id: i64) -> Sealed {
        let sql = "SELECT password FROM server WHERE id = ?1";
        let conn = self.conn.lock().unwrap();
        let text: String = conn.query_row(sql, [id], |row| row.get(0)).unwrap();
        text.parse().unwrap()
    }
}

impl Table for Servers {
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        // Text in SQLite is compared byte by byte; no base64 character is as high as `~`.
        let sql = "SELECT count(*) FROM server WHERE password >= ?1 AND password < ?1 || '~'";
        let conn = self.conn.lock().unwrap();
        let count: i64 = conn.query_row(sql, [prefix], |row| row.get(0)).unwrap();
        Box::pin(async move { Ok(u64::try_from(count).unwrap()) })
    }

    fn rows<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Row>>> {
        let after: i64 = after.map_or(0, |text| text.parse().unwrap());
        let sql = "SELECT id, tenant, version, password FROM server WHERE id > ?1
                   ORDER BY id LIMIT ?2";
        let conn = self.conn.lock().unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        let limit = i64::try_from(limit).unwrap();
        let read =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(3)?));
        let rows: Vec<(i64, String, String)> = statement
            .query_map([after, limit], read)
            .unwrap()
            .map(|row| row.unwrap())
            .collect();
        let rows = rows.into_iter().map(|(id, tenant, text)| Row {
            cursor: id.to_string(),
            cell: Some(cell(&tenant, id)),
            value: text,
        });
        let rows: Vec<Row> = rows.collect();
        Box::pin(async move { Ok(rows) })
    }

    fn swap<'a>(&'a self, row: &'a Row, next: &'a Sealed) -> BoxFuture<'a, Result<bool>> {
        if let Some(clock) = self.clock.lock().unwrap().as_ref() {
            next.check_use(clock.now().unwrap()).unwrap();
        }
        if let Some((id, value)) = self.beforehand.lock().unwrap().take() {
            self.write(id, "acme", &value);
        }
        let sql = "UPDATE server SET password = ?3 WHERE id = ?1 AND password = ?2";
        let conn = self.conn.lock().unwrap();
        let id = row.cursor.as_str();
        let swapped = conn
            .execute(sql, params![id, row.value.as_str(), next.as_str()])
            .unwrap();
        Box::pin(async move { Ok(swapped == 1) })
    }
}

fn cell(tenant: &str, id: i64) -> Cell {
    Cell {
        tenant: Tenant::new(tenant).unwrap(),
        record: RecordId::new(&id.to_string()).unwrap(),
        role: Role::new("operator").unwrap(),
        kind: CredentialKind::new("password").unwrap(),
        revision: Revision::FIRST,
    }
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

fn app() -> StoreId {
    StoreId::new("app").unwrap()
}

async fn column(vault: &Vault) -> Column {
    vault
        .column(app(), Place::new(PLACE).unwrap())
        .await
        .unwrap()
}

async fn rotate(vault: &Vault) -> KeyId {
    let old = vault.keyring().status().keys[0].id;
    let admin = vault.keyring().admin();
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    old
}

/// A table of `rows` rows: `password-ID-of-some-length` each, of two tenants.
async fn filled(column: &Column, rows: i64) -> Arc<Servers> {
    let servers = Arc::new(Servers::new());
    for id in 1..=rows {
        let tenant = if id % 2 == 0 { "acme" } else { "globex" };
        let password = secret(&format!("password-{id}-of-some-length"));
        let sealed = column.seal(&cell(tenant, id), &password).await.unwrap();
        servers.write(id, tenant, sealed.as_str());
    }
    servers
}

#[tokio::test]
async fn a_value_opens_in_its_cell_and_nowhere_else() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let home = cell("acme", 7);
    let value = column
        .seal(&home, &secret("ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo"))
        .await
        .unwrap();
    assert_eq!(value.to_string(), "ghp_••••6aKo");
    assert_eq!(format!("{value:?}"), "Sealed(ghp_••••6aKo)");
    let line = secret("ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo\r\n");
    let line = column.seal(&home, &line).await.unwrap();
    assert_eq!(line.to_string(), "ghp_••••6aKo");
    let again: Sealed = value.as_str().parse().unwrap();
    let opened = column.open(&home, &again).await.unwrap();
    assert_eq!(opened.expose(), b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo");

    // A key of its own, so that the value and not the key is what is refused.
    column
        .seal(&cell("globex", 7), &secret("another"))
        .await
        .unwrap();
    let moves = [
        Cell {
            tenant: Tenant::new("globex").unwrap(),
            ..home.clone()
        },
        Cell {
            record: RecordId::new("8").unwrap(),
            ..home.clone()
        },
        Cell {
            role: Role::none(),
            ..home.clone()
        },
        Cell {
            kind: CredentialKind::new("token").unwrap(),
            ..home.clone()
        },
        Cell {
            revision: Revision::FIRST.next().unwrap(),
            ..home.clone()
        },
    ];
    for elsewhere in moves {
        let error = column.open(&elsewhere, &value).await.unwrap_err();
        let found = (error.kind(), error.reason(), error.to_string());
        let not_authentic = Some(Reason::NOT_AUTHENTIC);
        assert_eq!(
            found,
            (ErrorKind::Rejected, not_authentic, "rejected".to_owned())
        );
        let event = world.audit.last().unwrap();
        assert_eq!(event.action, "column.open");
        assert_eq!(event.tenant, Some(elsewhere.tenant));
    }
    let other = world
        .vault
        .column(app(), Place::new("server.token").unwrap())
        .await
        .unwrap();
    let error = other.open(&home, &value).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
    // Nor as a detached value of the same words.
    let slot = Slot::new("acme", PLACE, "7").unwrap();
    let role = home.role.clone();
    let error = world
        .vault
        .open_detached(&slot, &role, Kind::Opaque, &value)
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
    for text in [
        "",
        "kw1.",
        "kw1.AAAA",
        "kw2.AAAA",
        value.as_str().get(..100).unwrap_or_default(),
    ] {
        assert!(
            text.parse::<Sealed>().is_err() || text.len() == 100,
            "{text}"
        );
    }
}

#[tokio::test]
async fn rotation_finds_the_column_and_ends() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let servers = filled(&column, 50).await;
    let old = rotate(&world.vault).await;
    let admin = world.vault.keyring().admin();
    let blind = admin.usage().await.unwrap();
    assert_eq!((blind.rows(old), blind.uncounted.len()), (0, 1));
    // Who cannot count the column disables nothing that it may need.
    let error = admin.disable(old).await.unwrap_err();
    assert!(error.to_string().contains("--even-uncounted"), "{error}");
    column.attach(servers.clone());
    let usage = admin.usage().await.unwrap();
    assert_eq!((usage.rows(old), usage.uncounted.len()), (50, 0));

    let hint = servers.value(1).to_string();
    let report = Rewrap::new(&world.vault).batch(16).run().await.unwrap();
    assert_eq!((report.seen, report.moved, report.left), (50, 50, 0));
    assert_eq!(servers.value(1).to_string(), hint);
    assert!(hint.len() > "••••".len(), "{hint}");
    for id in 1..=50 {
        let tenant = if id % 2 == 0 { "acme" } else { "globex" };
        let opened = column
            .open(&cell(tenant, id), &servers.value(id))
            .await
            .unwrap();
        assert_eq!(
            opened.expose(),
            format!("password-{id}-of-some-length").as_bytes()
        );
    }
    let again = Rewrap::new(&world.vault).run().await.unwrap();
    assert_eq!((again.seen, again.moved, again.left), (50, 0, 0));

    admin.disable(old).await.unwrap();
    // What was sealed before may not be stored yet.
    let error = admin.destroy(old).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let age = world.vault.keyring().policy().minimum_age();
    world.clock.advance(age);
    // Who cannot count the column destroys nothing.
    let stranger = world.reopened().await;
    let error = stranger.keyring().admin().destroy(old).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains(PLACE), "{error}");
    assert_eq!(admin.destroy(old).await.unwrap().key, old);
}

#[tokio::test]
async fn a_column_left_out_of_a_rewrap_keeps_its_key() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let servers = filled(&column, 3).await;
    let old = rotate(&world.vault).await;
    let report = Rewrap::new(&world.vault).run().await.unwrap();
    assert_eq!(report.moved, 0);
    column.attach(servers);
    let admin = world.vault.keyring().admin();
    admin.disable(old).await.unwrap();
    world
        .clock
        .advance(world.vault.keyring().policy().minimum_age());
    let error = admin.destroy(old).await.unwrap_err();
    assert!(error.to_string().contains("3 values still need"), "{error}");
}

#[tokio::test]
async fn a_row_its_writer_changed_meanwhile_is_left_to_the_writer() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let servers = filled(&column, 4).await;
    column.attach(servers.clone());
    rotate(&world.vault).await;
    let newer = column
        .seal(&cell("acme", 2), &secret("newer"))
        .await
        .unwrap();
    // Written between the reading of row 1 or 2 and its swap.
    *servers.beforehand.lock().unwrap() = Some((2, newer.as_str().to_owned()));
    let report = Rewrap::new(&world.vault).run().await.unwrap();
    assert_eq!((report.moved, report.left), (3, 0));
    let opened = column
        .open(&cell("acme", 2), &servers.value(2))
        .await
        .unwrap();
    assert_eq!(opened.expose(), b"newer");
}

#[tokio::test]
async fn a_row_of_the_table_that_does_not_open_is_recorded_and_left() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let servers = filled(&column, 4).await;
    column.attach(servers.clone());
    servers.write(4, "acme", servers.value(2).as_str());
    rotate(&world.vault).await;
    let report = Rewrap::new(&world.vault).run().await.unwrap();
    assert_eq!((report.moved, report.quarantined, report.left), (3, 1, 1));
    let events = world.audit.events();
    let noted = events
        .iter()
        .find(|event| event.action == "vault.quarantine")
        .unwrap();
    assert_eq!(noted.record.as_ref().unwrap().as_str(), "4");
    assert_eq!(noted.place.as_ref().unwrap().as_str(), PLACE);
}

/// A value that a newer release sealed is not at fault, and not ours to judge.
#[tokio::test]
async fn a_row_of_the_table_that_only_a_newer_release_reads_is_skipped() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let servers = filled(&column, 4).await;
    column.attach(servers.clone());
    let value = servers.value(4);
    let text = value.as_str().strip_prefix("kw1.").unwrap();
    let mut bytes = keyward_base::encoding::from_base64url(text).unwrap();
    bytes[0] = 0x7f;
    let newer = format!("kw1.{}", keyward_base::encoding::base64url(&bytes));
    servers.write(4, "acme", &newer);
    rotate(&world.vault).await;
    let report = Rewrap::new(&world.vault).run().await.unwrap();
    let told = (
        report.seen,
        report.moved,
        report.skipped,
        report.quarantined,
    );
    assert_eq!(told, (4, 3, 1, 0));
    let noted = |event: &keyward_base::Event| event.action == "vault.quarantine";
    assert!(!world.audit.events().iter().any(noted));
}

/// Who alone can count a table tells others of it.
#[tokio::test]
async fn a_service_reports_the_counts_of_its_own_table() {
    let world = World::in_memory().await;
    let service = world.as_replica("web-1").await;
    let column = column(&service).await;
    column.attach(filled(&column, 3).await);
    service.keyring().tick().await.unwrap();
    let replicas = world.vault.keyring().replicas().await.unwrap();
    let [told, vault] = &replicas[0].columns[..] else {
        panic!("{replicas:?}")
    };
    assert_eq!(&told.column, column.id());
    assert_eq!(told.keys[0].rows, 3);
    // The vault's own are counted when a key is destroyed.
    assert!(vault.keys.is_empty(), "{vault:?}");
}

/// However long the key store takes at any call, no value is stored that is too old to be.
#[tokio::test]
async fn a_rewrap_stores_no_value_of_the_table_that_grew_old() {
    for after in 0.. {
        let keys = memory();
        let world = World::on(Arc::clone(&keys), memory()).await;
        let filling = column(&world.vault).await;
        let servers = filled(&filling, 2).await;
        *servers.clock.lock().unwrap() = Some(world.clock.clone());
        rotate(&world.vault).await;
        let staged = Staged::over(keys);
        let vault = world.reopened_on(staged.clone()).await;
        column(&vault).await.attach(servers);
        let (clock, seal_use) = (world.clock.clone(), vault.keyring().policy().seal_use);
        let act = move || -> BoxFuture<'static, ()> {
            clock.advance(seal_use);
            Box::pin(std::future::ready(()))
        };
        staged.interrupt(after, Interrupt::Run(Box::new(act)));
        let _either_way = Rewrap::new(&vault).run().await;
        if !staged.fired() {
            assert!(after > 4, "{after} calls");
            return;
        }
        // Run again, it ends.
        assert_eq!(Rewrap::new(&vault).run().await.unwrap().left, 0);
    }
}

#[tokio::test]
async fn a_detached_value_opens_for_its_own_words_and_holds_its_key() {
    let world = World::in_memory().await;
    let vault = &world.vault;
    let slot = Slot::new("acme", "a.b", "1").unwrap();
    let none = Role::none();
    let token = vault.credential(Kind::ApiKey, secret("token")).unwrap();
    let value = vault.seal_detached(&slot, &none, &token).await.unwrap();
    let again = vault.seal_detached(&slot, &none, &token).await.unwrap();
    assert_ne!(value, again, "no two are the same");
    assert_eq!(value, value.clone());
    let opened = vault
        .open_detached(&slot, &none, Kind::ApiKey, &value)
        .await
        .unwrap();
    assert_eq!(opened.expose(), b"token");
    let operator = Role::new("operator").unwrap();
    let [record, place] = ["a.b/2", "a.c/1"].map(|id| {
        let (place, record) = id.split_once('/').unwrap();
        Slot::new("acme", place, record).unwrap()
    });
    for (slot, role, kind) in [
        (&record, &none, Kind::ApiKey),
        (&place, &none, Kind::ApiKey),
        (&slot, &operator, Kind::ApiKey),
        (&slot, &none, Kind::Opaque),
    ] {
        let error = vault
            .open_detached(slot, role, kind, &value)
            .await
            .unwrap_err();
        assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
        assert_eq!(world.audit.last().unwrap().action, "vault.open-detached");
    }

    let old = rotate(vault).await;
    assert_eq!(Rewrap::new(vault).run().await.unwrap().left, 0);
    let admin = vault.keyring().admin();
    admin.disable(old).await.unwrap();
    let error = admin.destroy(old).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("--even-unregistered"), "{error}");
}

#[tokio::test]
async fn what_is_empty_or_too_long_is_not_sealed() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    for empty in ["", " ", "\r\n", "\t \n"] {
        let error = column.seal(&cell("acme", 1), &secret(empty)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{empty:?}");
        assert!(error.to_string().contains("empty"), "{error}");
    }
    let most = 1024 * 1024;
    for (length, fits) in [(1, true), (most, true), (most + 1, false)] {
        let value = SecretBytes::new(vec![b'x'; length]);
        let sealed = column.seal(&cell("acme", 1), &value).await;
        assert_eq!(sealed.is_ok(), fits, "{length}");
        if let Err(error) = sealed {
            assert_eq!(error.kind(), ErrorKind::Misuse);
        }
    }
}

/// A table of the application has no barrier of ours: what is sealed for it is soon too old.
#[tokio::test]
async fn a_sealed_value_says_how_long_it_may_be_stored() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let sealed = column
        .seal(&cell("acme", 1), &secret("password-1"))
        .await
        .unwrap();
    let now = || world.clock.now().unwrap();
    let seal_use = world.vault.keyring().policy().seal_use;
    assert_eq!(sealed.use_by(), Some(now().saturating_add(seal_use)));
    sealed.check_use(now()).unwrap();
    world.clock.advance(seal_use - Duration::from_millis(1));
    sealed.check_use(now()).unwrap();
    column.check_use(&sealed).unwrap();
    world.clock.advance(Duration::from_millis(1));
    for refused in [sealed.check_use(now()), column.check_use(&sealed)] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("seal it anew"), "{error}");
    }
    // What was read from a column is as old as it is, and is the same value.
    let read: Sealed = sealed.as_str().parse().unwrap();
    assert_eq!((read.use_by(), &read), (None, &sealed));
    read.check_use(now()).unwrap();
    let _opened = column.open(&cell("acme", 1), &sealed).await.unwrap();
}

/// However long the key store takes: whoever disables the key waits for what was sealed before.
#[tokio::test]
async fn a_value_is_as_old_as_the_asking_for_its_key() {
    let keys = memory();
    let world = World::on(Arc::clone(&keys), memory()).await;
    let staged = Staged::over(keys);
    let vault = world.reopened_on(staged.clone()).await;
    let column = column(&vault).await;
    let asked = world.clock.now().unwrap();
    let clock = world.clock.clone();
    let act = move || -> BoxFuture<'static, ()> {
        clock.advance(Duration::from_secs(5));
        Box::pin(std::future::ready(()))
    };
    staged.interrupt(0, Interrupt::Run(Box::new(act)));
    let sealed = column
        .seal(&cell("acme", 1), &secret("password-1"))
        .await
        .unwrap();
    assert!(staged.fired());
    let seal_use = vault.keyring().policy().seal_use;
    assert_eq!(sealed.use_by(), Some(asked.saturating_add(seal_use)));
}

/// A trail that takes longer than a sealed value may be used: it is not handed out.
#[tokio::test]
async fn a_value_that_grew_old_in_the_audit_is_not_handed_out() {
    let world = World::in_memory().await;
    let column = column(&world.vault).await;
    let (clock, seal_use) = (world.clock.clone(), world.vault.keyring().policy().seal_use);
    world.audit.refuse(move |_| {
        clock.advance(seal_use);
        false
    });
    let sealed = column.seal(&cell("acme", 1), &secret("password-1")).await;
    assert_eq!(sealed.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// A process that takes no lease slept while its key was rotated away, disabled and destroyed: what
/// it seals then for a table, which no barrier guards, opens all the same.
#[tokio::test]
async fn a_process_that_slept_across_a_rotation_seals_under_the_newer_key() {
    let world = World::in_memory().await;
    let slow = world.reopened().await;
    let asleep = column(&slow).await;
    let _first = asleep
        .seal(&cell("acme", 1), &secret("password-1"))
        .await
        .unwrap();
    let column = column(&world.vault).await;
    column.attach(Arc::new(Servers::new()));
    let old = rotate(&world.vault).await;
    let admin = world.vault.keyring().admin();
    admin.disable(old).await.unwrap();
    world
        .clock
        .advance(world.vault.keyring().policy().minimum_age());
    admin.destroy(old).await.unwrap();
    let late = asleep
        .seal(&cell("acme", 2), &secret("password-2"))
        .await
        .unwrap();
    late.check_use(world.clock.now().unwrap()).unwrap();
    let opened = column.open(&cell("acme", 2), &late).await.unwrap();
    assert_eq!(opened.expose(), b"password-2");
}
