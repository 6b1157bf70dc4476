//! How often a password may be tried: exact sliding windows of failures, shared by all processes.
//!
//! What is counted is reserved before anything is hashed, in one atomic step, and given back if the
//! try succeeded or nothing came of it. So of any number of tries at once no more than the window lets
//! through are hashed, and one whose client hangs up counts. A try that is blocked writes and extends
//! nothing; one that succeeds takes nothing back but itself.
//!
//! Whom a try is at is told by a keyed name of the canonical identifier, whether there is such an
//! account or not; where it comes from by a keyed name of its prefix. Names are made under every living
//! key of the ring's purpose `login`, so that a rotation forgets nothing.

mod limits;
mod place;

use std::fmt;
use std::sync::Arc;

use keyward_base::{AddressPrefix, Error, Result, Retry, Timestamp};
use keyward_keys::{Finder, Keyring};
use keyward_store::{Attempts, RecordKey, Reserved, StoreLimits, Ticket, Window, reason as store};

pub use limits::Limits;

use crate::identifier::login_purpose;
use crate::verified::Realm;
use place::{FINE, Place, SHARES, Sort, places};

/// Keys under which tries are counted: the active one, one that is about to be, and the two that
/// retired last. Who rotates more than twice within 30 days begins the windows of 30 days anew.
const MOST_KEYS: usize = 4;

/// Keys without a try in their windows that make room at once where there is none.
const PURGE: usize = 1_024;

/// Counts failed tries. Clones are the same.
#[derive(Clone)]
pub struct Throttle(Arc<Inner>);

struct Inner {
    attempts: Arc<dyn Attempts>,
    keyring: Keyring,
    limits: Limits,
}

/// Whose try it is, and from where.
pub(crate) struct Who<'a> {
    pub(crate) realm: &'a Realm,
    /// In its canonical form; what has none, as it was typed.
    pub(crate) identifier: &'a [u8],
    pub(crate) prefix: AddressPrefix,
    /// A device that is known at this account.
    pub(crate) device: Option<&'a [u8; 16]>,
}

/// A try that was let through or not.
pub(crate) enum Let {
    Through(Through),
    Blocked(Blocked),
}

/// A try that is counted. Dropped, it stays so.
#[must_use = "dropped, the try stays counted"]
pub(crate) struct Through {
    ticket: Ticket,
}

/// Why a try was not let through, in what may be told outward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // It has just these.
pub struct Blocked {
    /// When the next one is let through, if none is until then: `Retry-After`.
    pub retry: Retry,
    /// Too many failed in 30 days: until then only a known device gets in, or whoever uses a mailed
    /// link, which makes one of his.
    pub needs_link: bool,
}

impl Throttle {
    /// Counts in `attempts`, under the keys of the ring's purpose `login`. On SQLite, attempts have a
    /// file of their own with [`Durability::Normal`]: what is counted outlasts a crash of the process,
    /// and no log-in waits for a disk. A quota of that file is 2,000 pages at least: what is shared has
    /// all its room from the beginning. One table serves all realms.
    ///
    /// [`Durability::Normal`]: https://docs.rs/keyward-sqlite
    ///
    /// # Errors
    /// `Misuse` for limits outside of 1 to 1,024, or of more than 100 in 30 days, or if the ring has no
    /// purpose `login` that MACs; `Unavailable` if the table cannot be written or has no room for the
    /// 384 rows that are shared where there is none.
    pub async fn new(
        attempts: Arc<dyn Attempts>,
        keyring: Keyring,
        limits: Limits,
    ) -> Result<Self> {
        limits.check()?;
        let throttle = Self(Arc::new(Inner {
            attempts,
            keyring,
            limits,
        }));
        throttle.finders()?;
        throttle.make_shared().await?;
        Ok(throttle)
    }

    /// Removes at most `limit` keys whose tries have all left their windows, and says how many. The
    /// throttle does it itself where it finds no room; an application that does it now and then keeps
    /// the table small.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be written.
    pub async fn purge(&self, limit: usize) -> Result<u64> {
        let now = self.now()?;
        self.0.attempts.purge_attempts(&FINE, now, limit).await
    }

    /// Lets a try through and counts it, or does neither.
    ///
    /// # Errors
    /// `Unavailable` if the table or the keyring cannot be relied on: nothing is let through then.
    pub(crate) async fn reserve(&self, who: &Who<'_>) -> Result<Let> {
        let now = self.now()?;
        let places = places(&self.0.limits, &self.finders()?, who)?;
        let finest = |place: &Place| place.levels.first().cloned();
        let fine: Vec<_> = places.iter().filter_map(finest).collect();
        match self.all(&places, &fine, now).await {
            Err(e) if is_full(&e) => {}
            done => return done,
        }
        // What is over makes room.
        if self.0.attempts.purge_attempts(&FINE, now, PURGE).await? > 0 {
            match self.all(&places, &fine, now).await {
                Err(e) if is_full(&e) => {}
                done => return done,
            }
        }
        self.reserve_coarsely(&places, now).await
    }

