//! What a hurried person should not find first.

use keyward_base::{Result, SecretBytes, Timestamp};

use crate::scheme::Text;
use crate::secret::Secrets;

/// Adds a secret that has less than 16 bytes, as [`Secrets::add`] otherwise: whoever saw one
/// request can try all of them at home, and then sign what he likes. For checking captures of
/// others, and nothing that is acted on.
///
/// # Errors
/// As [`Secrets::add`]. An empty secret stays refused.
pub fn add_weak(
    secrets: &mut Secrets,
    id: impl Into<Text>,
    until: Option<Timestamp>,
    secret: &SecretBytes,
) -> Result<()> {
    secrets.insert(id.into(), until, secret, 1)
}

/// [`Secrets::add_key`] with a key of less than 16 bytes. See [`add_weak`].
///
/// # Errors
/// As [`Secrets::add_key`]. An empty key stays refused.
pub fn add_weak_key(
    secrets: &mut Secrets,
    id: impl Into<Text>,
    until: Option<Timestamp>,
    key: &SecretBytes,
) -> Result<()> {
    secrets.keep(id.into(), until, key, (key.len(), 1))
}
