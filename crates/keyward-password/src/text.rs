//! The encodings that stored strings are made of. All is public: salts and hashes that lie in a table.

use base64::Engine as _;
use base64::alphabet::{BCRYPT, STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode::{Indifferent, RequireNone};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// RFC 4648, with padding or without; trailing bits are zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);
/// The same with `-` and `_`.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);
/// bcrypt's alphabet. Old libraries left bits behind the last byte, which all but strict parsers pass
/// over.
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(RequireNone)
        .with_decode_allow_trailing_bits(true),
);

pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

pub(crate) fn base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

pub(crate) fn bcrypt64(text: &str) -> Option<Vec<u8>> {
    BCRYPT64.decode(text).ok()
}

/// passlib's: `.` for `+`, no padding.
pub(crate) fn ab64(text: &str) -> Option<Vec<u8>> {
    if text.contains('=') {
        return None;
    }
    base64(&text.replace('.', "+"))
}

/// Hexadecimal of either case.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |[high, low]: &[u8; 2]| {
        let byte = (digit(*high)? << 4) | digit(*low)?;
        u8::try_from(byte).ok()
    };
    pairs.iter().map(byte).collect()
}

/// A decimal number without sign or leading zeros. One that no `u64` holds is the greatest there is, so
/// that it is above every ceiling.
pub(crate) fn number(text: &str) -> Option<u64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_decimal || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// crypt(3)'s value of a character.
pub(crate) fn crypt64_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'.' => 0,
        b'/' => 1,
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(2),
        b'A'..=b'Z' => byte.wrapping_sub(b'A').wrapping_add(12),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(38),
        _ => return None,
    };
    Some(digit.into())
}

/// crypt(3)'s base64: the lowest bits come first. What is left of the last character is 0, or the
/// lowest bits of one more byte if `keep_rest`.
pub(crate) fn crypt64(text: &str, keep_rest: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in text.bytes() {
        held |= crypt64_digit(byte)?.checked_shl(bits)?;
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bytes.push(u8::try_from(held & 0xff).ok()?);
            held >>= 8;
            bits = bits.saturating_sub(8);
        }
    }
    if keep_rest && bits > 0 {
        bytes.push(u8::try_from(held).ok()?);
        return Some(bytes);
    }
    (held == 0 && bits < 6).then_some(bytes)
}

/// The parts of `text` between separators, if there are exactly `N`.
pub(crate) fn fields<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut parts = text.split(separator);
    let mut out = [""; N];
    for field in &mut out {
        *field = parts.next()?;
    }
    parts.next().is_none().then_some(out)
}

/// The value of `name=value`.
pub(crate) fn named<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('=')
}
