//! Where values of the keys begin in a piece of text or of a blob.

use aho_corasick::{AhoCorasick, Match, packed};
use keyward_base::{Error, Result};

use crate::escape::Escapes;
use crate::form::{HEAD, LEAST};
use crate::keys::Keys;
use crate::runs;

/// What a byte sequence that is looked for may be.
#[derive(Clone, Copy, Debug)]
enum Needle {
    /// `kw1.` as it is.
    Literal,
    /// The same in hexadecimal, up to the dot.
    Hex,
    /// The same in 16-bit units.
    Utf16,
    /// Base64 of `kw1.`, less the bits of the last byte that share a character with the next.
    Base64,
    /// A dot behind a backslash. At the beginning of a line it ends the rows of a `COPY`.
    Dot,
    /// How another escape begins that may be part of a value ([`escape`](crate::escape)). Looked
    /// for in the same pass: most values have none.
    Escape,
}

/// All of them. The order is part of the speed: the search puts every eighth into one bucket and
/// tells buckets by the halves of their first two bytes, so that two needles of one bucket make it
/// stop at what mixes them. None of the buckets made here stops at a backslash before a quote, a
/// letter or another backslash, of which JSON in a dump is full.
const NEEDLES: [(&[u8], Needle); 12] = [
    (b"kw1.", Needle::Literal),
    (b"6b7731", Needle::Hex),
    (b"k\0w\x001\0.\0", Needle::Utf16),
    (b"a3cxL", Needle::Base64),
    (b"\\u00", Needle::Escape),
    (b"\\x", Needle::Escape),
    (b"\\.", Needle::Dot),
    (b"\\0", Needle::Escape),
    (b"\\1", Needle::Escape),
    (b"6B7731", Needle::Hex),
    (b"\\_", Needle::Escape),
    (b"\\-", Needle::Escape),
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
        let words = || NEEDLES.iter().map(|(bytes, _)| bytes);
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

    /// How many values of the keys stand in `bytes`, which is a whole text or blob.
    pub(crate) fn count(&self, bytes: &[u8]) -> u64 {
        let mut count = 0_u64;
        if bytes.len() >= LEAST {
            runs::each(bytes, |run| {
                self.each(run, |_| count = count.saturating_add(1), |_| ());
            });
        }
        count
    }

    /// Tells where each value in `bytes` begins, and where each backslash stands before a dot:
    /// values with escapes in them later than they stand, the others in order.
    pub(crate) fn each(
        &self,
        bytes: &[u8],
        mut found: impl FnMut(usize),
        mut dot: impl FnMut(usize),
    ) {
        let is_ours = |head: &[u8; HEAD]| self.keys.have(head);
        let mut escapes = Escapes::default();
        self.needles.each(bytes, |needle| {
            let rest = bytes.get(needle.end()..).unwrap_or_default();
            let known = NEEDLES.get(needle.pattern().as_usize());
            let here = match known.map(|(_, kind)| kind) {
                Some(Needle::Literal) => rest.first_chunk().is_some_and(is_ours),
                Some(Needle::Hex) => self.in_hex(rest),
                Some(Needle::Utf16) => self.in_utf16(rest),
                Some(Needle::Base64) => {
                    let whole = bytes.get(needle.start()..).unwrap_or_default();
                    self.keys.have_encoded(whole)
                }
                Some(escape) => {
                    if matches!(escape, Needle::Dot) {
                        dot(needle.start());
                    }
                    escapes.meet(bytes, needle.start(), is_ours, &mut found);
                    false
                }
                None => false,
            };
            if here {
                found(needle.start());
            }
        });
        escapes.end(bytes, is_ours, &mut found);
    }

    /// Behind `6b7731`.
    fn in_hex(&self, rest: &[u8]) -> bool {
        let Some((dot, rest)) = rest.split_first_chunk() else {
            return false;
        };
        let Some(digits) = rest.first_chunk::<{ 2 * HEAD }>() else {
            return false;
        };
        if !matches!(dot, [b'2', b'e' | b'E']) {
            return false;
        }
        let (pairs, _) = digits.as_chunks::<2>();
        let mut head = [0; HEAD];
        for (byte, [high, low]) in head.iter_mut().zip(pairs) {
            let (high, low) = (nibble(*high), nibble(*low));
            if high > 15 || low > 15 {
                return false;
            }
            *byte = (high << 4) | low;
        }
        self.keys.have(&head)
    }

    /// Behind `k w 1 . ` in 16-bit units, where each character is followed by a zero byte (or,
    /// in the other order, follows one, the last of which stands in the needle).
    fn in_utf16(&self, rest: &[u8]) -> bool {
        let mut head = [0; HEAD];
        for (index, byte) in head.iter_mut().enumerate() {
            let at = index.saturating_mul(2);
            // More of the value follows: the last of these characters has a zero byte behind it too.
            match (rest.get(at), rest.get(at.saturating_add(1))) {
                (Some(b), Some(0)) => *byte = *b,
                _ => return false,
            }
        }
        self.keys.have(&head)
    }
}

/// The number that a digit of hexadecimal stands for; more than 15 for any other byte.
fn nibble(digit: u8) -> u8 {
    #[allow(clippy::indexing_slicing)] // A table made by the compiler: an index out of bounds does not compile.
    const NIBBLES: [u8; 256] = {
        let mut table = [0xff; 256];
        let mut value = 0_u8;
        while value < 16 {
            let digits = *b"0123456789abcdef";
            let digit = digits[value as usize];
            table[digit as usize] = value;
            table[digit.to_ascii_uppercase() as usize] = value;
            value += 1;
        }
        table
    };
    NIBBLES.get(usize::from(digit)).copied().unwrap_or(0xff)
}
