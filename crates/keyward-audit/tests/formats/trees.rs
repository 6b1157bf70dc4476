//! The tree, beside one made as RFC 9162 defines it: recursively, from all leaves.

use keyward_audit::tree::prove::{self, Nodes};
use keyward_audit::tree::{Frontier, Hash, Made, empty, leaf, node, path, verify};
use keyward_base::{Error, ErrorKind, Result};
use keyward_crypto::Provider;
use proptest::prelude::*;

pub(crate) fn provider() -> Provider {
    Provider::default()
}

/// The leaf hash of number `i`.
fn hash_of(i: u64) -> Hash {
    leaf(&provider(), format!("entry {i}").as_bytes())
}

/// RFC 9162, section 2.1.1, word for word.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty(&provider()),
        [leaf] => *leaf,
        leaves => {
            let mut half = 1;
            while half * 2 < leaves.len() {
                half *= 2;
            }
            let (left, right) = leaves.split_at(half);
            node(
                &provider(),
                &root_by_definition(left),
                &root_by_definition(right),
            )
        }
    }
}

/// All nodes of a tree, as its frontier told of them.
#[derive(Default)]
pub(crate) struct Tree {
    frontier: Frontier,
    made: Vec<Made>,
}

impl Tree {
    pub(crate) fn of(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            let made = &mut tree.made;
            tree.frontier
                .push(&provider(), leaf, |node| made.push(node))
                .unwrap();
        }
        tree
    }

    fn to(size: u64) -> Self {
        Self::of((0..size).map(hash_of))
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root(&provider())
    }

    fn root_at(&self, size: u64) -> Hash {
        Self::to(size).root()
    }
}

impl Nodes for Tree {
    fn node(&mut self, level: u32, index: u64) -> Result<Hash> {
        let found = self
            .made
            .iter()
            .find(|made| (made.level, made.index) == (level, index));
        found
            .map(|made| made.hash)
            .ok_or_else(|| Error::corrupt("no such node"))
    }
}

#[test]
fn the_root_is_that_of_the_definition() {
    // RFC 9162: the hash of nothing.
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let root = Frontier::new().root(&provider());
    assert_eq!(keyward_base::encoding::hex(&root), nothing);
    let leaves: Vec<Hash> = (0..130).map(hash_of).collect();
    for size in 0..leaves.len() {
        let tree = Tree::to(size as u64);
        assert_eq!(tree.root(), root_by_definition(&leaves[..size]), "{size}");
        let parts = tree.frontier.subtrees().to_vec();
        let again = Frontier::from_parts(tree.frontier.size(), parts).unwrap();
        assert_eq!(again, tree.frontier);
    }
}

/// The eight leaves and the roots that RFC 6962's first implementation is tested with.
#[test]
fn the_published_tree_comes_out() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in (1..).zip(roots) {
        let leaves = leaves.iter().take(size).map(|l| leaf(&provider(), l));
        let tree = Tree::of(leaves);
        assert_eq!(keyward_base::encoding::hex(&tree.root()), root, "{size}");
    }
}

#[test]
fn each_inclusion_is_proved_and_no_other() {
    for size in 1..34 {
        let mut tree = Tree::to(size);
        let root = tree.root();
        for index in 0..size {
            let proof = prove::inclusion(&provider(), &mut tree, index, size).unwrap();
            let check = |index, size, root: &Hash, proof: &[Hash], of| {
                verify::inclusion(&provider(), &hash_of(of), index, size, root, proof)
            };
            check(index, size, &root, &proof, index).unwrap();
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(check(other, size, &root, &proof, index).is_err());
                assert!(check(index, size, &root, &proof, other).is_err());
            }
            for at in 0..proof.len() {
                let mut other = proof.clone();
                other[at][31] ^= 1;
                assert!(check(index, size, &root, &other, index).is_err());
                other.remove(at);
                assert!(check(index, size, &root, &other, index).is_err());
            }
            let mut longer = proof.clone();
            longer.push([0; 32]);
            assert!(check(index, size, &root, &longer, index).is_err());
            let mut root = root;
            root[0] ^= 1;
            let refused = check(index, size, &root, &proof, index).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Rejected);
        }
        let refused = prove::inclusion(&provider(), &mut tree, size, size).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
}

#[test]
fn each_growth_is_proved_and_no_other() {
    for new in 0..34 {
        let mut tree = Tree::to(new);
        let new_root = tree.root();
        for old in 0..=new {
            let old_root = tree.root_at(old);
            let proof = prove::consistency(&provider(), &mut tree, old, new).unwrap();
            let check = |old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]| {
                verify::consistency(&provider(), old, new, proof)
            };
            check((old, &old_root), (new, &new_root), &proof).unwrap();
            let mut other = old_root;
            other[5] ^= 0x10;
            assert!(check((old, &other), (new, &new_root), &proof).is_err());
            let mut other = new_root;
            other[5] ^= 0x10;
            // From nothing, there is nothing to be proved of what it became.
            let of_nothing = old == 0 && new > 0;
            assert_eq!(
                check((old, &old_root), (new, &other), &proof).is_ok(),
                of_nothing
            );
            if old > 0 && old < new {
                assert!(check((new, &new_root), (old, &old_root), &proof).is_err());
            }
            for at in 0..proof.len() {
                let mut other = proof.clone();
                other[at][0] ^= 0x80;
                assert!(check((old, &old_root), (new, &new_root), &other).is_err());
                other.remove(at);
                assert!(check((old, &old_root), (new, &new_root), &other).is_err());
            }
            let mut longer = proof.clone();
            longer.push([0; 32]);
            assert!(check((old, &old_root), (new, &new_root), &longer).is_err());
        }
        assert!(prove::consistency(&provider(), &mut tree, new + 1, new).is_err());
    }
}

#[test]
fn a_full_tree_and_a_head_that_does_not_fit_are_refused() {
    let most = Frontier::MOST;
    let mut full = Frontier::from_parts(most, vec![[7; 32]; 63]).unwrap();
    let refused = full.push(&provider(), [0; 32], |_| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(full.size(), most);
    for (size, count) in [(0, 1), (1, 0), (3, 1), (most + 1, 1), (u64::MAX, 64)] {
        let parts = vec![[7; 32]; count];
        let refused = Frontier::from_parts(size, parts).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{size}");
    }
}

proptest! {
    /// However large the tree: as many hashes as it is high, and nothing overflows.
    #[test]
    fn paths_are_short(index in any::<u64>(), size in any::<u64>()) {
        if let Some(path) = path::inclusion(index, size) {
            prop_assert!(path.len() <= 64);
            let mut leaves: Vec<_> = path.into_iter().chain(std::iter::once(index..index + 1)).collect();
            leaves.sort_by_key(|range| range.start);
            prop_assert_eq!(leaves[0].start, 0);
            prop_assert_eq!(leaves.last().unwrap().end, size);
            prop_assert!(leaves.windows(2).all(|two| two[0].end == two[1].start));
        } else {
            prop_assert!(index >= size);
        }
        let path = path::consistency(index, size);
        prop_assert_eq!(path.is_none(), index > size);
        prop_assert!(path.unwrap_or_default().len() <= 65);
    }

    #[test]
    fn no_proof_of_chance_passes(
        index in any::<u64>(),
        size in any::<u64>(),
        proof in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let verified = verify::inclusion(&provider(), &[1; 32], index, size, &[2; 32], &proof);
        prop_assert!(verified.is_err());
        let (old, new) = ((index, &[1; 32]), (size, &[2; 32]));
        prop_assert!(verify::consistency(&provider(), old, new, &proof).is_err());
    }
}
