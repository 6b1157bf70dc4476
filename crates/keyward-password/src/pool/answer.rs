//! What a caller waits for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use keyward_base::{Error, Result, Tenant, Timestamp};
use tokio::sync::oneshot;

use super::shared::Shared;

/// The answer to work of a [`Pool`](super::Pool). The work stands in line since the call that returned
/// this, polled or not.
///
/// Dropped while the work waits, it takes it out of the line. Work that has begun goes on to its end
/// and holds its memory until then.
#[must_use = "dropped, it takes the work out of the line"]
pub struct Answer<T> {
    state: State<T>,
}

enum State<T> {
    Ready(Option<Result<T>>),
    Waiting(oneshot::Receiver<Result<T>>, Ticket),
}

/// Where the work stands.
pub(super) struct Ticket {
    pub(super) shared: Arc<Shared>,
    pub(super) tenant: Tenant,
    pub(super) id: u64,
    pub(super) until: Timestamp,
    pub(super) is_answered: bool,
}

impl Ticket {
    /// Refuses it by its deadline, if it has not begun.
    fn refuse_if_late(&self) {
        let is_late = self.shared.now().is_ok_and(|now| self.until <= now);
        if !is_late {
            return;
        }
        if let Some(job) = self.shared.remove(&self.tenant, self.id) {
            job.refuse(self.shared.busy());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_answered {
            drop(self.shared.remove(&self.tenant, self.id));
        }
    }
}

impl<T> Answer<T> {
    pub(crate) const fn ready(answer: Result<T>) -> Self {
        Self {
            state: State::Ready(Some(answer)),
        }
    }

    pub(super) const fn waiting(hears: oneshot::Receiver<Result<T>>, ticket: Ticket) -> Self {
        Self {
            state: State::Waiting(hears, ticket),
        }
    }

    /// Blocks this thread until the answer is there: for programs without a runtime. Within one it
    /// would stop other tasks.
    ///
    /// # Errors
    /// Those of the work, and of [`Pool::run`](super::Pool::run).
    pub fn wait(self) -> Result<T> {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Arc::new(Unpark(std::thread::current())).into();
        let mut context = Context::from_waker(&waker);
        let mut answer = std::pin::pin!(self);
        loop {
            match answer.as_mut().poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Ready(answer) => Poll::Ready(
                answer
                    .take()
                    .unwrap_or_else(|| Err(Error::misuse("an answer was asked for twice"))),
            ),
            State::Waiting(hears, ticket) => {
                ticket.refuse_if_late();
                let told = Pin::new(hears).poll(context);
                ticket.is_answered = told.is_ready();
                told.map(|told| told.unwrap_or_else(|_| Err(gone())))
            }
        }
    }
}

/// Its thread ended without an answer, which only a panic as a waker is woken could do.
pub(super) fn gone() -> Error {
    Error::unavailable("work on a password ended without an answer")
}

// Nothing in it is pinned.
impl<T> Unpin for Answer<T> {}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ready(_) => "Answer(ready)",
            State::Waiting(..) => "Answer(waiting)",
        })
    }
}
