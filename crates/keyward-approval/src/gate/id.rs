//! What names a gate.

use std::fmt;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::field::Field;
use keyward_base::{Error, Result};

/// The public name of a gate: 16 random bytes, shown as 32 digits of hexadecimal. Who knows it can
/// do nothing with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateId([u8; 16]);

impl GateId {
    /// The gate of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 16 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads 32 digits of lower-case hexadecimal, as `Display` writes them.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        from_hex(text)
            .map(Self)
            .map_err(|_| Error::misuse("a gate is 32 digits of lower-case hexadecimal"))
    }
}

impl Field for GateId {
    fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
        to(&self.0)
    }
}

impl fmt::Display for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GateId({self})")
    }
}
