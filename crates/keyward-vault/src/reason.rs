//! The word by which this crate says why a value was refused. Others are the keyring's
//! ([`keyward_keys::reason`]) and those of all crates ([`keyward_base::Reason`]).

use keyward_base::Reason;

/// The value opens for another role, or for one while none was given.
pub const ROLE_MISMATCH: Reason = Reason::new("role-mismatch");
