//! What a log-in takes beside its hash.

use std::sync::Arc;

use keyward_base::SecretBytes;
use keyward_benches::{Bar, Once, compare_long, is_smoke, is_wanted};
use keyward_password::{Checked, Password, Policy, Row, Tried};
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::MemoryStore;

use crate::world::{RIGHT, World, address, people, subject};

const TITLE: &str = "a log-in beside its hash, 19 MiB, 2 passes";

pub(crate) const BARS: &[Bar] = &[
    (
        "a log-in beside its hash, 19 MiB, 2 passes, processor time",
        "the whole log-in, on memory",
        1.01,
    ),
    (
        "a log-in beside its hash, 19 MiB, 2 passes, processor time",
        "the whole log-in, on SQLite",
        1.02,
    ),
];

/// So many in a row; after each the pool is at rest, its memory wiped: whether it is wiped before the
/// next one comes is else a matter of chance, and takes more than what is measured here.
fn log_ins(world: &World, count: usize) {
    for _ in 0..count {
        let tried = world.attempt(&address("ann"), RIGHT);
        assert!(matches!(tried, Tried::In(_)), "{tried:?}");
        world.passwords.pool().settle();
    }
}

fn hashes(world: &World, stored: &str, count: usize) {
    let account = people().account(subject("ann"));
    for _ in 0..count {
        let password = Password::new(SecretBytes::copy_of(RIGHT)).unwrap();
        let answer = world
            .passwords
            .verify(&account, &Row::new(stored), password);
        let checked = world.runtime.block_on(answer).unwrap();
        assert!(matches!(checked, Checked::Match { .. }));
        world.passwords.pool().settle();
    }
}

pub(crate) fn run() {
    if !is_wanted(TITLE) {
        return;
    }
    let plain = || -> crate::world::Wrapped { Box::new(|rows| Arc::new(rows)) };
    let on_memory = World::new(
        Policy::default(),
        Arc::new(MemoryStore::new(100_000)),
        Arc::new(MemoryStore::new(1_000_000)),
        plain(),
    );
    let folder = tempfile::tempdir().unwrap();
    let data = SqliteStore::open(folder.path().join("data.db")).unwrap();
    let tries = SqliteStore::builder(folder.path().join("tries.db"))
        .durability(Durability::Normal)
        .open()
        .unwrap();
    let on_sqlite = World::new(Policy::default(), Arc::new(data), Arc::new(tries), plain());
    for world in [&on_memory, &on_sqlite] {
        world.put("ann", world.credential());
        log_ins(world, 1);
    }
    let credential = on_memory.credential();
    let stored = credential.stored().unwrap();
    let batch = if is_smoke() { 1 } else { 8 };
    let mut works: [(&str, Once<'_>); 3] = [
        (
            "its hash, through the pool",
            Box::new(|| hashes(&on_memory, stored, batch)),
        ),
        (
            "the whole log-in, on memory",
            Box::new(|| log_ins(&on_memory, batch)),
        ),
        (
            "the whole log-in, on SQLite",
            Box::new(|| log_ins(&on_sqlite, batch)),
        ),
    ];
    compare_long(TITLE, 61, |_| {}, &mut works);
}
