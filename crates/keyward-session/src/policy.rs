//! How long sessions live, with the reason for each number.

use std::time::Duration;

use keyward_base::{Error, Result};

use crate::kind::Kind;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The oldest that evidence may be when a session is started from it: five minutes. It takes the time
/// of a form, not of a coffee; whoever comes later shows again who he is.
pub const EVIDENCE_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// How far a clock may be behind the one that wrote a row, or gathered evidence, before neither is
/// believed: one minute, as is usual between hosts that keep their clocks (RFC 7519, section 4.1.4,
/// speaks of "no more than a few minutes").
pub const MAX_SKEW: Duration = MINUTE;

/// A session is renewed once this part of its idle window went by, so that most checks write nothing:
/// a window of 7 days is written at most every 12 hours, and a session that was used ends after
/// between 6.5 and 7 days without a use.
pub const RENEWALS_PER_WINDOW: u32 = 14;

/// The longest that a session may live by any policy: 400 days, the longest that browsers keep a
/// cookie (RFC 6265bis).
pub const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How long sessions of each kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    user: Lifetime,
    unremembered: Duration,
    admin: Duration,
    pending: Duration,
    staff: Duration,
}

/// How long a session lives: unused, and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// How long without use; none: it does not slide.
    pub(crate) idle: Option<Duration>,
    pub(crate) absolute: Duration,
}

impl Default for Policy {
    /// - a user's: 7 days unused, as services promise, and 90 at most. NIST SP 800-63B-4, section
    ///   2.1.3, says that it should be 30 at AAL1; `docs/defaults.md` says why it is more here;
    /// - a user's who is not to be remembered: 24 hours unused, and a cookie that goes with the
    ///   browser;
    /// - an administrator's: 24 hours, used or not (NIST SP 800-63B-4, section 2.2.3: the overall
    ///   timeout at AAL2);
    /// - one that waits for the second factor: 10 minutes, the longest that OWASP ASVS 5.0, 6.5.5,
    ///   gives an out-of-band request;
    /// - one of staff who act for a user: one hour.
    fn default() -> Self {
        Self {
            user: Lifetime {
                idle: Some(DAY.saturating_mul(7)),
                absolute: DAY.saturating_mul(90),
            },
            unremembered: DAY,
            admin: DAY,
            pending: MINUTE.saturating_mul(10),
            staff: HOUR,
        }
    }
}

impl Policy {
    /// Users' sessions: how long unused, and how long at most. The first is not longer than the
    /// second, which is 400 days at most, and not beyond what the ring's purpose allows.
    ///
    /// # Errors
    /// `Misuse` for a time of less than a minute, or longer than that.
    pub fn user(mut self, idle: Duration, absolute: Duration) -> Result<Self> {
        within(idle, absolute)?;
        within(absolute, LONGEST)?;
        self.user = Lifetime {
            idle: Some(idle),
            absolute,
        };
        self.unremembered = self.unremembered.min(idle);
        Ok(self)
    }

    /// How long a user's session lives unused whose browser is not to remember it.
    ///
    /// # Errors
    /// `Misuse` for less than a minute, or more than for one that is remembered.
    pub fn unremembered(mut self, idle: Duration) -> Result<Self> {
        within(idle, self.user.idle.unwrap_or(self.user.absolute))?;
        self.unremembered = idle;
        Ok(self)
    }

    /// How long an administrator's session lives: at most 24 hours.
    ///
    /// # Errors
    /// `Misuse` for less than a minute, or more than that.
    pub fn admin(mut self, absolute: Duration) -> Result<Self> {
        within(absolute, DAY)?;
        self.admin = absolute;
        Ok(self)
    }

    /// How long the second factor is waited for: at most 10 minutes.
    ///
    /// # Errors
    /// `Misuse` for less than a minute, or more than that.
    pub fn pending(mut self, absolute: Duration) -> Result<Self> {
        within(absolute, MINUTE.saturating_mul(10))?;
        self.pending = absolute;
        Ok(self)
    }

    /// How long staff may act for a user: at most one hour.
    ///
    /// # Errors
    /// `Misuse` for less than a minute, or more than that.
    pub fn staff(mut self, absolute: Duration) -> Result<Self> {
        within(absolute, HOUR)?;
        self.staff = absolute;
        Ok(self)
    }

    /// The longest that any session lives.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.user.absolute.max(self.admin)
    }

    pub(crate) fn lifetime(&self, kind: Kind, remember: bool) -> Lifetime {
        let fixed = |absolute| Lifetime {
            idle: None,
            absolute,
        };
        match kind {
            Kind::User if remember => self.user,
            Kind::User => Lifetime {
                idle: Some(self.unremembered),
                ..self.user
            },
            Kind::Admin => fixed(self.admin),
            Kind::Pending => fixed(self.pending),
            Kind::Staff => fixed(self.staff),
        }
    }
}

fn within(time: Duration, most: Duration) -> Result<()> {
    if time >= MINUTE && time <= most {
        return Ok(());
    }
    Err(Error::misuse(format!(
        "this time of a session is at least a minute and at most {} minutes",
        most.as_secs() / 60
    )))
}
