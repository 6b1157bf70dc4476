//! What is told of every secret value as it is opened.
//!
//! Whoever masks secrets must know them before anybody can print them. So a vault, a column or a
//! detached value calls its [`OpenObserver`] after decrypting and before the caller has the value.

use std::fmt;

use crate::error::Result;
use crate::id::{Place, RecordId, Revision, Tenant};

/// A secret value that is about to be handed out.
#[derive(Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // A new field must break every caller.
pub struct OpenedSecret<'a> {
    /// Which collection it lies in: the first bytes of a digest over store, collection and
    /// purpose. Only to tell two vaults of one process apart.
    pub collection: [u8; 8],
    /// The tenant it belongs to.
    pub tenant: &'a Tenant,
    /// The place it lies in.
    pub place: &'a Place,
    /// The id of its record.
    pub record: &'a RecordId,
    /// Which state of the record it is.
    pub revision: Revision,
    /// Which part of the credential, if it has more than one: the name of a variable of an
    /// environment, or `access_token`, `refresh_token`, `id_token` of a token response.
    pub part: Option<&'a str>,
    /// The value itself.
    pub value: &'a [u8],
}

impl fmt::Debug for OpenedSecret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedSecret")
            .field("tenant", self.tenant)
            .field("place", self.place)
            .field("record", self.record)
            .field("revision", &self.revision)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// Is told of every secret value after it was decrypted and before its caller has it.
///
/// Called again at every opening, once for each part of a credential: to know a value that was
/// opened before must cost little.
pub trait OpenObserver: fmt::Debug + Send + Sync {
    /// `secret` is about to be handed out.
    ///
    /// # Errors
    /// Whatever keeps the observer from knowing the value. The value is then not handed out.
    fn opened(&self, secret: &OpenedSecret<'_>) -> Result<()>;

    /// Whether every part is known of the credential `whole`, which has parts and is given without:
    /// if so, they are not told this time. Asked before the credential is taken apart, which takes
    /// longer than to know it again.
    fn knows_parts(&self, whole: &OpenedSecret<'_>) -> bool {
        let _ = whole;
        false
    }

    /// The credential `whole` is about to be handed out, whose secrets are `parts`: each as
    /// [`OpenObserver::opened`] is told of it.
    ///
    /// # Errors
    /// As [`OpenObserver::opened`].
    fn opened_parts(&self, whole: &OpenedSecret<'_>, parts: &[OpenedSecret<'_>]) -> Result<()> {
        let _ = whole;
        parts.iter().try_for_each(|part| self.opened(part))
    }
}
