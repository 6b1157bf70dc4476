//! What is in a table of grams passes its filters, however many there are and whatever went.

use std::ops::Range;

use super::super::grams::{Grams, Lead};

/// More than the largest filter of all has room for: each part of the table has one of its own.
const MANY: u32 = 200_000;

fn hash(n: u32) -> u64 {
    let mixed = u64::from(n)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn has(grams: &Grams, n: u32) -> bool {
    let mut found = false;
    let expected = Lead::Needle { needle: n, nth: 3 };
    grams.leads(hash(n), |lead| found |= lead == expected);
    found && grams.may_have(hash(n))
}

/// Those of `numbers` that may be in the table, looked at together.
fn passing(grams: &Grams, numbers: Range<u32>) -> Vec<u32> {
    let mut found = Vec::new();
    let numbers = numbers.map(|n| (hash(n), n as usize));
    grams.filter_hashes(numbers, &mut found);
    found.into_iter().map(|(_, n)| n as u32).collect()
}

#[test]
fn each_of_many_passes_whatever_comes_and_goes() {
    let mut grams = Grams::new();
    for n in 0..MANY {
        grams.insert(hash(n), n, 3);
    }
    assert!((0..MANY).all(|n| has(&grams, n)));
    assert!(passing(&grams, 0..MANY).into_iter().eq(0..MANY));
    let strangers = passing(&grams, MANY..2 * MANY).len();
    assert!(strangers < 4000, "{strangers}");
    let strangers = (MANY..2 * MANY).filter(|n| grams.may_have(hash(*n)));
    let strangers = strangers.count();
    assert!(strangers < 4000, "{strangers}");
    // All but a few go, and others come: filters are made anew.
    for n in 200..MANY {
        grams.remove(hash(n), n, 3);
    }
    for n in MANY..MANY + 2000 {
        grams.insert(hash(n), n, 3);
    }
    let left = || (0..200).chain(MANY..MANY + 2000);
    assert!(left().all(|n| has(&grams, n)));
    let strangers = (200..MANY).filter(|n| grams.may_have(hash(*n)));
    let strangers = strangers.count();
    assert!(strangers < 4000, "{strangers}");
    for n in left() {
        grams.remove(hash(n), n, 3);
    }
    assert!(grams.is_empty());
}
