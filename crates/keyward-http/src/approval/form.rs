//! What a page's form says.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use keyward_base::{Error, Reason, SecretBytes};

use crate::failure::Failure;
use crate::fields::Fields;

/// The most bytes of a form's body: a reason of 2,000 bytes, each of them percent-encoded, a link and
/// its mark, twice over.
pub const BODY: usize = 16 * 1024;

/// Yes or no.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Approve,
    Deny,
    Nothing,
}

/// The fields of a form.
pub(super) struct Form {
    pub(super) token: String,
    pub(super) mark: SecretBytes,
    pub(super) said: Said,
    pub(super) reason: String,
    code: SecretBytes,
}

impl Form {
    pub(super) fn read(request: &Parts, body: &[u8]) -> Result<Self, Failure> {
        let kind = request.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let malformed = || Error::rejected(Reason::MALFORMED);
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Failure::at(status, malformed()));
        }
        if body.len() > BODY {
            return Err(Failure::too_large(Error::rejected(Reason::TOO_LONG)));
        }
        let bad = || Failure::at(StatusCode::BAD_REQUEST, malformed());
        let mut fields = Fields::urlencoded(body).ok_or_else(bad)?;
        let none = || SecretBytes::new(Vec::new());
        let (code, mark) = (fields.take("code"), fields.take("mark"));
        let mut text = |name| fields.text(name).map_err(|_| bad());
        Ok(Self {
            token: text("token")?,
            said: match text("decision")?.as_str() {
                "approve" => Said::Approve,
                "deny" => Said::Deny,
                _ => Said::Nothing,
            },
            reason: text("reason")?,
            code: code.unwrap_or_else(none),
            mark: mark.unwrap_or_else(none),
        })
    }

    /// The code, as it was typed. What is no text is none.
    pub(super) fn code(&self) -> &str {
        std::str::from_utf8(self.code.expose()).unwrap_or_default()
    }
}

/// The token of a request's query; none if there is none, or two.
pub(super) fn token(request: &Parts) -> Option<&str> {
    let pieces = request.uri.query()?.split('&');
    let mut tokens = pieces.filter_map(|piece| piece.strip_prefix("token="));
    let first = tokens.next()?;
    tokens.next().is_none().then_some(first)
}
