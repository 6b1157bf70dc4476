//! The right to handle a delivery, and how it ends.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use keyward_base::{Result, Timestamp};
use keyward_store::{FencingToken, Finished, Once, RecordKey};

use super::record::{Asked, Recorded};
use super::{ClaimId, Inner};
use crate::outcome::Outcome;

/// How often an end is told to a store that does not answer.
const TRIES: usize = 3;

/// The most leases of dropped handlers that are remembered. Those beyond end by themselves.
const REMEMBERED: usize = 1024;

/// The most of them that a claim ends on its way.
const ON_THE_WAY: usize = 16;

/// The right to handle a delivery.
///
/// It runs the handler by [`Lease::run`]. Dropped before, or while it runs, it is given up at the
/// next call to its [`Claims`](super::Claims), and by itself when its time is over: dropping cannot
/// wait for a store, and nothing is spawned for it. In a process that dies, the latter is what is
/// left.
#[must_use = "a lease that is dropped is given up"]
pub struct Lease {
    inner: Arc<Inner>,
    id: ClaimId,
    key: RecordKey,
    token: FencingToken,
    until: Timestamp,
    keep_until: Timestamp,
    replayable_from: Option<Timestamp>,
    recorded: Recorded,
    repeated: bool,
    /// What is still to be told to the store.
    end: Option<End>,
}

/// How a handler ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ran<T, E> {
    /// It succeeded, and that is recorded.
    Done(T),
    /// It succeeded after its lease was over and somebody else had begun, or an operator had the
    /// claim forgotten: nothing is recorded by it, and what it did may be done twice.
    Overtaken(T),
    /// It failed, and the lease is given up.
    Failed(E),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Abandon,
    Finish(Recorded, Timestamp),
}

impl Lease {
    pub(super) fn new(
        inner: Arc<Inner>,
        asked: &Asked,
        token: FencingToken,
        now: Timestamp,
    ) -> Self {
        let terms = &inner.terms;
        Self {
            id: asked.id,
            key: asked.key.clone(),
            token,
            until: now.saturating_add(terms.lease_span()),
            keep_until: terms.keep_until(now),
            replayable_from: terms.replayable_from(now),
            recorded: asked.recorded(),
            repeated: asked.repeated,
            end: Some(End::Abandon),
            inner,
        }
    }

    /// Which claim it is of.
    #[must_use]
    pub const fn id(&self) -> ClaimId {
        self.id
    }

    /// The number that is higher than that of every lease before it: what an effect can be fenced
    /// with, so that a handler which was overtaken has none.
    #[must_use]
    pub const fn token(&self) -> FencingToken {
        self.token
    }

    /// When somebody else may begin.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether the body was handled before, under another id that nobody signed. Only on terms that
    /// [let it run](super::OnceTerms::run_repeated).
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// From when on whoever captured this delivery can have it handled again: the scheme signs no
    /// time, and the claim lapses then. None if that is never.
    #[must_use]
    pub const fn replayable_from(&self) -> Option<Timestamp> {
        self.replayable_from
    }

    /// Runs the handler, and records that it is done. Where it fails or panics, the lease is given
    /// up first, so that the next attempt runs; a panic then goes on.
    ///
    /// The handler is in time until [`Lease::until`]. Its effects happen at least once: one that
    /// was dropped may have had some.
    ///
    /// # Errors
    /// `Unavailable` if the store did not take the record of what is done: it is told again at the
    /// next call to the [`Claims`](super::Claims).
    pub async fn run<T, E>(
        mut self,
        handler: impl Future<Output = Result<T, E>>,
    ) -> Result<Ran<T, E>> {
        let value = match caught(pin!(handler)).await {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => {
                self.settle().await.ok();
                return Ok(Ran::Failed(error));
            }
            Err(panic) => {
                self.settle().await.ok();
                resume_unwind(panic)
            }
        };
        self.end = Some(End::Finish(self.recorded, self.keep_until));
        if self.settle().await? {
            return Ok(Ran::Done(value));
        }
        Ok(Ran::Overtaken(value))
    }

    /// Tells the store how it ended. Whether the lease was still held.
    async fn settle(&mut self) -> Result<bool> {
        let Some(end) = self.end else {
            return Ok(false);
        };
        let mut tries = 1..TRIES;
        loop {
            match end
                .tell(self.inner.store.as_ref(), &self.key, self.token)
                .await
            {
                Err(_) if tries.next().is_some() => {}
                // It is remembered when this is dropped.
                Err(e) => return Err(e),
                Ok(held) => {
                    self.end = None;
                    return Ok(held);
                }
            }
        }
    }
}

impl End {
    async fn tell(self, store: &dyn Once, key: &RecordKey, token: FencingToken) -> Result<bool> {
        match self {
            Self::Abandon => store.abandon(key, token).await,
            Self::Finish(recorded, keep_until) => {
                let finished = store.finish(key, token, &recorded, keep_until).await?;
                Ok(finished == Finished::Recorded)
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.inner
                .unended
                .remember(self.key.clone(), self.token, end);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("id", &self.id)
            .field("token", &self.token)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl<T, E> Ran<T, E> {
    /// How the delivery stands, for its sender. One that was overtaken is to come again, and finds
    /// out what became of it.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Done(_) => Outcome::Done,
            Self::Failed(_) | Self::Overtaken(_) => Outcome::Failed,
        }
    }
}

/// Runs `handler` to its end, or to its panic.
pub(crate) async fn caught<F: Future>(
    mut handler: Pin<&mut F>,
) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(move |cx: &mut Context<'_>| {
        // What the handler left half done is its own: it is not polled again.
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(ended)) => Poll::Ready(Ok(ended)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// Ends that the store was not told.
#[derive(Debug, Default)]
pub(super) struct Unended(Mutex<Vec<(RecordKey, FencingToken, End)>>);

impl Unended {
    fn remember(&self, key: RecordKey, token: FencingToken, end: End) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < REMEMBERED {
            all.push((key, token, end));
        }
    }

    /// Tells the store those of `keys`, and some others.
    pub(super) async fn end(&self, store: &dyn Once, keys: &BTreeSet<&RecordKey>) {
        let taken: Vec<_> = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut some, mut left) = (Vec::new(), Vec::new());
            for one in all.drain(..) {
                let wanted = some.len() < ON_THE_WAY || keys.contains(&one.0);
                if wanted { &mut some } else { &mut left }.push(one);
            }
            *all = left;
            some
        };
        self.tell(store, taken).await;
    }

    /// Tells the store all of them.
    pub(super) async fn end_all(&self, store: &dyn Once) {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell(store, taken).await;
    }

    async fn tell(&self, store: &dyn Once, taken: Vec<(RecordKey, FencingToken, End)>) {
        let mut guard = Telling {
            unended: self,
            left: taken,
        };
        while let Some((key, token, end)) = guard.left.last() {
            // The store does not answer: they are remembered again.
            if end.tell(store, key, *token).await.is_err() {
                return;
            }
            guard.left.pop();
        }
    }
}

/// Those that are being told. What is left when this is dropped is remembered again.
struct Telling<'a> {
    unended: &'a Unended,
    left: Vec<(RecordKey, FencingToken, End)>,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        for (key, token, end) in self.left.drain(..) {
            self.unended.remember(key, token, end);
        }
    }
}
