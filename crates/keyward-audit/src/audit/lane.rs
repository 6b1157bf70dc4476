//! The way to one log: callers queue, and one of them commits for all that wait.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};
use keyward_store::Version;
use tokio::sync::oneshot;

use crate::entry::Entry;
use crate::head::Head;
use crate::leaf::Class;

/// The most entries of one batch.
const MOST: usize = 1000;

/// The most bytes of one batch, but for the last entry.
const MOST_LEN: usize = 1024 * 1024;

/// An entry that waits, and whoever waits for it.
pub(super) struct Waiting {
    pub(super) entry: Entry,
    /// Its text, if the clock did not go back.
    pub(super) text: String,
    pub(super) class: Class,
    pub(super) told: oneshot::Sender<Result<u64>>,
}

/// One log, as this process knows it.
#[derive(Default)]
pub(super) struct Lane {
    queue: Mutex<VecDeque<Waiting>>,
    /// Whoever holds it commits. The head that the log had after its last commit here.
    pub(super) turn: tokio::sync::Mutex<Option<Known>>,
}

/// A head that was read or written, and the version of its record.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) head: Head,
    /// None: there is no record yet.
    pub(super) version: Option<Version>,
}

impl Lane {
    /// Queues an entry of this text.
    pub(super) fn wait(
        &self,
        entry: Entry,
        text: String,
        class: Class,
    ) -> oneshot::Receiver<Result<u64>> {
        let (told, hears) = oneshot::channel();
        self.queue().push_back(Waiting {
            entry,
            text,
            class,
            told,
        });
        hears
    }

    /// What waits, in its order, as much as goes into one batch. Whoever stopped waiting is left out:
    /// nothing of theirs was done.
    pub(super) fn take(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let (mut taken, mut len) = (Vec::new(), 0_usize);
        while taken.len() < MOST
            && len < MOST_LEN
            && let Some(next) = queue.pop_front()
        {
            if !next.told.is_closed() {
                len = len.saturating_add(next.text.len());
                taken.push(next);
            }
        }
        taken
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told where the one that committed was dropped: it may have been recorded.
pub(super) fn dropped() -> Error {
    Error::unavailable("the event may have been recorded, or not: its commit was given up")
}
