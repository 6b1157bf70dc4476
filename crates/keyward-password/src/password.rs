//! A password as somebody typed it.

use keyward_base::{Error, Reason, Result, SecretBytes};
use secrecy::SecretString;

/// The longest password that is checked, in bytes. Django and WordPress have the same, since hashing
/// without an end was a denial of service (CVE-2013-1443).
pub const MAX_LEN: usize = 4096;

/// A password: exactly the bytes that were given, not normalised, wiped on drop.
#[derive(Debug)]
pub struct Password(SecretBytes);

impl Password {
    /// Takes over the bytes, at most [`MAX_LEN`] of them. They need not be UTF-8, and there may be none.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::TOO_LONG`]) above that.
    pub fn new(bytes: SecretBytes) -> Result<Self> {
        if bytes.len() > MAX_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        Ok(Self(bytes))
    }

    /// Copies the text of a `secrecy` string.
    ///
    /// # Errors
    /// As [`Password::new`].
    pub fn from_text(text: &SecretString) -> Result<Self> {
        Self::new(SecretBytes::from(text))
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn copy(&self) -> Self {
        Self(SecretBytes::copy_of(self.0.expose()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }
}
