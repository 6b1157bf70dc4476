//! What tells one request from another, in every log.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::encoding::hex;
use keyward_base::{Error, RequestId, Result};
use keyward_crypto::Provider;

/// The header that it comes and goes in.
pub(crate) const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// The bytes of an id, of which nobody meets two alike.
const LEN: usize = 16;

/// The id of this request, for [`keyward_base::audit::Actor::in_request`] and for logs: 32 lower-case
/// hexadecimal digits, of 16 random bytes.
///
/// One that came in `X-Request-Id` is kept if it has that shape, so that the logs of a proxy and of the
/// service can be laid side by side; anything else is not read. It goes out in the header of that name.
/// A client can choose it, or send one twice: it is good to find things by, and proves nothing.
///
/// Among a request's extensions once a [`crate::RoutePolicy`] decided on it; with axum an argument of
/// handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // An extractor is taken apart where it is an argument.
pub struct InRequest(pub RequestId);

impl InRequest {
    /// That of a request.
    ///
    /// # Errors
    /// `Misuse` if no [`crate::RoutePolicy`] was asked about it.
    pub fn of(request: &Parts) -> Result<Self> {
        request.extensions.get().cloned().ok_or_else(|| {
            Error::misuse("the request has no id: put a RoutePolicy before the route")
        })
    }
}

/// Sees to it that a request has one id, in its header and for handlers.
pub(crate) fn settle(parts: &mut Parts, provider: &Provider) -> Result<HeaderValue> {
    let (id, header) = match came(&parts.headers) {
        Some(known) => known,
        None => made(provider)?,
    };
    parts.headers.insert(NAME, header.clone());
    parts.extensions.insert(InRequest(id));
    Ok(header)
}

fn came(headers: &HeaderMap) -> Option<(RequestId, HeaderValue)> {
    let mut lines = headers.get_all(NAME).iter();
    let (one, none) = (lines.next()?, lines.next());
    let digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let fits =
        none.is_none() && one.len() == LEN.saturating_mul(2) && one.as_bytes().iter().all(digit);
    let text = one.to_str().ok().filter(|_| fits)?;
    Some((RequestId::new(text).ok()?, one.clone()))
}

fn made(provider: &Provider) -> Result<(RequestId, HeaderValue)> {
    let mut bytes = [0; LEN];
    provider.fill(&mut bytes)?;
    let text = hex(&bytes);
    let header = HeaderValue::from_str(&text)
        .map_err(|_| Error::misuse("hexadecimal digits are a header"))?;
    Ok((RequestId::new(&text)?, header))
}
