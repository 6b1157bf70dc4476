//! `application/x-www-form-urlencoded`, as the WHATWG URL standard writes it.

use keyward_base::SecretBytes;

use crate::fields::Fields;

/// Reads the fields of a whole body. A `%` that is not followed by two hexadecimal digits is
/// refused, not passed through.
pub(crate) fn parse(body: &[u8]) -> Option<Fields> {
    let mut fields = Fields::new();
    for piece in body.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
        let mut halves = piece.splitn(2, |b| *b == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        fields.add(name, value)?;
    }
    Some(fields)
}

fn decode(text: &[u8]) -> Option<SecretBytes> {
    // Never longer than the text: it does not grow, so it leaves no copy behind.
    let mut out = SecretBytes::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let byte = match *byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<&u8>| char::from(*b?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            plain => plain,
        };
        out.push(&[byte]);
    }
    Some(out)
}
