//! What happened, for the record: no secret is ever part of an event.
//!
//! A write records its intent, then acts, then records the outcome. If the intent cannot be
//! recorded, nothing happens. If the outcome cannot, or the process is killed, or the future
//! dropped, the intent stays open in the trail, and whoever starts next once its run is over closes
//! it as [`Outcome::Done`], [`Outcome::NotDone`] or [`Outcome::Unknown`]. So the trail tells of every
//! act that happened. A read is recorded once, before anything is decrypted.
//!
//! What must be recorded is what fails closed: openings, writes, changes of keys, and `danger`. A
//! trail can be told to record some of it as well as can be ([`Trail::best_effort`]), but nothing
//! that is done to keys. All else is recorded as well as can be: nothing is queued, and
//! [`Trail::dropped`] counts what a sink did not take. An opening waits for one event and a write
//! for two; each costs what the sink takes to record it, which in a sink that syncs is a sync.
//!
//! | file | what it holds |
//! |---|---|
//! | [`Actor`] | who acts, on whose behalf, in which request |
//! | [`Detail`] | what else an event says |
//! | [`RunId`] | which run of a process records |
//! | [`Sink`] | where events go |
//! | [`Trail`] | what must be recorded, and what should |

mod actor;
mod detail;
mod run;
mod sink;
mod trail;

use std::fmt;

pub use actor::Actor;
pub use detail::{Detail, Value};
pub use run::RunId;
pub use sink::{Discard, Intent, Sink};
pub use trail::{Act, Trail};

use crate::encoding;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::id::{KeyId, Place, RecordId, Tenant};
use crate::timestamp::Timestamp;

/// What an intent and its outcome share: 16 bytes. Public. The first 8 name what is acted on, such
/// as one vault or one keyring, so that of several on one trail each closes its own intents; the
/// other 8 are random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 16]);

impl EventId {
    /// The id of an act on what `of` names, told from its other acts by `random`.
    #[must_use]
    pub fn new(of: [u8; 8], random: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        let (front, back) = bytes.split_at_mut(8);
        front.copy_from_slice(&of);
        back.copy_from_slice(&random);
        Self(bytes)
    }

    /// Whether the act is one on what `of` names.
    #[must_use]
    pub fn is_of(self, of: [u8; 8]) -> bool {
        self.0.starts_with(&of)
    }

    /// The id of those bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads 32 lower-case hexadecimal digits, as `Display` writes them.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        encoding::from_hex(text)
            .map(Self)
            .map_err(|_| Error::misuse("an event id is 32 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::hex(&self.0))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// One thing that is to happen, or happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What an intent and its outcome share; none for an event that stands alone.
    pub id: Option<EventId>,
    /// The time of the event, by the clock of the process that records it.
    pub at: Timestamp,
    /// What, as `area.verb`, such as `vault.open` or `keys.promote`.
    pub action: &'static str,
    /// How far it is, or how it ended.
    pub outcome: Outcome,
    /// The run that records it; none for a process that takes no lease.
    pub run: Option<RunId>,
    /// Who acts; none where the service itself does.
    pub actor: Option<Actor>,
    /// The tenant that the value or key belongs to; none if it is of no tenant.
    pub tenant: Option<Tenant>,
    /// The column that the value lies in; none if no value is meant.
    pub place: Option<Place>,
    /// The record that the value lies in; none if no value is meant.
    pub record: Option<RecordId>,
    /// The ring key or tenant key that was used or changed; none if no key is meant.
    pub key: Option<KeyId>,
    /// What an act found before it: the revision of a slot, or the epoch of a keyring; none where
    /// there was nothing. By it an intent is told from what was done.
    pub found: Option<u64>,
    /// Named values beside these; none of them can hold a secret.
    pub detail: Detail,
}

/// How far an act is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The act is about to be done; an outcome of the same id follows.
    Intended,
    /// A read: it is allowed, and decrypted next. If it does not decrypt, a `Failed` follows.
    Granted,
    /// The act was done.
    Done,
    /// It failed, by that kind and for that reason.
    Failed(ErrorKind, Option<Reason>),
    /// Of an act that was cut short: what it was to change is as it was before.
    NotDone,
    /// Of an act that was cut short, or that the store did not answer: it may have been done.
    Unknown,
}

impl Outcome {
    /// A stable word for logs: lower case, words joined by `-`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Granted => "granted",
            Self::Done => "done",
            Self::Failed(..) => "failed",
            Self::NotDone => "not-done",
            Self::Unknown => "unknown",
        }
    }
}

impl Event {
    /// An event at `at`; the rest is set on the fields.
    #[must_use]
    pub const fn new(at: Timestamp, action: &'static str, outcome: Outcome) -> Self {
        Self {
            id: None,
            at,
            action,
            outcome,
            run: None,
            actor: None,
            tenant: None,
            place: None,
            record: None,
            key: None,
            found: None,
            detail: Detail::none(),
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
