//! An opened credential.

use std::fmt;

use keyward_base::{Revision, SecretBytes};

use crate::credential::Credential;

/// An opened credential, wiped on drop. Only the vault makes one.
#[must_use = "it was opened, and recorded as opened, to be used"]
pub struct Opened {
    credential: Credential,
    revision: Revision,
}

impl Opened {
    pub(super) const fn new(credential: Credential, revision: Revision) -> Self {
        Self {
            credential,
            revision,
        }
    }

    /// The bytes, as they were put.
    #[must_use]
    pub const fn bytes(&self) -> &SecretBytes {
        self.credential.bytes()
    }

    /// The credential, with its typed views.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Which state of the slot it is, for [`Expect::Revision`](crate::Expect::Revision).
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Opened({:?}, revision {})",
            self.credential,
            self.revision.number()
        )
    }
}
