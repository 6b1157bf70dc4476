//! Rows that the store itself cannot give: each costs its owner only, and is in nobody's way once it
//! is given up as the refusal says.

use std::path::Path;
use std::sync::Arc;

use keyward_base::{Error, ErrorKind, Result, Suite};
use keyward_crypto::sealed::Header;
use keyward_keys::{KeyState, Keyring, Pass, Stage};
use keyward_sqlite::SqliteStore;
use keyward_store::Records;
use tempfile::TempDir;

use crate::odd::odd;
use crate::reseal::{cover, fetch, numbered, opened, put, rotate};
use crate::world::{V1, purpose, root, tenant};

/// Five tenants with a note each, under a key that is retired: key store and data store.
pub(crate) async fn in_files(folder: &Path) {
    let (keys, data) = (folder.join("keys.db"), folder.join("data.db"));
    let keys = Arc::new(SqliteStore::open(keys).unwrap());
    let data: Arc<dyn Records> = Arc::new(SqliteStore::open(data).unwrap());
    let ring = Keyring::builder(keys, Arc::new(root(V1)));
    let ring = ring.create(&[purpose()], &[]).await.unwrap();
    for at in 0..5 {
        put(&ring, data.as_ref(), &numbered(at), "1").await;
    }
    cover(&ring, &data).await;
    rotate(&ring).await;
}

/// The same as a process finds it that begins now.
pub(crate) async fn found(folder: &Path) -> (Keyring, Arc<dyn Records>) {
    let (keys, data) = (folder.join("keys.db"), folder.join("data.db"));
    let keys = Arc::new(SqliteStore::open(keys).unwrap());
    let data: Arc<dyn Records> = Arc::new(SqliteStore::open(data).unwrap());
    let ring = Keyring::builder(keys, Arc::new(root(V1)));
    let ring = ring.open().await.unwrap();
    cover(&ring, &data).await;
    (ring, data)
}

/// A copy of both stores, with one value changed.
pub(crate) fn with_odd(from: &Path, file: &str, set: &str, of: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["keys.db", "data.db"] {
        std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    let sql = format!("UPDATE record SET {set} WHERE {of}");
    odd(&folder.path().join(file), "record", &sql);
    folder
}

/// What a message names between its quotes, without what comes before `part`.
pub(crate) fn named(error: &Error, part: &str) -> String {
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    let said = error.to_string();
    let (_, rest) = said.split_once(part).unwrap_or_else(|| panic!("{said}"));
    rest.split('`').next().unwrap().to_owned()
}

/// The others open, write, are moved, and are counted.
pub(crate) async fn others_go_on(ring: &Keyring, data: &dyn Records, next: &str, case: &str) {
    for owner in [0, 1, 3, 4].map(numbered) {
        put(ring, data, &owner, next).await;
        for id in ["1", next] {
            let held = fetch(data, &owner, id).await;
            let key = Header::peek(&held.sealed).unwrap().key;
            let key = ring.opening_key(&purpose(), &tenant(&owner), key).await;
            assert_eq!(
                opened(&key.unwrap(), &held.key, &held.sealed).unwrap(),
                id.as_bytes(),
                "{case}"
            );
        }
        ring.admin().tenant_usage(&tenant(&owner)).await.unwrap();
    }
}

/// A row of the key store that the store itself cannot give costs its owner only: no key goes
/// while it is there, and the refusal names the way out.
#[tokio::test]
async fn an_odd_row_of_the_key_store_is_in_the_way_of_destroying_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    for (set, by_tenant) in [
        ("collection = NULL", false),
        ("owner = CAST(x'74303032eb' AS TEXT)", false),
        ("owner = NULL", false),
        ("owner = CAST(owner AS BLOB)", false),
        ("id = CAST(x'76eb' AS TEXT)", true),
        ("id = NULL", true),
        ("version = '9'", true),
        ("expires = -1", true),
        ("data = NULL", true),
        ("data = CAST(data AS TEXT)", true),
        ("word = x''", true),
        ("sealed = 5", true),
    ] {
        let of = "collection = 'tenant-keys' AND owner = 't002'";
        let folder = with_odd(folder.path(), "keys.db", set, of);
        let (ring, data) = found(folder.path()).await;
        let admin = ring.admin();
        let old = ring.status().keys[0].id;
        let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
        assert_eq!((pass.moved, pass.skipped, pass.left), (4, 1, 0), "{set}");
        others_go_on(&ring, data.as_ref(), "2", set).await;
        assert_eq!(admin.damaged().await.unwrap().len(), 1, "{set}");

        // A rotation stops before it disables anything.
        let rotated = to_end(&ring).await.unwrap_err();
        assert!(rotated.to_string().contains("set-aside"), "{rotated}");
        let states = |state| {
            ring.status()
                .keys
                .iter()
                .filter(|key| key.state == state)
                .count()
        };
        assert_eq!(states(KeyState::Disabled), 0, "{set}");
        let oldest = admin.oldest_suite(&purpose(), Suite::Chunked2).await;
        assert_ne!(named(&oldest.unwrap_err(), "keys set-aside "), "", "{set}");
        admin.disable(old).await.unwrap();
        let refused = admin.destroy(old).await.unwrap_err();
        if by_tenant {
            assert_eq!(named(&refused, "keys set-aside "), "t002", "{set}");
            assert_eq!(admin.set_aside("t002").await.unwrap(), 1);
        } else {
            let row = named(&refused, "keys set-aside --row ");
            let given_up = admin.set_aside_row(&row).await.unwrap();
            assert_eq!(given_up.place, row);
            let none = admin.set_aside_row(&row).await.unwrap_err();
            assert_eq!(none.kind(), ErrorKind::Misuse);
        }
        assert!(admin.damaged().await.unwrap().is_empty(), "{set}");
        admin.destroy(old).await.unwrap();
        others_go_on(&ring, data.as_ref(), "3", set).await;
        // The owner begins anew.
        put(&ring, data.as_ref(), "t002", "3").await;
        let done = to_end(&ring).await.unwrap();
        assert!(done > 0, "{set}");
    }
}

