//! What the anchor has of a gate: the claim of it, until its run-by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_base::encoding::hex;
use keyward_base::{Domain, Error, ErrorKind, Result, Timestamp};
use keyward_keys::{Advance, Pin, PinName};

use super::{Executor, MAX_TRIES};
use crate::gate::row::{Claim, Row};
use crate::gate::{GateId, contended};
use crate::reason;

/// A claim: gate, fence, action and nonce.
const CLAIM: Domain<(GateId, u64, [u8; 32], [u8; 16])> = Domain::new("keyward/v1/approval-claim");

/// A use of a class: the class's gate, the how manieth it is, the use's gate.
const USE: Domain<(GateId, u64, GateId)> = Domain::new("keyward/v1/approval-class-use");

/// An executor, and how far its anchor has forgotten.
const MARK: Domain<(&str, u64)> = Domain::new("keyward/v1/approval-executor");

/// How long after its run-by a pin goes: clocks differ.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How the anchor stands to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchored {
    /// It has no claim of this gate, and the record has none.
    Clear,
    /// It has the claim that the record has.
    Same,
    /// It has a claim that the record does not have, or none where that has one.
    Other,
}

impl Executor {
    /// The mark of this executor is there, so that a pin can go.
    pub(super) fn begin_anchor(&self) -> Result<()> {
        let name = self.mark_name()?;
        if self.0.anchor.load(&name)?.is_none() {
            let first = self.mark(Timestamp::from_millis(1))?;
            let _another_may_be_faster = self.0.anchor.advance(&name, &first)?;
        }
        Ok(())
    }

    fn mark_name(&self) -> Result<PinName> {
        PinName::new(&format!("executor/{}", self.0.name))
    }

    fn mark(&self, at: Timestamp) -> Result<Pin> {
        let provider = self.0.gates.0.keyring.provider();
        let digest = |at: u64| {
            let encoded = MARK.encode(&(self.0.name.as_str(), at))?;
            Ok::<_, Error>(provider.sha256(&[encoded.as_bytes()]))
        };
        let id = digest(0)?;
        Ok(Pin {
            id: *id.first_chunk().unwrap_or(&[0; 16]),
            counter: at.as_millis(),
            digest: digest(at.as_millis())?,
        })
    }

    /// Refuses to claim by a clock that is behind what was forgotten: a gate whose pin is gone would
    /// seem never to have run.
    pub(super) fn check_clock(&self, now: Timestamp) -> Result<()> {
        let mark = self.0.anchor.load(&self.mark_name()?)?;
        let mark = mark.ok_or_else(|| {
            Error::unavailable(
                "the executor's anchor was taken away while it ran: nothing runs before somebody has looked at what did",
            )
        })?;
        if now.as_millis() <= mark.counter {
            return Err(Error::unavailable(
                "the clock is behind what the executor's anchor has seen: set it right",
            )
            .because(reason::CLOCK));
        }
        Ok(())
    }

    fn pin_name(row: &Row) -> Result<PinName> {
        PinName::new(&format!(
            "gate/{}/{}",
            hex(&row.id.to_bytes()),
            row.run_by.as_millis()
        ))
    }

    /// What is pinned for a claim.
    pub(super) fn pin(&self, row: &Row, claim: &Claim) -> Result<Pin> {
        let fields = (row.id, claim.fence, row.digest, claim.nonce);
        let encoded = CLAIM.encode(&fields)?;
        Ok(Pin {
            id: row.id.to_bytes(),
            counter: claim.fence,
            digest: self
                .0
                .gates
                .0
                .keyring
                .provider()
                .sha256(&[encoded.as_bytes()]),
        })
    }

    /// How the anchor stands to the record, but for `mine`: a pin that this process set a moment ago,
    /// whose claim it knows not to be in the record.
    pub(super) fn judge(&self, row: &Row, mine: Option<&Pin>) -> Result<Anchored> {
        let held = self.0.anchor.load(&Self::pin_name(row)?)?;
        let claim = row.claim.as_ref().map(|claim| self.pin(row, claim));
        Ok(match (held, claim.transpose()?) {
            (None, None) => Anchored::Clear,
            (Some(held), Some(claim)) if held == claim => Anchored::Same,
            (Some(held), None) if Some(&held) == mine => Anchored::Clear,
            _ => Anchored::Other,
        })
    }

