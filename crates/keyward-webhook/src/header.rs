//! Lines of a header: all of them count.

use http::{HeaderMap, HeaderName};
use keyward_base::{Error, Result};

use crate::reason;
use crate::scheme::{Headers, Text};

/// The longest value of a header that is looked at, in bytes.
pub(crate) const MAX_VALUE: usize = 8 << 10;

/// The longest id of a delivery and the longest name of an event, in bytes.
pub(crate) const MAX_ID: usize = 255;

/// The names of the headers that take part, ready to be compared.
#[derive(Debug)]
pub(crate) struct Names {
    signature: HeaderName,
    time: Option<HeaderName>,
    id: Option<HeaderName>,
    event: Option<HeaderName>,
}

/// The one value of each header that takes part and came.
#[derive(Debug, Default)]
pub(crate) struct Lines<'h> {
    pub(crate) signature: Option<&'h [u8]>,
    pub(crate) time: Option<&'h [u8]>,
    pub(crate) id: Option<&'h [u8]>,
    pub(crate) event: Option<&'h [u8]>,
}

impl Names {
    /// `None` where a name cannot be one of a header.
    pub(crate) fn of(set: &Headers) -> Option<Self> {
        let name = |text: &Text| HeaderName::from_bytes(text.as_bytes()).ok();
        let maybe = |text: &Option<Text>| match text {
            Some(text) => name(text).map(Some),
            None => Some(None),
        };
        Some(Self {
            signature: name(&set.signature)?,
            time: maybe(&set.time)?,
            id: maybe(&set.id)?,
            event: maybe(&set.event)?,
        })
    }

    /// Finds the lines of a request, all of them in one pass: with the few headers that a request
    /// has that is quicker than to look up each. Lines that are alike count as one.
    ///
    /// # Errors
    /// `Rejected` where two lines of a header differ, or where one is longer than 8 KiB.
    pub(crate) fn find<'h>(&self, headers: &'h HeaderMap) -> Result<Lines<'h>> {
        let mut lines = Lines::default();
        for (name, value) in headers {
            let line = if *name == self.signature {
                &mut lines.signature
            } else if self.time.as_ref() == Some(name) {
                &mut lines.time
            } else if self.id.as_ref() == Some(name) {
                &mut lines.id
            } else if self.event.as_ref() == Some(name) {
                &mut lines.event
            } else {
                continue;
            };
            let value = value.as_bytes();
            if value.len() > MAX_VALUE {
                return Err(Error::rejected(reason::HEADER_TOO_LONG));
            }
            if line.replace(value).is_some_and(|before| before != value) {
                return Err(Error::rejected(reason::AMBIGUOUS_HEADER));
            }
        }
        Ok(lines)
    }
}

impl Lines<'_> {
    /// Whether none came of those that prove something.
    pub(crate) const fn are_none(&self) -> bool {
        self.signature.is_none() && self.time.is_none() && self.id.is_none()
    }
}

/// A line that must be there.
pub(crate) fn needed(line: Option<&[u8]>) -> Result<&[u8]> {
    line.ok_or_else(|| Error::rejected(reason::MISSING_HEADER))
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
    // All of them, whatever the first ones are: that takes several at a time.
    let shaped = (1..=MAX_ID).contains(&value.len())
        & value.iter().fold(true, |all, byte| all & allowed(*byte));
    match str::from_utf8(value) {
        Ok(text) if shaped => Ok(text),
        _ => Err(Error::rejected(reason::BAD_ID)),
    }
}
