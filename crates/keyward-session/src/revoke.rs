//! Which sessions end at once.

use keyward_base::{SessionsEnded, Subject, Tenant, Timestamp};

use crate::epoch::Scope;
use crate::kind::Kind;

/// Which sessions to end: those of a user, of a tenant, or all; of every kind or of one; all there
/// are, or those that began before a time. It costs one write, however many there are.
#[derive(Clone, Debug)]
#[must_use = "it ends nothing by itself"]
pub struct Revoke {
    pub(crate) scope: Scope,
    pub(crate) kind: Option<Kind>,
    pub(crate) before: Option<Timestamp>,
}

impl Revoke {
    const fn of(scope: Scope) -> Self {
        Self {
            scope,
            kind: None,
            before: None,
        }
    }

    /// Those of one subject of a tenant, those of staff who act for him too.
    pub const fn user(tenant: Tenant, subject: Subject) -> Self {
        Self::of(Scope::User(tenant, subject))
    }

    /// Those of all subjects of a tenant.
    pub const fn tenant(tenant: Tenant) -> Self {
        Self::of(Scope::Tenant(tenant))
    }

    /// All of one kind.
    pub const fn all_of(kind: Kind) -> Self {
        Self {
            scope: Scope::All,
            kind: Some(kind),
            before: None,
        }
    }

    /// All there are.
    pub const fn everything() -> Self {
        Self::of(Scope::All)
    }

    /// Of these, only those of one kind.
    pub const fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Of these, only those that began before `time`, which is not ahead. It goes by the clocks of
    /// the processes that started them; without it all end, whatever their clocks said.
    pub const fn before(mut self, time: Timestamp) -> Self {
        self.before = Some(time);
        self
    }
}

/// Proof that every session of a subject that began before it was made has ended. A change of a
/// password takes it.
#[derive(Debug)]
#[must_use = "what waits for the end of the sessions takes it"]
pub struct Ended {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) at: Timestamp,
}

impl SessionsEnded for Ended {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}
