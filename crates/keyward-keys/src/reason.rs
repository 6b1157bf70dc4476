//! The words by which this crate says why a value, a token or a record was refused.

use keyward_base::Reason;

/// A tenant's key record, or a key of the ring, is not what was written.
pub const DAMAGED_KEYS: Reason = Reason::new("damaged-keys");
/// The key was destroyed: what it sealed does not open, and what it MACed is refused, for good.
pub const DESTROYED_KEY: Reason = Reason::new("destroyed-key");
/// The key is disabled until somebody enables it.
pub const DISABLED_KEY: Reason = Reason::new("disabled-key");
/// The key was not promoted yet: nothing genuine can have been made with it.
pub const PENDING_KEY: Reason = Reason::new("pending-key");
/// The value is sealed in a suite that its purpose refuses.
pub const REFUSED_SUITE: Reason = Reason::new("refused-suite");
/// This process knows no key of that id.
pub const UNKNOWN_KEY: Reason = Reason::new("unknown-key");
