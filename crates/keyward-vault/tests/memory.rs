//! What listing and rewrapping take in memory, whatever the size of what is stored.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, missing_docs)] // Tests: a panic is the report.

mod support;

use std::sync::Arc;

use allocation_counter::measure;
use keyward_base::{Role, SecretBytes, Tenant};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};
use support::{World, memory};

const MIB: usize = 1024 * 1024;

/// The most bytes that were in use at once while it ran, above those before.
fn peak(run: impl FnOnce()) -> u64 {
    measure(run).bytes_max
}

/// A vault on a file with `rows` values of 1 MiB each.
fn large(folder: &tempfile::TempDir, rows: usize) -> Vault {
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    let world = block_on(World::on(memory(), Arc::new(store)));
    let none = Role::none();
    for at in 0..rows {
        let slot = Slot::new("acme", "file.content", &format!("{at:04}")).unwrap();
        let value = SecretBytes::new(vec![b'x'; MIB]);
        let value = world.vault.credential(Kind::Opaque, value).unwrap();
        block_on(world.vault.put(&slot, &value, &none, Expect::Absent)).unwrap();
    }
    world.vault
}

fn list(vault: &Vault, verified: bool) -> usize {
    let (acme, mut after, mut count) = (Tenant::new("acme").unwrap(), None, 0);
    loop {
        let page = if verified {
            block_on(vault.list_verified(&acme, after.as_deref(), 4096))
        } else {
            block_on(vault.list(&acme, after.as_deref(), 4096))
        };
        let page = page.unwrap();
        assert!(page.refused.is_empty());
        count += page.items.len();
        after = page.next;
        if after.is_none() {
            return count;
        }
    }
}

#[test]
fn large_values_are_listed_and_moved_in_bounded_memory() {
    const ROWS: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let vault = large(&folder, ROWS);
    let listed = peak(|| assert_eq!(list(&vault, false), ROWS));
    assert!(
        listed < 256 * 1024,
        "a list does not read the sealed text: {listed}"
    );
    let verified = peak(|| assert_eq!(list(&vault, true), ROWS));
    assert!(verified < 8 * MIB as u64, "{verified}");

    let admin = vault.keyring().admin();
    block_on(admin.rotate(vault.purpose())).unwrap();
    let _promoted = block_on(admin.promote_ready()).unwrap();
    let moved = peak(|| {
        let report = block_on(Rewrap::new(&vault).run()).unwrap();
        assert_eq!((report.moved, report.left), (ROWS as u64, 0));
    });
    assert!(moved < 16 * MIB as u64, "{moved}");
}
