//! How long the forms of a value are.

/// Characters of base64url behind `kw1.` that hold suite and key id.
pub(crate) const HEAD: usize = 12;

/// The length of the shortest value: `kw1.` and 110 characters of base64url for the 82 bytes of
/// suite, key id, no hint, salt, commitment and one tag. Every form is at least as long.
pub(crate) const LEAST: usize = 4 + 110;

/// No form of the 16 bytes that tell is longer than this: 16 characters of up to 36 bytes,
/// which is `u006b` behind 31 backslashes.
pub(crate) const REACH: usize = 640;
