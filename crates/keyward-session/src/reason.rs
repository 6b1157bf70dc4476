//! The words by which this crate says why a session was refused.

use keyward_base::Reason;

/// It has ended: by its own time, by who has it, or by a revoke.
pub const ENDED: Reason = Reason::new("session-ended");
/// The session's cookie is there twice.
pub const COOKIE_TWICE: Reason = Reason::new("cookie-twice");
