//! What happened, for the record: no secret is ever part of an event.

use std::fmt;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::id::{KeyId, Place, RecordId, Tenant};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What, as `area.verb`, such as `vault.open` or `keys.promote`.
    pub action: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Whose.
    pub tenant: Option<Tenant>,
    /// In which column.
    pub place: Option<Place>,
    /// In which record.
    pub record: Option<RecordId>,
    /// Under which key.
    pub key: Option<KeyId>,
}

/// How an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Done,
    /// It failed, by that kind and for that reason.
    Failed(ErrorKind, Option<Reason>),
}

impl Event {
    /// An event at `at`; the rest is set on the fields.
    #[must_use]
    pub const fn new(at: Timestamp, action: &'static str, outcome: Outcome) -> Self {
        Self {
            at,
            action,
            outcome,
            tenant: None,
            place: None,
            record: None,
            key: None,
        }
    }

    /// `Done`, or the failure that `result` carries.
    #[must_use]
    pub fn outcome_of<T>(result: &Result<T, Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::Done,
            Err(e) => Outcome::Failed(e.kind(), e.reason()),
        }
    }
}

/// Where events go. Called before a secret is handed out: if it fails, the secret is not.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Records one event.
    ///
    /// # Errors
    /// `Unavailable` if it could not be recorded. The operation is then refused.
    fn record(&self, event: &Event) -> Result<()>;
}

/// Keeps nothing. For an application that records elsewhere.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Discard;

impl Discard {
    /// A sink that keeps nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Sink for Discard {
    fn record(&self, _: &Event) -> Result<()> {
        Ok(())
    }
}