/// Rotates to the end, and says how many keys it destroyed.
pub(crate) async fn to_end(ring: &Keyring) -> Result<usize> {
    let mut rotation = ring.admin().rotation(&purpose());
    loop {
        match rotation.step().await? {
            Stage::Rewrap { .. } => {
                let _report = Pass::new(ring, &purpose()).run().await?;
            }
            Stage::Done { destroyed, .. } => return Ok(destroyed.len()),
            other => panic!("{other:?}"),
        }
    }
}

/// The same of a row of a column: whoever's it is, nobody can say what it needs.
#[tokio::test]
async fn an_odd_row_of_a_column_is_in_the_way_of_destroying_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    for set in [
        "collection = CAST(x'eb' AS TEXT)",
        "owner = CAST(x'74303032eb' AS TEXT)",
        "id = NULL",
        "version = -7",
        "expires = -1",
        "mac_key = 'kw1.abcdefghijkl'",
        "word = NULL",
        "data = 'beside'",
        "sealed = NULL",
    ] {
        let of = "collection = 'notes' AND owner = 't002'";
        let folder = with_odd(folder.path(), "data.db", set, of);
        let (ring, data) = found(folder.path()).await;
        let admin = ring.admin();
        let old = ring.status().keys[0].id;
        let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
        assert_eq!((pass.moved, pass.unreadable), (4, 1), "{set}");
        assert_eq!((pass.quarantined, pass.skipped), (0, 0), "{set}");
        others_go_on(&ring, data.as_ref(), "2", set).await;
        let rotated = to_end(&ring).await.unwrap_err();
        assert_eq!(rotated.kind(), ErrorKind::Misuse, "{set}");
        let mut states = ring.status().keys.into_iter().map(|key| key.state);
        assert!(states.all(|state| state != KeyState::Disabled), "{set}");
        // The values in a row that cannot be read may be of any suite.
        let oldest = admin.oldest_suite(&purpose(), Suite::Chunked2).await;
        assert_ne!(named(&oldest.unwrap_err(), "vault set-aside "), "", "{set}");

        // Its key is not called unused because the row cannot be read.
        admin.disable(old).await.unwrap();
        let refused = admin.destroy(old).await.unwrap_err();
        let row = named(&refused, "vault set-aside ");
        assert_eq!(data.set_aside(&row).await.unwrap().place, row);
        let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
        assert_eq!((pass.left, pass.unreadable), (0, 0), "{set}");
        admin.destroy(old).await.unwrap();
        others_go_on(&ring, data.as_ref(), "3", set).await;
        assert!(to_end(&ring).await.unwrap() > 0, "{set}");
    }
}

