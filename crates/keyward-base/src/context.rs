//! What a sealed value is bound to. Never stored; made anew from the record's own identity each
//! time, so that a value moved elsewhere does not open.

use crate::id::{CredentialKind, Place, Purpose, RecordId, Revision, Role, Tenant};

/// The most bytes an encoded context takes.
pub const MAX_CONTEXT_LEN: usize = 1024;

/// Everything a stored value is bound to, apart from its own header.
///
/// Fields are public and there is no `Default`: a context that forgets one does not compile.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // A new field must break every caller.
pub struct Context<'a> {
    /// What the value is for.
    pub purpose: &'a Purpose,
    /// Whom it belongs to.
    pub tenant: &'a Tenant,
    /// The role it opens for.
    pub role: &'a Role,
    /// The column it lies in.
    pub place: &'a Place,
    /// The record it lies in.
    pub record: &'a RecordId,
    /// What sort of value it is.
    pub kind: &'a CredentialKind,
    /// SHA-256 of the public metadata kept beside it; `None` if there is none.
    pub metadata: Option<&'a [u8; 32]>,
    /// How often it was put.
    pub revision: Revision,
}

/// An encoded context: at most [`MAX_CONTEXT_LEN`] bytes, on the stack. It holds no secret.
#[derive(Clone)]
pub struct Encoded {
    bytes: [u8; MAX_CONTEXT_LEN],
    len: usize,
}

impl Encoded {
    /// Starts an encoding of `domain`, which tells one use of a key from another.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let mut out = Self {
            bytes: [0; MAX_CONTEXT_LEN],
            len: 0,
        };
        out.push(domain.as_bytes());
        out
    }

    /// Appends one field: its length as one byte, then its bytes. Injective, because every field
    /// is length-prefixed and each domain has a fixed number of them.
    ///
    /// All fields of keyward are shorter than 256 bytes by their types; of a longer one the
    /// length is written as 255 and followed by eight bytes of the true length, so that nothing
    /// is ever cut in silence. What does not fit the buffer at all saturates it, and
    /// [`Encoded::as_bytes`] is then empty, which no key opens or seals.
    pub fn push(&mut self, field: &[u8]) {
        match u8::try_from(field.len()) {
            Ok(len) if len < u8::MAX => self.raw(&[len]),
            _ => {
                self.raw(&[u8::MAX]);
                let len = u64::try_from(field.len()).unwrap_or(u64::MAX);
                self.raw(&len.to_be_bytes());
            }
        }
        self.raw(field);
    }

    fn raw(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.bytes.get_mut(self.len..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.len = usize::MAX,
        }
    }

    /// The encoding; empty if the fields did not fit.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Encoded")
            .field(&self.as_bytes().len())
            .finish()
    }
}

impl Context<'_> {
    /// The encoding of this context for a value whose header is `header` (suite, key id, hint).
    #[must_use]
    pub fn encode(&self, domain: &str, header: &[u8]) -> Encoded {
        let mut out = Encoded::new(domain);
        out.push(header);
        out.push(self.purpose.as_str().as_bytes());
        out.push(self.tenant.as_str().as_bytes());
        out.push(self.role.as_str().as_bytes());
        out.push(self.place.as_str().as_bytes());
        out.push(self.record.as_str().as_bytes());
        out.push(self.kind.as_str().as_bytes());
        out.push(self.metadata.map_or(&[], |digest| digest.as_slice()));
        out.push(&self.revision.number().to_be_bytes());
        out
    }
}
