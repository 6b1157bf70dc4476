//! Proofs, made from the nodes of a tree.

use std::ops::Range;

use keyward_base::{Error, Result};
use keyward_crypto::Provider;

use super::{Hash, node, path};

/// Where the nodes of a tree are: the roots of its perfect subtrees.
pub trait Nodes {
    /// The root of perfect subtree `index` among those of two to the power of `level` leaves.
    ///
    /// # Errors
    /// Whatever keeps it from being known.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash>;
}

/// That leaf `index` is in the tree of `size`: the hashes from the leaf's sibling up.
///
/// # Errors
/// `Misuse` if it has no such leaf; what `nodes` returns.
pub fn inclusion(
    provider: &Provider,
    nodes: &mut impl Nodes,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>> {
    let path = path::inclusion(index, size);
    let path = path.ok_or_else(|| Error::misuse("the log has no entry of that number"))?;
    roots(provider, nodes, path)
}

/// That the tree of `new` leaves begins with that of `old`.
///
/// # Errors
/// `Misuse` if the old one has more; what `nodes` returns.
pub fn consistency(
    provider: &Provider,
    nodes: &mut impl Nodes,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>> {
    let path = path::consistency(old, new);
    let path = path.ok_or_else(|| Error::misuse("the log is shorter than that"))?;
    roots(provider, nodes, path)
}

fn roots(provider: &Provider, nodes: &mut impl Nodes, path: Vec<Range<u64>>) -> Result<Vec<Hash>> {
    let roots = path.into_iter().map(|leaves| root(provider, nodes, leaves));
    roots.collect()
}

fn root(provider: &Provider, nodes: &mut impl Nodes, leaves: Range<u64>) -> Result<Hash> {
    let subtrees = path::perfect(leaves).map(|(level, index)| nodes.node(level, index));
    let subtrees: Vec<Hash> = subtrees.collect::<Result<_>>()?;
    let from_the_right = subtrees.into_iter().rev();
    let root = from_the_right.reduce(|right, left| node(provider, &left, &right));
    root.ok_or_else(|| Error::misuse("no leaf has no root"))
}
