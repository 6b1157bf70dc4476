//! What escapes have in common: some characters are written in another way, all others stay.

use keyward_base::SecretBytes;

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// `value`, of which `write` writes in another way the bytes that it returns true for.
pub(super) fn bytes(
    value: &[u8],
    mut write: impl FnMut(u8, &mut SecretBytes) -> bool,
) -> SecretBytes {
    let mut out = room(value);
    for byte in value {
        if !write(*byte, &mut out) {
            out.push(&[*byte]);
        }
    }
    out
}

/// The same by characters. Bytes that are no part of one stay.
pub(super) fn chars(
    value: &[u8],
    mut write: impl FnMut(char, &mut SecretBytes) -> bool,
) -> SecretBytes {
    let mut out = room(value);
    let mut buffer = [0; 4];
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            if !write(c, &mut out) {
                out.push(c.encode_utf8(&mut buffer).as_bytes());
            }
        }
        out.push(chunk.invalid());
    }
    out
}

/// A buffer that is seldom outgrown.
pub(super) fn room(value: &[u8]) -> SecretBytes {
    SecretBytes::new(Vec::with_capacity(value.len().saturating_mul(2)))
}

/// Whether `value` has one of these characters.
pub(super) fn has(value: &[u8], of: &[u8]) -> bool {
    value.iter().any(|byte| of.contains(byte))
}

/// Writes line feed, carriage return, tab and backslash as nearly all languages escape them; says
/// whether it was one of these.
pub(super) fn usual(c: char, out: &mut SecretBytes) -> bool {
    let escaped: &[u8] = match c {
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        '\\' => b"\\\\",
        _ => return false,
    };
    out.push(escaped);
    true
}

/// Writes two hexadecimal digits.
pub(super) fn hex(byte: u8, upper: bool, out: &mut SecretBytes) {
    let digits = if upper { UPPER } else { LOWER };
    let digit = |nibble: u8| {
        let digit = digits.get(usize::from(nibble & 15));
        digit.copied().unwrap_or_default()
    };
    out.push(&[digit(byte >> 4), digit(byte)]);
}

/// Writes three octal digits.
pub(super) fn octal(byte: u8, out: &mut SecretBytes) {
    let digit = |bits: u8| b'0' | (bits & 7);
    out.push(&[digit(byte >> 6), digit(byte >> 3), digit(byte)]);
}
