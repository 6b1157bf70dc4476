//! Where values of the keys begin in a piece of text or of a blob.

use aho_corasick::{AhoCorasick, Match, packed};
use keyward_base::{Error, Result};

use crate::escape;
use crate::keys::{HEAD, Keys};

/// No form of the 16 bytes that tell is longer than this: 16 characters of up to 36 bytes,
/// which is `u006b` behind 31 backslashes.
pub(crate) const REACH: usize = 640;

/// The length of the shortest value: `kw1.` and 110 characters of base64url for the 82 bytes of
/// suite, key id, no hint, salt, commitment and one tag. Every form is at least as long.
pub(crate) const LEAST: usize = 4 + 110;

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

/// What every escape that may be part of a value begins with ([`escape`]). Looked for in the same
/// pass: most values have none.
const ESCAPES: [&[u8]; 9] = [
    b"\\u00", b"\\x", b"\\0", b"\\1", b"\\2", b"\\3", b"\\.", b"\\-", b"\\_",
];

/// Looks for some keys.
#[derive(Debug)]
pub(crate) struct Matcher<'a> {
    keys: &'a Keys,
    needles: Needles,
}

/// The search for the beginnings: by vector instructions where the processor has them.
#[derive(Debug)]
enum Needles {
    Packed(packed::Searcher),
    Plain(AhoCorasick),
}

impl Needles {
    fn new() -> Result<Self> {
        let words = || NEEDLES.iter().chain(&ESCAPES);
        if let Some(packed) = packed::Searcher::new(words()) {
            return Ok(Self::Packed(packed));
        }
        let plain = AhoCorasick::new(words());
        let plain =
            plain.map_err(|e| Error::unavailable("the search cannot start").with_source(e))?;
        Ok(Self::Plain(plain))
    }

    fn each(&self, bytes: &[u8], mut found: impl FnMut(Match)) {
        match self {
            Self::Packed(packed) => packed.find_iter(bytes).for_each(&mut found),
            Self::Plain(plain) => plain.find_iter(bytes).for_each(&mut found),
        }
    }
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(keys: &'a Keys) -> Result<Self> {
        let needles = Needles::new()?;
        Ok(Self { keys, needles })
    }

    /// How many values of the keys stand in `bytes`.
    pub(crate) fn count(&self, bytes: &[u8]) -> u64 {
        let mut count = 0_u64;
        if bytes.len() >= LEAST {
            self.each(bytes, |_| count = count.saturating_add(1));
        }
        count
    }

    /// Tells where each value in `bytes` begins: those with escapes in them last, the others in
    /// order.
    pub(crate) fn each(&self, bytes: &[u8], mut found: impl FnMut(usize)) {
        let mut escapes = false;
        self.needles.each(bytes, |needle| {
            let rest = bytes.get(needle.end()..).unwrap_or_default();
            let here = match needle.pattern().as_usize() {
                0 => rest.first_chunk().is_some_and(|head| self.keys.have(head)),
                1 | 2 => self.in_hex(rest),
                3 => self.in_utf16(rest),
                4 => {
                    let whole = bytes.get(needle.start()..).unwrap_or_default();
                    self.keys.have_encoded(whole)
                }
                _ => {
                    escapes = true;
                    false
                }
            };
            if here {
                found(needle.start());
            }
        });
        if escapes {
            escape::each(bytes, |head| self.keys.have(head), found);
        }
    }

    /// Behind `6b7731`.
    fn in_hex(&self, rest: &[u8]) -> bool {
        let mut bytes = [0; 1 + HEAD];
        let Some(digits) = rest.first_chunk::<{ 2 * (1 + HEAD) }>() else {
            return false;
        };
        for (byte, digits) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = *digits else {
                return false;
            };
            let (Some(high), Some(low)) = (nibble(high), nibble(low)) else {
                return false;
            };
            *byte = (high << 4) | low;
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

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}
