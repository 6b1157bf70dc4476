//! Encodings of bytes: hexadecimal, base64 of RFC 4648, and UTF-16.

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};
use keyward_base::SecretBytes;

use super::escape;
use super::needles::Needles;

/// Two digits for each byte, all small or all capitals.
pub(super) fn hex(value: &[u8], to: &mut Needles) {
    for upper in [false, true] {
        to.add(escape::bytes(value, |byte, out| {
            escape::hex(byte, upper, out);
            true
        }));
    }
}

/// With `+` and `/`.
pub(super) fn base64(value: &[u8], to: &mut Needles) {
    offsets::<Base64Unpadded>(value, to);
}

/// With `-` and `_`.
pub(super) fn base64url(value: &[u8], to: &mut Needles) {
    offsets::<Base64UrlUnpadded>(value, to);
}

/// The characters that `value` determines alone, wherever in an encoded text it begins: of a group
/// of three bytes it may be the first, the second or the third.
fn offsets<E: Encoding>(value: &[u8], to: &mut Needles) {
    for offset in 0..3_usize {
        let before = [0; 2];
        let mut padded = SecretBytes::new(Vec::with_capacity(value.len().saturating_add(2)));
        padded.push(before.get(..offset).unwrap_or_default());
        padded.push(value);
        let room = E::encoded_len(padded.expose());
        let mut encoded = SecretBytes::new(vec![0; room]);
        // The buffer has the length that was asked for.
        if E::encode(padded.expose(), encoded.expose_mut()).is_err() {
            continue;
        }
        // Six bits a character: the first that is all of the value, and how many are.
        let first = offset.saturating_mul(8).div_ceil(6);
        let end = padded.len().saturating_mul(8) / 6;
        encoded.narrow(first, end.saturating_sub(first));
        to.add_wrapped(encoded);
    }
}

/// Both byte orders.
pub(super) fn utf16(value: &[u8], to: &mut Needles) {
    let Ok(text) = std::str::from_utf8(value) else {
        return;
    };
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let mut out = escape::room(value);
        for unit in text.encode_utf16() {
            out.push(&to_bytes(unit));
        }
        to.add(out);
    }
}
