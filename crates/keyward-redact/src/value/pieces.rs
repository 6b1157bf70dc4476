//! Long values, cut so that a stream holds back little.

use crate::policy::PIECE_LEN;

/// Neighbours have so much in common that what is masked of a long value is one mask, and that no
/// character of base64 lies between them.
const SHARED: usize = 8;

/// `part` in pieces of at most [`PIECE_LEN`] bytes, none of which cuts a character in two.
pub(super) fn of(part: &[u8]) -> Vec<&[u8]> {
    let is_text = std::str::from_utf8(part).is_ok();
    let boundary = |at: usize| {
        let inside = |at: &usize| part.get(*at).is_some_and(|b| is_text && b & 0xc0 == 0x80);
        (0..=at).rev().find(|at| !inside(at)).unwrap_or(at)
    };
    let mut pieces = Vec::new();
    let mut start = 0_usize;
    loop {
        let end = start.saturating_add(PIECE_LEN);
        if end >= part.len() {
            pieces.push(part.get(start..).unwrap_or_default());
            return pieces;
        }
        let end = boundary(end);
        pieces.push(part.get(start..end).unwrap_or_default());
        start = boundary(end.saturating_sub(SHARED));
    }
}
