//! The words by which this crate says why a session or an API key was refused.

use keyward_base::Reason;

/// A clock of ours is behind the one that wrote what is stored, or behind the evidence: which of the
/// two is wrong is not known.
pub const CLOCK: Reason = Reason::new("clock-is-behind");
/// The session's cookie is there twice.
pub const COOKIE_TWICE: Reason = Reason::new("cookie-twice");
/// No kind of session is opened by that door.
pub const DOOR: Reason = Reason::new("door-opens-nothing");
/// It has ended: by its own time, by who has it, or by a revoke.
pub const ENDED: Reason = Reason::new("session-ended");
/// What proves who it is was gathered more than five minutes ago, or before the last revoke.
pub const EVIDENCE_OLD: Reason = Reason::new("evidence-too-old");
/// The evidence is of somebody else than the session, or of another door.
pub const EVIDENCE_OTHER: Reason = Reason::new("evidence-of-another");
/// The method proves too little for what is to be started, or is the one that was used before.
pub const EVIDENCE_WEAK: Reason = Reason::new("evidence-too-weak");
/// A newer release wrote what is stored: this one cannot judge it.
pub const NEWER: Reason = Reason::new("newer-release");
/// The authentication was too long ago for what is asked: authenticate again.
pub const NOT_FRESH: Reason = Reason::new("not-fresh");
/// It is a session of another kind.
pub const OTHER_KIND: Reason = Reason::new("other-kind-of-session");
/// An API key is used from where it may not be, or from an address that is not known.
pub const ADDRESS: Reason = Reason::new("address-not-allowed");
/// What is asked for an API key is beyond what its maker may do.
pub const BEYOND_MAKER: Reason = Reason::new("scope-beyond-maker");
/// The API key has ended: somebody ended it, or all of its tenant.
pub const KEY_ENDED: Reason = Reason::new("api-key-ended");
/// The API key has a successor.
pub const ROTATED: Reason = Reason::new("api-key-rotated");
/// The API key does not have the scope.
pub const SCOPE: Reason = Reason::new("scope-missing");
/// The tenant has as many API keys as it may have.
pub const TOO_MANY: Reason = Reason::new("too-many-api-keys");
/// What is to become less would become more.
pub const WIDER: Reason = Reason::new("wider-than-before");
