//! Lines of a header: all of them count.

use http::{HeaderMap, HeaderName};
use keyward_base::{Error, Result};

use crate::reason;
use crate::scheme::id_byte;

/// The longest value of a header that is looked at, in bytes.
pub(crate) const MAX_VALUE: usize = 8 << 10;

/// The longest id of a delivery, in bytes.
pub(crate) const MAX_ID: usize = 255;

/// The one value of a header, if it is there. Lines that are alike count as one.
///
/// # Errors
/// `Rejected` where two lines differ, or where one is longer than 8 KiB.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>> {
    let mut lines = headers
        .get_all(name)
        .iter()
        .map(http::HeaderValue::as_bytes);
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    if lines.any(|line| line != first) {
        return Err(Error::rejected(reason::AMBIGUOUS_HEADER));
    }
    if first.len() > MAX_VALUE {
        return Err(Error::rejected(keyward_base::Reason::TOO_LONG));
    }
    Ok(Some(first))
}

/// The one value of a header that must be there.
pub(crate) fn needed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h [u8]> {
    one(headers, name)?.ok_or_else(|| Error::rejected(reason::MISSING_HEADER))
}

/// A delivery id: 1 to 255 bytes of visible ASCII without a dot.
pub(crate) fn id(value: &[u8]) -> Result<&str> {
    let shaped = (1..=MAX_ID).contains(&value.len()) && value.iter().all(|byte| id_byte(*byte));
    match str::from_utf8(value) {
        Ok(text) if shaped => Ok(text),
        _ => Err(Error::rejected(reason::BAD_ID)),
    }
}
