//! What a sealed value is bound to. Never stored; made anew from the record's own identity each
//! time, so that a value moved elsewhere does not open.

use crate::domain::Domain;
use crate::encoded::Encoded;
use crate::error::Result;
use crate::id::{CredentialKind, Place, Purpose, RecordId, Revision, Role, Tenant};

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

/// The fields of a sealed value's context: its header, then those of [`Context`].
type ValueFields<'a> = (
    &'a [u8],
    &'a Purpose,
    &'a Tenant,
    &'a Role,
    &'a Place,
    &'a RecordId,
    &'a CredentialKind,
    Option<&'a [u8; 32]>,
    Revision,
);

impl Context<'_> {
    /// The encoding of this context for a value whose header is `header` (suite, key id, hint).
    ///
    /// # Errors
    /// `Misuse` beyond [`MAX_CONTEXT_LEN`](crate::encoded::MAX_CONTEXT_LEN) bytes, which no header of a sealed value causes.
    pub fn encode(&self, domain: &'static str, header: &[u8]) -> Result<Encoded> {
        Domain::<ValueFields<'_>>::new(domain).encode(&(
            header,
            self.purpose,
            self.tenant,
            self.role,
            self.place,
            self.record,
            self.kind,
            self.metadata,
            self.revision,
        ))
    }
}
