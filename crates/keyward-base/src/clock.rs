//! Time as a value. Nothing in keyward reads a clock it was not given.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// Where the time comes from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now.
    ///
    /// # Errors
    /// `Unavailable` where the clock cannot be relied on, such as one set before 1970.
    fn now(&self) -> Result<Timestamp>;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// The operating system's clock.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // The one place that reads the system's clock.
    fn now(&self) -> Result<Timestamp> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| Error::unavailable("the system clock stands before 1970: set it"))?;
        // In 64 bits: those of `as_millis` are 128, and this is read at each check of a token.
        let millis = since.as_secs().checked_mul(1_000);
        millis
            .and_then(|millis| millis.checked_add(since.subsec_millis().into()))
            .map(Timestamp::from_millis)
            .ok_or_else(|| Error::unavailable("the system clock is out of range: set it"))
    }
}

/// A clock that stands until it is moved, forward or back: for tests and replays.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock standing at `at`.
    #[must_use]
    pub const fn new(at: Timestamp) -> Self {
        Self(AtomicU64::new(at.as_millis()))
    }

    /// Moves the clock forward by `span`.
    pub fn advance(&self, span: Duration) {
        let to = Timestamp::from_millis(self.0.load(Ordering::SeqCst)).saturating_add(span);
        self.0.store(to.as_millis(), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.0.load(Ordering::SeqCst)))
    }
}
