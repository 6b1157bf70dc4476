//! What a service does from time to time.

use std::time::Duration;

use keyward_base::{Error, Result};

use super::{Audit, Of};

/// Between two rounds of checkpoints: 5 minutes. It is for how long what was recorded can be cut
/// unseen, and how often the anchor is written. For comparison, AWS CloudTrail writes a digest of its
/// log files once an hour. At this interval a log that is always in use takes 30 KB of the root log a
/// day: 105 bytes for each round.
pub const ROUND_EVERY: Duration = Duration::from_secs(5 * 60);

impl Audit {
    /// Makes a round of checkpoints if the last is [`AuditBuilder::round_every`](super::AuditBuilder::round_every)
    /// ago, and moves the heads up in which acts were open. Of several processes that tick, one makes
    /// the round. Call it every few seconds: it reads the clock where there is nothing to do.
    ///
    /// # Errors
    /// As [`Audit::round`]; `Corrupt`, naming it, if a log cannot be vouched for: the others were.
    pub async fn tick(&self) -> Result<()> {
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
        for of in &round.open {
            self.settle(of).await?;
        }
        match round.bad.into_iter().next() {
            Some((of, e)) => Err(Error::corrupt(format!("{of}: {e}")).with_source(e)),
            None => Ok(()),
        }
    }
}
