//! `WWW-Authenticate`: how a client may say who it is (RFC 9110, section 11.6.1).

use http::HeaderValue;
use keyward_base::{Error, Result};

/// What a `401` asks for. Made once, at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(HeaderValue);

impl Challenge {
    /// A bearer token (RFC 6750) of `realm`, which is a name for what the token opens: 1 to 64
    /// characters of visible ASCII and spaces, but no `"` and no `\`.
    ///
    /// # Errors
    /// `Misuse` for any other realm.
    pub fn bearer(realm: &str) -> Result<Self> {
        Self::scheme("Bearer", realm)
    }

    /// Another scheme: 1 to 64 letters, digits and `-`.
    ///
    /// Take none that a browser answers by itself, such as `Basic`: a foreign page could then send
    /// requests in the user's name.
    ///
    /// # Errors
    /// `Misuse` for any other scheme or realm.
    pub fn scheme(scheme: &str, realm: &str) -> Result<Self> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let text = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b'"' | b'\\');
        let fits = (1..=64).contains(&scheme.len())
            && (1..=64).contains(&realm.len())
            && scheme.bytes().all(word)
            && realm.bytes().all(text);
        let wrong = || {
            Error::misuse(
                "a challenge is a scheme of letters, digits and -, and a realm of visible ASCII \
                 without quotes and backslashes, each of 1 to 64 characters",
            )
        };
        if !fits {
            return Err(wrong());
        }
        HeaderValue::try_from(format!("{scheme} realm=\"{realm}\""))
            .map(Self)
            .map_err(|_| wrong())
    }

    /// The same where a token was sent that is not taken, whatever is wrong with it: RFC 6750, section
    /// 3.1, `invalid_token`.
    ///
    /// # Errors
    /// `Misuse` for a challenge of another scheme than `Bearer`, or one that says an error already.
    pub fn invalid_token(&self) -> Result<Self> {
        self.saying("error=\"invalid_token\"")
    }

    /// The same where the token is good and may not do what is asked: RFC 6750, section 3.1,
    /// `insufficient_scope`. `scope` are the words that are needed, with a space between two (RFC 6749,
    /// section 3.3).
    ///
    /// # Errors
    /// `Misuse` as [`Challenge::invalid_token`], and for a scope with a quote, a backslash or what is no
    /// visible ASCII.
    pub fn insufficient_scope(&self, scope: &str) -> Result<Self> {
        let word = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b'"' | b'\\');
        if scope.is_empty() || !scope.bytes().all(word) {
            return Err(Error::misuse(
                "a scope is words of visible ASCII without quotes and backslashes",
            ));
        }
        self.saying(&format!("error=\"insufficient_scope\", scope=\"{scope}\""))
    }

    fn saying(&self, error: &str) -> Result<Self> {
        let wrong =
            || Error::misuse("errors of tokens are said in a challenge of Bearer, one in each");
        let own = self.0.to_str().map_err(|_| wrong())?;
        if !own.starts_with("Bearer ") || own.contains("\", error=\"") {
            return Err(wrong());
        }
        HeaderValue::try_from(format!("{own}, {error}"))
            .map(Self)
            .map_err(|_| wrong())
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}
