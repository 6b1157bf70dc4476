//! Memory that is kept from one hash to the next.

use std::fmt;
use std::hint::black_box;

use keyward_base::{Error, Result};

use super::block::Block;

#[cfg(test)]
mod tests;

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

    /// In one fill, which the optimiser cannot remove since its end is opaque.
    fn wipe_from(&mut self, start: usize) {
        let left = self.blocks.get_mut(start..self.used).unwrap_or_default();
        left.fill(Block::ZERO);
        black_box(left);
        self.used = self.used.min(start);
    }

    /// So many blocks for one hash, which writes over all of them.
    pub(super) fn lend(&mut self, count: usize) -> Result<&mut [Block]> {
        self.reach(count)?;
        self.used = count;
        Ok(self.blocks.get_mut(..count).unwrap_or_default())
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
        self.blocks.resize(count, Block::ZERO);
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
