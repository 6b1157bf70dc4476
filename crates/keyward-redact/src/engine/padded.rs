//! Bytes that lie in memory under the pad, and are compared without being taken from under it.

use keyward_base::SecretBytes;

use super::GRAM;
use super::keys::{BLOCK, Keys, PAD_LEN, word};

/// Secret bytes under the pad of an engine: only what overlaps random bytes lies in memory.
pub(crate) struct Padded {
    bytes: Box<[u8]>,
    /// Where in the pad they begin.
    at: usize,
}

impl Padded {
    /// Puts `plain` under the pad from place `at` on.
    pub(super) fn new(keys: &Keys, plain: &[u8], at: usize) -> Self {
        let at = at % PAD_LEN;
        let hidden = plain.iter().enumerate();
        let hidden = hidden.map(|(i, byte)| byte ^ keys.pad_byte(at.wrapping_add(i)));
        Self {
            bytes: hidden.collect(),
            at,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes as automata know them.
    pub(super) fn permuted(&self, keys: &Keys) -> SecretBytes {
        let bytes = (0..self.len()).filter_map(|i| self.byte(keys, i));
        SecretBytes::new(bytes.map(|byte| keys.permuted(byte)).collect())
    }

    /// The plain byte at place `i`.
    #[inline]
    pub(super) fn byte(&self, keys: &Keys, i: usize) -> Option<u8> {
        let hidden = self.bytes.get(i)?;
        Some(hidden ^ keys.pad_byte(self.at.wrapping_add(i)))
    }

    /// Eight plain bytes from `i` on.
    #[inline]
    pub(super) fn word(&self, keys: &Keys, i: usize) -> Option<u64> {
        let hidden = word(&self.bytes, i)?;
        Some(hidden ^ keys.pad_word(self.at.wrapping_add(i)))
    }

    /// How many bytes from `i` on equal those of `text` from `at` on.
    #[inline]
    pub(super) fn same_forward(&self, keys: &Keys, i: usize, text: &[u8], at: usize) -> usize {
        let mut same = 0_usize;
        let mut by_blocks = true;
        loop {
            let (i, at) = (i.saturating_add(same), at.saturating_add(same));
            // Most differ at once.
            if by_blocks && same >= GRAM {
                if self.is_block(keys, i, text, at) {
                    same = same.saturating_add(BLOCK);
                    continue;
                }
                by_blocks = false;
            }
            if let (Some(ours), Some(theirs)) = (self.word(keys, i), word(text, at)) {
                match ours ^ theirs {
                    0 => same = same.saturating_add(8),
                    other => return same.saturating_add(leading(other.trailing_zeros())),
                }
                continue;
            }
            match (self.byte(keys, i), text.get(at)) {
                (Some(ours), Some(theirs)) if ours == *theirs => same = same.saturating_add(1),
                _ => return same,
            }
        }
    }

    /// How many bytes before `i` equal those of `text` before `at`.
    #[inline]
    pub(super) fn same_backward(&self, keys: &Keys, i: usize, text: &[u8], at: usize) -> usize {
        let mut same = 0_usize;
        let mut by_blocks = true;
        loop {
            let (Some(i), Some(at)) = (i.checked_sub(same), at.checked_sub(same)) else {
                return same;
            };
            if by_blocks && same >= GRAM {
                if let (Some(i), Some(at)) = (i.checked_sub(BLOCK), at.checked_sub(BLOCK))
                    && self.is_block(keys, i, text, at)
                {
                    same = same.saturating_add(BLOCK);
                    continue;
                }
                by_blocks = false;
            }
            if let (Some(i), Some(at)) = (i.checked_sub(8), at.checked_sub(8)) {
                let ours = self.word(keys, i).unwrap_or(0);
                match ours ^ word(text, at).unwrap_or(!ours) {
                    0 => same = same.saturating_add(8),
                    other => return same.saturating_add(leading(other.leading_zeros())),
                }
                continue;
            }
            let (Some(i), Some(at)) = (i.checked_sub(1), at.checked_sub(1)) else {
                return same;
            };
            match (self.byte(keys, i), text.get(at)) {
                (Some(ours), Some(theirs)) if ours == *theirs => same = same.saturating_add(1),
                _ => return same,
            }
        }
    }

    /// Whether a block from `i` on equals that of `text` from `at` on.
    #[inline]
    fn is_block(&self, keys: &Keys, i: usize, text: &[u8], at: usize) -> bool {
        let hidden = self.bytes.get(i..).and_then(|rest| rest.first_chunk());
        let theirs = text.get(at..).and_then(|rest| rest.first_chunk());
        let pad = keys.pad_block(self.at.wrapping_add(i));
        let (Some(hidden), Some(theirs), Some(pad)) = (hidden, theirs, pad) else {
            return false;
        };
        let hidden: &[u8; BLOCK] = hidden;
        let both = hidden.iter().zip(pad).zip::<&[u8; BLOCK]>(theirs);
        both.fold(0, |other, ((a, b), c)| other | (a ^ b ^ c)) == 0
    }

    /// Whether they are `plain`.
    pub(crate) fn equals(&self, keys: &Keys, plain: &[u8]) -> bool {
        self.len() == plain.len() && self.same_forward(keys, 0, plain, 0) == plain.len()
    }
}

/// Whole bytes among so many equal bits.
const fn leading(bits: u32) -> usize {
    (bits >> 3) as usize
}
