//! Backups put back, and rings that are not ours.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;

use support::Bench;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn put_back(bench: &Bench, backup: &Path) {
    std::fs::remove_dir_all(bench.home()).unwrap();
    bench.sh("umask 077; cp -r backup home", &[]).ok();
    assert!(backup.exists());
}

#[test]
fn an_older_ring_is_refused_until_it_is_accepted() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let backup = bench.folder().join("backup");
    copy(&bench.home(), &backup);
    bench.run(&["keys", "rotate"], b"").ok();
    put_back(&bench, &backup);

    bench.open("t.c", "1").fails(3, "accept-restore");
    bench
        .run(&["keys", "status"], b"")
        .fails(3, "accept-restore");
    bench.run(&["keys", "accept-restore"], b"").ok();
    assert_eq!(bench.open("t.c", "1").ok().text(), "one value");
    bench.run(&["keys", "rotate"], b"").ok();
    // The accepted ring is now the newest: the backup is older once more.
    put_back(&bench, &backup);
    bench.open("t.c", "1").fails(3, "accept-restore");
}

#[test]
fn a_second_ring_is_not_made_over_a_first() {
    let bench = Bench::new();
    bench.run(&["keys", "init"], b"").fails(2, "");
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    // The keys are gone, the data and the anchor are there.
    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        let _ = std::fs::remove_file(bench.home().join(name));
    }
    let refused = bench.run(&["keys", "init"], b"");
    assert!([2, 4].contains(&refused.code()), "{}", refused.said());
    let _ = std::fs::remove_file(bench.anchor());
    let refused = bench.run(&["keys", "init"], b"");
    assert!(
        [2, 4].contains(&refused.code()),
        "data without a ring: {}",
        refused.said()
    );
    assert_ne!(bench.open("t.c", "1").code(), 0);
}

#[test]
fn values_of_a_lost_key_are_told_and_kept() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let older = std::fs::read(bench.home().join("keys.db")).unwrap();
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["vault", "rewrap"], b"").ok();
    std::fs::write(bench.home().join("keys.db"), &older).unwrap();
    bench.run(&["keys", "accept-restore"], b"").ok();
    bench.open("t.c", "1").fails(1, "not in this keyring");
    let doctor = bench.run(&["doctor"], b"").ok().text();
    assert!(
        doctor.contains("1 row is sealed with keys this keyring does not know"),
        "{doctor}"
    );

    bench.run(&["keys", "rotate"], b"").ok();
    let rewrap = bench.run(&["vault", "rewrap", "--json"], b"");
    assert_eq!(rewrap.code(), 3, "{}", rewrap.said());
    assert_eq!(rewrap.json()["skipped_because"], "unknown-key");
    let listed = bench.json(&["vault", "list", "--tenant", "acme"]);
    assert_eq!(listed["credentials"].as_array().unwrap().len(), 1);
}

#[test]
fn a_lost_store_is_restored_and_not_begun_anew() {
    for file in ["keys.db", "data.db"] {
        let bench = Bench::new();
        bench.seal("t.c", "1", "opaque", b"one value").ok();
        let path = bench.home().join(file);
        std::fs::remove_file(&path).unwrap();
        let list = ["vault", "list", "--tenant", "acme"];
        bench.run(&list, b"").fails(3, "restore");
        assert!(!path.exists(), "{file}");
    }
}

#[test]
fn another_root_opens_nothing() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let other = Bench::new();
    std::fs::copy(other.home().join("root"), bench.home().join("root")).unwrap();
    bench.open("t.c", "1").fails(3, "root");
    std::fs::remove_file(bench.home().join("root")).unwrap();
    bench.open("t.c", "1").fails(2, "root");
}

#[test]
fn damaged_stores_are_corrupt() {
    for file in ["keys.db", "data.db"] {
        let bench = Bench::new();
        bench.seal("t.c", "1", "opaque", b"one value").ok();
        let path = bench.home().join(file);
        for journal in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{journal}", path.display()));
        }
        std::fs::write(&path, vec![0x5a; 8192]).unwrap();
        bench.open("t.c", "1").fails(4, "");
    }
}
