//! What hashes leave in the memory they worked in, which nobody outside sees.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)] // Tests: a panic is the report.

use super::super::block::Block;
use super::super::{Argon2, Kind};
use super::Arena;

fn hash(memory_kib: u32, passes: u32, lanes: u32, arena: &mut Arena) {
    Argon2::new(Kind::Id, memory_kib, passes, lanes)
        .hash(b"password", &[0; 16], &mut [0; 32], arena)
        .unwrap();
}

/// Of each block, whether it holds anything.
fn held(arena: &Arena) -> Vec<bool> {
    let held = |block: &Block| block.words().iter().any(|word| *word != 0);
    arena.blocks.iter().map(held).collect()
}

#[test]
fn a_hash_of_one_pass_leaves_nothing() {
    let mut arena = Arena::default();
    hash(64, 2, 2, &mut arena);
    assert_eq!(held(&arena), [true; 64]);
    // It wipes what an earlier and larger one left, too.
    hash(32, 1, 2, &mut arena);
    assert_eq!(held(&arena), [false; 64]);
}

#[test]
fn what_lies_beyond_a_smaller_hash_is_wiped() {
    let mut arena = Arena::default();
    hash(64, 2, 1, &mut arena);
    for memory_kib in [40, 16, 8] {
        hash(memory_kib, 2, 1, &mut arena);
        let used = usize::try_from(memory_kib).unwrap();
        assert_eq!(held(&arena)[..used], vec![true; used]);
        assert_eq!(held(&arena)[used..], vec![false; 64 - used]);
    }
    // Blocks that came to be used again are wiped as well.
    hash(48, 2, 1, &mut arena);
    arena.wipe();
    assert_eq!(held(&arena), [false; 64]);
}
