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

/// Seals a body under a context of any bytes, or of none: for the published vectors and fuzzing. A
/// value sealed so opens wherever somebody makes the same bytes.
///
/// # Errors
/// As [`BodyKey::seal`].
pub fn seal_under_bytes(
    key: &BodyKey,
    context: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    key.seal_under(context, plaintext, out)
}

/// Opens a body that was sealed under a context of any bytes.
///
/// # Errors
/// As [`BodyKey::open`].
pub fn open_under_bytes(key: &BodyKey, context: &[u8], body: &[u8]) -> Result<SecretBytes> {
    key.open_under(context, body)
}
