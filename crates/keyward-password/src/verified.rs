//! A password that was right, as a value.

use keyward_base::{Door, Evidence, Method, Subject, Tenant, Timestamp};

/// Whose password is checked, and where: as the application's own rows say it, never as a form does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // One that is left out must not compile.
pub struct Account {
    /// The application's way in.
    pub door: Door,
    /// Whom the account belongs to.
    pub tenant: Tenant,
    /// Whose it is.
    pub subject: Subject,
}

/// Where an account is, known before anybody is looked up: the door, and the tenant, which the
/// application takes from the subdomain, say; one with a single set of users has a name of its own for
/// it. What is stored of one realm is worth nothing in another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // One that is left out must not compile.
pub struct Realm {
    /// The application's way in.
    pub door: Door,
    /// Whom its accounts belong to.
    pub tenant: Tenant,
}

impl Realm {
    /// The account of `subject` in it.
    #[must_use]
    pub fn account(&self, subject: Subject) -> Account {
        Account {
            door: self.door,
            tenant: self.tenant.clone(),
            subject,
        }
    }
}

impl Account {
    /// The realm that it is in.
    #[must_use]
    pub fn realm(&self) -> Realm {
        Realm {
            door: self.door,
            tenant: self.tenant.clone(),
        }
    }
}

/// A password of this account was verified. Made by [`Passwords::verify`](crate::Passwords::verify)
/// alone; moved to what needs it, such as a session.
#[derive(Debug)]
#[must_use = "what it proves is used by whoever it is moved to"]
pub struct VerifiedPassword {
    account: Account,
    at: Timestamp,
    is_factor_due: bool,
}

impl VerifiedPassword {
    pub(crate) const fn new(account: Account, at: Timestamp, is_factor_due: bool) -> Self {
        Self {
            account,
            at,
            is_factor_due,
        }
    }
}

impl Evidence for VerifiedPassword {
    fn tenant(&self) -> &Tenant {
        &self.account.tenant
    }

    fn subject(&self) -> &Subject {
        &self.account.subject
    }

    fn method(&self) -> Method {
        Method::PASSWORD
    }

    fn door(&self) -> Door {
        self.account.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        self.is_factor_due
    }
}
