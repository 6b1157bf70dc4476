//! Whether a request that may change something comes from a page of this service.
//!
//! Sources: W3C *Fetch Metadata Request Headers*; the *Origin* header of the Fetch standard; the
//! OWASP *Cross-Site Request Forgery Prevention Cheat Sheet*. A page cannot set or remove either
//! header. A request with neither is refused: it is no browser that this check could protect, and
//! letting it pass would let an old browser through unprotected.

use http::header::ORIGIN;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use keyward_base::{Error, Reason, Result};

use crate::hosts::Authority;
use crate::policy::Transport;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Passes `GET`, `HEAD` and `OPTIONS`, and whatever comes from a page of `host` itself.
pub(crate) fn check(request: &Parts, host: &Authority, transport: Transport) -> Result<()> {
    // By name of the harmless ones: a method nobody knows may change something.
    if matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    if from_own_page(&request.headers, host, transport) {
        return Ok(());
    }
    Err(Error::rejected(Reason::CrossOrigin))
}

fn from_own_page(headers: &HeaderMap, host: &Authority, transport: Transport) -> bool {
    if headers.contains_key(&SEC_FETCH_SITE) {
        // `none` is the user's own doing (a reload, a bookmark); no page can cause it. `same-site`
        // is a sibling host or another port: foreign.
        return matches!(only(headers, &SEC_FETCH_SITE), Some("same-origin" | "none"));
    }
    let (scheme, port) = transport.scheme();
    only(headers, &ORIGIN)
        .and_then(|origin| origin.strip_prefix(scheme))
        .and_then(Authority::parse)
        .is_some_and(|origin| origin.same(host, port))
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

impl Transport {
    /// The start of an `Origin`, and the port that is left out.
    pub(crate) const fn scheme(self) -> (&'static str, u16) {
        match self {
            Self::Plain => ("http://", 80),
            Self::Tls => ("https://", 443),
        }
    }
}
