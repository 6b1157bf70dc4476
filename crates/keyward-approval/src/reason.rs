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

/// The rule does not name who voted.
pub const NOT_APPROVER: Reason = Reason::new("not-an-approver");

/// It would be an approval of one's own ask.
pub const OWN_ASK: Reason = Reason::new("own-ask");

/// This person has voted already, himself or by another.
pub const VOTED: Reason = Reason::new("has-voted");

/// Fewer approvals than the rule asks for.
pub const QUORUM: Reason = Reason::new("too-few-approvals");

/// Somebody who may said no.
pub const DENIED: Reason = Reason::new("denied");

/// The rule that a record says it was approved by is not the one that the file of trust asks for, or
/// asks for less.
pub const RULE: Reason = Reason::new("another-rule");

/// The rule that a gate waits for is another than the one its page was judged by: look again.
pub const RULE_MOVED: Reason = Reason::new("rule-moved");

/// The policy forbids it.
pub const FORBIDDEN: Reason = Reason::new("forbidden-by-policy");

/// The action is another service's.
pub const SERVICE: Reason = Reason::new("another-service");

/// The rule does not allow that scope.
pub const SCOPE: Reason = Reason::new("out-of-scope");

/// Nobody may vote in another's place here, or not any more.
pub const DELEGATION: Reason = Reason::new("delegation-does-not-hold");

/// An older file was put back.
pub const PUT_BACK: Reason = Reason::new("put-back");

/// There are two of one version.
pub const FORKED: Reason = Reason::new("two-of-one-version");

/// Evidence decides nothing here: it is of another tenant or door, or waits for a second factor.
pub const EVIDENCE: Reason = Reason::new("evidence-of-another");

/// Evidence is more than five minutes old.
pub const EVIDENCE_OLD: Reason = Reason::new("evidence-too-old");

/// An executor's clock is behind what its anchor has seen.
pub const CLOCK: Reason = Reason::new("clock-is-behind");

/// A link is dead, of another approver, or its code is another.
pub const LINK: Reason = Reason::new("link-is-dead");

/// A link says that it ends later than any link of ours does.
pub const LINK_LIFE: Reason = Reason::new("link-beyond-its-life");

/// It is no export of a gate, or more than one.
pub const EXPORT: Reason = Reason::new("no-export");

/// An entry of an export is another gate's, or one is missing.
pub const EXPORT_ENTRY: Reason = Reason::new("entry-missing");

/// The action or the record of an export is not the one that the log vouches for.
pub const EXPORT_RECORD: Reason = Reason::new("another-record");

/// It is not approved, or not any more.
pub const NOT_APPROVED: Reason = Reason::new("not-approved");

/// It is none of those who asked.
pub const NOT_ASKER: Reason = Reason::new("not-who-asked");

/// Whoever breaks the glass says why.
pub const NO_REASON: Reason = Reason::new("no-reason-given");

/// It is not waited for any more: it was decided, claimed, or has ended.
pub const NOT_OPEN: Reason = Reason::new("not-open");

/// The action names another executor.
pub const OTHER_EXECUTOR: Reason = Reason::new("other-executor");

/// The rule wants a vote by a passkey, and this is none that counts.
pub const PASSKEY: Reason = Reason::new("passkey-needed");

/// A step of an action failed.
pub const STEP_FAILED: Reason = Reason::new("step-failed");

/// The policy is stricter than when it was asked for.
pub const STRICTER: Reason = Reason::new("policy-is-stricter");

/// The rule asks who it is, and the holder of a link is nobody in particular.
pub const WHO: Reason = Reason::new("nobody-in-particular");

/// As many asks of one asker wait as may.
pub const TOO_MANY_WAIT: Reason = Reason::new("too-many-wait");
