//! What a hurried person should not find first.

use crate::{Subject, Tenant};

/// Somebody who acts without having signed in: whoever runs the command line, beside the service's own
/// files and keys. Nothing proves who he is but what the operating system says, and no role bounds what
/// he does; the record says of each act that it was an operator's.
///
/// A page or an API never makes one: there a person acts, by his own session.
#[derive(Clone, Debug)]
#[must_use = "it does nothing by itself"]
pub struct Operator {
    tenant: Tenant,
    subject: Subject,
}

impl Operator {
    /// `subject` is who the record names, and `tenant` is whose it is that he acts on. Take the system's
    /// name of him, such as `uid:1000`, and never that of a user of the service: the record would say
    /// that somebody did what another did.
    pub const fn of(tenant: Tenant, subject: Subject) -> Self {
        Self { tenant, subject }
    }

    /// Whose it is that he acts on.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Who the record names.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}
