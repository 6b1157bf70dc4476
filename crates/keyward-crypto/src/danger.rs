//! Hazards. Nothing here belongs into a service.

use keyward_base::{Result, SecretBytes};

use crate::body::BodyKey;
use crate::provider::{Provider, Random};

/// A provider whose randomness is `random`: for test vectors and fuzzing. Two values sealed under
/// the same key with the same salt and context give away the XOR of their plaintexts.
#[must_use]
pub const fn with_random(provider: Provider, random: &'static dyn Random) -> Provider {
    provider.with_random(random)
}

/// Seals a body that is bound to nothing but its key: for the published vectors, some of which
/// have an empty context. A value sealed so opens wherever it is moved.
///
/// # Errors
/// As [`BodyKey::seal`].
pub fn seal_without_context(key: &BodyKey, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
    key.seal_any(&[], plaintext, out)
}

/// Opens a body that is bound to nothing but its key.
///
/// # Errors
/// As [`BodyKey::open`].
pub fn open_without_context(key: &BodyKey, body: &[u8]) -> Result<SecretBytes> {
    key.open_copy(&[], body)
}
