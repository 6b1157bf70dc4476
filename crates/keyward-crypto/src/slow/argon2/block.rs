//! The block of Argon2 and its compression function G (RFC 9106, sections 3.5 and 3.6), four words
//! at a time.
//!
//! Nothing here branches or indexes by what a block holds.

use super::words::Words;

/// 1 KiB: eight rows of sixteen words, each row in four vectors.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Block([[[u64; 4]; 4]; 8]);

impl Block {
    pub(super) const SIZE: usize = 1024;
    pub(super) const ZERO: Self = Self([[[0; 4]; 4]; 8]);

    /// The word from which the place of the next block is taken.
    #[inline(always)]
    pub(super) const fn first_word(&self) -> u64 {
        let Self([[[first, ..], ..], ..]) = self;
        *first
    }

    /// From the bytes that a hash gave.
    pub(super) fn read(&mut self, bytes: &[u8; Self::SIZE]) {
        for (word, bytes) in self.words_mut().iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
    }

    /// Into the bytes that a hash takes.
    pub(super) fn write(&self, bytes: &mut [u8; Self::SIZE]) {
        for (word, bytes) in self.words().iter().zip(bytes.as_chunks_mut().0) {
            *bytes = word.to_le_bytes();
        }
    }

    pub(super) fn xor(&mut self, other: &Self) {
        for (word, other) in self.words_mut().iter_mut().zip(other.words()) {
            *word ^= other;
        }
    }

    pub(super) const fn words(&self) -> &[u64] {
        self.0.as_flattened().as_flattened()
    }

    pub(super) const fn words_mut(&mut self) -> &mut [u64] {
        self.0.as_flattened_mut().as_flattened_mut()
    }
}

/// Four words in each place of the block.
type Rows<W> = [[W; 4]; 8];

/// Two blocks, xored: what G works on, and what it adds at its end.
pub(super) struct Mixed<W>(Rows<W>);

impl<W: Words> Mixed<W> {
    #[inline(always)]
    pub(super) fn new(proof: W::Proof, a: &Block, b: &Block) -> Self {
        let mut rows = [[W::load(proof, [0; 4]); 4]; 8];
        for ((row, a), b) in rows.iter_mut().zip(&a.0).zip(&b.0) {
            for ((out, a), b) in row.iter_mut().zip(a).zip(b) {
                *out = W::load(proof, *a).xor(W::load(proof, *b));
            }
        }
        Self(rows)
    }

    /// `out` becomes G of the two, xored with what it was if `keep` says so.
    #[inline(always)]
    pub(super) fn compress(self, proof: W::Proof, out: &mut Block, keep: bool) {
        let Self(mixed) = self;
        let mut rows = mixed;
        for row in &mut rows {
            permute_row(row);
        }
        for column in 0..4 {
            permute_columns(&mut rows, column);
            // Written as soon as they are done, so that fewer wait for a register.
            for ((mixed, row), out) in mixed.iter().zip(&mut rows).zip(&mut out.0) {
                let out = pick(out, column);
                let mut new = pick(row, column).xor(*pick_ref(mixed, column));
                if keep {
                    new = new.xor(W::load(proof, *out));
                }
                *out = new.store();
            }
        }
    }
}

/// One of four, without an index that could be out of bounds.
#[inline(always)]
const fn pick<T>([a, b, c, d]: &mut [T; 4], at: usize) -> &mut T {
    match at {
        0 => a,
        1 => b,
        2 => c,
        _ => d,
    }
}

#[inline(always)]
const fn pick_ref<T>([a, b, c, d]: &[T; 4], at: usize) -> &T {
    match at {
        0 => a,
        1 => b,
        2 => c,
        _ => d,
    }
}

/// P on a row: `v0` to `v3` are the first of the four, `v4` to `v7` the second, and so on.
#[inline(always)]
fn permute_row<W: Words>([a, b, c, d]: &mut [W; 4]) {
    W::mix(a, b, c, d);
    (*b, *c, *d) = (b.turned::<1>(), c.turned::<2>(), d.turned::<3>());
    W::mix(a, b, c, d);
    (*b, *c, *d) = (b.turned::<3>(), c.turned::<2>(), d.turned::<1>());
}

/// P on two columns, each of which is two words wide: those that are at `at` in every row. `v0` and
/// `v1` of both are in the first row, `v2` and `v3` in the second, and so on.
#[inline(always)]
fn permute_columns<W: Words>(rows: &mut Rows<W>, at: usize) {
    let [a0, a1, b0, b1, c0, c1, d0, d1] = rows.each_mut().map(
        #[inline(always)]
        |row| pick(row, at),
    );
    W::mix(a0, b0, c0, d0);
    W::mix(a1, b1, c1, d1);
    // The diagonals: (v5, v6), (v7, v4) and (v15, v12), (v13, v14); of (v10, v11), (v8, v9) only
    // the names change.
    (*b0, *b1) = (b0.between(*b1), b1.between(*b0));
    (*d0, *d1) = (d1.between(*d0), d0.between(*d1));
    W::mix(a0, b0, c1, d0);
    W::mix(a1, b1, c0, d1);
    (*b0, *b1) = (b1.between(*b0), b0.between(*b1));
    (*d0, *d1) = (d0.between(*d1), d1.between(*d0));
}