/// A row that may be a lease: its process may hold any key.
#[tokio::test]
async fn an_odd_lease_is_in_the_way_of_destroying_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let keys = Arc::new(SqliteStore::open(folder.path().join("keys.db")).unwrap());
    let serving = Keyring::builder(keys, Arc::new(root(V1))).replica("web");
    drop(serving.open().await.unwrap());
    let of = "collection = 'replica'";
    let folder = with_odd(folder.path(), "keys.db", "expires = -1", of);
    let (ring, data) = found(folder.path()).await;
    let admin = ring.admin();
    let old = ring.status().keys[0].id;
    let _report = Pass::new(&ring, &purpose()).run().await.unwrap();
    assert!(ring.replicas().await.unwrap().is_empty());
    admin.disable(old).await.unwrap();
    let refused = admin.destroy(old).await.unwrap_err();
    let row = named(&refused, "keys set-aside --row ");
    drop(admin.set_aside_row(&row).await.unwrap());
    admin.destroy(old).await.unwrap();
    others_go_on(&ring, data.as_ref(), "2", "lease").await;
}

/// What every tenant needs is not given up, and what lies where no tenant's keys do needs its place.
#[tokio::test]
async fn a_row_that_every_tenant_needs_is_not_given_up() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let of = "collection = 'coverage'";
    let folder = with_odd(folder.path(), "keys.db", "expires = -1", of);
    let keys = Arc::new(SqliteStore::open(folder.path().join("keys.db")).unwrap());
    let ring = Keyring::builder(keys.clone(), Arc::new(root(V1)));
    let ring = ring.open().await.unwrap();
    let row = keys.damaged().await.unwrap().remove(0);
    let refused = ring.admin().set_aside_row(&row.place).await.unwrap_err();
    assert!(refused.to_string().contains("backup"), "{refused}");
    assert_eq!(keys.damaged().await.unwrap(), [row]);
}

/// A row that the store cannot give is under the MAC key of before: given again, it is read.
#[tokio::test]
async fn the_mac_key_of_before_stays_while_a_row_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let of = "collection = 'tenant-keys' AND owner = 't002'";
    let folder = with_odd(folder.path(), "keys.db", "expires = -1", of);
    let (ring, _data) = found(folder.path()).await;
    let done = ring.admin().rotate_mac(|_| ()).await.unwrap();
    assert_eq!((done.tenants, done.damaged.len()), (4, 1));
    assert!(ring.status().mac_rotates);
    let exported = keyward_keys::danger::export(&ring).await.unwrap_err();
    assert_eq!(exported.kind(), ErrorKind::Corrupt);
    drop(ring);
    let folder = with_odd(folder.path(), "keys.db", "expires = NULL", of);
    let (ring, _data) = found(folder.path()).await;
    let done = ring.admin().rotate_mac(|_| ()).await.unwrap();
    assert_eq!((done.tenants, done.damaged.len()), (1, 0));
    assert!(!ring.status().mac_rotates);
    ring.admin().tenant_usage(&tenant("t002")).await.unwrap();
    drop(keyward_keys::danger::export(&ring).await.unwrap());
}

/// Nor is the ring itself, by a process that still has it.
#[tokio::test]
async fn the_ring_is_not_given_up() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    let (ring, _data) = found(folder.path()).await;
    let path = folder.path().join("keys.db");
    let sql = "UPDATE record SET expires = -1 WHERE collection = 'keyring'";
    odd(&path, "record", sql);
    let keys = SqliteStore::open(&path).unwrap();
    let row = keys.damaged().await.unwrap().remove(0);
    let refused = ring.admin().set_aside_row(&row.place).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(refused.to_string().contains("backup"), "{refused}");
    assert_eq!(keys.damaged().await.unwrap(), [row]);
}

/// A copy that lacks a row is none, though no walk comes by the row.
#[tokio::test]
async fn a_row_of_no_collection_is_in_the_way_of_an_export() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path()).await;
    for set in [
        "collection = NULL",
        "collection = ''",
        "collection = CAST(x'eb' AS TEXT)",
        "collection = CAST(collection AS BLOB)",
    ] {
        let of = "collection = 'tenant-keys' AND owner = 't002'";
        let folder = with_odd(folder.path(), "keys.db", set, of);
        let (ring, _data) = found(folder.path()).await;
        let refused = keyward_keys::danger::export(&ring).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{set}");
        let said = refused.to_string();
        let (_, row) = said.split_once("keys set-aside --row ").unwrap();
        let row = row.split('`').next().unwrap();
        drop(ring.admin().set_aside_row(row).await.unwrap());
        drop(keyward_keys::danger::export(&ring).await.unwrap());
    }
}
