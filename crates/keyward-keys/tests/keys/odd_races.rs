//! Rows that the store cannot give, beside others that do not hide them, and at every moment of what
//! looks for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_base::{ErrorKind, Purpose};
use keyward_keys::{Destruction, KeyUse, Keyring, Life, Pass, RecordColumn, Signs, Stage};
use keyward_sqlite::SqliteStore;
use keyward_store::{Applied, Collection, DamagedRow, Records, Write};
use keyward_testkit::{Act, Call, Interrupt, Staged};
use rusqlite::Connection;

use crate::odd_rows::{found, in_files, named, to_end, with_odd};
use crate::reseal::{cover, fetch, notes, numbered, put};
use crate::world::{V1, purpose, root};

fn run(path: &Path, sql: &str, rows: usize) {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    assert_eq!(conn.execute(sql, []).unwrap(), rows, "{sql}");
}

/// As many rows as are named at once, of a collection that no key needs, before all others.
fn crowd(path: &Path) {
    let sql = format!(
        "WITH RECURSIVE n(x) AS
             (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < {})
         INSERT INTO record (rowid, collection, owner, id, version, expires, mac_key, token_key,
             word, data, sealed)
         SELECT -x, 'other', '', x, -1, NULL, x'', x'', '', x'', '' FROM n",
        DamagedRow::MOST
    );
    run(path, &sql, DamagedRow::MOST);
}

/// However many rows there are that no key needs, one behind them is in the way, and what every
/// tenant needs is not given up.
#[tokio::test]
async fn rows_of_another_collection_hide_none() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let nowhere = "collection = CAST(x'eb' AS TEXT)";
    for (file, of) in [
        ("keys.db", "collection = 'tenant-keys' AND owner = 't002'"),
        ("data.db", "collection = 'notes' AND owner = 't002'"),
    ] {
        let folder = with_odd(folder.path(), file, nowhere, of);
        crowd(&folder.path().join(file));
        let (ring, _data) = found(folder.path()).await;
        let admin = ring.admin();
        let old = ring.status().keys[0].id;
        let _report = Pass::new(&ring, &purpose()).run().await.unwrap();
        assert!(to_end(&ring).await.is_err(), "{file}");
        admin.disable(old).await.unwrap();
        let refused = admin.destroy(old).await.unwrap_err();
        assert_ne!(named(&refused, "set-aside "), "", "{file}");
        let done = admin.rotate_mac(|_| ()).await.unwrap();
        assert_eq!(ring.status().mac_rotates, file == "keys.db");
        assert!(done.damaged.len() <= DamagedRow::MOST);
        let exported = keyward_keys::danger::export(&ring).await;
        assert_eq!(exported.is_err(), file == "keys.db");
    }
    let folder = with_odd(
        folder.path(),
        "keys.db",
        "expires = -1",
        "collection = 'coverage'",
    );
    let path = folder.path().join("keys.db");
    let keys = Arc::new(SqliteStore::open(&path).unwrap());
    let page = keys.damaged().await.unwrap().remove(0);
    crowd(&path);
    let ring = Keyring::builder(keys.clone(), Arc::new(root(V1)));
    let ring = ring.open().await.unwrap();
    let refused = ring.admin().set_aside_row(&page.place).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let coverage = Collection::named("coverage");
    let scan = keyward_store::Scan::of(coverage);
    assert_eq!(keys.scan(scan).await.unwrap().damaged, [page]);
}

/// However many key records of another purpose cannot be read, one behind them is in the way, and
/// keeps the MAC key that it is under.
#[tokio::test]
async fn records_of_another_purpose_hide_none() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let of = "collection = 'tenant-keys' AND owner = 't002'";
    let folder = with_odd(folder.path(), "keys.db", "expires = -1", of);
    let (ring, _data) = found(folder.path()).await;
    let admin = ring.admin();
    let mail = Purpose::new("mail").unwrap();
    admin.add_purpose(&mail, KeyUse::Seal).await.unwrap();
    let many = format!(
        "WITH RECURSIVE n(x) AS
             (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < {})
         INSERT INTO record SELECT 'tenant-keys', 'a' || x, 'mail', 1, NULL, x'', x'', '', x'00',
             '' FROM n",
        DamagedRow::MOST
    );
    run(&folder.path().join("keys.db"), &many, DamagedRow::MOST);
    let old = ring.status().keys[0].id;
    let _report = Pass::new(&ring, &purpose()).run().await.unwrap();
    assert!(to_end(&ring).await.is_err());
    admin.disable(old).await.unwrap();
    let refused = admin.destroy(old).await.unwrap_err();
    assert_ne!(named(&refused, "set-aside "), "");
    let done = admin.rotate_mac(|_| ()).await.unwrap();
    assert_eq!(done.damaged.len(), DamagedRow::MOST);
    assert!(ring.status().mac_rotates);
}

