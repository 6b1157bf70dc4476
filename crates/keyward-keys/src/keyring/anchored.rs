//! What the anchor says of a ring.

use keyward_base::{Error, Result};

use super::Inner;
use crate::anchor::{Advance, Anchor, Pin, PinName, Standing};
use crate::ring_id::RingId;
use crate::snapshot::Snapshot;

impl Inner {
    /// What the anchor has seen of the ring. Asked before the ring is read.
    pub(super) fn pinned(&self) -> Result<Option<Pin>> {
        match &self.anchor {
            Some(anchor) => anchor.load(&PinName::ring()),
            None => Ok(None),
        }
    }

    /// Refuses a ring that is older than `pinned`, which was read before it, another of the same
    /// epoch, or another altogether; raises the anchor to a newer one.
    pub(super) fn judge(&self, pinned: Option<&Pin>, ring: &Snapshot) -> Result<()> {
        let Some(anchor) = self.anchor.as_deref() else {
            return Ok(());
        };
        let here = ring.pin();
        if let Some(pin) = pinned {
            match pin.judge(&here) {
                Standing::Newer => {}
                Standing::Same => return Ok(()),
                Standing::Older => return Err(older(anchor, ring, pin)),
                Standing::Fork => return Err(fork(anchor, ring)),
                Standing::Foreign => return Err(foreign(anchor, ring, pin)),
            }
        }
        match anchor.advance(&PinName::ring(), &here)? {
            // Raised further by another process, after this one read the anchor: no fault.
            Advance::Pinned | Advance::Older(_) => Ok(()),
            Advance::Fork(_) => Err(fork(anchor, ring)),
            Advance::Foreign(pin) => Err(foreign(anchor, ring, &pin)),
        }
    }

    /// Whether a change may follow `known`. No: the anchor has seen a newer ring.
    pub(super) fn may_follow(&self, known: &Snapshot) -> Result<bool> {
        let (Some(anchor), Some(pin)) = (self.anchor.as_deref(), self.pinned()?) else {
            return Ok(true);
        };
        match pin.judge(&known.pin()) {
            Standing::Newer | Standing::Same => Ok(true),
            Standing::Older => Ok(false),
            Standing::Fork => Err(fork(anchor, known)),
            Standing::Foreign => Err(foreign(anchor, known, &pin)),
        }
    }
}

fn older(anchor: &dyn Anchor, ring: &Snapshot, pin: &Pin) -> Error {
    Error::unavailable(format!(
        "the keyring is older (epoch {}) than the anchor {} has seen (epoch {}): a backup was put back; restore the newest, or see `keyward keys accept-restore`",
        ring.ring.epoch,
        anchor.describe(),
        pin.counter
    ))
}

fn fork(anchor: &dyn Anchor, ring: &Snapshot) -> Error {
    Error::unavailable(format!(
        "the keyring is another than the anchor {} has seen of epoch {}: a backup was put back and changed; restore the newest, or see `keyward keys accept-restore`",
        anchor.describe(),
        ring.ring.epoch
    ))
}

fn foreign(anchor: &dyn Anchor, ring: &Snapshot, pin: &Pin) -> Error {
    Error::unavailable(format!(
        "this is keyring {}, and the anchor {} is of keyring {}: restore the right one, or see `keyward keys accept-restore`",
        ring.ring.id,
        anchor.describe(),
        RingId::from_bytes(pin.id)
    ))
}
