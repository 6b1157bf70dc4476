//! A link as it is made: first its code, which the gate takes note of, then the token, which names the
//! slot that the gate has it under.

use std::fmt;
use std::time::Duration;

use keyward_base::{Error, Reason, Result, Tenant, Timestamp};
use keyward_keys::MacHandle;

use super::{Code, LinkToken};
use crate::action::Action;
use crate::gate::GateId;

/// A link that has no slot yet.
pub struct Draft {
    key: MacHandle,
    tenant: Tenant,
    gate: GateId,
    code: Code,
    digest: [u8; 32],
    life: Duration,
}

impl Draft {
    pub(super) const fn new(
        key: MacHandle,
        tenant: Tenant,
        gate: GateId,
        code: Code,
        digest: [u8; 32],
        life: Duration,
    ) -> Self {
        Self {
            key,
            tenant,
            gate,
            code,
            digest,
            life,
        }
    }

    /// What the gate keeps of the code.
    #[must_use]
    pub const fn code_digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The link of that slot, for the action of its gate: until that can be decided no more, and no
    /// longer than a link lives.
    ///
    /// # Errors
    /// `Misuse` for an action of another tenant, `Rejected` ([`Reason::EXPIRED`]) for one that cannot be
    /// decided any more.
    pub fn finish(self, action: &Action, slot: u16, now: Timestamp) -> Result<Letter> {
        if *action.tenant() != self.tenant {
            return Err(Error::misuse(
                "the action is of another tenant than its gate",
            ));
        }
        let life = self
            .key
            .longest_life()
            .map_or(self.life, |most| most.min(self.life));
        let expires = action.decide_by().min(now.saturating_add(life));
        // In whole seconds: one that would end in this very second has ended.
        if expires.as_millis() / 1_000 <= now.as_millis() / 1_000 {
            return Err(Error::rejected(Reason::EXPIRED));
        }
        let link = LinkToken::sign(&self.key, &self.tenant, self.gate, slot, action, expires)?;
        Ok(Letter {
            link,
            code: self.code,
            expires,
        })
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({})", self.gate)
    }
}

/// A link and the code that goes with it, to be brought to one approver.
#[derive(Debug)]
pub struct Letter {
    link: LinkToken,
    code: Code,
    expires: Timestamp,
}

impl Letter {
    /// The link.
    #[must_use]
    pub const fn link(&self) -> &LinkToken {
        &self.link
    }

    /// The code, for the screen of who asks, where it is not in the mail.
    #[must_use]
    pub const fn code(&self) -> &Code {
        &self.code
    }

    /// When the link ends.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}
