//! Argon2 (RFC 9106) on memory that is kept from one hash to the next.

use std::fmt;

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result};

mod arena;
mod block;
mod fill;
mod instructions;
mod long;
mod words;

pub use arena::Arena;
pub use instructions::Instructions;

use block::Block;
use fill::Shape;
use long::{initial, long};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Data-dependent access to memory.
    D,
    /// Data-independent access.
    I,
    /// The first half of the first pass as `I`, the rest as `D`. New hashes are of this one.
    Id,
}

impl Kind {
    /// As it is hashed.
    const fn number(self) -> u32 {
        match self {
            Self::D => 0,
            Self::I => 1,
            Self::Id => 2,
        }
    }
}

/// The version of RFC 9106.
const LATEST: u32 = 0x13;

/// The bounds of RFC 9106, section 3.1; the salt's and the data's are those of the strings that name
/// them, which begin at eight bytes and end at 32.
const MIN_OUT_LEN: usize = 4;
const MIN_SALT_LEN: usize = 8;
const MAX_DATA_LEN: usize = 32;

/// The parameters of one hash.
#[derive(Clone, Copy)]
pub struct Argon2<'a> {
    kind: Kind,
    instructions: Instructions,
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    secret: &'a [u8],
    data: &'a [u8],
}

impl<'a> Argon2<'a> {
    /// Version `0x13` (RFC 9106), without secret and data. Memory is in KiB.
    #[must_use]
    pub fn new(kind: Kind, memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self {
            kind,
            instructions: Instructions::best(),
            version: LATEST,
            memory_kib,
            passes,
            lanes,
            secret: &[],
            data: &[],
        }
    }

    /// Version `0x10`, of 2015: what a string without `v=` is of.
    #[must_use]
    pub const fn version_0x10(mut self) -> Self {
        self.version = 0x10;
        self
    }

    /// With a key that is not stored beside the hash.
    #[must_use]
    pub const fn secret(mut self, secret: &'a [u8]) -> Self {
        self.secret = secret;
        self
    }

    /// With associated data, at most 32 bytes.
    #[must_use]
    pub const fn data(mut self, data: &'a [u8]) -> Self {
        self.data = data;
        self
    }

    /// Computed with these instructions, and not the best that the processor has.
    #[must_use]
    pub const fn instructions(mut self, instructions: Instructions) -> Self {
        self.instructions = instructions;
        self
    }

    /// Writes the hash of `password` under `salt` into all of `out`. Whether the arena is wiped
    /// after it is said at [`Arena`].
    ///
    /// # Errors
    /// `Misuse` for parameters that Argon2 does not have: memory below 8 KiB a lane, no pass, no
    /// lane or more than 2^24 - 1, a salt below 8 bytes, an `out` below 4, data above 32.
    /// `Unavailable` if the memory cannot be had.
    pub fn hash(
        &self,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
        arena: &mut Arena,
    ) -> Result<()> {
        let bad = || Error::misuse("these are no parameters of Argon2");
        let keeps = self.version == LATEST;
        let shape = Shape::new(self.kind, keeps, self.memory_kib, self.passes, self.lanes);
        let shape = shape.filter(|_| {
            salt.len() >= MIN_SALT_LEN
                && out.len() >= MIN_OUT_LEN
                && self.data.len() <= MAX_DATA_LEN
        });
        let shape = shape.ok_or_else(bad)?;
        let count = usize::try_from(shape.blocks()).map_err(|_| bad())?;
        let blocks = arena.lend(count)?;
        let done = with_stack_wiped(|| self.run(&shape, password, salt, out, blocks));
        if done.is_none() || self.passes == 1 {
            arena.wipe();
        }
        done.ok_or_else(bad)
    }

    /// RFC 9106, section 3.2. `None` if an input or `out` has 4 GiB.
    fn run(
        &self,
        shape: &Shape,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
        memory: &mut [Block],
    ) -> Option<()> {
        let len = u32::try_from(out.len()).ok()?;
        let (memory_kib, passes) = (self.memory_kib, self.passes);
        let kind = self.kind.number();
        let before = [self.lanes, len, memory_kib, passes, self.version, kind];
        let h0 = initial(before, [password, salt, self.secret, self.data])?;
        let lane_len = usize::try_from(shape.lane()).ok()?;
        let mut bytes = [0; Block::SIZE];
        for (lane, blocks) in (0..self.lanes).zip(memory.chunks_exact_mut(lane_len)) {
            for (at, block) in (0..2_u32).zip(blocks) {
                long([&h0, &at.to_le_bytes(), &lane.to_le_bytes()], &mut bytes)?;
                block.read(&bytes);
            }
        }
        self.instructions.fill(memory, shape)?;
        let mut last = Block::ZERO;
        for lane in memory.chunks_exact(lane_len) {
            last.xor(lane.last()?);
        }
        last.write(&mut bytes);
        long([&bytes, &[], &[]], out)
    }
}

impl fmt::Debug for Argon2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Argon2({:?}, v={:#x}, m={}, t={}, p={}, ..)",
            self.kind, self.version, self.memory_kib, self.passes, self.lanes
        )
    }
}