/// A row that is damaged, or mended, at any moment while a key is destroyed: what it holds needs the
/// key, and the key stays.
#[tokio::test]
async fn a_row_that_is_damaged_or_mended_at_any_moment_keeps_its_key() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let nowhere = "CAST(x'eb' AS TEXT)";
    // One row alone needs the key: it was away when the others were sealed anew.
    let at_data = folder.path().join("data.db");
    let of = "collection = 'notes' AND owner = 't002'";
    run(
        &at_data,
        &format!("UPDATE record SET collection = {nowhere} WHERE {of}"),
        1,
    );
    let (ring, data) = found(folder.path()).await;
    let old = ring.status().keys[0].id;
    let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
    assert_eq!((pass.moved, pass.left), (4, 0));
    ring.admin().disable(old).await.unwrap();
    drop((ring, data));
    run(
        &at_data,
        &format!("UPDATE record SET collection = 'notes' WHERE collection = {nowhere}"),
        1,
    );
    for (file, collection) in [("keys.db", "tenant-keys"), ("data.db", "notes")] {
        let path = folder.path().join(file);
        let damage = format!(
            "UPDATE record SET collection = {nowhere} WHERE collection = '{collection}' AND owner = 't002'"
        );
        let mend =
            format!("UPDATE record SET collection = '{collection}' WHERE collection = {nowhere}");
        for (before, then) in [("", &damage), (damage.as_str(), &mend)] {
            let mut at = 0;
            loop {
                let store = |name: &str| -> Arc<dyn Records> {
                    Arc::new(SqliteStore::open(folder.path().join(name)).unwrap())
                };
                let (keys, data) = (
                    Staged::over(store("keys.db")),
                    Staged::over(store("data.db")),
                );
                let ring = Keyring::builder(keys.clone(), Arc::new(root(V1)));
                let ring = ring.open().await.unwrap();
                let of_ring: Arc<dyn Records> = data.clone();
                cover(&ring, &of_ring).await;
                if !before.is_empty() {
                    run(&path, before, 1);
                }
                let staged = if file == "keys.db" { &keys } else { &data };
                let (then, place): (String, PathBuf) = (then.clone(), path.clone());
                let act: Act = Box::new(move || Box::pin(async move { run(&place, &then, 1) }));
                staged.interrupt(at, Interrupt::Run(act));
                let refused = ring.admin().destroy(old).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Misuse, "{file} {at}: {refused}");
                let fired = staged.fired();
                drop((ring, keys, data, of_ring));
                let conn = Connection::open(&path).unwrap();
                let _mended = conn.execute(&mend, []).unwrap();
                if !fired {
                    assert!(at > 2, "{file}: {at}");
                    break;
                }
                at += 1;
            }
        }
    }
}

/// A row that is damaged while its batch is written costs itself only.
#[tokio::test]
async fn a_row_that_is_damaged_while_it_is_sealed_anew_stops_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let mut seen = Vec::new();
    for at in 0.. {
        let folder = with_odd(folder.path(), "data.db", "expires = NULL", "owner = 't002'");
        let path = folder.path().join("data.db");
        let (ring, data) = found(folder.path()).await;
        let staged = Staged::over(Arc::clone(&data));
        let store: Arc<dyn Records> = staged.clone();
        cover(&ring, &store).await;
        let _before = staged.take_calls();
        let place = path.clone();
        let act: Act = Box::new(move || {
            let sql =
                "UPDATE record SET version = -1 WHERE collection = 'notes' AND owner = 't002'";
            Box::pin(async move { run(&place, sql, 1) })
        });
        staged.interrupt(at, Interrupt::Run(act));
        let pass = Pass::new(&ring, &purpose()).batch(3).run().await.unwrap();
        let fired = staged.fired();
        seen.extend(staged.take_calls());
        let least = ring.promoted_epoch(&purpose()).unwrap();
        for owner in [0, 1, 3, 4].map(numbered) {
            let held = fetch(data.as_ref(), &owner, "1").await;
            let key = keyward_crypto::sealed::Header::peek(&held.sealed)
                .unwrap()
                .key;
            let usage = ring
                .admin()
                .tenant_usage(&crate::world::tenant(&owner))
                .await;
            let mut usage = usage.unwrap().into_iter();
            let used = usage.find(|usage| usage.key == key).unwrap();
            assert!(used.issued_epoch >= least, "{at}");
        }
        assert_eq!(pass.quarantined + pass.skipped, 0, "{at}");
        if !fired {
            assert_eq!((pass.moved, pass.unreadable), (5, 0));
            break;
        }
    }
    // Read again in one, and one by one where one of them cannot be read.
    assert!(seen.contains(&Call::FetchMany));
    assert!(seen.contains(&Call::Fetch("notes".to_owned())));
}

