//! Four words at once: vectors of the processor, or plain code for one without them.

#[cfg(target_arch = "x86_64")]
use fearless_simd::{Simd, prelude::*, u64x4};

/// Four words of 64 bits, and all that G does with them.
pub(super) trait Words: Copy {
    /// That the processor has what it takes.
    type Proof: Copy;

    fn load(proof: Self::Proof, words: [u64; 4]) -> Self;
    fn store(self) -> [u64; 4];
    fn xor(self, other: Self) -> Self;
    /// GB of RFC 9106, section 3.6, on each of the four.
    fn mix(a: &mut Self, b: &mut Self, c: &mut Self, d: &mut Self);
    /// The words in another order: that of place `N`, of 1 to 3, comes first.
    fn turned<const N: usize>(self) -> Self;
    /// In each half the second word of `self`, then the first of `other`.
    fn between(self, other: Self) -> Self;
    /// `work` in a function of its own, compiled for the same instructions.
    fn apart<T>(proof: Self::Proof, work: impl FnOnce() -> T) -> T;
}

#[cfg(target_arch = "x86_64")]
impl<S: Simd> Words for u64x4<S> {
    type Proof = S;

    #[inline(always)]
    fn load(proof: S, words: [u64; 4]) -> Self {
        Self::simd_from(proof, words)
    }

    #[inline(always)]
    fn store(self) -> [u64; 4] {
        self.into()
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn mix(a: &mut Self, b: &mut Self, c: &mut Self, d: &mut Self) {
        *a = blamka(*a, *b);
        *d = rotated::<S, 32>(*d ^ *a);
        *c = blamka(*c, *d);
        *b = rotated::<S, 24>(*b ^ *c);
        *a = blamka(*a, *b);
        *d = rotated::<S, 16>(*d ^ *a);
        *c = blamka(*c, *d);
        *b = rotated::<S, 63>(*b ^ *c);
    }

    #[inline(always)]
    fn turned<const N: usize>(self) -> Self {
        self.slide::<N>(self)
    }

    #[inline(always)]
    fn between(self, other: Self) -> Self {
        self.slide_within_blocks::<1>(other)
    }

    #[inline(always)]
    fn apart<T>(proof: S, work: impl FnOnce() -> T) -> T {
        proof.vectorize(work)
    }
}

/// `a + b + 2 * low(a) * low(b)`, modulo 2^64, where `low` are the lower 32 bits.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn blamka<S: Simd>(a: u64x4<S>, b: u64x4<S>) -> u64x4<S> {
    let simd = a.simd;
    let low = u64x4::splat(simd, u64::from(u32::MAX));
    let product = simd.mul_u64x4(a & low, b & low);
    simd.add_u64x4(simd.add_u64x4(a, b), simd.add_u64x4(product, product))
}

/// Rotated to the right by `N` bits, of 1 to 63.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rotated<S: Simd, const N: u32>(words: u64x4<S>) -> u64x4<S> {
    let simd = words.simd;
    simd.shr_u64x4(words, N) | simd.shl_u64x4(words, 64_u32.wrapping_sub(N))
}

impl Words for [u64; 4] {
    type Proof = ();

    #[inline(always)]
    fn load((): (), words: [u64; 4]) -> Self {
        words
    }

    #[inline(always)]
    fn store(self) -> [u64; 4] {
        self
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self, other);
        [a ^ e, b ^ f, c ^ g, d ^ h]
    }

    /// One after the other: four at once do not fit into the registers of a word each.
    #[inline(always)]
    fn mix(a: &mut Self, b: &mut Self, c: &mut Self, d: &mut Self) {
        for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
            mix_one(a, b, c, d);
        }
    }

    #[inline(always)]
    fn turned<const N: usize>(self) -> Self {
        let [a, b, c, d] = self;
        match N {
            1 => [b, c, d, a],
            2 => [c, d, a, b],
            _ => [d, a, b, c],
        }
    }

    #[inline(always)]
    fn between(self, other: Self) -> Self {
        let ([_, b, _, d], [e, _, g, _]) = (self, other);
        [b, e, d, g]
    }

    #[inline(never)]
    fn apart<T>((): (), work: impl FnOnce() -> T) -> T {
        work()
    }
}

#[inline(always)]
const fn mix_one(a: &mut u64, b: &mut u64, c: &mut u64, d: &mut u64) {
    *a = blamka_one(*a, *b);
    *d = (*d ^ *a).rotate_right(32);
    *c = blamka_one(*c, *d);
    *b = (*b ^ *c).rotate_right(24);
    *a = blamka_one(*a, *b);
    *d = (*d ^ *a).rotate_right(16);
    *c = blamka_one(*c, *d);
    *b = (*b ^ *c).rotate_right(63);
}

#[inline(always)]
const fn blamka_one(a: u64, b: u64) -> u64 {
    let low = u32::MAX as u64;
    let product = (a & low).wrapping_mul(b & low);
    a.wrapping_add(b).wrapping_add(product.wrapping_mul(2))
}
