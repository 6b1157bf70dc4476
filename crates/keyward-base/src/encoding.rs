//! Strict text encodings.
//!
//! Decoding is canonical: no padding, no white space, no other alphabet, no non-zero trailing
//! bits (RFC 4648 sections 3.5 and 5). It runs in constant time for its length, so secrets may
//! pass through it.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};

use crate::error::{Error, Reason, Result};
use crate::secret::SecretBytes;
use crate::wipe::{wipe, wipe_vec};

/// base64url without padding.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Decodes base64url without padding. On an error, what was decoded is wiped.
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for anything that [`base64url`] would not have written.
pub fn from_base64url(text: &str) -> Result<Vec<u8>> {
    decode::<Base64UrlUnpadded>(text)
}

/// Base64 with padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Decodes base64 with padding into a buffer that is wiped, on an error too.
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for another alphabet, white space, missing padding or
/// non-zero trailing bits.
pub fn from_base64(text: &str) -> Result<SecretBytes> {
    decode::<Base64>(text).map(SecretBytes::new)
}

fn decode<E: Encoding>(text: &str) -> Result<Vec<u8>> {
    // base64ct's own buffer is not wiped when a character turns out to be none of the alphabet.
    let mut bytes = vec![0; text.len().div_ceil(4).saturating_mul(3)];
    match E::decode(text, &mut bytes).map(<[u8]>::len) {
        Ok(len) => {
            bytes.truncate(len);
            Ok(bytes)
        }
        Err(_) => {
            wipe_vec(&mut bytes);
            Err(Error::rejected(Reason::MALFORMED))
        }
    }
}

/// Decodes exactly `N` bytes of base64url without padding.
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for anything that [`base64url`] would not have written of `N`
/// bytes.
pub fn from_base64url_array<const N: usize>(text: &str) -> Result<[u8; N]> {
    decode_array::<Base64UrlUnpadded, N>(text)
}

/// Decodes exactly `N` bytes of base64 with padding.
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for another length, another alphabet, white space, missing
/// padding or non-zero trailing bits.
pub fn from_base64_array<const N: usize>(text: &str) -> Result<[u8; N]> {
    decode_array::<Base64, N>(text)
}

fn decode_array<E: Encoding, const N: usize>(text: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    match E::decode(text, &mut bytes).map(<[u8]>::len) {
        Ok(len) if len == N => Ok(bytes),
        _ => {
            wipe(&mut bytes);
            Err(Error::rejected(Reason::MALFORMED))
        }
    }
}

/// Decodes a name or a value of `application/x-www-form-urlencoded` (WHATWG URL standard, section
/// 5.1): a query or a form. `+` is a space. The buffer is wiped, on an error too.
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for a `%` that two hexadecimal digits do not follow, which
/// the standard passes through.
pub fn from_urlencoded(text: &[u8]) -> Result<SecretBytes> {
    // Never longer than the text: it does not grow, so it leaves no copy behind.
    let mut out = SecretBytes::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter();
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    while let Some(byte) = bytes.next() {
        let byte = match *byte {
            b'+' => b' ',
            b'%' => digit(bytes.next())
                .zip(digit(bytes.next()))
                .and_then(|(high, low)| u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok())
                .ok_or_else(|| Error::rejected(Reason::MALFORMED))?,
            plain => plain,
        };
        out.push(&[byte]);
    }
    Ok(out)
}

/// What a string of JSON says (RFC 8259, section 7). `text` is the whole string as it is written,
/// quotes included, which a parser of JSON has taken for one: that it is well formed otherwise is not
/// looked at. The buffer is wiped, on an error too, which a parser's own is not.
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for what no quotes enclose, an escape that is none, and a
/// surrogate without its partner, for which UTF-8 has no bytes.
pub fn from_json_string(text: &str) -> Result<SecretBytes> {
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside
        .and_then(unescaped)
        .ok_or_else(|| Error::rejected(Reason::MALFORMED))
}

fn unescaped(inside: &str) -> Option<SecretBytes> {
    // An escape is longer than what it stands for: the buffer never grows and leaves no copy.
    let mut out = SecretBytes::new(Vec::with_capacity(inside.len()));
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let c = if c == '\\' { escape(&mut chars)? } else { c };
        out.push(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(out)
}

/// The character that stands behind a backslash.
fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let unit = unit(chars)?;
            let is_high = (0xd800..0xdc00).contains(&unit);
            let low = if is_high {
                let marked = chars.next() == Some('\\') && chars.next() == Some('u');
                marked.then(|| self::unit(chars))?
            } else {
                None
            };
            let units = std::iter::once(unit).chain(low);
            let mut said = char::decode_utf16(units);
            said.next()?.ok().filter(|_| said.next().is_none())?
        }
        plain @ ('"' | '\\' | '/') => plain,
        _ => return None,
    })
}

/// Four hexadecimal digits.
fn unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut unit = 0_u16;
    for _ in 0..4 {
        let digit = u16::try_from(chars.next()?.to_digit(16)?).ok()?;
        unit = unit.checked_mul(16)?.checked_add(digit)?;
    }
    Some(unit)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 0x0f])
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .collect()
}

/// Decodes exactly `N` bytes of lower-case hexadecimal, for public ids only (not constant time).
///
/// # Errors
/// `Rejected` ([`Reason::MALFORMED`]) for anything that [`hex`] would not have written.
pub fn from_hex<const N: usize>(text: &str) -> Result<[u8; N]> {
    let malformed = || Error::rejected(Reason::MALFORMED);
    let mut digits = text.bytes().map(|b| match b {
        b'0'..=b'9' => Some(b.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(b.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    });
    let mut out = [0; N];
    for byte in &mut out {
        let high = digits.next().flatten().ok_or_else(malformed)?;
        let low = digits.next().flatten().ok_or_else(malformed)?;
        *byte = (high << 4) | low;
    }
    if digits.next().is_some() {
        return Err(malformed());
    }
    Ok(out)
}
