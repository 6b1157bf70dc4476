//! A domain and its fields as bytes, for what must have them whole.

use std::fmt;

/// The most bytes an encoded context takes.
pub const MAX_CONTEXT_LEN: usize = 1024;

/// An encoded context: at most [`MAX_CONTEXT_LEN`] bytes, on the stack, and never empty. Made by
/// [`Domain::encode`](crate::Domain::encode) alone. It is not wiped: no field of it may be a secret.
#[derive(Clone)]
pub struct Encoded {
    bytes: [u8; MAX_CONTEXT_LEN],
    len: usize,
}

impl Encoded {
    pub(crate) const fn empty() -> Self {
        Self {
            bytes: [0; MAX_CONTEXT_LEN],
            len: 0,
        }
    }

    /// Appends a piece; false, and nothing is appended, if it does not fit.
    pub(crate) fn push(&mut self, piece: &[u8]) -> bool {
        let end = self.len.saturating_add(piece.len());
        let Some(room) = self.bytes.get_mut(self.len..end) else {
            return false;
        };
        room.copy_from_slice(piece);
        self.len = end;
        true
    }

    /// The encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encoded")
            .field(&self.as_bytes().len())
            .finish()
    }
}
