//! An OAuth token: the token response of RFC 6749 section 5.1, in JSON.
//!
//! Fields that the specification does not name are kept, since providers add their own, and not
//! looked at. Strings are decoded by hand into buffers that are wiped: a JSON library's own
//! buffers are not.

use std::fmt;
use std::time::Duration;

use keyward_base::{Error, Result, SecretBytes, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Facts;

/// The most scopes of one token, and the most bytes of all of them.
const MAX_SCOPES: usize = 200;
const MAX_SCOPE_LEN: usize = 8192;

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    access_token: &'a RawValue,
    #[serde(borrow, default)]
    refresh_token: Option<&'a RawValue>,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    expires_at: Option<u64>,
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
}

/// The parts of an OAuth token. Both tokens are wiped on drop.
pub struct OAuthToken {
    access: SecretBytes,
    refresh: Option<SecretBytes>,
    expires_in: Option<u64>,
    expires_at: Option<u64>,
    scopes: Vec<String>,
}

impl OAuthToken {
    /// Reads a token response: `access_token`, and optionally `refresh_token`, `expires_in`
    /// (seconds), `expires_at` (seconds since the Unix epoch, as several providers add) and
    /// `scope` (separated by spaces or commas).
    ///
    /// # Errors
    /// `Misuse` for anything else, without quoting it.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // serde would take an array for the fields in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::misuse("an oauth-token is a JSON object"));
        }
        // The parser's own error would quote what it read.
        let response: Response<'_> = serde_json::from_slice(bytes).map_err(|e| {
            let (line, column) = (e.line(), e.column());
            Error::misuse(format!(
                "an oauth-token is a JSON object with access_token and, if there are any, refresh_token, expires_in and scope (line {line}, column {column})"
            ))
        })?;
        let token = |raw: &RawValue| {
            let text = unquote(raw)?;
            let visible = text.expose().iter().all(|b| (0x20..=0x7e).contains(b));
            if text.is_empty() || !visible {
                return Err(Error::misuse(
                    "a token of the oauth-token is not visible ASCII",
                ));
            }
            Ok(text)
        };
        let given = |raw: &&RawValue| raw.get() != "null";
        Ok(Self {
            access: token(response.access_token)?,
            refresh: response
                .refresh_token
                .filter(given)
                .map(token)
                .transpose()?,
            expires_in: response.expires_in,
            expires_at: response.expires_at,
            scopes: match response.scope.filter(given) {
                Some(raw) => split_scopes(&unquote(raw)?)?,
                None => Vec::new(),
            },
        })
    }

    /// The access token.
    #[must_use]
    pub const fn access(&self) -> &SecretBytes {
        &self.access
    }

    /// The refresh token.
    #[must_use]
    pub const fn refresh(&self) -> Option<&SecretBytes> {
        self.refresh.as_ref()
    }

    /// What the token may do.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(super) fn facts(&self, now: Timestamp) -> Facts {
        let at = self.expires_at.map(|seconds| seconds.saturating_mul(1000));
        let relative = self
            .expires_in
            .map(|seconds| now.saturating_add(Duration::from_secs(seconds)).as_millis());
        Facts {
            expires: at.or(relative),
            scopes: self.scopes.clone(),
            refreshable: self.refresh.is_some(),
            ..Facts::default()
        }
    }
}

impl fmt::Debug for OAuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthToken")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

fn split_scopes(text: &SecretBytes) -> Result<Vec<String>> {
    let wrong = || Error::misuse("the scope of the oauth-token is not a list of visible words");
    let text = std::str::from_utf8(text.expose()).map_err(|_| wrong())?;
    let scopes: Vec<String> = text
        .split([' ', ','])
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    let visible = scopes
        .iter()
        .all(|scope| scope.bytes().all(|b| b.is_ascii_graphic()));
    if scopes.len() > MAX_SCOPES || text.len() > MAX_SCOPE_LEN || !visible {
        return Err(wrong());
    }
    Ok(scopes)
}

/// The content of a JSON string (RFC 8259 section 7), which the parser has checked.
fn unquote(raw: &RawValue) -> Result<SecretBytes> {
    let wrong = || Error::misuse("a field of the oauth-token is not a string");
    let inside = raw
        .get()
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(wrong)?;
    let mut out = SecretBytes::new(Vec::with_capacity(inside.len()));
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let c = if c == '\\' {
            escape(&mut chars).ok_or_else(wrong)?
        } else {
            c
        };
        out.push(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(out)
}

/// The character that an escape stands for; none for a surrogate, which no token has.
fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let mut code = 0_u32;
            for _ in 0..4 {
                let digit = chars.next()?.to_digit(16)?;
                code = code.checked_mul(16)?.checked_add(digit)?;
            }
            char::from_u32(code)?
        }
        other => other,
    })
}
