//! What a pin is of.

use std::fmt;

use keyward_base::{Error, Result};

/// What a pin is of: 1 to 128 bytes of visible ASCII without spaces (0x21 to 0x7e), such as `ring`,
/// `log/root` or `trust/deploydesk`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinName(String);

impl PinName {
    /// The most bytes of a name.
    pub const MAX_LEN: usize = 128;

    /// A name.
    ///
    /// # Errors
    /// `Misuse` for another length or another character.
    pub fn new(name: &str) -> Result<Self> {
        let visible = name.bytes().all(|b| b.is_ascii_graphic());
        if name.is_empty() || name.len() > Self::MAX_LEN || !visible {
            return Err(Error::misuse(
                "the name of a pin is 1 to 128 visible ASCII characters without spaces",
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// The keyring's: `ring`.
    #[must_use]
    pub fn ring() -> Self {
        Self("ring".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
