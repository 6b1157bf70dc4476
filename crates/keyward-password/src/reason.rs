//! The words by which this crate says why a stored string was not read.

use keyward_base::Reason;

/// It needs more memory than the whole budget, so that waiting does not help.
pub const ABOVE_BUDGET: Reason = Reason::new("above-budget");
/// The policy would not make a stronger one.
pub const ALREADY_STRONG: Reason = Reason::new("already-strong");
/// It is wrapped, which is done once.
pub const ALREADY_WRAPPED: Reason = Reason::new("already-wrapped");
/// The string may be read in two ways that hash differently: name its scheme.
pub const AMBIGUOUS: Reason = Reason::new("ambiguous-without-label");
/// A string that is not sealed, where every one is.
pub const BARE: Reason = Reason::new("not-sealed");
/// bcrypt reads 72 bytes, and none behind a NUL: it would not tell this password from another.
pub const BCRYPT_INPUT: Reason = Reason::new("not-whole-for-bcrypt");
/// Too much waits to be hashed, or its turn did not come in time: try again later.
pub const BUSY: Reason = Reason::new("busy");
/// So many mails went to the address within the hour: none more.
pub const CAPPED: Reason = Reason::new("capped");
/// A change of the password was begun and has not ended.
pub const CHANGING: Reason = Reason::new("changing");
/// The work it asks for is above the policy's ceiling.
pub const CEILING: Reason = Reason::new("above-ceiling");
/// The scheme needs a key of the context that was not given, or was given another one's.
pub const CONTEXT: Reason = Reason::new("context-missing");
/// What is stored of the account is not what was written.
pub const DAMAGED: Reason = Reason::new("damaged-account");
/// The account was disabled.
pub const DISABLED: Reason = Reason::new("disabled");
/// So much was asked from there: try again later.
pub const LIMITED: Reason = Reason::new("limited");
/// It says that no password opens the account.
pub const LOCKED: Reason = Reason::new("locked");
/// A newer release wrote it.
pub const NEWER: Reason = Reason::new("of-a-newer-release");
/// Nobody is found by what was typed.
pub const NO_ACCOUNT: Reason = Reason::new("no-account");
/// A password may have two digests that are both right (`$2a$`), or the string cannot be written
/// without its digest.
pub const NOT_WRAPPABLE: Reason = Reason::new("not-wrappable");
/// The account has no password.
pub const NO_PASSWORD: Reason = Reason::new("no-password");
/// The link is for something else.
pub const OTHER_LINK: Reason = Reason::new("link-for-other");
/// The stored hash is of a part of what was typed: the rest may be mistyped.
pub const PARTLY_HASHED: Reason = Reason::new("partly-hashed");
/// The string holds the password itself.
pub const PLAIN_TEXT: Reason = Reason::new("plain-text");
/// The link was used, or what it was mailed for has changed since.
pub const SPENT: Reason = Reason::new("link-spent");
/// The evidence is older than five minutes, or than the last change.
pub const STALE: Reason = Reason::new("stale-evidence");
/// The stored hash is stronger than those that the policy makes.
pub const STRONGER: Reason = Reason::new("stronger");
/// Too many tries failed: wait.
pub const THROTTLED: Reason = Reason::new("throttled");
/// Too many tries of unknown devices failed: it takes a mailed link, or a device that is known.
pub const NEEDS_LINK: Reason = Reason::new("needs-link");
/// No scheme that is known here.
pub const UNKNOWN_SCHEME: Reason = Reason::new("unknown-scheme");
/// It is not the password.
pub const WRONG_PASSWORD: Reason = Reason::new("wrong-password");
