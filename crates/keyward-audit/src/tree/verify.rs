//! Proofs, checked without the tree.

use keyward_base::{Error, Result};
use keyward_crypto::Provider;

use super::{Hash, empty, node};
use crate::reason::NOT_PROVED;

/// Checks that the leaf of hash `leaf` is number `index` of the tree of `size` leaves with that
/// `root`: RFC 9162, section 2.1.3.2.
///
/// # Errors
/// `Rejected` ([`NOT_PROVED`]) if `proof` does not show it.
pub fn inclusion(
    provider: &Provider,
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<()> {
    let mut at = At::new(index, size).filter(|_| index < size);
    let at = at.as_mut().ok_or_else(not_proved)?;
    let mut hash = *leaf;
    for other in proof {
        hash = match at.step().ok_or_else(not_proved)? {
            Side::Left => node(provider, other, &hash),
            Side::Right => node(provider, &hash, other),
        };
    }
    if at.is_root() && hash == *root {
        return Ok(());
    }
    Err(not_proved())
}

/// Checks that the tree of size and root `new` begins with that of `old`: RFC 9162, section 2.1.4.2.
///
/// # Errors
/// `Rejected` ([`NOT_PROVED`]) if `proof` does not show it.
pub fn consistency(
    provider: &Provider,
    old: (u64, &Hash),
    new: (u64, &Hash),
    proof: &[Hash],
) -> Result<()> {
    let (old_size, old_root) = old;
    let (new_size, new_root) = new;
    if old_size == 0 || old_size == new_size {
        let same = if old_size == 0 {
            *old_root == empty(provider) && (new_size > 0 || old_root == new_root)
        } else {
            old_root == new_root
        };
        return if same && proof.is_empty() {
            Ok(())
        } else {
            Err(not_proved())
        };
    }
    let mut at = At::new(old_size.saturating_sub(1), new_size).filter(|_| old_size < new_size);
    let at = at.as_mut().ok_or_else(not_proved)?;
    at.skip_right();
    // Where the old tree is perfect, its root is where both begin.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or_else(not_proved)?
    };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for other in rest {
        match at.step().ok_or_else(not_proved)? {
            Side::Left => {
                old_hash = node(provider, other, &old_hash);
                new_hash = node(provider, other, &new_hash);
            }
            Side::Right => new_hash = node(provider, &new_hash, other),
        }
    }
    if at.is_root() && old_hash == *old_root && new_hash == *new_root {
        return Ok(());
    }
    Err(not_proved())
}

fn not_proved() -> Error {
    Error::rejected(NOT_PROVED)
}

/// On which side of the node the hash of a proof is.
enum Side {
    Left,
    Right,
}

/// A node on the way up from a leaf: its place in its level, and that of the level's last node.
struct At {
    index: u64,
    last: u64,
}

impl At {
    fn new(index: u64, size: u64) -> Option<Self> {
        let last = size.checked_sub(1)?;
        Some(Self { index, last })
    }

    fn up(&mut self) {
        self.index >>= 1;
        self.last >>= 1;
    }

    /// Up to the first node that is a left one.
    fn skip_right(&mut self) {
        while self.index & 1 == 1 {
            self.up();
        }
    }

    fn is_root(&self) -> bool {
        self.last == 0
    }

    /// Takes the next hash of a proof; none if it is one too many.
    fn step(&mut self) -> Option<Side> {
        if self.is_root() {
            return None;
        }
        let side = if self.index & 1 == 1 || self.index == self.last {
            // The last node of a level may have none to its right for some levels.
            while self.index & 1 == 0 && self.index > 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }
}
