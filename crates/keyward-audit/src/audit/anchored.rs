//! Whether a log goes on from what is remembered of it elsewhere.

use keyward_base::{Error, ErrorKind, Result};
use keyward_keys::Pin;

use super::{Audit, Of};
use crate::checkpoint::Checkpoint;
use crate::leaf::origin;
use crate::reason::OTHER_LOG;

/// What an anchor remembers of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anchored {
    /// Which anchor, for people.
    pub anchor: String,
    /// How many entries the log had when the anchor took the root log after it noted the log's head;
    /// none if there was no such round yet.
    pub size: Option<u64>,
}

/// The checkpoints of a home's logs.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Signed {
    /// That of the root log first, the others in the order of [`Audit::logs`].
    pub checkpoints: Vec<(Of, String)>,
    /// The logs that cannot be vouched for, and why: `Corrupt`. Nothing of them is signed.
    pub bad: Vec<(Of, Error)>,
}

impl Audit {
    /// Checks that a log goes on from what the root log has of it, and the root log from what every
    /// anchor has; says of how many of its entries. Writes nothing. Of many logs, [`Audit::rooted`]
    /// checks the root log once.
    ///
    /// # Errors
    /// `Corrupt` if it does not: an older database was put back, or another history was written;
    /// else as [`Audit::head`]; `Unavailable` if an anchor cannot be read.
    pub async fn check_anchors(&self, of: &Of) -> Result<Vec<Anchored>> {
        self.rooted().await?.check(of).await
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

    /// Makes a round, and signs the heads of all logs, after their tiles are made; tells `progress`
    /// how many are looked at. A log that cannot be vouched for costs itself only.
    ///
    /// # Errors
    /// As [`Audit::round`], and `Corrupt` if the root log cannot be signed.
    pub async fn checkpoints(&self, mut progress: impl FnMut(u64) + Send) -> Result<Signed> {
        let mut signed = Signed::default();
        self.round(|_| ()).await?;
        let logs = std::iter::once(Of::Root).chain(self.logs().await?);
        for (of, nth) in logs.zip(1_u64..) {
            let checkpoint = async {
                self.tile(&of).await?;
                self.checkpoint(&of).await
            };
            match checkpoint.await {
                Ok(checkpoint) => {
                    let made = checkpoint.map(|checkpoint| (of, checkpoint));
                    signed.checkpoints.extend(made);
                }
                Err(e) if e.kind() == ErrorKind::Corrupt && of != Of::Root => {
                    signed.bad.push((of, e));
                }
                Err(e) => return Err(e),
            }
            progress(nth);
        }
        // Noting may have made the root log longer.
        if let Some((Of::Root, root)) = signed.checkpoints.first_mut()
            && let Some(checkpoint) = self.checkpoint(&Of::Root).await?
        {
            *root = checkpoint;
        }
        Ok(signed)
    }
}