/// A lease that cannot be read is not swept away with those that ran out, and one that does not say
/// that it is a lease is in the way as well.
#[tokio::test]
async fn a_lease_that_cannot_be_read_stays_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let keys = Arc::new(SqliteStore::open(folder.path().join("keys.db")).unwrap());
    let serving = Keyring::builder(keys, Arc::new(root(V1))).replica("web");
    let serving = serving.open().await.unwrap();
    let receipts = Purpose::new("receipts").unwrap();
    let signs = KeyUse::Sign(Signs::Fields);
    serving.admin().add_purpose(&receipts, signs).await.unwrap();
    drop(serving);
    for set in [
        "expires = -1",
        "expires = 1.5",
        "collection = CAST(x'eb' AS TEXT)",
    ] {
        let folder = with_odd(folder.path(), "keys.db", set, "collection = 'replica'");
        let path = folder.path().join("keys.db");
        // Each process that begins sweeps the leases away that ran out.
        let keys = Arc::new(SqliteStore::open(&path).unwrap());
        let next = Keyring::builder(keys, Arc::new(root(V1))).replica("next");
        let next = next.open().await.unwrap();
        next.leave().await.unwrap();
        drop(next);
        let (ring, _data) = found(folder.path()).await;
        let admin = ring.admin();
        let of_receipts = |key: &&keyward_keys::KeyStatus| key.purpose == receipts;
        let old = ring.status().keys.iter().find(of_receipts).unwrap().id;
        let mut rotation = admin.rotation(&receipts);
        let refused = rotation.step().await.unwrap_err();
        let row = named(&refused, "keys set-aside --row ");
        assert!(admin.destroy(old).await.is_err(), "{set}");
        drop(admin.set_aside_row(&row).await.unwrap());
        assert!(matches!(rotation.step().await.unwrap(), Stage::Done { .. }));
    }
}

/// Nothing that MACs is disabled while a row cannot be read that it may have MACed.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_in_the_way_of_what_macs() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let folder = with_odd(
        folder.path(),
        "data.db",
        "version = -1",
        "collection = 'notes' AND owner = 't002'",
    );
    let (ring, data) = found(folder.path()).await;
    let links = Purpose::new("links").unwrap();
    let endless = KeyUse::Mac(Life::Endless);
    ring.admin().add_purpose(&links, endless).await.unwrap();
    let column = RecordColumn::of_macs(data.clone(), notes(), links.clone()).unwrap();
    ring.cover(Arc::new(column)).await.unwrap();
    let mut rotation = ring.admin().rotation(&links);
    let refused = rotation.step().await.unwrap_err();
    let row = named(&refused, "vault set-aside ");
    let disabled = |key: &keyward_keys::KeyStatus| key.disabled.is_some();
    assert!(!ring.status().keys.iter().any(disabled));
    drop(data.set_aside(&row).await.unwrap());
    let ended = rotation.step().await.unwrap();
    assert!(matches!(ended, Stage::Done { destroyed, .. } if destroyed.len() == 1));
    put(&ring, data.as_ref(), "t002", "2").await;
}

/// The way out is one word of a shell, whoever wrote the owner's name.
#[tokio::test]
async fn the_way_out_names_no_other_command() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let of = "collection = 'tenant-keys' AND owner = 't002'";
    for (owner, word) in [
        ("acme; id", "'acme; id'"),
        ("$(id)", "'$(id)'"),
        ("-x", "-- '-x'"),
        ("~", "'~'"),
        ("it's", "'it'\\''s'"),
        ("", "''"),
    ] {
        let set = format!("owner = '{}'", owner.replace('\'', "''"));
        let folder = with_odd(folder.path(), "keys.db", &set, of);
        let (ring, _data) = found(folder.path()).await;
        let damaged = ring.admin().damaged().await.unwrap();
        let way_out = damaged[0].way_out();
        assert_eq!(way_out, format!("keyward keys set-aside {word}"));
        let old = ring.status().keys[0].id;
        ring.admin().disable(old).await.unwrap();
        let refused = ring.admin().destroy(old).await.unwrap_err();
        assert!(refused.to_string().contains(&way_out), "{refused}");
        assert_eq!(ring.admin().set_aside(owner).await.unwrap(), 1);
    }
}

