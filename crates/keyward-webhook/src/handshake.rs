//! The two handshakes without which an endpoint cannot be set up: Meta's, by `GET` with a token
//! of its own, and Slack's, a signed event. Both ask for a text and want it back.
//!
//! What is sent back was chosen by the other side. So it is bounded, holds no byte that any
//! program takes for markup, and goes out as plain text that nobody is to guess another type of.
//! Neither answer holds anything that was made with a key.
//!
//! ```
//! use keyward_base::SecretBytes;
//! use keyward_crypto::Provider;
//! use keyward_webhook::handshake::VerifyToken;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let token = SecretBytes::copy_of(b"a token of 16 bytes or more");
//! let token = VerifyToken::new(&Provider::default(), &token)?;
//! let query = "hub.mode=subscribe&hub.challenge=1158201444\
//!              &hub.verify_token=a+token+of+16+bytes+or+more";
//! assert_eq!(token.answer(query)?.text(), "1158201444");
//! # Ok(()) }
//! ```

use std::fmt;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};
use keyward_base::encoding::from_urlencoded;
use keyward_base::{Error, Reason, Result, SecretBytes};
use keyward_crypto::{Provider, Shown};
use serde::Deserialize;

use crate::coverage::WholeBody;
use crate::preset;
use crate::reason;
use crate::secret::MIN_KEY;
use crate::verified::VerifiedWebhook;

/// The longest query that is read, in bytes: three names and values of at most 256 bytes, each
/// byte percent-encoded, and room beside them.
const MAX_QUERY: usize = 4 << 10;

/// The longest text that is sent back, and the longest token, in bytes. Meta's challenge is a
/// number, Slack's has 52 characters.
const MAX_TEXT: usize = 256;

/// What is sent back: 1 to 256 bytes of `A-Z`, `a-z`, `0-9`, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

impl Challenge {
    fn read(text: &[u8]) -> Result<Self> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        match str::from_utf8(text) {
            Ok(text) if (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(|b| plain(&b)) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Error::rejected(reason::BAD_CHALLENGE)),
        }
    }

    /// The body of the answer.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The answer: 200, `text/plain`, `nosniff`, `no-store`.
    #[must_use]
    pub fn response(self) -> Response<String> {
        let mut response = Response::new(self.0);
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// The token that Meta shows when it sets up an endpoint: chosen by whoever set it up there, and
/// no key of anything. A type of its own, so that it is never taken for the secret that signs.
pub struct VerifyToken(Shown);

impl VerifyToken {
    /// A token of 16 to 256 bytes: what is shorter can be guessed, and whoever has it can point
    /// an app of his own at this endpoint.
    ///
    /// # Errors
    /// `Misuse` for another length, or white space around it. `Unavailable` without randomness.
    pub fn new(provider: &Provider, token: &SecretBytes) -> Result<Self> {
        let text = token.expose();
        let blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        if !(MIN_KEY..=MAX_TEXT).contains(&text.len()) || blank(text.first()) || blank(text.last())
        {
            return Err(Error::misuse(
                "a verify token needs 16 to 256 bytes without white space around them: choose \
                 another, and give it to Meta and here",
            ));
        }
        Shown::new(provider, token).map(Self)
    }

    /// Answers `GET` with that query, as it stands in the address, without `?`.
    ///
    /// # Errors
    /// `Rejected`: the query is longer than 4 KiB, lacks one of `hub.mode`, `hub.verify_token`
    /// and `hub.challenge` or has one twice, the mode is not `subscribe`, the token is another,
    /// or the challenge has bytes that are not sent back.
    pub fn answer(&self, query: &str) -> Result<Challenge> {
        let malformed = || Error::rejected(reason::BAD_HANDSHAKE);
        if query.len() > MAX_QUERY {
            return Err(malformed());
        }
        let names: [&[u8]; 3] = [b"hub.mode", b"hub.verify_token", b"hub.challenge"];
        let mut values: [Option<SecretBytes>; 3] = [None, None, None];
        for pair in query.as_bytes().split(|b| *b == b'&') {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = from_urlencoded(halves.next().unwrap_or_default())?;
            let known = names.iter().zip(&mut values);
            for (_, value) in known.filter(|(known, _)| **known == name.expose()) {
                let read = from_urlencoded(halves.next().unwrap_or_default())?;
                if value.replace(read).is_some() {
                    return Err(malformed());
                }
            }
        }
        let [Some(mode), Some(token), Some(challenge)] = values else {
            return Err(malformed());
        };
        if !self.0.is(token.expose()) {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        if mode.expose() != b"subscribe" {
            return Err(malformed());
        }
        Challenge::read(challenge.expose())
    }
}

impl fmt::Debug for VerifyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyToken").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct SlackEvent<'r> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'r, str>,
    #[serde(borrow)]
    challenge: Option<std::borrow::Cow<'r, str>>,
}

/// What Slack wants back, if `hook` is its `url_verification`. None for every other event.
///
/// # Errors
/// `Misuse` for a hook of another provider. `Rejected` for a challenge that is missing, or has
/// bytes that are not sent back.
pub fn slack(hook: &VerifiedWebhook<'_, WholeBody>) -> Result<Option<Challenge>> {
    if hook.provider() != preset::SLACK.name {
        return Err(Error::misuse(
            "only Slack's webhooks have Slack's handshake: take `handshake::slack` off this route",
        ));
    }
    let event = serde_json::from_slice::<SlackEvent<'_>>(hook.body());
    match event {
        Ok(event) if event.kind == "url_verification" => {
            Challenge::read(event.challenge.unwrap_or_default().as_bytes()).map(Some)
        }
        // A form, or JSON of another shape: not the handshake.
        _ => Ok(None),
    }
}
