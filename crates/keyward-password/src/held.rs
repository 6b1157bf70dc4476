//! Bytes of a recipe that may be secret.

use std::ops::{Deref, DerefMut};

use keyward_base::SecretBytes;
use keyward_crypto::equal;

/// Bytes of a recipe that may be of a context. Two recipes are compared, so these are too: in constant
/// time.
pub(crate) struct Held(SecretBytes);

impl From<SecretBytes> for Held {
    fn from(bytes: SecretBytes) -> Self {
        Self(bytes)
    }
}

impl Deref for Held {
    type Target = SecretBytes;

    fn deref(&self) -> &SecretBytes {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut SecretBytes {
        &mut self.0
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        equal(self.expose(), other.expose())
    }
}
