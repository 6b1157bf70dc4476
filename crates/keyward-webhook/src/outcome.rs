//! How a delivery stands.

use keyward_base::Timestamp;

/// How a delivery stands, for its sender: [`Answers`](crate::Answers) makes an answer of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "the sender waits for an answer"]
pub enum Outcome {
    /// It is handled, by this attempt or an earlier one.
    Done,
    /// It is kept, and will be handled.
    Stored,
    /// Its body was handled before, under another id that nobody signed. It was not handled again.
    Repeated,
    /// Its id was handled before, with another body. It was not handled.
    Conflict,
    /// As [`Outcome::Conflict`], and kept as a dead letter.
    DeadLetter,
    /// Another attempt is being handled.
    InFlight {
        /// When this one may take it over.
        until: Timestamp,
    },
    /// Its handler failed.
    Failed,
}

impl Outcome {
    /// How a delivery of several events stands: as the one that the sender has to come back for,
    /// if there is one, then as the one that somebody has to look at.
    pub fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        let weight = |outcome: &Self| match outcome {
            Self::Failed => 6,
            Self::InFlight { .. } => 5,
            Self::Conflict => 4,
            Self::DeadLetter => 3,
            Self::Repeated => 2,
            Self::Stored => 1,
            Self::Done => 0,
        };
        all.into_iter().max_by_key(weight).unwrap_or(Self::Done)
    }
}
