//! A table of windows that has room always: what finds none of its own is counted with others.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_base::{Error, Result, Timestamp};

use crate::attempts::{Attempts, Level, Reserved, Ticket, Used, Window};
use crate::limits::StoreLimits;
use crate::reason;
use crate::record::{Collection, RecordKey};

/// Keys without an attempt in their windows that make room at once where there is none.
const PURGE: usize = 1_024;

/// After a purge that found nothing this process makes none for so long: in a table that is full, each
/// would look through all of it.
const AGAIN: Duration = Duration::from_secs(1);

/// How a reservation ended.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // Whoever asks acts on both.
#[must_use = "it may have been refused"]
pub enum Tallied {
    /// Every one admitted it, and all are counted.
    Admitted {
        /// With which it is given back.
        ticket: Ticket,
        /// What is used of each that was counted: of all, in their order, unless two shared a row.
        used: Vec<Used>,
    },
    /// One refused it, and nothing is counted.
    Refused {
        /// Which admits the next one last, counted from 0 in the order in which they were asked.
        index: usize,
        /// When all of those that were asked admit the next, if none is admitted until then.
        retry_at: Timestamp,
    },
}

/// Windows in a bounded table. One that finds no room, after what is over was purged, is counted in a
/// row that it shares with others, which was made while there was room. So who fills the table makes
/// nobody's count forgotten, and is counted himself.
///
/// One that is there is counted in its own row as long as that finds room for one attempt more: always
/// in a table that is bounded by its rows. In one that is bounded by its bytes, as SQLite's, new rows
/// leave some room to those that are there; when these have used that up too, what they have counted
/// stays, and what comes then is counted in the shared row: so that of one limit's own and, beside it,
/// of the shared row's is admitted at most.
pub struct Tally {
    attempts: Arc<dyn Attempts>,
    fine: Collection,
    /// In milliseconds: when a purge last found nothing, and what that was plus [`AGAIN`].
    barren: AtomicU64,
    /// Shared rows that found no room.
    lacking: Mutex<Vec<(RecordKey, Window)>>,
}

impl Tally {
    /// Rows that are shared, of each sort of thing that is counted: what finds no room is counted with
    /// the 64th part of all.
    pub const SHARES: u8 = 64;

    /// Which of the shared rows is for what has this name, which is evenly spread: 0 to 63.
    #[must_use]
    pub fn share(name: &[u8; 32]) -> u8 {
        let [first, ..] = name;
        first.checked_rem(Self::SHARES).unwrap_or_default()
    }

    /// Counts in `attempts`, whose collection `fine` is nobody else's.
    #[must_use]
    pub const fn new(attempts: Arc<dyn Attempts>, fine: Collection) -> Self {
        Self {
            attempts,
            fine,
            barren: AtomicU64::new(0),
            lacking: Mutex::new(Vec::new()),
        }
    }

    /// The store it counts in.
    #[must_use]
    pub fn attempts(&self) -> &Arc<dyn Attempts> {
        &self.attempts
    }

    /// Makes the rows that are shared, while there is room, with room for all that they will count.
    /// What those that are there count stays as it is. Those that find no room, after what is over was
    /// purged, are made as soon as there is some: [`Tally::lacks`] says how many there are.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be written.
    pub async fn make_shared(&self, rows: &[(RecordKey, Window)], now: Timestamp) -> Result<()> {
        let mut roomy = Vec::with_capacity(rows.len());
        for (row, window) in rows {
            let most = window.most().max(StoreLimits::SMALL.saturating_add(1));
            roomy.push((row.clone(), Window::new(most, window.span())?));
        }
        let mut lacking = self.make(&roomy, now).await?;
        // What is over makes room, as in a table that a flood filled before.
        while !lacking.is_empty() && self.make_room(now).await? {
            lacking = self.make(&lacking, now).await?;
        }
        self.lacking().extend(lacking);
        Ok(())
    }

    /// How many of the rows that are shared found no room yet: the table's quota is too small for them,
    /// or others filled it before they were made. What finds no room and would be counted in one of
    /// them is `Unavailable` until then, and all else is counted as ever.
    #[must_use]
    pub fn lacks(&self) -> usize {
        self.lacking().len()
    }

