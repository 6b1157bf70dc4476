//! Argon2 (RFC 9106) on memory that is kept from one hash to the next.

use std::fmt;

use ::argon2::{Algorithm, AssociatedData, Block, ParamsBuilder, Version};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result};

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

/// Memory that one hash after the other works in. It is wiped when it is dropped and when
/// [`Arena::wipe`] is called, not after each hash: the next one writes over every block it uses, and
/// whatever lies beyond is wiped first. After a hash of one pass it is wiped at once, since such a
/// hash writes each block only once and what the first ones hold comes from the password alone.
pub struct Arena {
    blocks: Vec<Block>,
    used: usize,
}

impl Arena {
    /// Room for hashes of up to `bytes`, had at once. A hash that needs more makes it grow.
    ///
    /// # Errors
    /// `Unavailable` if the memory cannot be had.
    pub fn with_capacity(bytes: usize) -> Result<Self> {
        let mut arena = Self::default();
        arena.reach(bytes.div_ceil(Block::SIZE))?;
        Ok(arena)
    }

    /// Bytes of memory held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.blocks.len().saturating_mul(Block::SIZE)
    }

    /// Whether it holds no memory.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Wipes what the hashes left: to be called when no other follows at once.
    pub fn wipe(&mut self) {
        self.wipe_from(0);
    }

    /// Block by block: `Vec::zeroize` would empty the vector, and the memory would be had anew.
    fn wipe_from(&mut self, start: usize) {
        let left = self.blocks.get_mut(start..self.used).unwrap_or_default();
        left.iter_mut().for_each(zeroize::Zeroize::zeroize);
        self.used = self.used.min(start);
    }

    fn reach(&mut self, count: usize) -> Result<()> {
        if count <= self.blocks.len() {
            self.wipe_from(count);
            return Ok(());
        }
        // Nothing is moved: what is outgrown is wiped and given back first.
        self.wipe();
        self.blocks = Vec::new();
        self.blocks
            .try_reserve_exact(count.max(OWN_MAPPING))
            .map_err(|e| Error::unavailable("no memory for Argon2").with_source(e))?;
        self.blocks.resize(count, Block::default());
        Ok(())
    }
}

impl Default for Arena {
    /// No memory yet.
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            used: 0,
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} bytes)", self.len())
    }
}

/// Blocks that are reserved at least, of which only those that a hash uses are touched and take
/// memory. glibc gives what is above 32 MiB a mapping of its own, and the system has it back when it is
/// dropped. What is smaller it may keep for each thread: with four of them that was 89 MiB beyond
/// what the arenas held.
const OWN_MAPPING: usize = 32 * 1024 + 4;

/// The parameters of one hash.
#[derive(Clone, Copy)]
pub struct Argon2<'a> {
    kind: Kind,
    version: Version,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    secret: &'a [u8],
    data: &'a [u8],
}

impl<'a> Argon2<'a> {
    /// Version `0x13` (RFC 9106), without secret and data. Memory is in KiB.
    #[must_use]
    pub const fn new(kind: Kind, memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self {
            kind,
            version: Version::V0x13,
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
        self.version = Version::V0x10;
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
        let bad = |_| Error::misuse("these are no parameters of Argon2");
        let data = AssociatedData::new(self.data).map_err(bad)?;
        let params = ParamsBuilder::new()
            .m_cost(self.memory_kib)
            .t_cost(self.passes)
            .p_cost(self.lanes)
            .output_len(out.len())
            .data(data)
            .build()
            .map_err(bad)?;
        let kind = match self.kind {
            Kind::D => Algorithm::Argon2d,
            Kind::I => Algorithm::Argon2i,
            Kind::Id => Algorithm::Argon2id,
        };
        let count = params.block_count();
        let argon2 = if self.secret.is_empty() {
            ::argon2::Argon2::new(kind, self.version, params)
        } else {
            ::argon2::Argon2::new_with_secret(self.secret, kind, self.version, params)
                .map_err(bad)?
        };
        arena.reach(count)?;
        arena.used = count;
        let blocks = arena.blocks.get_mut(..count).unwrap_or_default();
        let done =
            with_stack_wiped(|| argon2.hash_password_into_with_memory(password, salt, out, blocks));
        if done.is_err() || self.passes == 1 {
            arena.wipe();
        }
        done.map_err(bad)
    }
}

impl fmt::Debug for Argon2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Argon2({:?}, {:?}, m={}, t={}, p={}, ..)",
            self.kind, self.version, self.memory_kib, self.passes, self.lanes
        )
    }
}