/// Somebody who writes a row as it was at each call of the store, so many times, and then damages it.
fn rewritten(
    staged: Arc<Staged>,
    data: Arc<dyn Records>,
    path: PathBuf,
    times: usize,
) -> Interrupt {
    Interrupt::Run(Box::new(move || {
        Box::pin(async move {
            let of = "collection = 'notes' AND owner = 't002'";
            if times == 0 {
                let damage = format!("UPDATE record SET version = -1 WHERE {of}");
                return run(&path, &damage, 1);
            }
            let found = fetch(data.as_ref(), "t002", "1").await;
            let same = Write::Swap {
                key: found.key,
                version: found.version,
                content: found.content,
            };
            let done = data.apply(vec![same]).await.unwrap();
            assert!(matches!(done, Applied::Done(_)));
            let next = rewritten(Arc::clone(&staged), data, path, times - 1);
            staged.interrupt(0, next);
        })
    }))
}

/// The same of one that is so busy that each row of its batch is sealed anew by itself.
#[tokio::test]
async fn a_busy_row_that_is_damaged_stops_no_pass() {
    let from = tempfile::tempdir().unwrap();
    in_files(from.path()).await;
    // Longer than a batch is tried; then at the moment when the row is read by itself.
    let mut at = 100;
    for damaged in [false, true] {
        let folder = with_odd(from.path(), "data.db", "expires = NULL", "owner = 't002'");
        let path = folder.path().join("data.db");
        let (ring, data) = found(folder.path()).await;
        let staged = Staged::over(Arc::clone(&data));
        let store: Arc<dyn Records> = staged.clone();
        cover(&ring, &store).await;
        let _before = staged.take_calls();
        let first = rewritten(Arc::clone(&staged), Arc::clone(&data), path, at);
        staged.interrupt(0, first);
        let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
        assert_eq!((pass.quarantined, pass.skipped), (0, 0));
        let calls = staged.take_calls();
        let alone = |call: &Call| *call == Call::Fetch("notes".to_owned());
        at = calls.iter().position(alone).unwrap();
        if damaged {
            assert_eq!((pass.moved, pass.unreadable), (4, 1));
        }
    }
}

/// A lease that is damaged, or mended, at any moment while a key is destroyed: its process may hold
/// the key, and the key stays.
#[tokio::test]
async fn a_lease_that_is_damaged_or_mended_at_any_moment_keeps_the_key() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let path = folder.path().join("keys.db");
    let keys = Arc::new(SqliteStore::open(&path).unwrap());
    let serving = Keyring::builder(keys, Arc::new(root(V1))).replica("web");
    drop(serving.open().await.unwrap());
    let (ring, data) = found(folder.path()).await;
    let old = ring.status().keys[0].id;
    let _report = Pass::new(&ring, &purpose()).run().await.unwrap();
    ring.admin().disable(old).await.unwrap();
    drop((ring, data));
    let nowhere = "CAST(x'eb' AS TEXT)";
    let moved = |to: &str, from: &str| {
        format!("UPDATE record SET collection = {to} WHERE collection = {from}")
    };
    let turned = |sign: &str| {
        format!("UPDATE record SET expires = {sign}abs(expires) WHERE collection = 'replica'")
    };
    for (damage, mend) in [
        (moved(nowhere, "'replica'"), moved("'replica'", nowhere)),
        (turned("-"), turned("")),
    ] {
        for (before, then) in [("", &damage), (damage.as_str(), &mend)] {
            for at in 0.. {
                let keys = Staged::over(Arc::new(SqliteStore::open(&path).unwrap()));
                let ring = Keyring::builder(keys.clone(), Arc::new(root(V1)));
                let ring = ring.open().await.unwrap();
                let data = folder.path().join("data.db");
                let data: Arc<dyn Records> = Arc::new(SqliteStore::open(data).unwrap());
                cover(&ring, &data).await;
                if !before.is_empty() {
                    run(&path, before, 1);
                }
                let (then, place): (String, PathBuf) = (then.clone(), path.clone());
                let act: Act = Box::new(move || Box::pin(async move { run(&place, &then, 1) }));
                keys.interrupt(at, Interrupt::Run(act));
                let ended = ring.admin().destroy_ready(old).await;
                let stays = matches!(&ended, Ok(Destruction::Waiting { behind, .. }) if !behind.is_empty())
                    || matches!(&ended, Err(e) if e.kind() == ErrorKind::Misuse);
                assert!(stays, "{damage} {at}: {ended:?}");
                let fired = keys.fired();
                let conn = Connection::open(&path).unwrap();
                let _mended = conn.execute(&mend, []).unwrap();
                if !fired {
                    assert!(at > 2, "{at}");
                    break;
                }
            }
        }
    }
}
