//! Letters on their way to the application's mailer: in the background, so that nobody who waits for
//! an answer learns by how long it takes whether anything was mailed.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use keyward_base::audit::{Event, Outcome};
use keyward_base::{BoxFuture, Clock, Error, ErrorKind, Reason, Result, Trail};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::message::Letter;

/// The application's own way to send mail.
pub trait Mailer: fmt::Debug + Send + Sync {
    /// Takes a letter over: sends it, or puts it where it is not lost. Called for one letter after the
    /// other: while it waits, so do all others, and what finds no place in the queue is lost. So give
    /// it a limit of time. If it panics, this letter is lost.
    ///
    /// # Errors
    /// Whatever keeps it from that. The letter is not given again: who waits for it asks anew.
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<()>>;
}

/// What is put into the queue for each that is asked, so that one is as much work as the other.
#[derive(Debug)]
pub(crate) enum Posted {
    Letter(Letter),
    /// Nothing is mailed, and why.
    Nothing(Reason),
}

/// Where letters are put. A cheap clone of the same queue.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: Sender<Posted>,
    dropped: Arc<AtomicU64>,
}

/// Takes letters from the queue to the mailer.
#[derive(Debug)]
#[must_use = "no letter is mailed unless it runs"]
pub struct Courier {
    queue: Receiver<Posted>,
    mailer: Arc<dyn Mailer>,
    trail: Trail,
    clock: Arc<dyn Clock>,
}

impl Outbox {
    /// A queue of at most `most` letters, and what takes them to `mailer`: run it beside the service.
    /// Events on `trail`, as well as can be: `mail.send` for each letter, failed or not;
    /// `mail.withhold` where nothing is mailed, with the reason.
    pub fn new(
        most: usize,
        mailer: Arc<dyn Mailer>,
        trail: Trail,
        clock: Arc<dyn Clock>,
    ) -> (Self, Courier) {
        let (sender, receiver) = mpsc::channel(most.max(1));
        let outbox = Self {
            queue: sender,
            dropped: Arc::default(),
        };
        let courier = Courier {
            queue: receiver,
            mailer,
            trail,
            clock,
        };
        (outbox, courier)
    }

    /// Puts a letter of the application's own into the queue, such as
    /// [`Message::NewDevice`](super::Message::NewDevice). If it is full, or the courier is gone, it is
    /// counted ([`Outbox::dropped`]).
    pub fn tell(&self, letter: Letter) {
        self.post(Posted::Letter(letter));
    }

    /// How many letters found no place in the queue: a number that an operator watches. Whoever asked
    /// for them was told nothing else.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits for nothing.
    pub(crate) fn post(&self, posted: Posted) {
        let is_letter = matches!(posted, Posted::Letter(_));
        if self.queue.try_send(posted).is_err() && is_letter {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Courier {
    /// Goes on until every [`Outbox`] of the queue is dropped, and all that was in it is delivered.
    pub async fn run(mut self) {
        while let Some(posted) = self.queue.recv().await {
            self.deliver(posted).await;
        }
    }

    /// Delivers what is in the queue now, and says how many letters were taken by the mailer: for a
    /// program of its own loop, and for tests.
    pub async fn run_once(&mut self) -> usize {
        let mut taken = 0_usize;
        while let Ok(posted) = self.queue.try_recv() {
            taken = taken.saturating_add(usize::from(self.deliver(posted).await));
        }
        taken
    }

    async fn deliver(&self, posted: Posted) -> bool {
        let (action, outcome) = match posted {
            Posted::Letter(letter) => {
                // One that panics takes this letter with it, and no other.
                let sent = caught(|| self.mailer.send(letter)).await;
                let sent = sent.unwrap_or_else(|| Err(Error::unavailable("the mailer panicked")));
                ("mail.send", Event::outcome_of(&sent))
            }
            Posted::Nothing(why) => {
                let outcome = Outcome::Failed(ErrorKind::Rejected, Some(why));
                ("mail.withhold", outcome)
            }
        };
        if let Ok(now) = self.clock.now() {
            self.trail.note(Event::new(now, action, outcome)).await;
        }
        action == "mail.send" && outcome == Outcome::Done
    }
}

/// What the future comes to; none if making or polling it panics.
async fn caught<'a, T>(make: impl FnOnce() -> BoxFuture<'a, T>) -> Option<T> {
    let mut future = catch_unwind(AssertUnwindSafe(make)).ok()?;
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
