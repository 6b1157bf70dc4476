//! The knobs of an inbox, and the reason for each default.

use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_crypto::Provider;

/// The knobs of an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxPolicy {
    /// For how long a worker has a delivery to itself. 5 min: nobody waits for an answer any more,
    /// so that a handler may take its time; a worker that died is followed after it.
    pub lease: Duration,
    /// The wait before the second attempt; each further one is twice as long. 10 s: a service that
    /// is restarted is back by then.
    pub first_wait: Duration,
    /// The longest wait. 1 h.
    pub longest_wait: Duration,
    /// After how many attempts a delivery is given up, and becomes a dead letter. 16: with the
    /// waits above some seven hours, a working day's outage.
    pub attempts: u32,
    /// For how long the body of a delivery that was handled is kept, to be replayed. 7 days: longer
    /// than a weekend, and no longer than a provider keeps his own. Dead letters are kept until
    /// they are replayed or forgotten.
    pub keep_finished: Duration,
    /// The most deliveries of one tenant, handled ones that are kept included. 100,000.
    pub tenant_rows: u64,
    /// The most bytes of bodies of one tenant. 1 GiB.
    pub tenant_bytes: u64,
    /// The most deliveries of all. 1,000,000.
    pub rows: u64,
    /// The most bytes of bodies of all. 8 GiB.
    pub bytes: u64,
    /// How often the rows are counted anew, by [`Inbox::tidy`](super::Inbox::tidy). 5 min. Between
    /// two counts a process knows its own deliveries alone: several of them together may keep more
    /// than the limits, by what they take in that time.
    pub recount: Duration,
}

const GIB: u64 = 1 << 30;

impl Default for InboxPolicy {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(300),
            first_wait: Duration::from_secs(10),
            longest_wait: Duration::from_secs(3_600),
            attempts: 16,
            keep_finished: Duration::from_secs(7 * 86_400),
            tenant_rows: 100_000,
            tenant_bytes: GIB,
            rows: 1_000_000,
            bytes: 8 * GIB,
            recount: Duration::from_secs(300),
        }
    }
}

impl InboxPolicy {
    pub(super) fn check(&self) -> Result<()> {
        let spans = [self.lease, self.first_wait, self.longest_wait];
        if spans.iter().any(Duration::is_zero) || self.attempts == 0 {
            return Err(Error::misuse(
                "an inbox needs a lease, waits and a number of attempts that are not zero",
            ));
        }
        Ok(())
    }

    /// How long to wait after that many attempts: at random between the half and the whole of what
    /// doubles each time, so that what failed together does not come back together.
    pub(super) fn wait(&self, attempts: u32, crypto: &Provider) -> Result<Duration> {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        let whole = self
            .first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait);
        let whole = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
        let half = whole / 2;
        let mut random = [0; 8];
        crypto.fill(&mut random)?;
        let span = whole.saturating_sub(half).saturating_add(1);
        let more = u64::from_be_bytes(random).checked_rem(span).unwrap_or(0);
        Ok(Duration::from_millis(half.saturating_add(more)))
    }
}
