//! What comes of a log-in.

use keyward_base::{Door, Evidence, Method, Revision, Subject, Tenant, Timestamp};

use crate::device::DeviceToken;
use crate::throttle::Blocked;
use crate::upgrade::Upgrade;
use crate::verified::Account;

/// What came of a try. Outward it is one of two answers: that the password is wrong, or that it is too
/// soon (429).
#[derive(Debug)]
#[must_use = "a try that was not looked at lets everybody in"]
#[allow(clippy::exhaustive_enums)] // There is no fourth.
pub enum Tried {
    /// Too many failed before it. Nothing was hashed or counted; and nothing was looked up, unless the
    /// token of a device was shown that a change of the account has voided.
    Blocked(Blocked),
    /// It is he.
    In(Box<LoggedIn>),
    /// It is not, or there is nobody, or he may not: the same to whoever asks.
    Refused,
}

/// Somebody logged in with his password. Made by [`LogIn::check`](crate::LogIn::check) alone; moved to
/// what starts a session.
#[derive(Debug)]
#[must_use = "what it proves is used by whoever it is moved to"]
pub struct LoggedIn {
    pub(super) account: Account,
    pub(super) organisation: Tenant,
    pub(super) revision: Revision,
    pub(super) at: Timestamp,
    pub(super) is_factor_due: bool,
    pub(super) is_new_device: bool,
    pub(super) device: DeviceToken,
    pub(super) upgrade: Upgrade,
}

impl LoggedIn {
    /// The account in its realm, which is not what the evidence names as tenant.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The revision of the credential that the password was checked against.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether no token of this account was shown: its owner is told of a new device.
    #[must_use]
    pub const fn is_new_device(&self) -> bool {
        self.is_new_device
    }

    /// What the device shows at the next log-in, for a cookie of its own.
    #[must_use]
    pub const fn device(&self) -> &DeviceToken {
        &self.device
    }

    /// What became of the stored hash.
    #[must_use]
    pub const fn upgrade(&self) -> &Upgrade {
        &self.upgrade
    }
}

/// The tenant is the organisation whose data he works with, as the directory says.
impl Evidence for LoggedIn {
    fn tenant(&self) -> &Tenant {
        &self.organisation
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
