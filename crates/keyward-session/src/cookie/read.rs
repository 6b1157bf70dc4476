//! What a request says.

use keyward_base::{Error, Reason, Result};

use super::{Cookie, MAX_COOKIES_LEN, is_value};
use crate::reason;

impl Cookie {
    /// The value of this cookie in the `Cookie` lines of a request, of which HTTP/2 may send
    /// several (RFC 9113, section 8.2.3). None if it is not there. It allocates nothing.
    ///
    /// Lines are cut at each `;`, as RFC 6265 says, quotes or not. A space before a name is passed
    /// over and nothing else is: a name is ours if each byte is, so that no white space of Unicode
    /// makes a name that a sibling host may set into one that it may not. Whatever else is there
    /// belongs to others and may have any form.
    ///
    /// # Errors
    /// `Rejected`: [`reason::COOKIE_TWICE`] if the name is there twice, since two readers could
    /// take different ones; [`Reason::MALFORMED`] if the value is empty, longer than
    /// [`super::MAX_VALUE_LEN`] bytes, or has a byte that is not of base64url;
    /// [`Reason::TOO_LONG`] if the lines have more than [`MAX_COOKIES_LEN`] bytes in all.
    pub fn read<'a>(self, lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>> {
        read_named(self.name, lines)
    }
}

/// [`Cookie::read`] for a cookie of another name, which is one of the service's own.
///
/// # Errors
/// As [`Cookie::read`].
pub fn read_named<'a>(
    name: &str,
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<&'a str>> {
    let mut room = MAX_COOKIES_LEN;
    let mut found = None;
    for line in lines {
        room = room
            .checked_sub(line.len())
            .ok_or_else(|| Error::rejected(Reason::TOO_LONG))?;
        for pair in line.split(|b| *b == b';') {
            let Some(value) = value_of(name, pair) else {
                continue;
            };
            if found.replace(value).is_some() {
                return Err(Error::rejected(reason::COOKIE_TWICE));
            }
        }
    }
    let Some(value) = found else {
        return Ok(None);
    };
    let malformed = || Error::rejected(Reason::MALFORMED);
    if !is_value(value) {
        return Err(malformed());
    }
    std::str::from_utf8(value)
        .map(Some)
        .map_err(|_| malformed())
}

fn value_of<'a>(name: &str, pair: &'a [u8]) -> Option<&'a [u8]> {
    // The one space that stands after each `;` (section 4.2.1), or more of them.
    let start = pair.iter().position(|b| *b != b' ')?;
    let rest = pair.get(start..)?.strip_prefix(name.as_bytes())?;
    rest.strip_prefix(b"=")
}
