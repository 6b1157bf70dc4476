//! An OAuth token: the token response of RFC 6749 section 5.1, in JSON.
//!
//! Fields that the specification does not name are kept, since providers add their own. Only the
//! access token decides whether the response is taken: what else is read are facts to show, and
//! one of an unexpected form is left out and named. Strings are decoded by hand into buffers that
//! are wiped, on an error too: a JSON library's own buffers are not.

mod facts;
mod fields;
mod response;
mod text;
mod tokens;

use std::fmt;

use keyward_base::{Error, Result, SecretBytes, Timestamp};
use serde_json::value::RawValue;

use self::fields::{Fields, Found};
pub use self::response::TokenResponse;
pub(super) use self::text::{MAX_SCOPE_LEN, MAX_SCOPES};
pub(super) use self::tokens::tokens;
use super::{Facts, Note};

/// Bytes of a token that would give something of it away.
const LEAST_TELLING: usize = 12;

/// The parts of an OAuth token. Both tokens are wiped on drop.
pub struct OAuthToken {
    access: SecretBytes,
    refresh: Option<SecretBytes>,
    expiry: facts::Expiry,
    scopes: Vec<String>,
    notes: Vec<Note>,
}

impl OAuthToken {
    /// Reads a token response: `access_token`, and as far as they are there:
    ///
    /// | field | content |
    /// |---|---|
    /// | `refresh_token` | text |
    /// | `scope` or `scopes` | an array of texts, or one text, parted by spaces or commas: at most 200, of at most 8192 bytes |
    /// | `expires_at` or `expires_on` | seconds since the Unix epoch; from 100,000,000,000 on, milliseconds |
    /// | `expires_in` | seconds from `created_at`, or from when it is sealed |
    /// | `created_at` | as `expires_at` |
    ///
    /// Numbers may have a fraction, and may be written as text.
    ///
    /// # Errors
    /// `Misuse` for anything but a JSON object with an `access_token` of visible ASCII, without
    /// quoting it.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // What is no object is told as that: a token alone, a page of HTML, a form's answer.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(no_object());
        }
        // The parser's own error would quote what it read.
        let fields: Fields<'_> = serde_json::from_slice(bytes).map_err(|e| {
            let (line, column) = (e.line(), e.column());
            Error::misuse(format!(
                "the oauth-token is not JSON from line {line}, column {column} on: give the provider's answer as it came, or use kind opaque"
            ))
        })?;
        let access = match fields.access_token {
            Found::Once(raw) => token(raw).ok_or_else(no_access_token),
            Found::Twice => Err(Error::misuse(
                "access_token stands twice in the oauth-token: leave one, or use kind opaque",
            )),
            Found::Absent => Err(Error::misuse(
                "the oauth-token has no access_token, or not at its top: give the provider's answer as it came, or use kind opaque",
            )),
        }?;
        let mut notes = Vec::new();
        let refresh = optional("refresh_token", &fields.refresh_token, token, &mut notes);
        let mut scopes = optional("scope", &fields.scope, text::scopes, &mut notes);
        let plural = optional("scopes", &fields.scopes, text::scopes, &mut notes);
        scopes = scopes.or(plural).filter(|scopes| {
            let secret = [Some(&access), refresh.as_ref()];
            let is_shown = secret
                .into_iter()
                .flatten()
                .any(|token| holds(scopes, token));
            if is_shown {
                notes.push(Note::LeftOut { field: "scope" });
            }
            !is_shown
        });
        Ok(Self {
            access,
            refresh,
            expiry: facts::Expiry::of(&fields, &mut notes),
            scopes: scopes.unwrap_or_default(),
            notes,
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

    /// Which optional fields were left out.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub(super) fn facts(&self, now: Timestamp) -> Facts {
        Facts {
            expires: self.expiry.millis(now),
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

/// Whether one of the scopes, which are shown, is the token or a part of it that would tell.
fn holds(scopes: &[String], token: &SecretBytes) -> bool {
    let token = std::str::from_utf8(token.expose()).unwrap_or_default();
    scopes.iter().any(|scope| {
        (scope.len() >= LEAST_TELLING && token.contains(scope.as_str()))
            || (token.len() >= LEAST_TELLING && scope.contains(token))
    })
}

fn no_object() -> Error {
    Error::misuse(
        "an oauth-token is a JSON object, as the provider answers to `Accept: application/json`; for a token alone use kind api-key, for anything else opaque",
    )
}

fn no_access_token() -> Error {
    Error::misuse(
        "access_token of the oauth-token is no text of visible ASCII: give the provider's answer as it came, or use kind opaque",
    )
}

/// A token: text of visible ASCII and spaces, at least one character.
fn token(raw: &RawValue) -> Option<SecretBytes> {
    let text = text::unquote(raw)?;
    let visible = text.expose().iter().all(|b| (0x20..=0x7e).contains(b));
    (visible && !text.is_empty()).then_some(text)
}

/// An optional field; where it is not of its form, a note of it.
fn optional<T>(
    field: &'static str,
    found: &Found<'_>,
    read: impl Fn(&RawValue) -> Option<T>,
    notes: &mut Vec<Note>,
) -> Option<T> {
    let value = match found {
        Found::Absent => return None,
        Found::Once(raw) if raw.get() == "null" => return None,
        Found::Once(raw) => read(raw),
        Found::Twice => None,
    };
    if value.is_none() {
        notes.push(Note::LeftOut { field });
    }
    value
}
