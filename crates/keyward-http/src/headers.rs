//! The headers that every response carries.

use std::sync::Arc;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::content::ContentPolicy;
use crate::nonce::Nonce;
use crate::origins::Scheme;
use crate::policy::{HSTS_MAX_AGE, Referrer};

const PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), \
    geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    publickey-credentials-get=(), serial=(), usb=(), xr-spatial-tracking=()";

/// All of them, made once.
pub(crate) fn of(
    content: &ContentPolicy,
    referrer: Referrer,
    scheme: Scheme,
) -> HeaderMap<HeaderValue> {
    let mut out = HeaderMap::new();
    let mut set = |name: HeaderName, value: &'static str| {
        out.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, referrer.as_str());
    set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    out.insert(CONTENT_SECURITY_POLICY, content.header());
    if scheme == Scheme::Https {
        let value = format!("max-age={}", HSTS_MAX_AGE.as_secs());
        if let Ok(value) = HeaderValue::try_from(value) {
            out.insert(STRICT_TRANSPORT_SECURITY, value);
        }
    }
    out
}

/// The headers of an answer that are stricter than what its group of routes has, in their place.
#[derive(Clone)]
pub(crate) struct Stricter(pub(crate) Arc<HeaderMap>);

/// The policy that allows what has the nonce.
pub(crate) fn put_nonce(content: &ContentPolicy, nonce: &Nonce, on: &mut HeaderMap) {
    on.insert(CONTENT_SECURITY_POLICY, content.with_nonce(nonce));
    // Shown again, the page would have it again.
    on.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Puts them on a response, over whatever a handler had set: nothing inside can weaken them.
/// `Cache-Control` is the handler's to say, and `no-store` if it says nothing.
pub(crate) fn put(all: &HeaderMap, on: &mut HeaderMap) {
    for (name, value) in all {
        on.insert(name, value.clone());
    }
    if !on.contains_key(CACHE_CONTROL) {
        on.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
