//! The text by which the values and records of a key are found and counted.

use crate::encoding::base64url;
use crate::id::{KeyId, Suite};

/// What a sealed value's text begins with.
pub const SEALED_PREFIX: &str = "kw1.";

/// Length in bytes of [`sealed_prefix`]: `kw1.` and 12 characters of base64url.
pub const SEALED_KEY_PREFIX_LEN: usize = 16;

/// The first 16 bytes of every value sealed under `key`: `suite | key_id` is 9 bytes, so exactly
/// 12 characters of base64url. Rows of a key are counted by comparing these bytes, never `LIKE`.
#[must_use]
pub fn sealed_prefix(suite: Suite, key: KeyId) -> String {
    let mut header = [0; 9];
    let [first, rest @ ..] = &mut header;
    *first = suite.to_byte();
    rest.copy_from_slice(&key.to_bytes());
    format!("{SEALED_PREFIX}{}", base64url(&header))
}

/// The tag of a key that seals nothing, such as one that MACs records or tokens: written as
/// [`sealed_prefix`] is, with 0 in place of a suite, so that it is counted alike and no sealed
/// value begins with it.
#[must_use]
pub fn key_tag(key: KeyId) -> String {
    let mut header = [0; 9];
    let [_, rest @ ..] = &mut header;
    rest.copy_from_slice(&key.to_bytes());
    format!("{SEALED_PREFIX}{}", base64url(&header))
}