    /// Pins a claim, in the place of what was judged. False: the anchor has another by now.
    pub(super) fn advance(&self, row: &Row, pin: &Pin) -> Result<bool> {
        self.pin_there(&Self::pin_name(row)?, pin)
    }

    /// Counts a use of a class, which is claimed: how often it runs is not the record's word. False:
    /// as many as were approved are counted. A use that was counted and whose claim was lost then is
    /// indeterminate, and stays counted.
    pub(super) fn count_use(&self, class: &Row, of: GateId) -> Result<bool> {
        let Some(approved) = &class.class else {
            return Ok(false);
        };
        let until = approved.until.as_millis();
        let name = PinName::new(&format!("class/{}/{until}", hex(&class.id.to_bytes())))?;
        for _ in 0..MAX_TRIES {
            let used = self.0.anchor.load(&name)?.map_or(0, |pin| pin.counter);
            if used >= u64::from(approved.count) {
                return Ok(false);
            }
            let nth = used.saturating_add(1);
            let encoded = USE.encode(&(class.id, nth, of))?;
            let provider = self.0.gates.0.keyring.provider();
            let pin = Pin {
                id: class.id.to_bytes(),
                counter: nth,
                digest: provider.sha256(&[encoded.as_bytes()]),
            };
            if self.pin_there(&name, &pin)? {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// Pins that. Where the anchor is full, what can run no more goes first. False: another is there.
    fn pin_there(&self, name: &PinName, pin: &Pin) -> Result<bool> {
        let full = |e: &Error| e.kind() == ErrorKind::Misuse;
        let advanced = match self.0.anchor.advance(name, pin) {
            Err(e) if full(&e) && self.prune()? > 0 => self.0.anchor.advance(name, pin),
            other => other,
        };
        match advanced {
            Ok(advanced) => Ok(advanced == Advance::Pinned),
            Err(e) if full(&e) => Err(Error::unavailable(
                "the executor's anchor takes no more claims before the run-by of some was over for a day: give more executors an anchor each, or a shorter run-within",
            )
            .with_source(e)),
            Err(e) => Err(e),
        }
    }

    /// Forgets what can run no more: gates whose run-by was a day ago, classes whose end was. What is
    /// forgotten cannot be claimed by a clock that is set back: the anchor keeps the latest run-by that
    /// it forgot. Says how many. [`Executor::tick`] does it once an hour.
    ///
    /// # Errors
    /// As [`Anchor::prune`](keyward_keys::Anchor::prune).
    pub fn prune(&self) -> Result<usize> {
        let now = self.0.gates.now()?;
        let Some(until) = now.as_millis().checked_sub(millis(MARGIN)) else {
            return Ok(0);
        };
        let run_by = |name: &PinName| {
            let name = name.as_str();
            let rest = name.strip_prefix("gate/").or(name.strip_prefix("class/"));
            rest.and_then(|rest| rest.split_once('/')?.1.parse::<u64>().ok())
        };
        // Looked at first: the mark goes no further than what is forgotten, so that a clock that is far
        // ahead costs no more than the longest run-by there is.
        let latest = AtomicU64::new(0);
        self.0.anchor.prune(&|name| {
            let run_by = run_by(name).filter(|run_by| *run_by <= until);
            latest.fetch_max(run_by.unwrap_or(0), Ordering::Relaxed);
            false
        })?;
        let latest = latest.into_inner();
        if latest == 0 {
            return Ok(0);
        }
        let name = self.mark_name()?;
        let mark = self.mark(Timestamp::from_millis(latest))?;
        match self.0.anchor.advance(&name, &mark)? {
            Advance::Pinned | Advance::Older(_) => {
                let ended = |name: &PinName| run_by(name).is_some_and(|run_by| run_by <= latest);
                self.0.anchor.prune(&ended)
            }
            Advance::Fork(_) | Advance::Foreign(_) => Err(Error::unavailable(
                "the executor's mark in its anchor is another's: give each executor an anchor of its own",
            )),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
