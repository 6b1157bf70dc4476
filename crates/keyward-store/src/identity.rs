//! Which store this is.

use std::fmt;

use keyward_base::encoding::hex;
use keyward_base::{Error, Result};
use rand::TryRng as _;
use rand::rngs::SysRng;

/// The longest identity in bytes.
const LONGEST: usize = 64;

/// Names one store among all others: 1 to 64 bytes of visible ASCII.
///
/// A store makes a random one when it is made ([`StoreId::random`]) and keeps it for good. A copy
/// of the store, such as a backup, has the same identity: it stands for what is kept, and not for
/// where it lies. It is public, and proves nothing: whoever writes to a store can change it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(String);

impl StoreId {
    /// An identity of that name.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 64 bytes of visible ASCII.
    pub fn new(name: &str) -> Result<Self> {
        let fits = (1..=LONGEST).contains(&name.len());
        if fits && name.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::misuse(
            "a store's identity must be 1 to 64 bytes of visible ASCII",
        ))
    }

    /// A new identity: 16 random bytes as 32 digits of lower-case hexadecimal.
    ///
    /// # Errors
    /// `Unavailable` if the operating system gives no randomness.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        SysRng.try_fill_bytes(&mut bytes).map_err(|e| {
            Error::unavailable("the operating system gives no randomness").with_source(e)
        })?;
        Ok(Self(hex(&bytes)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({})", self.0)
    }
}
