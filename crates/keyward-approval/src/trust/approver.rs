//! Who may approve, and how they show who they are.

use keyward_base::{Role, Subject, Tenant};

use crate::passkey::Passkey;

/// Somebody who may approve. One person is one of them, however many passkeys he has; that two of
/// them are one person is not seen.
#[derive(Clone, Debug)]
pub struct Approver {
    pub(super) tenant: Tenant,
    pub(super) subject: Subject,
    pub(super) roles: Vec<Role>,
    pub(super) may_change: bool,
    pub(super) passkeys: Vec<Passkey>,
}

impl Approver {
    /// Of whose actions.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Who.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The roles by which rules name him. Where a passkey is needed, no other roles count.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Whether he is one of those whose votes change the file.
    #[must_use]
    pub const fn may_change(&self) -> bool {
        self.may_change
    }

    /// His passkeys: 0 to 16.
    #[must_use]
    pub fn passkeys(&self) -> &[Passkey] {
        &self.passkeys
    }

    /// The passkey of that id.
    #[must_use]
    pub fn passkey(&self, id: &[u8]) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.id() == id)
    }
}
