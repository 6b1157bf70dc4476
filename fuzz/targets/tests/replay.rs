//! Every target over every file of its corpus, and over each shorter and each bit-flipped form of
//! the small ones.

// A panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::path::Path;

#[test]
fn every_seed_of_every_target_is_replayed() {
    // A panic of any of them is passed on at the end.
    std::thread::scope(|scope| {
        for (name, target) in keyward_fuzz_targets::TARGETS {
            scope.spawn(move || replay(name, target));
        }
    });
}

fn replay(name: &str, target: fn(&[u8])) {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let listing = std::fs::read_dir(corpora.join(name)).expect(name);
    let mut replayed = 0;
    for entry in listing {
        let seed = std::fs::read(entry.expect(name).path()).expect(name);
        target(&seed);
        if seed.len() <= 512 {
            (0..seed.len()).for_each(|len| target(&seed[..len]));
            for bit in 0..seed.len() * 8 {
                let mut flipped = seed.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                target(&flipped);
            }
        }
        replayed += 1;
    }
    assert!(replayed >= 3, "{name} has {replayed} seeds");
    println!("{name}: {replayed} seeds");
}

#[test]
fn every_target_has_its_wrapper() {
    let wrappers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    let count = std::fs::read_dir(&wrappers).expect("wrappers").count();
    assert_eq!(count, keyward_fuzz_targets::TARGETS.len());
    for (name, _) in keyward_fuzz_targets::TARGETS {
        assert!(wrappers.join(format!("{name}.rs")).is_file(), "{name}");
    }
}
