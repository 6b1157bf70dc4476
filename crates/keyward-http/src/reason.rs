//! The words by which this crate says why it refused a request.

use keyward_base::Reason;

/// There is more than one `Authorization`.
pub const AUTHORIZATION_TWICE: Reason = Reason::new("authorization-twice");
/// The request comes from another origin.
pub const CROSS_ORIGIN: Reason = Reason::new("cross-origin");
/// The request names a host that this service does not answer for.
pub const FOREIGN_HOST: Reason = Reason::new("foreign-host");
/// The request has no cookie of a session of that kind.
#[cfg(feature = "session")]
pub const NO_COOKIE: Reason = Reason::new("no-session-cookie");
/// A forwarding header names somebody else where a proxy of the service's belongs.
pub const FORWARDED_BYPASSED: Reason = Reason::new("forwarded-bypassed");
/// A trusted proxy named nobody, and none has named anybody since the start.
pub const FORWARDED_MISSING: Reason = Reason::new("forwarded-missing");
/// A forwarding header has fewer entries than there are proxies.
pub const FORWARDED_TOO_FEW: Reason = Reason::new("forwarded-too-few");
/// The entry of a forwarding header is no address.
pub const FORWARDED_UNREADABLE: Reason = Reason::new("forwarded-unreadable");
/// A forwarding header comes from somebody who is no trusted proxy.
pub const FORWARDED_UNTRUSTED: Reason = Reason::new("forwarded-untrusted");
/// A page was asked with a key, or another word on who asks than a cookie.
pub const KEY_ON_PAGE: Reason = Reason::new("key-on-page");
/// The form was not sent from the page of this link, opened in this browser a short while ago.
#[cfg(feature = "approval")]
pub const NOT_THE_PAGE: Reason = Reason::new("not-from-its-page");
/// The request has no `Authorization`.
pub const NO_TOKEN: Reason = Reason::new("no-token");
/// A limit could not be read, and the route lets requests through then.
pub const LIMIT_UNREAD: Reason = Reason::new("limit-not-read");
/// A limit admits no more requests for now.
pub const LIMITED: Reason = Reason::new("limited");
/// It is for a browser on this machine alone, and this request may be another's.
pub const NOT_LOOPBACK: Reason = Reason::new("not-loopback");
/// `Authorization` has another scheme than `Bearer`.
pub const OTHER_SCHEME: Reason = Reason::new("other-scheme");
/// What stands behind the guard panicked.
pub const PANICKED: Reason = Reason::new("panicked");
/// A report names a key that its scanner does not publish.
pub const UNKNOWN_SIGNER: Reason = Reason::new("unknown-signer");
/// A report has no signature, or more than one.
pub const UNSIGNED: Reason = Reason::new("unsigned");
