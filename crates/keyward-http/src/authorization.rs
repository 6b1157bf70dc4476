//! `Authorization: Bearer`, read strictly (RFC 9110, section 11.6.2; RFC 6750, section 2.1).
//!
//! ```
//! use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
//! use keyward_http::authorization::bearer;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let mut headers = HeaderMap::new();
//! assert_eq!(bearer(&headers)?, None);
//! headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer kwk_AQ"));
//! assert_eq!(bearer(&headers)?, Some("kwk_AQ"));
//! // Which of two would count? For two readers it may not be the same one.
//! headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer kwk_AQ"));
//! assert!(bearer(&headers).is_err());
//! # Ok(()) }
//! ```

use http::HeaderMap;
use http::header::AUTHORIZATION;
use keyward_base::token::MAX_TOKEN_LEN;
use keyward_base::{Error, Reason, Result};

use crate::reason;

/// The bearer token of a request; none if it has no `Authorization` at all. Nothing of it is verified.
///
/// One line that reads `Bearer`, in letters of whatever case, one or more spaces, and 1 to 512
/// characters of `A-Z a-z 0-9 - . _ ~ + /`, then any number of `=`. Tokens in the query or the body are
/// not looked for: they end in logs and in other people's browsers (RFC 6750, section 5.3).
///
/// # Errors
/// `Rejected`: [`reason::AUTHORIZATION_TWICE`] for more than one line, even if they are the same;
/// [`reason::OTHER_SCHEME`] for another scheme than `Bearer`; [`Reason::TOO_LONG`] beyond 512
/// characters; [`Reason::MALFORMED`] for anything else.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(Error::rejected(reason::AUTHORIZATION_TWICE));
    }
    let malformed = || Error::rejected(Reason::MALFORMED);
    let line = line.as_bytes();
    let end = line.iter().position(|b| !is_word(*b)).unwrap_or(line.len());
    let (scheme, rest) = line.split_at_checked(end).ok_or_else(malformed)?;
    if scheme.is_empty() {
        return Err(malformed());
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Error::rejected(reason::OTHER_SCHEME));
    }
    let spaces = rest.iter().take_while(|b| **b == b' ').count();
    let token = rest.get(spaces..).unwrap_or_default();
    if token.len() > MAX_TOKEN_LEN {
        return Err(Error::rejected(Reason::TOO_LONG));
    }
    let bare = token.iter().rposition(|b| *b != b'=');
    let bare = bare.and_then(|last| token.get(..=last)).unwrap_or_default();
    if spaces == 0 || bare.is_empty() || !bare.iter().copied().all(is_token) {
        return Err(malformed());
    }
    std::str::from_utf8(token)
        .map(Some)
        .map_err(|_| malformed())
}

/// Of a scheme's name: a token of RFC 9110, section 5.6.2.
fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~+/".contains(&b)
}
