//! The Merkle tree of a log: RFC 9162, section 2.1, over SHA-256.
//!
//! | file | what it holds |
//! |---|---|
//! | [`Frontier`] | what is needed of a tree to append to it and to have its root |
//! | [`path`] | of which subtrees a proof has the roots |
//! | [`prove`] | proofs made from a tree's nodes |
//! | [`verify`] | proofs checked, without the tree |

mod frontier;
pub mod path;
pub mod prove;
pub mod verify;

pub use frontier::{Frontier, Made};

use keyward_crypto::Provider;

/// A hash of the tree: 32 bytes.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256 of a zero byte and the leaf.
#[must_use]
pub fn leaf(provider: &Provider, leaf: &[u8]) -> Hash {
    provider.sha256(&[&[0], leaf])
}

/// The hash of a node: SHA-256 of a byte 1 and the hashes below it.
#[must_use]
pub fn node(provider: &Provider, left: &Hash, right: &Hash) -> Hash {
    provider.sha256(&[&[1], left, right])
}

/// The root of a tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty(provider: &Provider) -> Hash {
    provider.sha256(&[])
}
