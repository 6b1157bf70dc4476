//! A delivery that a worker has, and how it ends.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::{ErrorKind, Result, Timestamp};
use keyward_store::RecordKey;

use super::accept::contended;
use super::row::{Head, Place, RowId};
use super::state::{Fault, Progress, State};
use super::{Inbox, MAX_TRIES};
use crate::coverage::Covered;
use crate::endpoint::Endpoint;
use crate::once::{ClaimId, caught};
use crate::owned::OwnedWebhook;

/// The most ends of dropped handlers that are remembered. Those beyond end by their lease.
const REMEMBERED: usize = 1024;

/// A delivery that a worker has to itself.
///
/// It runs the handler by [`Taken::run`]. Dropped before, or while it runs, it goes back at the
/// next call of [`Inbox::next`], and by itself when its lease is over.
#[must_use = "a delivery that is dropped goes back"]
pub struct Taken {
    pub(super) inbox: Inbox,
    pub(super) place: Place,
    pub(super) key: RecordKey,
    pub(super) token: [u8; 16],
    pub(super) attempt: u32,
    pub(super) until: Timestamp,
    pub(super) claim: ClaimId,
    pub(super) repeated: bool,
    pub(super) hook: Arc<OwnedWebhook<Covered>>,
    pub(super) end: Option<End>,
}

/// How a handler ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Worked<T, E> {
    /// It succeeded, and that is recorded.
    Done(T),
    /// It succeeded after its lease was over and somebody else had begun, or after the delivery was
    /// forgotten: nothing is recorded by it.
    Overtaken(T),
    /// It failed. The delivery comes again, or is a dead letter now.
    Failed(E),
    /// It panicked, with this. The delivery comes again, or is a dead letter now.
    Panicked(Box<dyn Any + Send>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Failed(Fault),
}

impl Taken {
    /// What was verified. [`VerifiedWebhook::whole_body`](crate::VerifiedWebhook::whole_body) of it
    /// sorts out what signed nothing.
    #[must_use]
    pub fn hook(&self) -> Arc<OwnedWebhook<Covered>> {
        Arc::clone(&self.hook)
    }

    /// The endpoint it came to.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.place.endpoint
    }

    /// Its id in the inbox.
    #[must_use]
    pub const fn row(&self) -> RowId {
        self.place.row
    }

    /// Which claim it holds.
    #[must_use]
    pub const fn claim(&self) -> ClaimId {
        self.claim
    }

    /// Which attempt this is, counted from 1. Those whose process died are among them.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When another worker may take it.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// As [`Lease::is_repeated`](crate::Lease::is_repeated).
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// Runs the handler, and records how it ended.
    ///
    /// # Errors
    /// `Unavailable` if the store did not take the record: it is told again at the next call of
    /// [`Inbox::next`].
    pub async fn run<T, E>(
        mut self,
        handler: impl Future<Output = Result<T, E>>,
    ) -> Result<Worked<T, E>> {
        match caught(pin!(handler)).await {
            Ok(Ok(value)) => {
                self.end = Some(End::Finished);
                if self.settle().await? {
                    return Ok(Worked::Done(value));
                }
                Ok(Worked::Overtaken(value))
            }
            Ok(Err(error)) => {
                self.end = Some(End::Failed(Fault::Failed));
                self.settle().await?;
                Ok(Worked::Failed(error))
            }
            Err(panic) => {
                self.end = Some(End::Failed(Fault::Panicked));
                self.settle().await?;
                Ok(Worked::Panicked(panic))
            }
        }
    }

    async fn settle(&mut self) -> Result<bool> {
        let Some(end) = self.end else {
            return Ok(false);
        };
        let held = self.inbox.end(&self.key, self.token, end).await?;
        self.end = None;
        Ok(held)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let unended = &self.inbox.inner.unended;
            unended.remember((self.key.clone(), self.token, end));
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("row", &self.place.row)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl Inbox {
    /// Tells how a taken row ended. No: it is not the caller's any more.
    async fn end(&self, key: &RecordKey, token: [u8; 16], end: End) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            let Some(row) = self.inner.store.fetch(key).await? else {
                return Ok(false);
            };
            let (place, head) = (Place::of(key)?, Head::parse(&row.data)?);
            let held = head.progress;
            if held.token != token || held.state != State::Taken {
                // Another has it, or it was told before, by a try that was not answered and whose
                // caller is gone.
                return Ok(false);
            }
            let now = self.now()?;
            let next = match end {
                End::Finished => Progress {
                    state: State::Finished,
                    fault: Fault::None,
                    since: now,
                    due: now,
                    ..held
                },
                End::Failed(fault) if held.attempts >= self.inner.policy.attempts => {
                    dead(&held, fault, now)
                }
                End::Failed(fault) => Progress {
                    state: State::Waiting,
                    fault,
                    since: now,
                    due: match fault {
                        // A worker that was stopped: the next one may begin.
                        Fault::Dropped => now,
                        _ => {
                            let policy = &self.inner.policy;
                            let wait = policy.wait(held.attempts, &self.inner.crypto)?;
                            now.saturating_add(wait)
                        }
                    },
                    token: [0; 16],
                    ..held
                },
            };
            if self.swap(row, &head, &next).await?.is_some() {
                if next.state == State::Dead {
                    self.note_dead(&place.endpoint, &next).await?;
                }
                return Ok(true);
            }
        }
        Err(contended())
    }

    pub(super) async fn end_dropped(&self) {
        let mut left = Ending {
            inbox: self,
            left: self.inner.unended.take(),
        };
        while let Some((key, token, end)) = left.left.last() {
            match self.end(key, *token, *end).await {
                // The store does not answer: they are remembered again.
                Err(e) if e.kind() == ErrorKind::Unavailable => return,
                // A row that was damaged meanwhile ends by its lease.
                _ => left.left.pop(),
            };
        }
    }
}

pub(super) fn dead(held: &Progress, fault: Fault, now: Timestamp) -> Progress {
    Progress {
        state: State::Dead,
        fault,
        since: now,
        due: now,
        token: [0; 16],
        ..*held
    }
}

type Unfinished = (RecordKey, [u8; 16], End);

/// Ends that the store was not told.
#[derive(Debug, Default)]
pub(super) struct Unended(Mutex<Vec<Unfinished>>);

impl Unended {
    fn remember(&self, one: Unfinished) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < REMEMBERED {
            all.push(one);
        }
    }

    fn take(&self) -> Vec<Unfinished> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Those that are being told. What is left when this is dropped is remembered again.
struct Ending<'a> {
    inbox: &'a Inbox,
    left: Vec<Unfinished>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        for one in self.left.drain(..) {
            self.inbox.inner.unended.remember(one);
        }
    }
}
