//! One text that comes in pieces, as strings of JSON.

use keyward_base::SecretBytes;

use crate::json::string::pair;
use crate::masker::Masker;

/// Masks the pieces of one text. Between two pieces a surrogate waits for its partner, and the
/// bytes of a character for the others of it.
pub(super) struct Text {
    masker: Masker,
    /// A high surrogate that the last piece ended with.
    high: Option<u32>,
    /// Masked, and the beginning of a character.
    tail: Vec<u8>,
}

impl Text {
    pub(super) const fn new(masker: Masker) -> Self {
        Self {
            masker,
            high: None,
            tail: Vec::new(),
        }
    }

    /// How many bytes it holds back.
    pub(super) fn held(&self) -> usize {
        let high = if self.high.is_some() { 3 } else { 0 };
        self.masker
            .held()
            .saturating_add(self.tail.len())
            .saturating_add(high)
    }

    /// Takes a decoded piece, and gives what is decided, in whole characters.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut rest = piece;
        let mut out = std::mem::take(&mut self.tail);
        if let (Some(high), false) = (self.high, rest.is_empty()) {
            self.high = None;
            if let Some(low @ 0xdc00..=0xdfff) = surrogate(rest.get(..3)) {
                rest = rest.get(3..).unwrap_or_default();
                let joined = char::from_u32(pair(high, low)).unwrap_or_default();
                let mut bytes = SecretBytes::new(vec![0; 4]);
                let joined = joined.encode_utf8(bytes.expose_mut()).as_bytes();
                self.masker.push(joined, &mut out);
            } else {
                self.masker.push(&written(high), &mut out);
            }
        }
        let end = rest.len().saturating_sub(3);
        if let Some(high @ 0xd800..=0xdbff) = surrogate(rest.get(end..)) {
            self.high = Some(high);
            rest = rest.get(..end).unwrap_or_default();
        }
        self.masker.push(rest, &mut out);
        self.masker.flush(&mut out);
        self.tail = out.split_off(whole(&out));
        out
    }

    /// All that is left.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.tail);
        if let Some(high) = self.high.take() {
            self.masker.push(&written(high), &mut out);
        }
        self.masker.finish(&mut out);
        out
    }
}

/// The surrogate that these three bytes of generalised UTF-8 are.
fn surrogate(bytes: Option<&[u8]>) -> Option<u32> {
    match bytes {
        Some([0xed, a @ 0xa0..=0xbf, b @ 0x80..=0xbf]) => {
            let (a, b) = (u32::from(a & 0x3f), u32::from(b & 0x3f));
            Some(0xd000 | (a << 6) | b)
        }
        _ => None,
    }
}

/// A surrogate in generalised UTF-8.
fn written(surrogate: u32) -> [u8; 3] {
    let six = |shift: u32| 0x80 | u8::try_from((surrogate >> shift) & 0x3f).unwrap_or_default();
    [0xed, six(6), six(0)]
}

/// How many bytes there are before the beginning of a character whose end is missing.
fn whole(text: &[u8]) -> usize {
    let from = text.len().saturating_sub(3);
    for (at, byte) in text.iter().enumerate().skip(from).rev() {
        let len = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let missing = at.saturating_add(len) > text.len();
        return if missing { at } else { text.len() };
    }
    text.len()
}
