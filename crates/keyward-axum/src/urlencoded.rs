//! `application/x-www-form-urlencoded`, as the WHATWG URL standard writes it.

use keyward_base::encoding::from_urlencoded;

use crate::fields::Fields;

/// Reads the fields of a whole body. A `%` that is not followed by two hexadecimal digits is
/// refused, not passed through.
pub(crate) fn parse(body: &[u8]) -> Option<Fields> {
    let mut fields = Fields::new();
    for piece in body.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
        let mut halves = piece.splitn(2, |b| *b == b'=');
        let name = from_urlencoded(halves.next().unwrap_or_default()).ok()?;
        let value = from_urlencoded(halves.next().unwrap_or_default()).ok()?;
        fields.add(name, value)?;
    }
    Some(fields)
}
