//! Where a delivery is on its way through the inbox.

use keyward_base::Timestamp;

/// Where a delivery is on its way through the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It waits for a worker.
    Waiting,
    /// A worker is at it.
    Taken,
    /// It was handled.
    Finished,
    /// It was given up: it waits for somebody to look at it.
    Dead,
}

/// What went wrong last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    None,
    /// The handler failed.
    Failed,
    /// The handler panicked.
    Panicked,
    /// The handler was dropped.
    Dropped,
    /// The lease was over before the handler ended: its process died, or it took too long.
    TimedOut,
    /// The body does not open under its context, or a part of it is missing.
    Damaged,
    /// The key of the body could not be had.
    NoKey,
    /// The id was handled before, with another body.
    Conflict,
}

impl Fault {
    /// A stable word for tables and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Dropped => "dropped",
            Self::TimedOut => "timed-out",
            Self::Damaged => "damaged",
            Self::NoKey => "no-key",
            Self::Conflict => "conflict",
        }
    }
}

impl State {
    /// A stable word for tables and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Taken => "taken",
            Self::Finished => "finished",
            Self::Dead => "dead",
        }
    }
}

pub(super) const STATES: [State; 4] = [State::Waiting, State::Taken, State::Finished, State::Dead];

pub(super) const FAULTS: [Fault; 8] = [
    Fault::None,
    Fault::Failed,
    Fault::Panicked,
    Fault::Dropped,
    Fault::TimedOut,
    Fault::Damaged,
    Fault::NoKey,
    Fault::Conflict,
];

/// What may change of a row. Not sealed, and bound to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: State,
    pub(crate) fault: Fault,
    pub(crate) attempts: u32,
    /// When it came into its state.
    pub(crate) since: Timestamp,
    /// When a worker may take it.
    pub(crate) due: Timestamp,
    /// Whose a taken row is.
    pub(crate) token: [u8; 16],
}

impl Progress {
    /// The word that a row in this state is found by.
    pub(crate) fn word(&self) -> String {
        match self.state {
            State::Waiting | State::Taken => word('w', self.due),
            State::Finished => word('f', self.since),
            State::Dead => word('d', self.since),
        }
    }
}

/// Times in a fixed width, so that words sort as they do.
pub(crate) fn word(kind: char, time: Timestamp) -> String {
    format!("{kind}{:016x}", time.as_millis())
}
