//! What a service does from time to time.

use std::time::Duration;

use keyward_base::{Error, ErrorKind, Result};

use super::{Audit, Of, costs_itself};

/// Between two rounds of checkpoints: 5 minutes. It is for how long what was recorded can be cut
/// unseen, and how often the anchor is written. For comparison, AWS CloudTrail writes a digest of its
/// log files once an hour. At this interval a log that is always in use takes 30 KB of the root log a
/// day: 105 bytes for each round.
pub const ROUND_EVERY: Duration = Duration::from_secs(5 * 60);

/// How many entries a tick reads at most, or little more, to find what is due: a page of the store,
/// so that the rounds are not kept waiting.
const RETAIN_AT_ONCE: u64 = 4096;

impl Audit {
    /// Makes a round of checkpoints if the last is [`AuditBuilder::round_every`](super::AuditBuilder::round_every)
    /// ago, and moves the heads up in which acts were open; then erases what is due
    /// ([`Audit::retain`]), a part with each tick. Of several processes that tick, one makes the round.
    /// Call it every few seconds: it reads the clock where there is nothing to do.
    ///
    /// # Errors
    /// As [`Audit::round`] and [`Audit::retain`]; `Corrupt`, naming it, if a log cannot be vouched for,
    /// and `Unavailable` if the key is disabled that vouches for it: the others were.
    pub async fn tick(&self) -> Result<()> {
        self.round_if_due().await?;
        let retained = self.retain(RETAIN_AT_ONCE).await?;
        match retained.failed.into_iter().next() {
            Some((of, e)) if e.kind() == ErrorKind::Corrupt => Err(named(&of, e)),
            Some((_, e)) => Err(e),
            None => Ok(()),
        }
    }

    async fn round_if_due(&self) -> Result<()> {
        let now = self.0.keyring.clock().now()?;
        let every = self.0.round_every;
        let last = |last| {
            let held = self.0.last_round.lock();
            let mut held = held.unwrap_or_else(std::sync::PoisonError::into_inner);
            match last {
                Some(last) => held.replace(last),
                None => *held,
            }
        };
        let is_over = |at| now < at || now.saturating_since(at) >= every;
        if !last(None).is_none_or(is_over) {
            return Ok(());
        }
        // Another process may have made it: when, stands in the log that it wrote.
        let root = self.read_head(&Of::Root).await?;
        if root.version.is_some() && !is_over(root.head.latest) {
            last(Some(root.head.latest));
            return Ok(());
        }
        // Also of one that fails, so that it is not begun again and again.
        last(Some(now));
        let round = self.round(|_| ()).await?;
        let mut bad = round.bad;
        for of in round.open {
            match self.settle(&of).await {
                Ok(_) => {}
                // It costs itself only.
                Err(e) if costs_itself(&e) => bad.push((of, e)),
                Err(e) => return Err(e),
            }
        }
        match bad.into_iter().next() {
            Some((of, e)) => Err(named(&of, e)),
            None => Ok(()),
        }
    }
}

fn named(of: &Of, e: Error) -> Error {
    let said = format!("{of}: {e}");
    match e.kind() {
        ErrorKind::Corrupt => Error::corrupt(said),
        _ => Error::unavailable(said),
    }
    .with_source(e)
}
