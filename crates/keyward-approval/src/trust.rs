//! What the service itself cannot change: the file that an executor goes by, outside the database.
//!
//! It says what needs an approval and by which rule, who may approve it and with which passkeys, how
//! many of them, and at which origin and RP ID they do. An executor reads it before it runs
//! anything, decides by it alone whether passkeys are needed, and checks every vote anew
//! ([`Trust::recheck`]): whatever a row of the database, or a key of the keyring, says.
//!
//! The file belongs to the operator. Its version only rises, which an [anchor] remembers. Somebody
//! joins, leaves or gets another key, and a rule changes, when the operator edits it, or when those
//! of the old file who may change it have voted on the SHA-256 of the new one
//! ([`Trust::accept`]); never by a row. `docs/formats/trust.md` specifies it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`approver`] | who may approve: roles and passkeys |
//! | [`mod@file`] | the file on disk, its permissions and its anchor |
//! | [`change`] | a new file by the votes of the old one |
//! | [`live`] | the file as gates and executors ask it |
//! | [`recheck`] | every vote of a gate, checked anew |
//!
//! [anchor]: keyward_keys::anchor

pub mod approver;
pub mod change;
mod export;
pub mod file;
mod format;
pub mod live;
pub mod recheck;

use std::collections::BTreeMap;
use std::fmt;

use keyward_base::encoding::hex;
use keyward_base::{Result, Subject, Tenant};
use keyward_crypto::Provider;

use crate::passkey::{Party, Passkey};
use crate::policy::Policy;
use crate::word::ServiceName;

pub use approver::Approver;
pub use change::{ChangeVote, Succession};
pub use file::TrustFile;
pub use format::MAX_LEN;
pub use live::LiveTrust;
pub(crate) use recheck::is_of_class;
pub use recheck::{Basis, CastVote, Facts, Rechecked};

/// What the file says, whole and consistent.
#[derive(Clone)]
pub struct Trust {
    provider: Provider,
    text: Box<str>,
    digest: [u8; 32],
    version: u64,
    service: ServiceName,
    party: Party,
    policy: Policy,
    change_quorum: Option<u8>,
    approvers: BTreeMap<(Tenant, Subject), Approver>,
}

impl Trust {
    /// Reads the text of a file. What it does not know it refuses.
    ///
    /// # Errors
    /// `Misuse` for anything that `docs/formats/trust.md` does not allow, saying which part is wrong.
    pub fn parse(provider: &Provider, text: &str) -> Result<Self> {
        format::parse(provider, text)
    }

    /// The text that it was read from.
    #[must_use]
    pub const fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, as `sha256sum` has it.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Which version: each has a greater one than those before.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The service that it is of.
    #[must_use]
    pub const fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Where approvals are made.
    #[must_use]
    pub const fn party(&self) -> &Party {
        &self.party
    }

    /// What needs an approval, and by which rule.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Somebody of a tenant, if he may approve anything.
    #[must_use]
    pub fn approver(&self, tenant: &Tenant, subject: &Subject) -> Option<&Approver> {
        self.approvers.get(&(tenant.clone(), subject.clone()))
    }

    /// The passkeys of somebody: none of whoever is not named.
    #[must_use]
    pub fn passkeys(&self, tenant: &Tenant, subject: &Subject) -> &[Passkey] {
        let approver = self.approver(tenant, subject);
        approver.map_or(&[], Approver::passkeys)
    }

    /// All who are named, in the order of tenant and subject.
    pub fn approvers(&self) -> impl Iterator<Item = &Approver> {
        self.approvers.values()
    }

    /// How many of those who may change it a new file needs; none: it is changed by hand only.
    #[must_use]
    pub const fn change_quorum(&self) -> Option<u8> {
        self.change_quorum
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, version, digest) = (&self.service, self.version, hex(&self.digest));
        write!(f, "Trust({service}, version {version}, {digest})")
    }
}
