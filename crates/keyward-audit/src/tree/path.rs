//! Of which subtrees a proof has the roots, in the order of the proof.
//!
//! A subtree is named by the leaves it has, from one to another (which it does not have).

use std::ops::Range;

/// The proof that leaf `index` is in a tree of `size`: RFC 9162, section 2.1.3.1. None if it has no
/// such leaf.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let (mut from, mut to) = (0, size);
    while let Some(middle) = split(from, to) {
        if index < middle {
            path.push(middle..to);
            to = middle;
        } else {
            path.push(from..middle);
            from = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The proof that a tree of `new` leaves begins with one of `old`: RFC 9162, section 2.1.4.1. None
/// if the old one has more. Empty if it has as many, or none.
#[must_use]
pub fn consistency(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old > new {
        return None;
    }
    let mut path = Vec::new();
    if old == 0 {
        return Some(path);
    }
    let (mut from, mut to) = (0, new);
    while old < to {
        let Some(middle) = split(from, to) else {
            break;
        };
        if old <= middle {
            path.push(middle..to);
            to = middle;
        } else {
            path.push(from..middle);
            from = middle;
        }
    }
    if from > 0 {
        path.push(from..to);
    }
    path.reverse();
    Some(path)
}

/// Where the right subtree of these leaves begins: after the largest power of two of them that is
/// less than all. None of one leaf, or of none.
fn split(from: u64, to: u64) -> Option<u64> {
    let last = to.checked_sub(from)?.checked_sub(1)?;
    let left = 1_u64.checked_shl(last.checked_ilog2()?)?;
    from.checked_add(left)
}

/// The largest perfect subtrees that these leaves fall into, each by its level and its place among
/// those of its level, from the left.
pub fn perfect(leaves: Range<u64>) -> impl Iterator<Item = (u32, u64)> {
    let mut from = leaves.start;
    std::iter::from_fn(move || {
        let fits = leaves.end.checked_sub(from)?.checked_ilog2()?;
        // Of nothing, each begins there.
        let level = fits.min(from.trailing_zeros());
        let index = from.checked_shr(level)?;
        from = from.checked_add(1_u64.checked_shl(level)?)?;
        Some((level, index))
    })
}
