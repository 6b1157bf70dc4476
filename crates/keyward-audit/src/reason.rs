//! Why a log, a proof or an export was refused, for the audit.

use keyward_base::Reason;

/// An entry or its leaf has another form than ours.
pub const BAD_ENTRY: Reason = Reason::new("audit-entry-malformed");
/// A checkpoint is not three lines of origin, size and root.
pub const BAD_CHECKPOINT: Reason = Reason::new("audit-checkpoint-malformed");
/// An export has another form than ours, or is not whole.
pub const BAD_EXPORT: Reason = Reason::new("audit-export-malformed");
/// A verifier key is not a name, its hash and an Ed25519 key.
pub const BAD_KEY: Reason = Reason::new("audit-key-malformed");
/// A note is not text, a blank line and signatures.
pub const BAD_NOTE: Reason = Reason::new("audit-note-malformed");
/// A proof is not in the form of `tlog-proof`.
pub const BAD_PROOF: Reason = Reason::new("audit-proof-malformed");
/// The hashes of a proof do not lead from one side to the other.
pub const NOT_PROVED: Reason = Reason::new("audit-not-proved");
/// A checkpoint is one of another log.
pub const OTHER_LOG: Reason = Reason::new("audit-other-log");
/// A signature is by a key that is not known, where none may be.
pub const UNKNOWN_SIGNER: Reason = Reason::new("audit-unknown-signer");
