//! Which run of which process records.

use std::fmt;

use crate::encoding;
use crate::error::{Error, Result};

/// One run of a process that holds a lease: 8 random bytes, made when it starts. Public. By it
/// whoever finds an intent without an outcome learns whether the act may be going on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 8]);

impl RunId {
    /// The id of those bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The 8 bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// Reads 16 lower-case hexadecimal digits, as `Display` writes them.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        encoding::from_hex(text)
            .map(Self)
            .map_err(|_| Error::misuse("the id of a run is 16 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::hex(&self.0))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}
