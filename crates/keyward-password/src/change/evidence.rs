//! What a change while signed in asks for.

use std::time::Duration;

use keyward_base::{Door, Error, Evidence, Method, Result, Subject, Tenant, Timestamp};

use crate::accounts::Found;
use crate::credential::Status;
use crate::reason;

/// How old evidence may be, in milliseconds as they are counted by the clock that it is of.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// What evidence says. It was moved here and is gone.
#[derive(Debug)]
pub(super) struct Shown {
    tenant: Tenant,
    subject: Subject,
    method: Method,
    door: Door,
    at: Timestamp,
}

impl Shown {
    #[allow(clippy::needless_pass_by_value)] // That it is moved is what makes it used once.
    pub(super) fn of(evidence: impl Evidence) -> Self {
        Self {
            tenant: evidence.tenant().clone(),
            subject: evidence.subject().clone(),
            method: evidence.method(),
            door: evidence.door(),
            at: evidence.at(),
        }
    }

    /// Whether it is that of who has the account now.
    ///
    /// # Errors
    /// `Misuse` for evidence of somebody else, of another door or organisation, or of another method
    /// than a password; `Rejected` ([`STALE`](reason::STALE)) if it is older than five minutes, not
    /// after the last change, or of a moment that has not come; `Rejected` if the account is not
    /// active.
    pub(super) fn check(&self, found: &Found, now: Timestamp) -> Result<()> {
        let is_his = self.door == found.account.door
            && self.tenant == found.entry.organisation
            && self.subject == found.entry.subject;
        if !is_his {
            return Err(Error::misuse("the evidence is of somebody else"));
        }
        if self.method != Method::PASSWORD {
            return Err(Error::misuse(
                "a change asks for the password once more: give the evidence of a log-in",
            ));
        }
        let credential = &found.loaded.credential;
        let is_fresh = self.at <= now
            && now.saturating_since(self.at) <= FRESH
            && self.at > credential.changed();
        if !is_fresh {
            return Err(Error::rejected(reason::STALE));
        }
        match credential.is() {
            Status::Active => Ok(()),
            Status::Changing => Err(Error::rejected(reason::CHANGING)),
            Status::Disabled => Err(Error::rejected(reason::DISABLED)),
        }
    }
}
