//! The keys that are looked for.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use keyward_base::KeyId;

use crate::form::HEAD;

/// The ids of the keys whose values are looked for: tenant keys, and ring keys where values are
/// sealed under them directly. Collected from any iterator of [`KeyId`]; 8 bytes and a little for
/// each.
///
/// A value is found in these forms, in text and in blobs alike:
///
/// | form | where it comes from |
/// |---|---|
/// | `kw1.…` as it is | a column of its own, JSON, SQLite's JSONB, a dump |
/// | some of its characters as `\u006b`, `\x6b`, `\153`, or behind a backslash, with up to 31 backslashes | JSON in JSON, JSON5, the escapes of a dump |
/// | hexadecimal, either case | `bytea` and blobs in a dump |
/// | UTF-16, either order | a blob that another runtime wrote |
/// | base64 of a value, from its first byte | a byte string in JSON |
///
/// The suite is not looked at, so that values of a later one are found too.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    ids: HashSet<[u8; 8]>,
    /// A bit for each of the last 8 characters of a head, by their hash: most values of other keys
    /// are told by it alone. A power of two.
    bits: Vec<u64>,
}

impl Keys {
    /// Whether there is no key to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// How many keys are looked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether `head`, the 12 characters behind `kw1.`, names one of the keys.
    pub(crate) fn have(&self, head: &[u8; HEAD]) -> bool {
        if !self.may_have(head) {
            return false;
        }
        let mut bytes = [0; 9];
        let whole = URL_SAFE_NO_PAD.decode_slice(head, &mut bytes);
        let [_suite, id @ ..] = bytes;
        whole == Ok(9) && self.ids.contains(&id)
    }

    /// Whether the bit of `head` is set. The suite is not in its last 8 characters.
    fn may_have(&self, head: &[u8; HEAD]) -> bool {
        let [_, _, _, _, tail @ ..] = head;
        let (word, bit) = place(u64::from_le_bytes(*tail), self.bits.len());
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether `text`, 24 or more characters of base64, holds the beginning of a value: what a value
    /// consists of is written without the two characters in which the alphabets differ.
    pub(crate) fn have_encoded(&self, text: &[u8]) -> bool {
        let Some(text) = text.first_chunk::<24>() else {
            return false;
        };
        let mut bytes = [0; 18];
        if STANDARD_NO_PAD.decode_slice(text, &mut bytes) != Ok(18) {
            return false;
        }
        let [b'k', b'w', b'1', b'.', rest @ ..] = &bytes else {
            return false;
        };
        rest.first_chunk().is_some_and(|head| self.have(head))
    }
}

/// The word and the bit of eight characters, of so many words.
fn place(tail: u64, words: usize) -> (usize, u64) {
    // Multiplied by the golden ratio, the high bits depend on all of them.
    let mixed = tail.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = usize::try_from(mixed >> 32).unwrap_or(0) & words.saturating_sub(1);
    (word, 1 << (mixed >> 58))
}

impl FromIterator<KeyId> for Keys {
    fn from_iter<I: IntoIterator<Item = KeyId>>(ids: I) -> Self {
        let ids: HashSet<[u8; 8]> = ids.into_iter().map(|id| id.to_bytes()).collect();
        let words = ids.len().next_power_of_two();
        let mut bits = vec![0_u64; words];
        for id in &ids {
            let [_, _, last @ ..] = id;
            let mut tail = [0; 8];
            // Six bytes are eight characters.
            if URL_SAFE_NO_PAD.encode_slice(last, &mut tail) == Ok(8) {
                let (word, bit) = place(u64::from_le_bytes(tail), words);
                if let Some(bits) = bits.get_mut(word) {
                    *bits |= bit;
                }
            }
        }
        Self { ids, bits }
    }
}
