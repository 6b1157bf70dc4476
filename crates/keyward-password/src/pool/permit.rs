//! A turn that is taken before it is known what is to be done in it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::Poll;

use keyward_base::{Error, Result, Tenant};
use keyward_crypto::slow::argon2::Arena;
use tokio::sync::oneshot;

use super::Pool;
use super::answer::{Answer, gone};
use super::job::Need;

type Work = Box<dyn FnOnce(&mut Arena) + Send>;

/// A worker that waits for its work, and the memory that was asked for. Who reads a row in between
/// has been admitted before anything of the row is known, so that neither `busy` nor the wait tells
/// of it. Dropped, it lets the worker go.
///
/// The worker waits as long as work waits for its turn ([`Admission::wait`](super::Admission::wait)).
#[must_use = "dropped, it lets the worker go"]
pub struct Permit {
    work: SyncSender<Work>,
    /// Of the whole turn: it is in line no more.
    _turn: Answer<()>,
}

impl Pool {
    /// Waits for a turn, and takes it. It gets in line when this is first polled.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn enter(&self, tenant: &Tenant, need: Need) -> Result<Permit> {
        let (told, mut hears) = oneshot::channel();
        let longest = self.0.shared.longest_wait();
        let mut turn = self.run(tenant, need, move |arena| {
            let (work, todo): (SyncSender<Work>, Receiver<Work>) = sync_channel(1);
            // Whoever hung up takes no turn.
            if told.send(work).is_ok()
                && let Ok(work) = todo.recv_timeout(longest)
            {
                work(arena);
            }
            Ok(())
        });
        let mut is_heard = false;
        let entered = poll_fn(|context| {
            if !is_heard && let Poll::Ready(told) = Pin::new(&mut hears).poll(context) {
                is_heard = true;
                if let Ok(work) = told {
                    return Poll::Ready(Ok(work));
                }
            }
            // Until it is its turn, it can only end by being refused.
            match Pin::new(&mut turn).poll(context) {
                Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
                Poll::Ready(Ok(())) => Poll::Ready(Err(gone())),
                Poll::Pending => Poll::Pending,
            }
        });
        let work = entered.await?;
        Ok(Permit { work, _turn: turn })
    }
}

impl Permit {
    /// Does `work` in the turn, at once. Dropped before the answer, it goes on to its end.
    ///
    /// # Errors
    /// What `work` returns; `Unavailable` if it panics, or if the worker no longer waits.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Arena) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (told, hears) = oneshot::channel();
        let work: Work = Box::new(move |arena| {
            // Whoever hung up is told nothing.
            let _ = told.send(work(arena));
        });
        let late = |_| Error::unavailable("a turn was taken and not used in time: try again");
        self.work.send(work).map_err(late)?;
        hears.await.map_err(|_| gone())?
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit(..)")
    }
}
