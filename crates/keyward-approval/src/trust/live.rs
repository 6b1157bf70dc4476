//! The file of trust as it is whenever something is decided by it.

use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::{Clock, Error, ErrorKind, Reason, Result};

use super::{CastVote, Facts, Trust, TrustFile};
use crate::executor::Trusting;
use crate::gate::{Decision, Passkeys, Questioned};
use crate::passkey::PasskeyVote;
use crate::reason::RULE;

/// The file, read anew each time it is asked: for the gates of a service, which take a vote only if
/// it is good, and for the executor, which goes by nothing else. Each has its own, with its own
/// anchor. What stands in it is parsed once, until it is another: votes are counted by the dozen.
#[derive(Clone, Debug)]
pub struct LiveTrust {
    file: TrustFile,
    clock: Arc<dyn Clock>,
    held: Arc<Mutex<Option<Arc<Trust>>>>,
}

impl LiveTrust {
    /// Of that file; how long a delegation lasts is told by the clock.
    #[must_use]
    pub fn new(file: TrustFile, clock: Arc<dyn Clock>) -> Self {
        Self {
            file,
            clock,
            held: Arc::default(),
        }
    }

    fn now(&self) -> Result<Arc<Trust>> {
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held().clone();
        let trust = self.file.load_beside(before)?;
        *held() = Some(Arc::clone(&trust));
        Ok(trust)
    }
}

impl Trusting for LiveTrust {
    fn trust(&self) -> Result<Arc<Trust>> {
        self.now()
    }
}

impl Passkeys for LiveTrust {
    /// # Errors
    /// As [`TrustFile::load`] and [`Trust::recheck`] of one vote; `Rejected` ([`RULE`]) if the service
    /// has another rule of that name than the file; ([`Reason::MALFORMED`]) for bytes that are no
    /// [`PasskeyVote`].
    fn check(&self, asked: &Questioned<'_>, proof: &[u8]) -> Result<()> {
        let (trust, now) = (self.now()?, self.clock.now()?);
        let name = asked.rule.name();
        let rule = trust.policy().rule(name.as_str());
        let Some(rule) = rule.filter(|rule| *rule == asked.rule) else {
            return Err(Error::rejected(RULE));
        };
        let proved = PasskeyVote::from_bytes(proof).map_err(|e| match e.kind() {
            ErrorKind::Corrupt => Error::rejected(Reason::MALFORMED),
            _ => e,
        })?;
        let facts = Facts {
            gate: asked.gate,
            action: asked.action,
            rule: Some(name),
            scope: asked.scope,
        };
        let vote = CastVote {
            approver: asked.approver,
            lent_by: asked.lent_by,
            approves: asked.decision == Decision::Approve,
            proof,
        };
        trust.check(&facts, rule, &vote, &proved, now)
    }
}
