//! Whether a password is among those that were breached.

mod file;
mod range;

use std::fmt;

use keyward_base::{BoxFuture, Result, SecretBytes};
use keyward_crypto::slow::digest::{Digest, digest};

use crate::password::Password;
pub use file::{BreachFile, Building};
pub use range::{MAX_RESPONSE, RangeApi, RangeClient, RangeRequest};

/// Somebody who knows which passwords were breached.
pub trait BreachCheck: fmt::Debug + Send + Sync {
    /// Whether it is among them.
    ///
    /// # Errors
    /// `Unavailable` if it could not be found out.
    fn is_breached<'a>(&'a self, password: &'a Fingerprint) -> BoxFuture<'a, Result<bool>>;
}

/// The SHA-1 of a password, which is how breached ones are listed. It is as secret as the password.
pub struct Fingerprint(SecretBytes);

/// Bytes of a SHA-1.
const LEN: usize = 20;

impl Fingerprint {
    /// Of these bytes.
    #[must_use]
    pub fn of(password: &Password) -> Self {
        Self(digest(Digest::Sha1, &[password.bytes()]))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}
