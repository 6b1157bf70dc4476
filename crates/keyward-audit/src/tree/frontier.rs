//! The right edge of a growing tree.

use keyward_base::{Error, Result};
use keyward_crypto::Provider;

use super::{Hash, empty, node};

/// What is needed of a tree to append to it and to have its root: the roots of the perfect subtrees
/// that its leaves fall into, from the largest. There is one for each bit of the size that is set,
/// 63 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

/// A node that came to be with a leaf: the root of a perfect subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // A node is just this.
pub struct Made {
    /// How far above the leaves it is: it has two to the power of `level` leaves.
    pub level: u32,
    /// Its place among the nodes of its level, counted from 0.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Frontier {
    /// The most leaves of a tree: a size fits into a signed number of 64 bits, as stores and other
    /// languages have it.
    pub const MOST: u64 = i64::MAX as u64;

    /// That of a tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: 0,
            subtrees: Vec::new(),
        }
    }

    /// That of a tree of `size` leaves, from what [`Frontier::subtrees`] gave.
    ///
    /// # Errors
    /// `Corrupt` if there are not as many as the size has bits that are set.
    pub fn from_parts(size: u64, subtrees: Vec<Hash>) -> Result<Self> {
        if size > Self::MOST || usize::try_from(size.count_ones()).ok() != Some(subtrees.len()) {
            return Err(Error::corrupt("a log's head does not fit its size"));
        }
        Ok(Self { size, subtrees })
    }

    /// How many leaves there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, from the largest.
    #[must_use]
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Appends the hash of a leaf; tells `made` of each node that came to be, the leaf first.
    ///
    /// # Errors
    /// `Unavailable` if the tree has [`Frontier::MOST`] leaves.
    pub fn push(&mut self, provider: &Provider, leaf: Hash, made: impl FnMut(Made)) -> Result<()> {
        self.push_subtree(provider, 0, leaf, made)
    }

    /// Appends a perfect subtree of two to the power of `level` leaves by its root; tells `made` of
    /// each node that came to be, that root first.
    ///
    /// # Errors
    /// `Unavailable` if the tree would have more than [`Frontier::MOST`] leaves; `Misuse` if no such
    /// subtree begins after the leaves there are.
    pub fn push_subtree(
        &mut self,
        provider: &Provider,
        mut level: u32,
        mut hash: Hash,
        mut made: impl FnMut(Made),
    ) -> Result<()> {
        let begins = self.size == 0 || self.size.trailing_zeros() >= level;
        let more = 1_u64.checked_shl(level).filter(|_| begins);
        let more = more.ok_or_else(|| Error::misuse("no such subtree begins there"))?;
        let size = self.size.checked_add(more).filter(|s| *s <= Self::MOST);
        let size = size.ok_or_else(|| Error::unavailable("the log is full: begin another"))?;
        let mut index = self.size.checked_shr(level).unwrap_or(0);
        made(Made { level, index, hash });
        while index & 1 == 1 {
            let Some(left) = self.subtrees.pop() else {
                return Err(Error::corrupt("a log's head does not fit its size"));
            };
            hash = node(provider, &left, &hash);
            index >>= 1;
            level = level.saturating_add(1);
            made(Made { level, index, hash });
        }
        self.subtrees.push(hash);
        self.size = size;
        Ok(())
    }

    /// The root.
    #[must_use]
    pub fn root(&self, provider: &Provider) -> Hash {
        let from_the_right = self.subtrees.iter().rev().copied();
        from_the_right
            .reduce(|right, left| node(provider, &left, &right))
            .unwrap_or_else(|| empty(provider))
    }
}
