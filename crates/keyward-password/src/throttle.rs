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

use keyward_base::{AddressPrefix, Result, Retry, Timestamp};
use keyward_keys::{Finder, Keyring};
use keyward_store::limit::{Tallied, Tally};
use keyward_store::{Attempts, Ticket};

pub use limits::Limits;

use crate::identifier::login_purpose;
use crate::verified::Realm;
use place::{FINE, Sort, places};

/// Keys under which tries are counted: the active one, one that is about to be, and the two that
/// retired last. Who rotates more than twice within 30 days begins the windows of 30 days anew.
const MOST_KEYS: usize = 4;

/// Counts failed tries. Clones are the same.
#[derive(Clone)]
pub struct Throttle(Arc<Inner>);

struct Inner {
    tally: Tally,
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
    /// purpose `login` that MACs; `Unavailable` if the table cannot be written.
    pub async fn new(
        attempts: Arc<dyn Attempts>,
        keyring: Keyring,
        limits: Limits,
    ) -> Result<Self> {
        limits.check()?;
        let throttle = Self(Arc::new(Inner {
            tally: Tally::new(attempts, FINE),
            keyring,
            limits,
        }));
        throttle.finders()?;
        throttle.make_shared().await?;
        Ok(throttle)
    }

    /// How many of the 384 rows that are shared where there is no room found none themselves: above 0,
    /// the table's quota is too small, or it was full when this throttle was made first. They are made
    /// as soon as there is room; until then a try that would be counted in one of them is `Unavailable`.
    /// Say so to the operator.
    #[must_use]
    pub fn lacks(&self) -> usize {
        self.0.tally.lacks()
    }

    /// Removes at most `limit` keys whose tries have all left their windows, and says how many. The
    /// throttle does it itself where it finds no room; an application that does it now and then keeps
    /// the table small.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be written.
    pub async fn purge(&self, limit: usize) -> Result<u64> {
        let now = self.now()?;
        self.0.tally.purge(limit, now).await
    }

    /// Lets a try through and counts it, or does neither.
    ///
    /// # Errors
    /// `Unavailable` if the table or the keyring cannot be relied on: nothing is let through then.
    pub(crate) async fn reserve(&self, who: &Who<'_>) -> Result<Let> {
        let now = self.now()?;
        let places = places(&self.0.limits, &self.finders()?, who)?;
        let levels: Vec<_> = places.iter().map(|place| place.level.clone()).collect();
        Ok(match self.0.tally.reserve(&levels, now).await? {
            Tallied::Admitted { ticket, .. } => Let::Through(Through { ticket }),
            Tallied::Refused { index, retry_at } => {
                // None: the longest is told.
                let sort = places.get(index).map_or(Sort::Month, |place| place.sort);
                Let::Blocked(blocked(sort, retry_at))
            }
        })
    }

    /// Takes a try back, as after a success. One that cannot be taken back stays counted.
    pub(crate) async fn give_back(&self, through: Through) {
        self.0.tally.give_back(&through.ticket).await;
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
        let mut rows = Vec::new();
        for sort in Sort::ALL {
            let window = sort.shared_window()?;
            rows.extend((0..Tally::SHARES).map(|share| (sort.shared(share), window)));
        }
        self.0.tally.make_shared(&rows, now).await
    }
}

const fn blocked(sort: Sort, retry_at: Timestamp) -> Blocked {
    Blocked {
        retry: Retry::At(retry_at),
        needs_link: sort.is_long(),
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("attempts", self.0.tally.attempts())
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}
