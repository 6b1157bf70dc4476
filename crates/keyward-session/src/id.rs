//! The public name of a session.

use std::fmt;

use keyward_base::encoding::{base64url, from_base64url_array};
use keyward_base::{RecordId, Result};

/// The public name of a session: 16 random bytes, of no tenant. It may stand in a list and in a form;
/// without the token's secret it is good for nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The id of those bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads 22 characters of base64url, as `Display` writes them.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`](keyward_base::Reason::MALFORMED)) for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        from_base64url_array(text).map(Self)
    }

    /// As events name it.
    pub(crate) fn record(self) -> Option<RecordId> {
        RecordId::new(&self.to_string()).ok()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}
