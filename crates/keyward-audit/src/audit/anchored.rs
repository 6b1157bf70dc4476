//! Whether a log goes on from what is remembered of it elsewhere.

use keyward_base::encoding::hex;
use keyward_base::{Error, Result};
use keyward_keys::{Pin, PinName};

use super::{Audit, Of};
use crate::checkpoint::Checkpoint;
use crate::leaf::{LogId, origin};
use crate::reason::OTHER_LOG;

/// What an anchor remembers of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anchored {
    /// Which anchor, for people.
    pub anchor: String,
    /// How many entries the log had when a checkpoint of it was signed last; none if none ever was.
    pub size: Option<u64>,
}

/// The name under which an anchor has a log.
pub(super) fn pin_name(log: &LogId) -> Result<PinName> {
    PinName::new(&format!("log/{}", hex(log)))
}

impl Audit {
    /// Checks that a log goes on from what every anchor remembers of it, and says what that is.
    /// Writes nothing.
    ///
    /// # Errors
    /// `Corrupt` if it does not: an older database was put back, or another history was written;
    /// else as [`Audit::head`]; `Unavailable` if an anchor cannot be read.
    pub async fn check_anchors(&self, of: &Of) -> Result<Vec<Anchored>> {
        let mut known = Vec::new();
        for anchor in &self.0.anchors {
            let Some(head) = self.head(of).await? else {
                break;
            };
            // The head again, after the anchor: others may have signed a later one meanwhile.
            let held = anchor.load(&pin_name(&head.log)?)?;
            let head = self.head(of).await?.unwrap_or(head);
            if let Some(held) = &held {
                self.follows(of, &head, &self.checkpoint_of(&head)?, held)
                    .await?;
            }
            known.push(Anchored {
                anchor: anchor.describe(),
                size: held.map(|held| held.counter),
            });
        }
        Ok(known)
    }

    /// Checks that a log goes on from an older checkpoint of it. Whose signature that has, its reader
    /// has checked.
    ///
    /// # Errors
    /// `Rejected` ([`OTHER_LOG`]) for one of another log; `Corrupt` if the log does not go on from
    /// it; else as [`Audit::head`].
    pub async fn check_since(&self, of: &Of, older: &Checkpoint) -> Result<()> {
        let head = self.head(of).await?;
        let other = || Error::rejected(OTHER_LOG);
        let head = head.ok_or_else(other)?;
        if older.origin != origin(&head.log)? {
            return Err(other());
        }
        let held = Pin {
            id: head.log,
            counter: older.size,
            digest: older.root,
        };
        let now = self.checkpoint_of(&head)?;
        self.follows(of, &head, &now, &held).await
    }

    /// Signs the heads of all logs, after every anchor has them, and makes their tiles; tells
    /// `progress` how many are signed. Gives the checkpoints in the order of [`Audit::logs`].
    ///
    /// # Errors
    /// As [`Audit::checkpoint`], of the first log that cannot be signed; those before it are.
    pub async fn checkpoints(
        &self,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Vec<(Of, String)>> {
        let mut signed = Vec::new();
        for (of, nth) in self.logs().await?.into_iter().zip(1_u64..) {
            self.tile(&of).await?;
            if let Some(checkpoint) = self.checkpoint(&of).await? {
                signed.push((of, checkpoint));
            }
            progress(nth);
        }
        Ok(signed)
    }
}
