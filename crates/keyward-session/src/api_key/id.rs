//! The public name of an API key.

use std::fmt;

use keyward_base::encoding::{base64url, from_base64url_array};
use keyward_base::{Error, RecordId, Result, Subject};

/// The public name of an API key: 16 random bytes. It may stand in a list and in a form; without the
/// secret it is good for nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId([u8; 16]);

impl ApiKeyId {
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

    /// As it acts: `api-key/` and the id.
    pub(crate) fn subject(self) -> Result<Subject> {
        Subject::new(&format!("api-key/{self}")).map_err(|e| {
            Error::misuse("the id of an API key is not one of a subject").with_source(e)
        })
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl fmt::Debug for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyId({self})")
    }
}
