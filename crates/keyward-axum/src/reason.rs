//! The words by which this crate says why it refused a request.

use keyward_base::Reason;

/// The request comes from another origin.
pub const CROSS_ORIGIN: Reason = Reason::new("cross-origin");
/// The request names a host that this service does not answer for.
pub const FOREIGN_HOST: Reason = Reason::new("foreign-host");
/// The request has no cookie of a session of that kind.
#[cfg(feature = "session")]
pub const NO_COOKIE: Reason = Reason::new("no-session-cookie");
/// It is for a browser on this machine alone, and this request may be another's.
pub const NOT_LOOPBACK: Reason = Reason::new("not-loopback");
