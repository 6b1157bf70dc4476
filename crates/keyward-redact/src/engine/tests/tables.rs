//! Which automata get a table: making one costs no more than it may, whatever the needles.

use super::super::levels::table::Table;

const MOST: usize = 8 * 1024 * 1024;

fn table(patterns: &[Vec<u8>], most: usize) -> bool {
    let patterns: Vec<&[u8]> = patterns.iter().map(Vec::as_slice).collect();
    Table::of(&patterns, most).is_some()
}

fn ended(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(b'!');
    bytes
}

#[test]
fn what_repeats_itself_at_length_gets_none() {
    for word in [b"a".as_slice(), b"ab", b"01234567", b"a word of 16 char"] {
        let long: Vec<u8> = word.iter().copied().cycle().take(16 * 1024).collect();
        // Alone it falls back by as many bytes as the word has, beside others by fewer.
        let turns = (0..word.len()).map(|at| ended(long[at..].to_vec()));
        assert!(!table(&turns.collect::<Vec<_>>(), MOST));
    }
}

#[test]
fn others_get_one() {
    // All beginnings of one text are the same states.
    let chain: Vec<Vec<u8>> = (8..2_000).map(|len| vec![b'a'; len]).collect();
    assert!(table(&chain, MOST) && table(&chain, 64 * 1024));
    let mut state = 5_u64;
    let mut letters = |len: usize| -> Vec<u8> {
        let mut letter = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(99);
            b'A' + (state >> 40) as u8 % 15
        };
        (0..len).map(|_| letter()).collect()
    };
    // As many as have room, with one beginning.
    let shared = (0..1_500).map(|_| [b"sk_live_".to_vec(), letters(15)].concat());
    let shared: Vec<Vec<u8>> = shared.collect();
    assert!(table(&shared, MOST));
    assert!(!table(&shared, MOST / 8));
    assert!(table(&[letters(16 * 1024)], MOST));
}
