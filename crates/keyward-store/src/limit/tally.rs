//! A table of windows that has room always: what finds none of its own is counted with others.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyward_base::{Error, Result, Timestamp};

use crate::attempts::{Attempts, Reserved, Ticket, Used, Window};
use crate::limits::StoreLimits;
use crate::reason;
use crate::record::{Collection, RecordKey};

/// Keys without an attempt in their windows that make room at once where there is none.
const PURGE: usize = 1_024;

/// After a purge that found nothing this process makes none for so long: in a table that is full, each
/// would look through all of it.
const AGAIN: Duration = Duration::from_secs(1);

/// One thing that is counted: by itself, and with others where there is no room for that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // It has just these.
pub struct Level {
    /// A row of its own, in the tally's collection.
    pub fine: (RecordKey, Window),
    /// One of the rows that [`Tally::make_shared`] made.
    pub shared: (RecordKey, Window),
}

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
        /// Which, counted from 0, in the order in which they were asked.
        index: usize,
        /// When all of those that were asked admit the next, if none is admitted until then.
        retry_at: Timestamp,
        /// The row that it shares with others, if that one alone refused it.
        shared: Option<RecordKey>,
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
}

impl Tally {
    /// Counts in `attempts`, whose collection `fine` is nobody else's.
    #[must_use]
    pub const fn new(attempts: Arc<dyn Attempts>, fine: Collection) -> Self {
        Self {
            attempts,
            fine,
            barren: AtomicU64::new(0),
        }
    }

    /// The store it counts in.
    #[must_use]
    pub fn attempts(&self) -> &Arc<dyn Attempts> {
        &self.attempts
    }

    /// Makes the rows that are shared, while there is room, with room for all that they will count.
    /// What those that are there count stays as it is.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be written or has no room for them.
    pub async fn make_shared(&self, rows: &[(RecordKey, Window)], now: Timestamp) -> Result<()> {
        let mut roomy = Vec::with_capacity(rows.len());
        for (row, window) in rows {
            let most = window.most().max(StoreLimits::SMALL.saturating_add(1));
            roomy.push((row.clone(), Window::new(most, window.span())?));
        }
        for some in roomy.chunks(StoreLimits::WINDOWS) {
            if self.touch(some, now).await? {
                continue;
            }
            // One that refuses is there.
            for one in some.chunks(1) {
                self.touch(one, now).await?;
            }
        }
        Ok(())
    }

    /// Makes rows in which nothing is counted. No: one of them refuses.
    async fn touch(&self, windows: &[(RecordKey, Window)], now: Timestamp) -> Result<bool> {
        match self.attempts.reserve(windows, now).await? {
            Reserved::Admitted { ticket, .. } => {
                self.attempts.give_back(&ticket).await?;
                Ok(true)
            }
            Reserved::Refused { .. } => Ok(false),
        }
    }

    /// Counts each of `levels`, 1 to 16 of different rows, or none of them. `is_over` says of a shared
    /// row whether it is known to refuse, and until when: it is not asked then.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be relied on, or holds neither a row of its own nor a shared
    /// one ([`reason::FULL`]): nothing is counted then.
    pub async fn reserve(
        &self,
        levels: &[Level],
        now: Timestamp,
        is_over: impl Fn(&RecordKey) -> Option<Timestamp>,
    ) -> Result<Tallied> {
        let fine: Vec<_> = levels.iter().map(|level| level.fine.clone()).collect();
        match self.attempts.reserve(&fine, now).await {
            Err(e) if is_full(&e) => {}
            done => return done.map(of_all),
        }
        // What is over makes room.
        if self.make_room(now).await? {
            match self.attempts.reserve(&fine, now).await {
                Err(e) if is_full(&e) => {}
                done => return done.map(of_all),
            }
        }
        self.reserve_coarsely(levels, now, is_over).await
    }

    async fn make_room(&self, now: Timestamp) -> Result<bool> {
        let (at, next) = (now.as_millis(), now.saturating_add(AGAIN).as_millis());
        let barren = self.barren.load(Ordering::Relaxed);
        // One that lies further ahead was noted by a clock that went back since.
        if at < barren && barren <= next {
            return Ok(false);
        }
        let gone = self.attempts.purge_attempts(&self.fine, now, PURGE).await?;
        if gone == 0 {
            self.barren.store(next, Ordering::Relaxed);
        }
        Ok(gone > 0)
    }

    /// Each where there is room for it.
    async fn reserve_coarsely(
        &self,
        levels: &[Level],
        now: Timestamp,
        is_over: impl Fn(&RecordKey) -> Option<Timestamp>,
    ) -> Result<Tallied> {
        let mut chosen: Vec<(RecordKey, Window)> = Vec::new();
        let mut kept = Vec::new();
        for (index, level) in levels.iter().enumerate() {
            // Of one alone it was just said that there is no room.
            let own = Some(&level.fine).filter(|_| levels.len() > 1);
            let row = match self.room(own, &level.shared, now, &is_over).await? {
                Room::Over(shared, retry_at) => {
                    return Ok(Tallied::Refused {
                        index,
                        retry_at,
                        shared,
                    });
                }
                Room::In(row) => row,
            };
            // Two may share a row.
            if !chosen.iter().any(|(key, _)| *key == row.0) {
                chosen.push(row.clone());
                kept.push(index);
            }
        }
        Ok(match self.attempts.reserve(&chosen, now).await? {
            Reserved::Refused { index, retry_at } => Tallied::Refused {
                index: kept.get(index).copied().unwrap_or_default(),
                retry_at,
                shared: None,
            },
            admitted @ Reserved::Admitted { .. } => of_all(admitted),
        })
    }

    /// The finest row that the table takes.
    async fn room<'a>(
        &self,
        own: Option<&'a (RecordKey, Window)>,
        shared: &'a (RecordKey, Window),
        now: Timestamp,
        is_over: impl Fn(&RecordKey) -> Option<Timestamp>,
    ) -> Result<Room<'a>> {
        let own = own.map(|own| (own, false));
        for (row, is_shared) in own.into_iter().chain([(shared, true)]) {
            if is_shared && let Some(retry_at) = is_over(&row.0) {
                return Ok(Room::Over(None, retry_at));
            }
            match self.attempts.reserve(std::slice::from_ref(row), now).await {
                Ok(Reserved::Admitted { ticket, .. }) => {
                    self.attempts.give_back(&ticket).await?;
                    return Ok(Room::In(row));
                }
                Ok(Reserved::Refused { retry_at, .. }) => {
                    let shared = is_shared.then(|| row.0.clone());
                    return Ok(Room::Over(shared, retry_at));
                }
                Err(e) if is_full(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Err(
            Error::unavailable("the table of attempts has no room left: give it more")
                .because(reason::FULL),
        )
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
        self.attempts.purge_attempts(&self.fine, now, limit).await
    }
}

enum Room<'a> {
    In(&'a (RecordKey, Window)),
    Over(Option<RecordKey>, Timestamp),
}

fn of_all(reserved: Reserved) -> Tallied {
    match reserved {
        Reserved::Admitted { ticket, used } => Tallied::Admitted { ticket, used },
        Reserved::Refused { index, retry_at } => Tallied::Refused {
            index,
            retry_at,
            shared: None,
        },
    }
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
