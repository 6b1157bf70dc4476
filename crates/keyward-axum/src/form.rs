//! An extractor for forms that carry secrets.
//!
//! The body is gathered into one buffer that is wiped, and each field into one of its own; no
//! copy is left in memory that this crate owned. What the HTTP server held while it read the
//! socket is its own.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError};
use keyward_base::{Error, Reason, SecretBytes};

use crate::failure::Failure;
use crate::multipart;
use crate::policy::BODY_LIMIT;

/// The most fields a form may have.
pub(crate) const MAX_FIELDS: usize = 64;

/// The fields of a submitted form, `application/x-www-form-urlencoded` or `multipart/form-data`.
/// `Debug` shows their names.
///
/// Each field is taken once, as text or as a secret; one that is not there is empty. A form with
/// two fields of one name is refused, since two readers could take different ones.
pub struct SecretForm(Vec<(String, SecretBytes)>);

impl SecretForm {
    /// Takes a field that is not secret, without the white space around it.
    ///
    /// # Errors
    /// `Misuse` if it is not UTF-8.
    pub fn text(&mut self, name: &str) -> keyward_base::Result<String> {
        let field = self.secret(name);
        std::str::from_utf8(field.expose())
            .map(|text| text.trim().to_owned())
            .map_err(|_| Error::misuse("a field of the form is not UTF-8 text"))
    }

    /// Takes a secret field as it was sent, byte for byte.
    #[must_use]
    pub fn secret(&mut self, name: &str) -> SecretBytes {
        match self.0.iter().position(|(known, _)| known == name) {
            Some(at) => self.0.swap_remove(at).1,
            None => SecretBytes::new(Vec::new()),
        }
    }

    pub(crate) fn of(fields: Vec<(String, SecretBytes)>) -> Option<Self> {
        let twice = |(at, (name, _)): (usize, &(String, SecretBytes))| {
            fields
                .iter()
                .skip(at.saturating_add(1))
                .any(|(other, _)| other == name)
        };
        let bad = fields.len() > MAX_FIELDS || fields.iter().enumerate().any(twice);
        (!bad).then_some(Self(fields))
    }
}

impl std::fmt::Debug for SecretForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for SecretForm {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE);
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let stated = parts.headers.get(CONTENT_LENGTH);
        let stated = stated
            .and_then(|len| len.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let parse: &(dyn Fn(&[u8]) -> Option<Self> + Sync) =
            if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
                &|body| urlencoded(body)
            } else if essence.eq_ignore_ascii_case("multipart/form-data") {
                &|body| multipart::parse(&kind, body)
            } else {
                let error = Error::rejected(Reason::Malformed);
                return Err(Failure::at(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
            };
        let body = gather(body, stated).await?;
        parse(body.expose()).ok_or_else(malformed)
    }
}

fn malformed() -> Failure {
    Failure::at(StatusCode::BAD_REQUEST, Error::rejected(Reason::Malformed))
}

fn too_long() -> Failure {
    Failure::at(
        StatusCode::PAYLOAD_TOO_LARGE,
        Error::rejected(Reason::TooLong),
    )
}

/// Reads the whole body. A buffer outgrown on the way is wiped, as is all of it on an error.
async fn gather(mut body: Body, stated: usize) -> Result<SecretBytes, Failure> {
    let mut held = Growing(Vec::with_capacity(stated.clamp(1024, BODY_LIMIT)));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| match limited(&e) {
            true => too_long(),
            false => malformed(),
        })?;
        if let Ok(data) = frame.into_data() {
            held.push(&data);
        }
    }
    Ok(SecretBytes::new(std::mem::take(&mut held.0)))
}

/// Whether the door's body limit is what ended the reading.
fn limited(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A buffer that wipes what it leaves behind.
struct Growing(Vec<u8>);

impl Growing {
    fn push(&mut self, data: &[u8]) {
        let needed = self.0.len().saturating_add(data.len());
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.saturating_mul(2));
            larger.extend_from_slice(&self.0);
            drop(SecretBytes::new(std::mem::replace(&mut self.0, larger)));
        }
        self.0.extend_from_slice(data);
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        drop(SecretBytes::new(std::mem::take(&mut self.0)));
    }
}

/// `application/x-www-form-urlencoded`, as the WHATWG URL standard writes it. A `%` that is not
/// followed by two hexadecimal digits is refused, not passed through.
fn urlencoded(body: &[u8]) -> Option<SecretForm> {
    let mut fields = Vec::new();
    for piece in body.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
        if fields.len() > MAX_FIELDS {
            return None;
        }
        let mut halves = piece.splitn(2, |b| *b == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        fields.push((std::str::from_utf8(name.expose()).ok()?.to_owned(), value));
    }
    SecretForm::of(fields)
}

fn decode(text: &[u8]) -> Option<SecretBytes> {
    // Never longer than the text: it does not grow, so it leaves no copy behind.
    let mut out = Growing(Vec::with_capacity(text.len()));
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let byte = match *byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<&u8>| char::from(*b?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            plain => plain,
        };
        out.push(&[byte]);
    }
    Some(SecretBytes::new(std::mem::take(&mut out.0)))
}
