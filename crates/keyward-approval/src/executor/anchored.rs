//! What the anchor has of a gate: the claim of it, until its run-by.

use std::time::Duration;

use keyward_base::{Domain, Error, Result, Timestamp};

use super::{Executor, MAX_TRIES};
use crate::claims::{Advanced, ClaimName, ClaimPin, Seen};
use crate::gate::row::{Claim, Row};
use crate::gate::{GateId, contended};
use crate::reason;

/// A claim: gate, fence, action and nonce.
const CLAIM: Domain<(GateId, u64, [u8; 32], [u8; 16])> = Domain::new("keyward/v1/approval-claim");

/// A use of a class: the class's gate, the how manieth it is, the use's gate.
const USE: Domain<(GateId, u64, GateId)> = Domain::new("keyward/v1/approval-class-use");

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
    /// It does not know any more, since run-by was over for a day.
    Forgotten,
}

impl Executor {
    const fn name_of(row: &Row) -> ClaimName {
        ClaimName::gate(row.id, row.run_by)
    }

    /// What is pinned for a claim.
    pub(super) fn pin(&self, row: &Row, claim: &Claim) -> Result<ClaimPin> {
        let fields = (row.id, claim.fence, row.digest, claim.nonce);
        let encoded = CLAIM.encode(&fields)?;
        let provider = self.0.gates.0.keyring.provider();
        Ok(ClaimPin {
            counter: claim.fence,
            digest: provider.sha256(&[encoded.as_bytes()]),
        })
    }

    /// How the anchor stands to the record, but for `mine`: a pin that this process set a moment ago,
    /// whose claim it knows not to be in the record.
    pub(super) async fn judge(&self, row: &Row, mine: Option<&ClaimPin>) -> Result<Anchored> {
        let seen = self.0.anchor.load(Self::name_of(row)).await?;
        let claim = row.claim.as_ref().map(|claim| self.pin(row, claim));
        Ok(match (seen, claim.transpose()?) {
            (Seen::Forgotten, _) => Anchored::Forgotten,
            (Seen::Nothing, None) => Anchored::Clear,
            (Seen::Pinned(held), Some(claim)) if held == claim => Anchored::Same,
            (Seen::Pinned(held), None) if Some(&held) == mine => Anchored::Clear,
            _ => Anchored::Other,
        })
    }

    /// Pins a claim, in the place of what was judged. False: the anchor has another by now.
    pub(super) async fn advance(&self, row: &Row, pin: ClaimPin) -> Result<bool> {
        self.pin_there(Self::name_of(row), pin).await
    }

    /// Counts a use of a class, which is claimed: how often it runs is not the record's word. False:
    /// as many as were approved are counted. A use that was counted and whose claim was lost then is
    /// indeterminate, and stays counted.
    pub(super) async fn count_use(&self, class: &Row, of: GateId) -> Result<bool> {
        let Some(approved) = &class.class else {
            return Ok(false);
        };
        let name = ClaimName::class(class.id, approved.until);
        for _ in 0..MAX_TRIES {
            let used = match self.0.anchor.load(name).await? {
                Seen::Nothing => 0,
                Seen::Pinned(pin) => pin.counter,
                Seen::Forgotten => return Err(forgotten()),
            };
            if used >= u64::from(approved.count) {
                return Ok(false);
            }
            let counter = used.saturating_add(1);
            let encoded = USE.encode(&(class.id, counter, of))?;
            let provider = self.0.gates.0.keyring.provider();
            let digest = provider.sha256(&[encoded.as_bytes()]);
            if self.pin_there(name, ClaimPin { counter, digest }).await? {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// Pins that. Where the anchor is full, what can run no more goes first. False: another is there.
    async fn pin_there(&self, name: ClaimName, pin: ClaimPin) -> Result<bool> {
        let mut advanced = self.0.anchor.advance(name, pin).await?;
        if advanced == Advanced::Full && self.prune().await? > 0 {
            advanced = self.0.anchor.advance(name, pin).await?;
        }
        match advanced {
            Advanced::Pinned => Ok(true),
            Advanced::Held(_) => Ok(false),
            Advanced::Forgotten => Err(forgotten()),
            Advanced::Full => Err(Error::unavailable(
                "the executor's anchor takes no more claims before the run-by of some was over for a day: give more executors an anchor each, or a shorter run-within",
            )),
        }
    }

    /// Forgets what can run no more: gates whose run-by was a day ago, classes whose end was. What is
    /// forgotten cannot be claimed by a clock that is set back: the anchor refuses it. Says how many.
    /// [`Executor::tick`] does it once an hour.
    ///
    /// # Errors
    /// As [`ClaimAnchor::prune`](crate::claims::ClaimAnchor::prune).
    pub async fn prune(&self) -> Result<usize> {
        let now = self.0.gates.now()?.as_millis();
        let margin = u64::try_from(MARGIN.as_millis()).unwrap_or(u64::MAX);
        match now.checked_sub(margin) {
            Some(until) => self.0.anchor.prune(Timestamp::from_millis(until)).await,
            None => Ok(0),
        }
    }
}

/// It may have run, and that it did not is not known any more.
pub(super) fn forgotten() -> Error {
    Error::unavailable("the clock is behind what the executor's anchor has forgotten: set it right")
        .because(reason::CLOCK)
}
