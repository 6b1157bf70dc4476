//! What a string of JSON says, and how what it says is written again.
//!
//! Decoded strings are UTF-8, in which a surrogate that has no partner takes three bytes as any
//! other character of its plane would (*generalised* UTF-8): so nothing is lost on the way.

use keyward_base::SecretBytes;

/// One character of a string: its place in what is written, and what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// A scalar value, or a surrogate without partner.
    pub(crate) code: u32,
}

impl Unit {
    /// How many bytes it has when it is decoded.
    pub(crate) const fn decoded_len(self) -> usize {
        match self.code {
            0..=0x7f => 1,
            0x80..=0x7ff => 2,
            0x800..=0xffff => 3,
            _ => 4,
        }
    }
}

/// The characters of what stands between two quotes.
pub(crate) fn units(quoted: &[u8]) -> impl Iterator<Item = Unit> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let unit = unit(quoted, at)?;
        at = unit.end;
        Some(unit)
    })
}

fn unit(quoted: &[u8], start: usize) -> Option<Unit> {
    let rest = quoted.get(start..)?;
    let (code, len) = match rest {
        [] => return None,
        [b'\\', b'u', ..] => {
            let first = hex(rest, 2);
            let second = match rest.get(6..8) {
                Some(b"\\u") => Some(hex(rest, 8)),
                _ => None,
            };
            match (first, second) {
                (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => (pair(first, low), 12),
                _ => (first, 6),
            }
        }
        [b'\\', kind, ..] => (u32::from(short(*kind)), 2),
        _ => character(rest),
    };
    Some(Unit {
        start,
        end: start.saturating_add(len).min(quoted.len()),
        code,
    })
}

/// What `\` and this letter say.
const fn short(kind: u8) -> u8 {
    match kind {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

fn hex(text: &[u8], from: usize) -> u32 {
    let digits = text.iter().skip(from).take(4);
    digits.fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16).unwrap_or_default();
        (value << 4) | digit
    })
}

/// The character beyond the first plane that two surrogates make.
pub(crate) const fn pair(high: u32, low: u32) -> u32 {
    let bits = ((high & 0x3ff) << 10) | (low & 0x3ff);
    bits.saturating_add(0x1_0000)
}

/// The first character of generalised UTF-8, and how many bytes it has. What is none is one byte,
/// and U+FFFD.
fn character(text: &[u8]) -> (u32, usize) {
    let follows = |i: usize| match text.get(i) {
        Some(byte @ 0x80..=0xbf) => Some(u32::from(byte & 0x3f)),
        _ => None,
    };
    let first = text.first().copied().unwrap_or_default();
    let wide = match first {
        0..=0x7f => return (u32::from(first), 1),
        0xc2..=0xdf => follows(1).map(|a| ((u32::from(first & 0x1f) << 6) | a, 2)),
        0xe0..=0xef => follows(1).zip(follows(2)).map(|(a, b)| {
            let code = (u32::from(first & 0x0f) << 12) | (a << 6) | b;
            (code, 3)
        }),
        0xf0..=0xf4 => follows(1)
            .zip(follows(2))
            .zip(follows(3))
            .map(|((a, b), c)| {
                let code = (u32::from(first & 0x07) << 18) | (a << 12) | (b << 6) | c;
                (code, 4)
            }),
        _ => None,
    };
    let whole = wide.filter(|(code, len)| match len {
        3 => *code >= 0x800,
        4 => (0x1_0000..=0x10_ffff).contains(code),
        _ => true,
    });
    whole.unwrap_or((0xfffd, 1))
}

/// Appends a character in generalised UTF-8.
fn push(code: u32, out: &mut Vec<u8>) {
    let low = |shift: u32| {
        let six = (code >> shift) & 0x3f;
        0x80 | u8::try_from(six).unwrap_or_default()
    };
    if let Some(character) = char::from_u32(code) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        let first = 0xe0 | u8::try_from((code >> 12) & 0x0f).unwrap_or_default();
        out.extend_from_slice(&[first, low(6), low(0)]);
    }
}

/// What stands between two quotes, decoded.
pub(crate) fn decode(quoted: &[u8]) -> SecretBytes {
    // No character takes more bytes decoded than it takes written: the buffer never grows.
    let mut out = Vec::with_capacity(quoted.len());
    units(quoted).for_each(|unit| push(unit.code, &mut out));
    SecretBytes::new(out)
}

/// Which characters, letters and digits aside, a string spells as `\u…` or `\/`, though it need not.
/// What is put into it is spelled likewise, so that what was safe to stand in a page, or was ASCII,
/// stays so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spelling {
    /// One bit for each character of ASCII.
    long: u128,
    wide: bool,
    slash: bool,
}

impl Spelling {
    pub(crate) fn of(quoted: &[u8]) -> Self {
        let mut spelling = Self::default();
        for unit in units(quoted) {
            let written = quoted.get(unit.start..unit.end).unwrap_or_default();
            match (written, unit.code) {
                ([b'\\', b'u', ..], code @ 0..=0x7f) => {
                    let plain = u8::try_from(code).is_ok_and(|c| c.is_ascii_alphanumeric());
                    spelling.long |= u128::from(!plain) << code;
                }
                ([b'\\', b'u', ..], 0xd800..=0xdfff) => {}
                ([b'\\', b'u', ..], _) => spelling.wide = true,
                ([b'\\', b'/'], _) => spelling.slash = true,
                _ => {}
            }
        }
        spelling
    }

    fn is_long(self, code: u32) -> bool {
        match code {
            0..=0x7f => self.long & (1_u128 << code) != 0,
            0xd800..=0xdfff => true,
            _ => self.wide,
        }
    }
}

/// Writes a decoded text as what stands between two quotes. What is not generalised UTF-8 becomes
/// U+FFFD.
pub(crate) fn encode(decoded: &[u8], spelling: Spelling) -> Vec<u8> {
    let mut out = Vec::with_capacity(decoded.len());
    append(decoded, spelling, &mut out);
    out
}

/// [`encode`], with nothing left behind in memory.
pub(crate) fn encode_secret(decoded: &[u8], spelling: Spelling) -> SecretBytes {
    // No byte takes more than six: the buffer never grows.
    let mut out = Vec::with_capacity(decoded.len().saturating_mul(6));
    append(decoded, spelling, &mut out);
    SecretBytes::new(out)
}

fn append(decoded: &[u8], spelling: Spelling, out: &mut Vec<u8>) {
    let mut rest = decoded;
    while !rest.is_empty() {
        let (code, len) = character(rest);
        write(code, spelling, out);
        rest = rest.get(len..).unwrap_or_default();
    }
}

fn write(code: u32, spelling: Spelling, out: &mut Vec<u8>) {
    let short = match code {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x22 => b'"',
        0x5c => b'\\',
        0x2f if spelling.slash => b'/',
        _ => 0,
    };
    if spelling.is_long(code) || (code < 0x20 && short == 0) {
        let mut halves = [0; 2];
        match char::from_u32(code) {
            Some(character) => {
                for half in character.encode_utf16(&mut halves) {
                    out.extend_from_slice(format!("\\u{half:04x}").as_bytes());
                }
            }
            None => out.extend_from_slice(format!("\\u{code:04x}").as_bytes()),
        }
    } else if short != 0 {
        out.extend_from_slice(&[b'\\', short]);
    } else {
        push(code, out);
    }
}
