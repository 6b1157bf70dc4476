//! Where events go.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::audit::{Event, EventId, RunId};
use crate::error::Result;
use crate::future::BoxFuture;
use crate::id::{KeyId, Place, RecordId, Tenant};
use crate::timestamp::Timestamp;

/// Where events go.
///
/// A sink that keeps a trail writes each event durably before its future is ready: what comes
/// after it relies on that. An intent and its outcome carry the same [`EventId`].
pub trait Sink: fmt::Debug + Send + Sync {
    /// Records one event.
    ///
    /// # Errors
    /// `Unavailable` if it could not be recorded. What needs the event is then not done.
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>>;

    /// Intents that no outcome was recorded for, oldest first, whoever recorded them: their process
    /// was killed, their future dropped, or the act goes on. Which of these it is, the reader asks
    /// of the lease of the run that an intent names.
    ///
    /// # Errors
    /// `Unavailable` if the trail cannot be read.
    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>>;
}

/// What a trail knows of an intent: enough to judge what became of it, and to close it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // Made by sinks.
pub struct Intent {
    /// See [`Event::at`].
    pub at: Timestamp,
    /// See [`Event::run`].
    pub run: Option<RunId>,
    /// See [`Event::id`].
    pub id: EventId,
    /// See [`Event::action`].
    pub action: String,
    /// See [`Event::tenant`].
    pub tenant: Option<Tenant>,
    /// See [`Event::place`].
    pub place: Option<Place>,
    /// See [`Event::record`].
    pub record: Option<RecordId>,
    /// See [`Event::key`].
    pub key: Option<KeyId>,
    /// See [`Event::found`].
    pub found: Option<u64>,
}

impl Intent {
    /// What is to be remembered of `event`; none if it is not an intent.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        if event.outcome != super::Outcome::Intended {
            return None;
        }
        Some(Self {
            at: event.at,
            run: event.run,
            id: event.id?,
            action: event.action.to_owned(),
            tenant: event.tenant.clone(),
            place: event.place.clone(),
            record: event.record.clone(),
            key: event.key,
            found: event.found,
        })
    }
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

/// A future without a field, whose box takes no memory.
struct Kept;

impl Future for Kept {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Sink for Discard {
    fn record<'a>(&'a self, _: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(Kept)
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
