//! Whether a needle is where one of its grams was found.

use super::keys::Keys;
use super::needles::Needle;

/// A needle that is there as far as the text goes.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) needle: u32,
    pub(super) start: usize,
    /// How many of its bytes are there, and where in the text the next would be.
    matched: usize,
    at: usize,
}

pub(super) enum Found {
    /// All of it, up to this place of the text.
    To(usize),
    /// As far as the text goes.
    SoFar(Pending),
    Not,
}

/// Compares a needle whose place `i` is at place `at` of the text, backwards and then forwards.
/// Says where it begins, not before `from`, and how far it goes.
pub(super) fn compare(
    keys: &Keys,
    (at_needle, needle): (u32, &Needle),
    i: usize,
    text: &[u8],
    at: usize,
    from: usize,
) -> Option<(usize, Found)> {
    let start = start(keys, needle, i, text, at)?;
    if start < from {
        return None;
    }
    let pending = Pending {
        needle: at_needle,
        start,
        matched: i,
        at,
    };
    Some((start, pending.go_on(keys, needle, text)))
}

fn start(keys: &Keys, needle: &Needle, i: usize, text: &[u8], at: usize) -> Option<usize> {
    let (mut i, mut at) = (i, at);
    loop {
        let same = needle.bytes.same_backward(keys, i, text, at);
        i = i.saturating_sub(same);
        at = at.saturating_sub(same);
        if i == 0 {
            return Some(at);
        }
        if !needle.wrapped {
            return None;
        }
        let skipped = match text.get(..at)? {
            [.., b'\r', b'\n'] => 2,
            [.., b'\r' | b'\n'] => 1,
            _ => return None,
        };
        at = at.saturating_sub(skipped);
        // Another line ending here is one too many.
        if text.get(at.checked_sub(1)?) != needle.bytes.byte(keys, i.saturating_sub(1)).as_ref() {
            return None;
        }
    }
}

impl Pending {
    /// Compares what has come since.
    pub(super) fn go_on(mut self, keys: &Keys, needle: &Needle, text: &[u8]) -> Found {
        loop {
            let same = needle.bytes.same_forward(keys, self.matched, text, self.at);
            self.matched = self.matched.saturating_add(same);
            self.at = self.at.saturating_add(same);
            if self.matched >= needle.bytes.len() {
                return Found::To(self.at);
            }
            let rest = text.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return Found::SoFar(self);
            }
            if !needle.wrapped {
                return Found::Not;
            }
            let skipped = match rest {
                // A line feed may follow.
                [b'\r'] => return Found::SoFar(self),
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => return Found::Not,
            };
            let Some(byte) = rest.get(skipped) else {
                return Found::SoFar(self);
            };
            if needle.bytes.byte(keys, self.matched) != Some(*byte) {
                return Found::Not;
            }
            self.at = self.at.saturating_add(skipped);
        }
    }

    /// The first `len` bytes of the text are gone.
    pub(super) fn shift(&mut self, len: usize) {
        self.start = self.start.saturating_sub(len);
        self.at = self.at.saturating_sub(len);
    }
}
