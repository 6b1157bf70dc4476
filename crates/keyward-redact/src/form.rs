//! The forms in which a value may be written: the rows of `docs/formats/redact.md`.

use keyward_base::SecretBytes;

/// One form of one value: the bytes to look for.
pub(crate) struct Form {
    /// What is looked for.
    pub(crate) bytes: SecretBytes,
    /// Whether one line ending (CR, LF or CRLF) after any byte but the last is skipped.
    pub(crate) wrapped: bool,
}

/// Every form of `part`, without repetition.
pub(crate) fn forms(part: &[u8]) -> Vec<Form> {
    vec![Form {
        bytes: SecretBytes::copy_of(part),
        wrapped: false,
    }]
}
