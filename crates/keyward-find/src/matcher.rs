//! Where values of the keys begin in a piece of text or of a blob.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use keyward_base::{Error, Result};

use crate::escape;
use crate::keys::{HEAD, Keys};

/// No form of the 16 bytes that tell is longer than this: 16 characters of up to 36 bytes,
/// which is `u006b` behind 31 backslashes.
pub(crate) const REACH: usize = 640;

/// The shortest form.
pub(crate) const LEAST: usize = 4 + HEAD;

/// The beginnings of the forms. The first in hexadecimal differs in one letter's case; `.` is
/// looked at afterwards.
const LITERAL: &[u8] = b"kw1.";
const NEEDLES: [&[u8]; 5] = [
    LITERAL,
    b"6b7731",
    b"6B7731",
    b"k\0w\x001\0.\0",
    // Base64 of `kw1.`, less the bits of the last byte that share a character with the next.
    b"a3cxL",
];

/// Looks for some keys. `marks` are further words to be told of, in the same pass.
#[derive(Debug)]
pub(crate) struct Matcher<'a> {
    keys: &'a Keys,
    words: AhoCorasick,
}

/// What was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Met {
    /// Where it begins.
    pub(crate) at: usize,
    /// Which mark it is; `None` is a value of one of the keys.
    pub(crate) mark: Option<usize>,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(keys: &'a Keys, marks: &[&[u8]]) -> Result<Self> {
        let words = AhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostFirst)
            .build(NEEDLES.iter().chain(marks))
            .map_err(|e| Error::unavailable("the search cannot start").with_source(e))?;
        Ok(Self { keys, words })
    }

    /// How many values of the keys stand in `bytes`.
    pub(crate) fn count(&self, bytes: &[u8]) -> u64 {
        let mut count = 0_u64;
        if bytes.len() >= LEAST {
            self.each(bytes, |_| count = count.saturating_add(1));
        }
        count
    }

    /// Tells of every value and mark in `bytes`: those with escapes in them last, the others in
    /// order.
    pub(crate) fn each(&self, bytes: &[u8], mut met: impl FnMut(Met)) {
        for word in self.words.find_iter(bytes) {
            let index = word.pattern().as_usize();
            if let Some(mark) = index.checked_sub(NEEDLES.len()) {
                let (at, mark) = (word.start(), Some(mark));
                met(Met { at, mark });
                continue;
            }
            let rest = bytes.get(word.end()..).unwrap_or_default();
            let here = match index {
                0 => rest.first_chunk().is_some_and(|head| self.keys.have(head)),
                1 | 2 => self.in_hex(rest),
                3 => self.in_utf16(rest),
                _ => {
                    let whole = bytes.get(word.start()..).unwrap_or_default();
                    self.keys.have_encoded(whole)
                }
            };
            if here {
                let (at, mark) = (word.start(), None);
                met(Met { at, mark });
            }
        }
        escape::each(
            bytes,
            |head| self.keys.have(head),
            |at| met(Met { at, mark: None }),
        );
    }

    /// Behind `6b7731`.
    fn in_hex(&self, rest: &[u8]) -> bool {
        let mut bytes = [0; 1 + HEAD];
        let mut digits = rest.iter().map(|b| char::from(*b).to_digit(16));
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return false;
            };
            *byte = u8::try_from((high << 4) | low).unwrap_or(0);
        }
        let [dot, head @ ..] = &bytes;
        *dot == b'.' && self.keys.have(head)
    }

    /// Behind `k w 1 . ` in 16-bit units, where each character is followed by a zero byte (or,
    /// in the other order, follows one, the last of which stands in the needle).
    fn in_utf16(&self, rest: &[u8]) -> bool {
        let mut head = [0; HEAD];
        for (index, byte) in head.iter_mut().enumerate() {
            let at = index.saturating_mul(2);
            let zero = at.saturating_add(1);
            let last = index.saturating_add(1) == HEAD;
            match (rest.get(at), rest.get(zero)) {
                (Some(b), Some(0)) => *byte = *b,
                (Some(b), _) if last => *byte = *b,
                _ => return false,
            }
        }
        self.keys.have(&head)
    }
}
