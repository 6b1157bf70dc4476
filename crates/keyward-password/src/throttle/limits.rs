//! The knobs of the throttle, and the reason for each default.

use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_store::Window;

const QUARTER: Duration = Duration::from_secs(15 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many failed tries are let through in any span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) from_one: u32,
    pub(super) from_all: u32,
    pub(super) of_prefix: u32,
    pub(super) of_month: u32,
}

impl Limits {
    /// Tries at one account from one prefix in 15 minutes, and from one known device: 10 (the promise
    /// that services make; OWASP's Authentication Cheat Sheet asks for a few).
    #[must_use]
    pub const fn from_one(mut self, most: u32) -> Self {
        self.from_one = most;
        self
    }

    /// Tries at one account from all unknown devices together in 15 minutes: 30, three prefixes' worth,
    /// so that a farm of addresses gains nothing by its number.
    #[must_use]
    pub const fn from_all(mut self, most: u32) -> Self {
        self.from_all = most;
        self
    }

    /// Tries from one prefix at all accounts together in 15 minutes: 100, so that an office behind one
    /// address gets in, and a list of stolen passwords gets nowhere.
    #[must_use]
    pub const fn of_prefix(mut self, most: u32) -> Self {
        self.of_prefix = most;
        self
    }

    /// Tries at one account from all unknown devices together in 30 days, after which they need a
    /// mailed link, and from one known device: 100, the most that NIST SP 800-63B-4, 3.2.2, lets fail
    /// one after the other.
    #[must_use]
    pub const fn of_month(mut self, most: u32) -> Self {
        self.of_month = most;
        self
    }

    /// # Errors
    /// `Misuse` for a limit of none or above 1,024, or of more than 100 in 30 days.
    pub(super) fn check(&self) -> Result<()> {
        if self.of_month > 100 {
            return Err(Error::misuse(
                "at most 100 tries fail at one account in 30 days (NIST SP 800-63B-4, 3.2.2)",
            ));
        }
        let all = [self.from_one, self.from_all, self.of_prefix, self.of_month];
        all.iter().try_for_each(|most| quarter(*most).map(|_| ()))
    }
}

pub(super) fn quarter(most: u32) -> Result<Window> {
    Window::new(most, QUARTER)
}

pub(super) fn month(most: u32) -> Result<Window> {
    Window::new(most, MONTH)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            from_one: 10,
            from_all: 30,
            of_prefix: 100,
            of_month: 100,
        }
    }
}
