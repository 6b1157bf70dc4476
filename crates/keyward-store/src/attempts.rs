//! Attempts: so many in any span of time, exactly.

use std::fmt;
use std::time::Duration;

use keyward_base::{Error, Result, Timestamp};

use crate::limits::StoreLimits;
use crate::records::{BoxFuture, Collection, RecordKey};

/// How many attempts are admitted in any span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    most: u32,
    span: Duration,
}

impl Window {
    /// At most `most` admitted attempts in any `span`.
    ///
    /// # Errors
    /// `Misuse` unless `most` is 1 to [`StoreLimits::ATTEMPTS`] and `span` at least 1 ms.
    pub fn new(most: u32, span: Duration) -> Result<Self> {
        if (1..=StoreLimits::ATTEMPTS).contains(&most) && span.as_millis() > 0 {
            return Ok(Self { most, span });
        }
        Err(Error::misuse(
            "a window admits 1 to 1024 attempts in a span of at least 1 ms",
        ))
    }

    /// Attempts admitted in any span.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.most
    }

    /// The span.
    #[must_use]
    pub const fn span(&self) -> Duration {
        self.span
    }

    /// Judges an attempt at `now` against the earlier admitted ones, and notes it among them if
    /// it is admitted. Stores share this, so that all of them judge alike.
    ///
    /// An attempt at `t` counts until `t + span`, exclusively. One that lies ahead of `now`,
    /// because the clock went back, counts as well.
    pub fn judge(&self, admitted: &mut Vec<Timestamp>, now: Timestamp) -> Judged {
        admitted.retain(|at| at.saturating_add(self.span) > now);
        admitted.sort_unstable();
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        // The attempt that has to leave the window before one more fits in.
        if let Some(earlier) = admitted.iter().rev().nth(most.saturating_sub(1)) {
            return Judged::Refused {
                retry_at: earlier.saturating_add(self.span),
            };
        }
        admitted.push(now);
        admitted.sort_unstable();
        let used = u32::try_from(admitted.len()).unwrap_or(u32::MAX);
        Judged::Admitted {
            left: self.most.saturating_sub(used),
        }
    }
}

/// How an attempt was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "an attempt may have been refused"]
pub enum Judged {
    /// Admitted, and recorded.
    Admitted {
        /// How many more would be admitted at this moment.
        left: u32,
    },
    /// Refused, and not recorded: asking again and again does not prolong the wait.
    Refused {
        /// When the next one is admitted, if none is until then.
        retry_at: Timestamp,
    },
}

/// Exact sliding windows.
///
/// Every method fails with `Unavailable` if the store cannot be reached or is full: refuse the
/// attempt then.
pub trait Attempts: fmt::Debug + Send + Sync {
    /// Judges an attempt at `now` and records it if it is admitted, in one step: of any number
    /// of callers at once, no more than the window admits are admitted.
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>>;

    /// Forgets the attempts of `key`, as after a success.
    fn clear_attempts<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<()>>;

    /// Removes keys of `collection` whose attempts have all left their window at `now`, at most
    /// `limit`, and says how many.
    fn purge_attempts<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>>;
}
