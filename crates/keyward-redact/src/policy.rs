//! The limits, each with its reason.

/// Values shorter than this many bytes are not masked unless it is asked for: they would be found
/// in words that are no secret.
pub const LEAST_LEN: usize = 8;

/// The limits of a redactor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The most bytes that needles take. Beyond it the secret that was longest not opened goes.
    /// Default: 64 MiB.
    pub budget: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            budget: 64 * 1024 * 1024,
        }
    }
}
