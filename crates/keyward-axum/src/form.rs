//! An extractor for forms that carry secrets.
//!
//! The body is gathered into one buffer that is wiped, and each field into one of its own; no
//! copy is left in memory that this crate owned. What the HTTP server held while it read the
//! socket is its own.

use axum::RequestExt;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::{BodyExt, LengthLimitError};
use keyward_base::{Error, Reason, SecretBytes};
use keyward_http::fields::Fields;

use crate::failure::Failure;
use crate::multipart;
use crate::policy::FORM_LIMIT;

/// Room for the body before any of it came. It then grows with what comes: a length that is only
/// stated costs nothing.
const FIRST_ROOM: usize = 16 * 1024;

/// The fields of a submitted form, `application/x-www-form-urlencoded` or `multipart/form-data`,
/// of at most `LIMIT` bytes. `Debug` shows how many there are.
///
/// The limit holds whatever layers there are; where a layer has a lower one (axum has 2 MB
/// without any), the lower one holds.
///
/// Each field is taken once, as text or as a secret; one that is not there is empty. A form with
/// two fields of one name is refused, since two readers could take different ones, and so is one
/// with more than 64.
pub struct SecretForm<const LIMIT: usize = FORM_LIMIT>(Fields);

impl<const LIMIT: usize> SecretForm<LIMIT> {
    /// Takes a field that is not secret, without the white space around it.
    ///
    /// # Errors
    /// `Misuse` if it is not UTF-8.
    pub fn text(&mut self, name: &str) -> keyward_base::Result<String> {
        self.0.text(name)
    }

    /// Whether a field was sent, be it empty, and was not taken yet. An update keeps what its form
    /// does not speak of.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    /// Takes a secret field as it was sent, byte for byte. It may be empty: a browser sends a
    /// field that nobody filled in.
    #[must_use]
    pub fn secret(&mut self, name: &str) -> SecretBytes {
        self.0
            .take(name)
            .unwrap_or_else(|| SecretBytes::new(Vec::new()))
    }
}

impl<const LIMIT: usize> std::fmt::Debug for SecretForm<LIMIT> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretForm({} fields)", self.0.len())
    }
}

impl<S: Send + Sync, const LIMIT: usize> FromRequest<S> for SecretForm<LIMIT> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (parts, body) = request.with_limited_body().into_parts();
        let kind = text(&parts.headers, &CONTENT_TYPE).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let urlencoded = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if !urlencoded && !essence.eq_ignore_ascii_case("multipart/form-data") {
            let error = Error::rejected(Reason::MALFORMED);
            return Err(Failure::at(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        let stated = text(&parts.headers, &CONTENT_LENGTH).and_then(|len| len.parse().ok());
        let body = gather(body, stated.unwrap_or(0), LIMIT).await?;
        let fields = if urlencoded {
            Fields::urlencoded(body.expose())
        } else {
            multipart::parse(kind, body.expose())
        };
        fields.map(Self).ok_or_else(malformed)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn malformed() -> Failure {
    Failure::at(StatusCode::BAD_REQUEST, Error::rejected(Reason::MALFORMED))
}

fn too_long() -> Failure {
    Failure::too_large(Error::rejected(Reason::TOO_LONG))
}

/// Reads the whole body. A buffer outgrown on the way is wiped, as is all of it on an error.
pub(crate) async fn gather(
    mut body: Body,
    stated: usize,
    limit: usize,
) -> Result<SecretBytes, Failure> {
    if stated > limit {
        return Err(too_long());
    }
    let mut held = SecretBytes::new(Vec::with_capacity(stated.min(FIRST_ROOM)));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| match limited(&e) {
            true => too_long(),
            false => malformed(),
        })?;
        if let Ok(data) = frame.into_data() {
            if held.len().saturating_add(data.len()) > limit {
                return Err(too_long());
            }
            held.push(&data);
        }
    }
    Ok(held)
}

/// Whether a layer's body limit is what ended the reading.
pub(crate) fn limited(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
