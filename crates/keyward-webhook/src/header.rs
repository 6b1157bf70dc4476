//! Lines of a header: all of them count.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::{Error, Result};

use crate::reason;

/// The longest value of a header that is looked at, in bytes.
pub(crate) const MAX_VALUE: usize = 8 << 10;

/// The longest id of a delivery and the longest name of an event, in bytes.
pub(crate) const MAX_ID: usize = 255;

/// The one value of a header, if it is there. Lines that are alike count as one.
///
/// # Errors
/// `Rejected` where two lines differ, or where one is longer than 8 KiB.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    if first.len() > MAX_VALUE {
        return Err(Error::rejected(reason::HEADER_TOO_LONG));
    }
    if lines.any(|line| line != first) {
        return Err(Error::rejected(reason::AMBIGUOUS_HEADER));
    }
    Ok(Some(first))
}

/// The one value of a header that must be there.
pub(crate) fn needed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h [u8]> {
    one(headers, name)?.ok_or_else(|| Error::rejected(reason::MISSING_HEADER))
}

/// Whether a byte may stand in an id that is signed: visible ASCII, but no dot, which separates
/// it from what follows (Standard Webhooks: the id must not contain one).
pub(crate) const fn signed_id_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'.'
}

/// The id of a delivery that the signature covers: 1 to 255 bytes of visible ASCII without a dot.
pub(crate) fn signed_id(value: &[u8]) -> Result<&str> {
    text(value, signed_id_byte)
}

/// An id that it does not cover: 1 to 255 bytes of visible ASCII.
pub(crate) fn unsigned_id(value: &[u8]) -> Result<&str> {
    text(value, |byte| byte.is_ascii_graphic())
}

/// The name of an event: 1 to 255 bytes of visible ASCII and spaces ("Push Hook").
pub(crate) fn event(value: &[u8]) -> Result<&str> {
    text(value, |byte| byte.is_ascii_graphic() || byte == b' ')
}

fn text(value: &[u8], allowed: impl Fn(u8) -> bool) -> Result<&str> {
    let shaped = (1..=MAX_ID).contains(&value.len()) && value.iter().all(|byte| allowed(*byte));
    match str::from_utf8(value) {
        Ok(text) if shaped => Ok(text),
        _ => Err(Error::rejected(reason::BAD_ID)),
    }
}
