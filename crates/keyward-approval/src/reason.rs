//! Why something of this crate was refused: for the audit, never for the sender.

use keyward_base::Reason;

/// The assertion is not one of the kind that is asked for: it was made to register a key, or within
/// a frame of another origin.
pub const CEREMONY: Reason = Reason::new("another-ceremony");

/// What was signed is another statement than the one that was to be.
pub const STATEMENT: Reason = Reason::new("another-statement");

/// The page was from another origin than the one that approvals are made at.
pub const ORIGIN: Reason = Reason::new("another-origin");

/// The authenticator signed for another RP ID.
pub const RP_ID: Reason = Reason::new("another-rp-id");

/// Nobody touched the authenticator.
pub const NOT_PRESENT: Reason = Reason::new("user-not-present");

/// The authenticator did not ask who touched it.
pub const NOT_VERIFIED: Reason = Reason::new("user-not-verified");

/// No such passkey is the approver's.
pub const UNKNOWN_PASSKEY: Reason = Reason::new("unknown-passkey");
