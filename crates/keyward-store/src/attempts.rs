//! Attempts: so many in any span of time, exactly.

use std::fmt;
use std::time::Duration;

use keyward_base::{BoxFuture, Error, Result, Timestamp};

use crate::limits::StoreLimits;
use crate::record::{Collection, RecordKey};

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

    /// Judges an attempt at `now` against the earlier admitted ones, and notes it among them
    /// under `number` if it is admitted. Stores share this, so that all of them judge alike.
    ///
    /// An attempt at `t` counts until `t + span`, exclusively. One that lies ahead of `now`,
    /// because the clock went back, counts as well.
    pub fn judge(&self, admitted: &mut Vec<Admission>, now: Timestamp, number: u64) -> Judged {
        admitted.retain(|admission| admission.at.saturating_add(self.span) > now);
        admitted.sort_unstable();
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        // The attempt that has to leave the window before one more fits in.
        if let Some(earlier) = admitted.iter().rev().nth(most.saturating_sub(1)) {
            return Judged::Refused {
                retry_at: earlier.at.saturating_add(self.span),
            };
        }
        admitted.push(Admission { at: now, number });
        admitted.sort_unstable();
        let used = u32::try_from(admitted.len()).unwrap_or(u32::MAX);
        Judged::Admitted {
            left: self.most.saturating_sub(used),
        }
    }

    /// How much of it is used at `now`, of the attempts that were admitted. Changes nothing. Stores
    /// share it, as [`Window::judge`].
    #[must_use]
    pub fn used(&self, admitted: &[Admission], now: Timestamp) -> Used {
        let ends = |admission: &Admission| admission.at.saturating_add(self.span);
        let counted = || admitted.iter().map(ends).filter(|end| *end > now);
        Used {
            count: u32::try_from(counted().count()).unwrap_or(u32::MAX),
            until: counted().min(),
        }
    }
}

/// What is used of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Used {
    /// Attempts that count.
    pub count: u32,
    /// When the first of them leaves the window; none if none counts.
    pub until: Option<Timestamp>,
}

/// An attempt that was admitted, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs)]
pub struct Admission {
    /// The time at which it was admitted.
    pub at: Timestamp,
    /// Which, among all that the store ever admitted. Several windows that were reserved together
    /// have the same.
    pub number: u64,
}

/// One thing that is counted: by itself, and with others where there is no room for that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // It has just these.
pub struct Level {
    /// A row of its own.
    pub fine: (RecordKey, Window),
    /// A row that it shares with others, which is there from the beginning.
    pub shared: (RecordKey, Window),
}

/// The right to give back what was reserved. Dropping it keeps the reservation, as does a process
/// that dies: what was reserved counts as an attempt and leaves its windows like any other.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "keep it or give it back: dropping it keeps the reservation"]
pub struct Ticket {
    keys: Vec<RecordKey>,
    number: u64,
}

impl Ticket {
    /// What a store gives out for these keys.
    pub const fn new(keys: Vec<RecordKey>, number: u64) -> Self {
        Self { keys, number }
    }

    /// Keeps the reservation: the attempts stay counted.
    pub fn keep(self) {}

    /// The keys that were reserved.
    #[must_use]
    pub fn keys(&self) -> &[RecordKey] {
        &self.keys
    }

    /// The [`Admission::number`] under which they were.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

/// How a reservation ended.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a reservation may have been refused"]
pub enum Reserved {
    /// Every window admitted it, and all are recorded.
    Admitted {
        /// The ticket with which the reservation is given back.
        ticket: Ticket,
        /// What is used of each window, this one included.
        used: Vec<Used>,
    },
    /// Some window did not admit it, and nothing is recorded in any.
    Refused {
        /// The window that admits the next one last, counted from 0; the first of those.
        index: usize,
        /// When all of them admit the next, if none is admitted until then.
        retry_at: Timestamp,
    },
}

/// Which of several windows refused, as [`Reserved::Refused`] tells it. Stores share it, so that all of
/// them tell alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusals(Option<(usize, Timestamp)>);

impl Refusals {
    /// The window at `index` refuses until then.
    pub fn note(&mut self, index: usize, retry_at: Timestamp) {
        if self.0.is_none_or(|(_, latest)| retry_at > latest) {
            self.0 = Some((index, retry_at));
        }
    }

    /// None if none did.
    #[must_use]
    pub const fn told(self) -> Option<Reserved> {
        match self.0 {
            Some((index, retry_at)) => Some(Reserved::Refused { index, retry_at }),
            None => None,
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
/// Every method fails with `Unavailable` if the store cannot be reached or is full, and says so with
/// [`reason::FULL`](crate::reason::FULL): refuse the attempt then.
pub trait Attempts: fmt::Debug + Send + Sync {
    /// Judges an attempt at `now` and records it if it is admitted, in one step: of any number
    /// of callers at once, no more than the window admits are admitted.
    fn attempt<'a>(
        &'a self,
        key: &'a RecordKey,
        window: Window,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Judged>>;

    /// Judges an attempt at `now` in each of 1 to 16 windows of different keys, and records it in
    /// all of them if all admit it, in one step.
    fn reserve<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>>;

    /// Judges an attempt at `now` at each of 1 to 16 levels and records it at all of them if all admit
    /// it, in one step. A level is counted in its own row, as [`Attempts::reserve`] would, as long as
    /// there is room for that, and otherwise in the one that it shares; levels that come to the same
    /// shared row are counted in it once. What was admitted names the rows in [`Ticket::keys`]; what is
    /// used is of these. Fails as if full ([`reason::FULL`](crate::reason::FULL)) where a shared row
    /// finds no room either, unless another level refuses: that is told, so that nobody who goes on
    /// without limits where they cannot be read lets it through.
    fn reserve_coarsely<'a>(
        &'a self,
        levels: &'a [Level],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Reserved>>;

    /// Takes back what was reserved, as after a request that turned out not to count. Again, it
    /// changes nothing: so it may be repeated after `Unavailable`. A key in which nothing is counted
    /// any more takes no room, or may be purged at once.
    fn give_back<'a>(&'a self, ticket: &'a Ticket) -> BoxFuture<'a, Result<()>>;

    /// What is used at `now` of each of 1 to 16 windows of different keys. Counts nothing: whoever
    /// wants to know whether an attempt is admitted makes it, since others come between this and that.
    fn used<'a>(
        &'a self,
        windows: &'a [(RecordKey, Window)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Used>>>;

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
