//! Writing a token response, for who has the parts of a token and not the provider's answer.

use std::fmt;

use keyward_base::{Error, Result, SecretBytes, Timestamp};

use super::OAuthToken;
use super::facts::LEAST_MILLIS;

/// A token response (RFC 6749 section 5.1) to be written. Both tokens are wiped on drop.
pub struct TokenResponse {
    access: SecretBytes,
    refresh: Option<SecretBytes>,
    expires: Option<Timestamp>,
    scopes: Vec<String>,
}

impl OAuthToken {
    /// Begins a token response with its access token.
    #[must_use]
    pub const fn response(access: SecretBytes) -> TokenResponse {
        TokenResponse {
            access,
            refresh: None,
            expires: None,
            scopes: Vec::new(),
        }
    }
}

impl TokenResponse {
    /// Adds the refresh token.
    #[must_use]
    pub fn refresh(mut self, refresh: SecretBytes) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// Adds when it expires, kept to the second.
    #[must_use]
    pub const fn expires(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// Adds what the token may do.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// The response, as [`OAuthToken::parse`] reads it back, part by part.
    ///
    /// # Errors
    /// `Misuse` unless each token is 1 or more characters of visible ASCII without spaces, and
    /// each scope too and without a comma.
    pub fn write(&self) -> Result<SecretBytes> {
        let refresh = self.refresh.as_ref().map_or(0, SecretBytes::len);
        let scopes = self.scopes.iter().map(String::len);
        let scopes = scopes.fold(0_usize, |sum, len| {
            sum.saturating_add(len).saturating_add(1)
        });
        // Room for every byte escaped, and for the names.
        let room = self
            .access
            .len()
            .saturating_add(refresh)
            .saturating_add(scopes);
        let mut out = SecretBytes::new(Vec::with_capacity(
            room.saturating_mul(2).saturating_add(128),
        ));
        out.push(b"{\"access_token\":");
        token(&mut out, &self.access)?;
        if let Some(refresh) = &self.refresh {
            out.push(b",\"refresh_token\":");
            token(&mut out, refresh)?;
        }
        if let Some(at) = self.expires {
            let seconds = at.as_millis().checked_div(1000).unwrap_or(0);
            // So many seconds would be read as milliseconds: it is written in them.
            let written = if seconds < LEAST_MILLIS {
                seconds
            } else {
                seconds.saturating_mul(1000)
            };
            out.push(format!(",\"expires_at\":{written}").as_bytes());
        }
        if !self.scopes.is_empty() {
            let fits = |scope: &String| !scope.contains(',') && visible(scope.as_bytes());
            if !self.scopes.iter().all(fits) {
                return Err(Error::misuse(
                    "a scope is a word of visible ASCII without spaces and commas: write each by itself",
                ));
            }
            out.push(b",\"scope\":");
            quote(&mut out, self.scopes.join(" ").as_bytes());
        }
        out.push(b"}");
        Ok(out)
    }
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

fn visible(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
}

fn token(out: &mut SecretBytes, token: &SecretBytes) -> Result<()> {
    if !visible(token.expose()) {
        return Err(Error::misuse(
            "a token is one line of visible ASCII without spaces: paste it again",
        ));
    }
    quote(out, token.expose());
    Ok(())
}

/// A JSON string (RFC 8259 section 7) of visible ASCII and spaces.
fn quote(out: &mut SecretBytes, text: &[u8]) {
    out.push(b"\"");
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b"\\");
        }
        out.push(&[*byte]);
    }
    out.push(b"\"");
}
