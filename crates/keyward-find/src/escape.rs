//! Values of which some characters are written as escapes.
//!
//! What wrote them is not known, and may have escaped what was escaped before. So up to 31
//! backslashes before `uXXXX`, `xXX`, three octal digits or one of `.`, `-` and `_` is one
//! escape, whatever the language.

use memchr::memmem;

use crate::form::{HEAD, REACH};

/// The most backslashes of one escape: what five rounds of escaping make of one.
const SLASHES: usize = 31;

/// The escapes of one text, as they are met, and what lies around them.
#[derive(Debug, Default)]
pub(crate) struct Escapes {
    /// From where to where is to be looked at once no more escapes come that lie in it.
    region: Option<(usize, usize)>,
}

impl Escapes {
    /// Takes the next escape of `bytes`, by the last of its backslashes, and tells where each value
    /// begins that lies before it, is written with at least one escape, and that `is_ours` knows by
    /// its 12 characters.
    pub(crate) fn meet(
        &mut self,
        bytes: &[u8],
        at: usize,
        is_ours: impl Fn(&[u8; HEAD]) -> bool,
        found: &mut impl FnMut(usize),
    ) {
        if !may_matter(bytes, at) {
            return;
        }
        let from = at.saturating_sub(REACH);
        let to = at.saturating_add(REACH).min(bytes.len());
        match &mut self.region {
            Some((_, end)) if from <= *end => *end = to,
            _ => {
                self.end(bytes, is_ours, found);
                self.region = Some((from, to));
            }
        }
    }

    /// The same for what is left when no more escapes come.
    pub(crate) fn end(
        &mut self,
        bytes: &[u8],
        is_ours: impl Fn(&[u8; HEAD]) -> bool,
        found: &mut impl FnMut(usize),
    ) {
        if let Some((start, end)) = self.region.take() {
            within(bytes, start, end, &is_ours, found);
        }
    }
}

/// Whether the backslash at `at` is the last before an escape that may be part of a value: the
/// first character of one, or one with another right before it.
fn may_matter(bytes: &[u8], at: usize) -> bool {
    // The last of a run, before what it escapes; most escapes are of other kinds.
    let next = bytes.get(at.saturating_add(1));
    if !matches!(next, Some(b'u' | b'x' | b'0'..=b'3' | b'.' | b'-' | b'_')) {
        return false;
    }
    let Some((byte, end)) = read(bytes, at).filter(|(byte, _)| is_of_a_value(*byte)) else {
        return false;
    };
    let run = bytes.get(..at).unwrap_or_default().iter().rev();
    match run.take(SLASHES).find(|b| **b != b'\\') {
        Some(before) if !is_of_a_value(*before) => {
            byte == b'k' && matches!(bytes.get(end), Some(b'w' | b'\\'))
        }
        // At the beginning it can only be the first.
        None if at < SLASHES => byte == b'k' && matches!(bytes.get(end), Some(b'w' | b'\\')),
        _ => true,
    }
}

const fn is_of_a_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// The ASCII character that the escape at `at` stands for, and where the escape ends.
fn read(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(at..)?;
    let slashes = rest
        .iter()
        .take_while(|b| **b == b'\\')
        .take(SLASHES)
        .count();
    let (kind, digits) = rest.get(slashes..)?.split_first()?;
    let (byte, len) = match kind {
        b'u' => (number(digits.get(..4)?, 16)?, 4),
        b'x' => (number(digits.get(..2)?, 16)?, 2),
        b'0'..=b'3' => (number(rest.get(slashes..)?.get(..3)?, 8)?, 2),
        b'.' | b'-' | b'_' => (*kind, 0),
        _ => return None,
    };
    let end = at.saturating_add(slashes).saturating_add(1);
    byte.is_ascii().then(|| (byte, end.saturating_add(len)))
}

fn number(digits: &[u8], base: u32) -> Option<u8> {
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        value.checked_mul(base)?.checked_add(digit)
    });
    u8::try_from(value?).ok()
}

/// Looks at `bytes[start..end]` with its escapes read.
fn within(
    bytes: &[u8],
    start: usize,
    end: usize,
    is_ours: &impl Fn(&[u8; HEAD]) -> bool,
    found: &mut impl FnMut(usize),
) {
    let mut plain = Vec::new();
    let mut places = Vec::new();
    let mut at = start;
    while let Some(byte) = bytes.get(at).filter(|_| at < end) {
        let (byte, next) = match byte {
            b'\\' => read(bytes, at).unwrap_or((b'\\', at.saturating_add(1))),
            other => (*other, at.saturating_add(1)),
        };
        plain.push(byte);
        places.push(at);
        at = next;
    }
    places.push(at);
    for begin in memmem::find_iter(&plain, b"kw1.") {
        let behind = begin.saturating_add(4);
        let Some(head) = plain.get(behind..).and_then(|rest| rest.first_chunk()) else {
            continue;
        };
        let last = behind.saturating_add(HEAD);
        let (Some(first), Some(last)) = (places.get(begin), places.get(last)) else {
            continue;
        };
        // One without an escape was found without this.
        let escaped = last.saturating_sub(*first) > HEAD.saturating_add(4);
        if escaped && is_ours(head) {
            found(*first);
        }
    }
}
