//! What is random in an engine: the pad under which needles lie, the keys of its hashes, and the
//! permutation of bytes under which automata are built.

use keyward_base::{Error, Result, SecretBytes};

use super::SHORT_GRAM;

/// Bytes of the pad.
pub(super) const PAD_LEN: usize = 4096;

/// Bytes that are compared at once.
pub(super) const BLOCK: usize = 64;

/// Random bytes taken: the pad, the three hash keys, and eight for each swap of the permutation.
const SEED_LEN: usize = PAD_LEN + 3 * 8 + 256 * 8;

/// The bytes of a word that a short gram has.
const SHORT_MASK: u64 = (1 << (8 * SHORT_GRAM)) - 1;

/// The modulus of the hash of beginnings: a Mersenne prime.
const PRIME: u64 = (1 << 61) - 1;

/// The keys of the hash of grams.
#[derive(Clone, Copy)]
pub(super) struct Hasher {
    mask: u64,
    factor: u64,
}

impl Hasher {
    #[inline]
    pub(super) const fn gram(self, word: u64) -> u64 {
        fold(word ^ self.mask, self.factor)
    }

    #[inline]
    pub(super) const fn short_gram(self, word: u64) -> u64 {
        self.gram(word & SHORT_MASK)
    }
}

pub(crate) struct Keys {
    /// The pad, and its first bytes again, so that a block can be read at any place.
    pad: SecretBytes,
    hasher: Hasher,
    base: u64,
    permutation: [u8; 256],
}

impl Keys {
    /// Draws everything with one call of `random`.
    ///
    /// # Errors
    /// What `random` returns.
    pub(super) fn new(random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        let mut seed = SecretBytes::new(vec![0; SEED_LEN]);
        random(seed.expose_mut())?;
        let short = || Error::misuse("the source of randomness gave too few bytes");
        let (pad, rest) = seed.expose().split_at_checked(PAD_LEN).ok_or_else(short)?;
        let mut words = rest
            .as_chunks::<8>()
            .0
            .iter()
            .map(|w| u64::from_le_bytes(*w));
        let mut next = || words.next().ok_or_else(short);
        let (mask, factor) = (next()?, next()? | 1);
        // Neither 0 nor 1, and below the modulus.
        let base = (next()? % (PRIME - 2)).saturating_add(2);
        let mut permutation = [0; 256];
        for (byte, slot) in (0..=u8::MAX).zip(&mut permutation) {
            *slot = byte;
        }
        for last in (1..256_usize).rev() {
            let bound = u64::try_from(last).unwrap_or(0).saturating_add(1);
            let other = next()?.checked_rem(bound).unwrap_or(0);
            permutation.swap(last, usize::try_from(other).unwrap_or(0));
        }
        let mut twice = SecretBytes::copy_of(pad);
        twice.push(pad.get(..BLOCK).unwrap_or_default());
        Ok(Self {
            pad: twice,
            hasher: Hasher { mask, factor },
            base,
            permutation,
        })
    }

    /// The hash of 8 bytes.
    #[inline]
    pub(super) fn gram(&self, word: u64) -> u64 {
        self.hasher.gram(word)
    }

    /// The hash of the first five of eight bytes.
    #[inline]
    pub(super) fn short_gram(&self, word: u64) -> u64 {
        self.hasher.short_gram(word)
    }

    pub(super) const fn hasher(&self) -> Hasher {
        self.hasher
    }

    /// The hash of a beginning: of its digest and its length.
    #[inline]
    pub(super) fn beginning(&self, digest: u64, len: usize, wrapped: bool) -> u64 {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        let tag = len.wrapping_mul(2).wrapping_add(u64::from(wrapped));
        self.gram(digest ^ tag.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The digest of what has digest `so_far` and then `byte`.
    #[inline]
    pub(super) fn extend(&self, so_far: u64, byte: u8) -> u64 {
        // 1 to 256, so that no two texts of different lengths agree for being zeros.
        add(multiply(so_far, self.base), u64::from(byte).wrapping_add(1))
    }

    /// The digest of what lies between two ends whose digests are from the same beginning;
    /// `power` is that of the base for the length between.
    #[inline]
    pub(super) fn between(&self, to_start: u64, to_end: u64, power: u64) -> u64 {
        let before = multiply(to_start, power);
        add(to_end, PRIME.wrapping_sub(before))
    }

    /// `power` times the eighth power of the base.
    pub(super) fn next_power(&self, power: u64) -> u64 {
        (0..8).fold(power, |power, _| multiply(power, self.base))
    }

    /// What stands for `byte` in automata.
    #[inline]
    pub(super) fn permuted(&self, byte: u8) -> u8 {
        // The table has a place for every byte.
        self.permutation
            .get(usize::from(byte))
            .copied()
            .unwrap_or(byte)
    }

    /// The pad from place `at` on, eight bytes of it.
    #[inline]
    pub(super) fn pad_word(&self, at: usize) -> u64 {
        word(self.pad.expose(), at % PAD_LEN).unwrap_or(0)
    }

    /// The same of a block.
    #[inline]
    pub(super) fn pad_block(&self, at: usize) -> Option<&[u8; BLOCK]> {
        self.pad.expose().get(at % PAD_LEN..)?.first_chunk()
    }

    #[inline]
    pub(super) fn pad_byte(&self, at: usize) -> u8 {
        self.pad.expose().get(at % PAD_LEN).copied().unwrap_or(0)
    }
}

/// Eight bytes of `bytes` from `at` on.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// The bytes of a short gram of `bytes` from `at` on, and zeros for what is behind it.
#[inline]
pub(super) fn short_word(bytes: &[u8], at: usize) -> Option<u64> {
    let gram = bytes.get(at..)?.first_chunk::<SHORT_GRAM>()?;
    let mut word = [0; 8];
    for (to, byte) in word.iter_mut().zip(gram) {
        *to = *byte;
    }
    Some(u64::from_le_bytes(word))
}

/// The low and the high half of a product.
#[inline]
#[allow(clippy::cast_possible_truncation)] // The halves are what is meant.
const fn halves(a: u64, b: u64) -> (u64, u64) {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64, (product >> 64) as u64)
}

#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = halves(a, b);
    low ^ high
}

/// Both below the modulus, as the sum is.
#[inline]
const fn add(a: u64, b: u64) -> u64 {
    let sum = a.wrapping_add(b);
    if sum >= PRIME {
        sum.wrapping_sub(PRIME)
    } else {
        sum
    }
}

/// Both below the modulus, as the product is.
#[inline]
const fn multiply(a: u64, b: u64) -> u64 {
    let (low, high) = halves(a, b);
    add(low & PRIME, (high << 3) | (low >> 61))
}