    /// Each window where there is room for it: one that is there counts on, however full the table.
    async fn reserve_coarsely(&self, places: &[Place], now: Timestamp) -> Result<Let> {
        let mut chosen: Vec<(RecordKey, Window)> = Vec::new();
        let mut kept = Vec::new();
        for place in places {
            let Some(level) = self.room(place, now).await? else {
                return Err(no_room());
            };
            match level {
                Err(blocked) => return Ok(Let::Blocked(blocked)),
                // Two names may share a row.
                Ok(level) if chosen.iter().any(|(key, _)| *key == level.0) => {}
                Ok(level) => {
                    chosen.push(level);
                    kept.push(place.sort);
                }
            }
        }
        self.of_sorts(&kept, &chosen, now).await
    }

    /// The finest level at which the table takes a window; none: not even the last.
    async fn room(
        &self,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<Result<(RecordKey, Window), Blocked>>> {
        for level in &place.levels {
            match self
                .0
                .attempts
                .reserve(std::slice::from_ref(level), now)
                .await
            {
                Ok(Reserved::Admitted { ticket, .. }) => {
                    self.0.attempts.give_back(&ticket).await?;
                    return Ok(Some(Ok(level.clone())));
                }
                Ok(Reserved::Refused { retry_at, .. }) => {
                    return Ok(Some(Err(blocked(place.sort, retry_at))));
                }
                Err(e) if is_full(&e) => {}
                Ok(_) => return Err(unknown()),
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }

    async fn all(
        &self,
        places: &[Place],
        windows: &[(RecordKey, Window)],
        now: Timestamp,
    ) -> Result<Let> {
        let sorts: Vec<_> = places.iter().map(|place| place.sort).collect();
        self.of_sorts(&sorts, windows, now).await
    }

    async fn of_sorts(
        &self,
        sorts: &[Sort],
        windows: &[(RecordKey, Window)],
        now: Timestamp,
    ) -> Result<Let> {
        match self.0.attempts.reserve(windows, now).await? {
            Reserved::Admitted { ticket, .. } => Ok(Let::Through(Through { ticket })),
            Reserved::Refused { index, retry_at } => {
                // None: the longest is told.
                let sort = sorts.get(index).copied().unwrap_or(Sort::Month);
                Ok(Let::Blocked(blocked(sort, retry_at)))
            }
            _ => Err(unknown()),
        }
    }

    /// Takes a try back, as after a success. One that cannot be taken back stays counted.
    pub(crate) async fn give_back(&self, through: Through) {
        // Twice at most: it is as good as kept then, which is the safe side.
        if self.0.attempts.give_back(&through.ticket).await.is_err() {
            let _ = self.0.attempts.give_back(&through.ticket).await;
        }
    }

    /// By which the account is told in events, without saying which it is.
    pub(crate) fn fingerprint(&self, who: &Who<'_>) -> Result<u64> {
        let finders = self.finders()?;
        let first = finders.first();
        Ok(first.map_or(0, |finder| place::fingerprint(finder, who)))
    }

    fn finders(&self) -> Result<Vec<Finder>> {
        let mut finders = self.0.keyring.finders(&login_purpose()?)?;
        finders.truncate(MOST_KEYS);
        Ok(finders)
    }

    fn now(&self) -> Result<Timestamp> {
        self.0.keyring.clock().now()
    }

    /// The rows that are counted in where there is no room for others: made while there is.
    async fn make_shared(&self) -> Result<()> {
        let now = self.now()?;
        for sort in Sort::ALL {
            let window = sort.shared_window()?;
            let all: Vec<_> = (0..SHARES)
                .map(|share| (sort.shared(share), window))
                .collect();
            for some in all.chunks(StoreLimits::WINDOWS) {
                if self.touch(some, now).await? {
                    continue;
                }
                // One that refuses is there.
                for one in some.chunks(1) {
                    self.touch(one, now).await?;
                }
            }
        }
        Ok(())
    }

    /// Makes rows in which nothing is counted. No: one of them refuses.
    async fn touch(&self, windows: &[(RecordKey, Window)], now: Timestamp) -> Result<bool> {
        match self.0.attempts.reserve(windows, now).await? {
            Reserved::Admitted { ticket, .. } => {
                self.0.attempts.give_back(&ticket).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

const fn blocked(sort: Sort, retry_at: Timestamp) -> Blocked {
    Blocked {
        retry: Retry::At(retry_at),
        needs_link: sort.is_long(),
    }
}

fn is_full(e: &Error) -> bool {
    e.reason() == Some(store::FULL)
}

fn no_room() -> Error {
    Error::unavailable("the table of log-in attempts has no room left: give it more")
        .because(store::FULL)
}

fn unknown() -> Error {
    Error::unavailable("the table of log-in attempts answered what this release does not know")
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("attempts", &self.0.attempts)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}