    /// Makes rows in which nothing is counted, and gives those that found no room.
    async fn make(
        &self,
        rows: &[(RecordKey, Window)],
        now: Timestamp,
    ) -> Result<Vec<(RecordKey, Window)>> {
        let mut lacking = Vec::new();
        for some in rows.chunks(StoreLimits::WINDOWS) {
            if self.touch(some, now).await? == Touched::Made {
                continue;
            }
            // One that refuses is there.
            for one in some.chunks(1) {
                if self.touch(one, now).await? == Touched::Full {
                    lacking.extend_from_slice(one);
                }
            }
        }
        Ok(lacking)
    }

    async fn touch(&self, windows: &[(RecordKey, Window)], now: Timestamp) -> Result<Touched> {
        match self.attempts.reserve(windows, now).await {
            Ok(Reserved::Admitted { ticket, .. }) => {
                self.attempts.give_back(&ticket).await?;
                Ok(Touched::Made)
            }
            Ok(Reserved::Refused { .. }) => Ok(Touched::Refuses),
            Err(e) if is_full(&e) => Ok(Touched::Full),
            Err(e) => Err(e),
        }
    }

    /// Something may have gone: what is lacking is made as far as there is room now.
    async fn make_lacking(&self, now: Timestamp) -> Result<()> {
        let mut rows = self.lacking().clone();
        while let Some(one) = rows.pop() {
            if self.touch(std::slice::from_ref(&one), now).await? == Touched::Full {
                return Ok(());
            }
            self.lacking().retain(|row| *row != one);
        }
        Ok(())
    }

    fn lacking(&self) -> MutexGuard<'_, Vec<(RecordKey, Window)>> {
        // Each change is one call: a poisoned lock is as good as any.
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts each of `levels`, 1 to 16 of different rows, or none of them. It is one call of the store;
    /// up to four where there is no room: once a second, or as long as something is over.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be relied on, or, where none refuses, holds neither a row of
    /// its own nor a shared one ([`reason::FULL`]): nothing is counted then.
    pub async fn reserve(&self, levels: &[Level], now: Timestamp) -> Result<Tallied> {
        let fine: Vec<_> = levels.iter().map(|level| level.fine.clone()).collect();
        // What is over makes room, once.
        let mut tries = if self.is_barren(now) { 0 } else { 2_u8 };
        while let Some(left) = tries.checked_sub(1) {
            match self.attempts.reserve(&fine, now).await {
                Err(e) if is_full(&e) => {}
                done => return done.and_then(of_all),
            }
            let more = left > 0 && self.make_room(now).await?;
            tries = if more { left } else { 0 };
        }
        let done = self.attempts.reserve_coarsely(levels, now).await;
        done.and_then(of_all)
    }

    /// Whether a purge found nothing a moment ago.
    fn is_barren(&self, now: Timestamp) -> bool {
        let next = now.saturating_add(AGAIN).as_millis();
        let barren = self.barren.load(Ordering::Relaxed);
        // One that lies further ahead was noted by a clock that went back since.
        now.as_millis() < barren && barren <= next
    }

    /// Purges what is over. No: nothing was.
    async fn make_room(&self, now: Timestamp) -> Result<bool> {
        let gone = self.attempts.purge_attempts(&self.fine, now, PURGE).await?;
        if gone == 0 {
            let next = now.saturating_add(AGAIN).as_millis();
            self.barren.store(next, Ordering::Relaxed);
        }
        // Another process may have made room before, or them.
        self.make_lacking(now).await?;
        Ok(gone > 0)
    }

    /// Takes back what was counted. What cannot be taken back stays counted, which is the safe side.
    pub async fn give_back(&self, ticket: &Ticket) {
        // Twice at most.
        if self.attempts.give_back(ticket).await.is_err() {
            let _ = self.attempts.give_back(ticket).await;
        }
    }

    /// Removes at most `limit` rows of their own whose attempts have all left their windows, and says
    /// how many. The tally does it itself where it finds no room.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be written.
    pub async fn purge(&self, limit: usize, now: Timestamp) -> Result<u64> {
        let gone = self.attempts.purge_attempts(&self.fine, now, limit).await?;
        self.make_lacking(now).await?;
        Ok(gone)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Touched {
    Made,
    Refuses,
    Full,
}

fn of_all(reserved: Reserved) -> Result<Tallied> {
    Ok(match reserved {
        Reserved::Admitted { ticket, used } => Tallied::Admitted { ticket, used },
        Reserved::Refused { index, retry_at } => Tallied::Refused { index, retry_at },
    })
}

fn is_full(e: &Error) -> bool {
    e.reason() == Some(reason::FULL)
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
