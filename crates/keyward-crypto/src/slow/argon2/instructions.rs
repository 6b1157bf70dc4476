//! Which instructions of the processor a hash is computed with.

use std::fmt;

use super::block::Block;
use super::fill::{Shape, fill};

#[cfg(target_arch = "x86_64")]
use fearless_simd::{Avx2, Avx512, Level, Sse2, u64x4};

/// Instructions that this processor was found to have. The hash is the same with all of them; what
/// differs is how long it takes. Nobody need choose: a hash takes [`Instructions::best`], and the
/// others are there so that tests reach what other processors run.
#[derive(Clone, Copy)]
pub struct Instructions(Found);

/// With the proof that they were found.
#[derive(Clone, Copy)]
enum Found {
    /// As processors have it since Ice Lake and Zen 4; its rotations and registers, at 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Sse2(Sse2),
    /// What the program is compiled for.
    Plain,
}

impl Instructions {
    /// The quickest: of AVX-512, AVX2 and SSE2 on x86-64, elsewhere what the program is compiled for.
    #[must_use]
    pub fn best() -> Self {
        Self::all().next().unwrap_or(Self(Found::Plain))
    }

    /// All of them, the quickest first.
    pub fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let wide = {
            let level = Level::new();
            [
                level.as_avx512().map(Found::Avx512),
                level.as_avx2().map(Found::Avx2),
                level.as_sse2().map(Found::Sse2),
            ]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [None];
        let all = wide.into_iter().flatten();
        all.chain([Found::Plain]).map(Self)
    }

    pub(super) fn fill(self, memory: &mut [Block], shape: &Shape) -> Option<()> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Found::Avx512(proof) => fill::<u64x4<_>>(proof, memory, shape),
            #[cfg(target_arch = "x86_64")]
            Found::Avx2(proof) => fill::<u64x4<_>>(proof, memory, shape),
            #[cfg(target_arch = "x86_64")]
            Found::Sse2(proof) => fill::<u64x4<_>>(proof, memory, shape),
            Found::Plain => fill::<[u64; 4]>((), memory, shape),
        }
    }
}

impl fmt::Debug for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            #[cfg(target_arch = "x86_64")]
            Found::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Found::Avx2(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Found::Sse2(_) => "SSE2",
            Found::Plain => "plain",
        })
    }
}
