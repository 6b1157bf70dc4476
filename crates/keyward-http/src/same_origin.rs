//! Whether a request that may change something comes from a page of this service.
//!
//! Sources: W3C *Fetch Metadata Request Headers*; the *Origin* header of the Fetch standard; the
//! OWASP *Cross-Site Request Forgery Prevention Cheat Sheet*. A page cannot set or remove either
//! header, so both are believed, and where both are there, both must fit. A request with neither
//! is refused: it is no browser that this check could protect, and letting it pass would let an
//! old browser through unprotected.

use http::header::{ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use keyward_base::{Error, Result};

use crate::origins::Own;
use crate::policy::Referrer;
use crate::reason;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Passes `GET`, `HEAD` and `OPTIONS` that keep to HTTP, and whatever comes from a page of `own`.
pub(crate) fn check(request: &Parts, own: &Own, referrer: Referrer) -> Result<()> {
    // By name of the harmless ones: a method nobody knows may change something. A WebSocket
    // begins with a GET, which any page may send, with this service's cookies.
    let harmless = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless && !request.headers.contains_key(UPGRADE) {
        return Ok(());
    }
    if from_own_page(&request.headers, own, referrer) {
        return Ok(());
    }
    Err(Error::rejected(reason::CROSS_ORIGIN))
}

fn from_own_page(headers: &HeaderMap, own: &Own, referrer: Referrer) -> bool {
    let site = stated(headers, &SEC_FETCH_SITE);
    let origin = stated(headers, &ORIGIN);
    // `none` is the user's own doing (a reload, a bookmark); no page can cause it. `same-site` is
    // a sibling host or another port: foreign.
    let site_fits = |site: &Stated<'_>| matches!(site, Some("same-origin" | "none"));
    let origin_fits = |origin: &Stated<'_>| origin.is_some_and(|origin| own.is(origin));
    match (site, origin) {
        (None, None) => false,
        (Some(site), None) => site_fits(&site),
        (None, Some(origin)) => origin_fits(&origin),
        // An own page under `no-referrer` sends `null`, and so does a foreign sandboxed one: of
        // these the other header tells.
        (Some(site), Some(Some("null"))) => site_fits(&site) && referrer == Referrer::Never,
        (Some(site), Some(origin)) => site_fits(&site) && origin_fits(&origin),
    }
}

/// The one value of a header; none if it is there twice or is not text.
type Stated<'a> = Option<&'a str>;

/// What a header states; none if it is not there.
fn stated<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Stated<'a>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(match values.next() {
        None => first.to_str().ok(),
        Some(_) => None,
    })
}
