//! Whether a request is of a browser on this machine, for what is there while a service is developed.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, Version};
use keyward_base::{Error, Result};

use crate::guard::WebGuard;
use crate::reason;

/// What proxies add, beside all that begins with `x-forwarded`: RFC 7239, RFC 9110 (section 7.6.3),
/// RFC 8586, and the names that nginx, Envoy, Akamai, Azure, Cloudflare, Fastly and others use.
const FORWARDED: [&str; 13] = [
    "cdn-loop",
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-original-forwarded-for",
    "x-original-host",
    "x-real-ip",
];

/// Passes a request of a browser on this machine: the service's public origins are all on loopback,
/// and so is what the request names as its host; no header says that somebody passed it on, since a
/// proxy connects from loopback as well; it is not of HTTP/1.0, which no browser speaks, and nginx does
/// to what is behind it where nothing else is said, under the name `localhost` and without any such
/// header; and the connection, where the service knows of it (`peer`), comes from loopback.
///
/// A proxy that leaves no trace and names itself `localhost` looks the same. What stands behind this
/// belongs to development.
///
/// # Errors
/// `Rejected`: [`reason::NOT_LOOPBACK`], or [`reason::FOREIGN_HOST`] for a host that is none of the
/// service's.
pub fn check(guard: &WebGuard, request: &Parts, peer: Option<IpAddr>) -> Result<()> {
    let from_here = peer.is_none_or(|peer| peer.to_canonical().is_loopback());
    let is_old = request.version < Version::HTTP_11;
    if !guard.origins.is_loopback() || !from_here || is_old || is_forwarded(&request.headers) {
        return Err(Error::rejected(reason::NOT_LOOPBACK));
    }
    // The host is one of the origins, each of which is on loopback.
    guard.origins.addressed(request).map(drop)
}

/// Whether a header speaks of where a request was before.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    let mut names = headers.keys().map(http::HeaderName::as_str);
    names.any(|name| name.starts_with("x-forwarded") || FORWARDED.contains(&name))
}
