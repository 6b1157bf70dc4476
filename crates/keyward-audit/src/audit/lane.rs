//! The way to one log: callers queue, and one of them commits for all that wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::{Error, Result, Timestamp};
use keyward_store::Version;
use tokio::sync::oneshot;

use crate::entry::Entry;
use crate::head::Head;
use crate::leaf::{Class, Draft};

/// The most entries of one batch.
const MOST: usize = 1000;

/// The most bytes of one batch, but for the last entry.
const MOST_LEN: usize = 1024 * 1024;

/// An entry that waits, and whoever waits for it: of the entry, what a batch is made of. A thousand
/// of them are moved from the queue to the batch.
pub(super) struct Waiting {
    /// When it happened.
    pub(super) at: Timestamp,
    /// Of an intent and its outcome.
    pub(super) id: Option<String>,
    pub(super) is_intent: bool,
    /// The rest, if the clock did not go back.
    pub(super) draft: Draft,
    pub(super) class: Class,
    pub(super) told: oneshot::Sender<Result<u64>>,
    /// Those that it was given with, of many at once.
    pub(super) with: Option<Together>,
}

/// Entries that were given at once: once one of them failed, or nobody waits for them any more, none
/// that still waits is committed. Else those behind would be there without those before.
#[derive(Clone, Default)]
pub(super) struct Together(Arc<AtomicBool>);

impl Together {
    /// None of them is committed from now on, but for those whose turn it is.
    pub(super) fn give_up(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Where the number of an entry is told that waits.
pub(super) type Hears = oneshot::Receiver<Result<u64>>;

impl Waiting {
    /// An entry, and where its number is told.
    pub(super) fn new(entry: Entry, draft: Draft, class: Class) -> (Self, Hears) {
        let (told, hears) = oneshot::channel();
        let waiting = Self {
            at: Timestamp::from_millis(entry.at.0),
            is_intent: entry.is_intent(),
            id: entry.id,
            draft,
            class,
            told,
            with: None,
        };
        (waiting, hears)
    }

    /// Whether nobody waits for it. Told in the order of the queue: of many at once, one behind is
    /// never waited for where one before it is not.
    fn is_given_up(&self) -> bool {
        self.told.is_closed() || self.with.as_ref().is_some_and(Together::is_given_up)
    }
}

/// One log, as this process knows it.
#[derive(Default)]
pub(super) struct Lane {
    queue: Mutex<Queue>,
    /// Whoever holds it commits.
    pub(super) turn: tokio::sync::Mutex<Turn>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// At how many those are looked for that nobody waits for any more.
    swept_at: usize,
}

/// What goes on from one that commits to the next.
#[derive(Default)]
pub(super) struct Turn {
    /// The head that the log had after its last commit here.
    pub(super) known: Option<Known>,
    /// What is committed now. Whoever commits may be dropped meanwhile, as a request is whose client
    /// went away: the next one finds it here, and sees it through for the others.
    pub(super) batch: Vec<Waiting>,
    /// The batches of these events that the store was given and has not answered.
    pub(super) tried: Vec<Tried>,
}

/// A batch that the store may have committed. Its salts are random, so that its first leaf tells.
pub(super) struct Tried {
    /// The number of its first entry.
    pub(super) first: u64,
    /// That entry's leaf.
    pub(super) leaf: Vec<u8>,
}

/// A head that was read or written, and the version of its record.
pub(super) struct Known {
    pub(super) head: Head,
    /// None: there is no record yet.
    pub(super) version: Option<Version>,
    pub(super) open: Open,
}

/// The intents of a log that are open, by their ids: the numbers of their entries. None: too many,
/// or others wrote entries that were not read here.
pub(super) struct Open(Option<BTreeMap<String, u64>>);

impl Open {
    /// The most that are kept in mind.
    const MOST: usize = 1024;

    /// Those of a log as it was found.
    pub(super) fn found(head: &Head) -> Self {
        Self((head.settled == head.size()).then(BTreeMap::new))
    }

    /// Takes note of an entry.
    pub(super) fn note(&mut self, seq: u64, entry: &Waiting) {
        if let (Some(open), Some(id)) = (&mut self.0, &entry.id) {
            open.remove(id);
            if entry.is_intent {
                open.insert(id.clone(), seq);
            }
        }
        if self.0.as_ref().is_some_and(|open| open.len() > Self::MOST) {
            self.0 = None;
        }
    }

    /// Up to where a log of `size` entries holds no open intent, if that is known.
    pub(super) fn settled(&self, size: u64) -> Option<u64> {
        let open = self.0.as_ref()?;
        Some(open.values().min().copied().unwrap_or(size))
    }
}

impl Turn {
    /// Makes `waiting` what is committed now, unless somebody still waits for what was.
    pub(super) fn begin(&mut self, waiting: impl FnOnce() -> Vec<Waiting>) {
        if self.batch.iter().all(|one| one.told.is_closed()) {
            self.tried.clear();
            self.batch = waiting();
        }
    }
}

impl Lane {
    /// Queues an entry.
    pub(super) fn wait(&self, waiting: Waiting) {
        self.queue_swept().waiting.push_back(waiting);
    }

    /// Queues entries, with no other between them.
    pub(super) fn wait_all(&self, waiting: Vec<Waiting>) {
        self.queue_swept().waiting.extend(waiting);
    }

    fn queue_swept(&self) -> std::sync::MutexGuard<'_, Queue> {
        let mut queue = self.queue();
        // While a store does not answer, callers come and go.
        if queue.waiting.len() >= queue.swept_at.max(MOST) {
            queue.waiting.retain(|one| !one.is_given_up());
            queue.swept_at = queue.waiting.len().saturating_mul(2);
        }
        queue
    }

    /// What waits, in its order, as much as goes into one batch. Whoever stopped waiting is left out:
    /// nothing of theirs was done.
    pub(super) fn take(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let (mut taken, mut len) = (Vec::new(), 0_usize);
        while taken.len() < MOST
            && len < MOST_LEN
            && let Some(next) = queue.waiting.pop_front()
        {
            if !next.is_given_up() {
                len = len.saturating_add(next.draft.len());
                taken.push(next);
            }
        }
        taken
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told where the one that committed was dropped: it may have been recorded.
pub(super) fn dropped() -> Error {
    Error::unavailable("the event may have been recorded, or not: its commit was given up")
}
