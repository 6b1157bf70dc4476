//! The door: asks limits, in one step.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::encoding::base64url;
use keyward_base::{Clock, Error, Result, Retry, Timestamp};

use super::known::{Known, Over};
use super::names::Names;
use super::policy::{LIMITS, Limit, NAMES};
use super::tally::{Tallied, Tally};
use super::whom::Whom;
use crate::attempts::{Attempts, Level, Ticket, Used, Window};
use crate::reason;
use crate::record::{Collection, RecordKey};

const FINE: Collection = Collection::named("limit");
const SHARED: Collection = Collection::named("limit-shared");

/// Counts requests under limits, in a table that all processes share. Clones are the same.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

struct Inner {
    tally: Tally,
    names: Arc<dyn Names>,
    clock: Arc<dyn Clock>,
    limits: Vec<Limit>,
    known: Known,
}

/// What a [`Limiter`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct LimiterBuilder {
    attempts: Arc<dyn Attempts>,
    names: Arc<dyn Names>,
    clock: Arc<dyn Clock>,
    limits: Vec<Limit>,
}

/// How a request was judged.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // Whoever asks acts on both.
#[must_use = "the request may have been refused"]
pub enum Asked {
    /// Every limit admitted it, and all have counted it.
    Admitted(Admitted),
    /// One refused it, and none has counted it: asking again and again does not prolong the wait.
    Refused(Refused),
}

/// A request that is counted. Dropped, it stays so.
#[must_use = "dropped, the request stays counted"]
pub struct Admitted {
    limiter: Limiter,
    /// Of its own, in the order in which they were asked: it may be counted in others.
    rows: Vec<RecordKey>,
    ticket: Ticket,
    standing: Vec<Standing>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    limit: Limit,
    retry_at: Timestamp,
    wait: Duration,
}

/// How much of a limit is used by one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Which.
    pub limit: Limit,
    /// How many count now, of [`Limit::window`].
    pub used: u32,
    /// How many more would be admitted now.
    pub left: u32,
    /// In how long the first of those that count leaves; none if none counts.
    pub frees_in: Option<Duration>,
}

impl Limiter {
    /// Counts in `attempts`, under `names`. On SQLite, attempts have a file of their own with
    /// `Durability::Normal` and a quota: what is counted outlasts a crash of the process, and no
    /// request waits for a disk. A limiter has a file, or a table in memory, to itself or beside the
    /// throttle of log-ins; two limiters in one share what has the same name.
    pub fn builder(
        attempts: Arc<dyn Attempts>,
        names: Arc<dyn Names>,
        clock: Arc<dyn Clock>,
    ) -> LimiterBuilder {
        LimiterBuilder {
            attempts,
            names,
            clock,
            limits: Vec::new(),
        }
    }

    /// Judges a request by each of these limits and counts it under all of them, or under none. At most
    /// 4 limits are asked at once, each pair of a limit and whom it is for once.
    ///
    /// # Errors
    /// `Misuse` for none or more than 4, for a pair that comes twice, or for a limit that the builder
    /// was not told of. `Unavailable` or `Corrupt` if the table, the names or the clock cannot be
    /// relied on: refuse the request then, unless what the limit protects is worth less than what it
    /// guards; that is the caller's to say of each route.
    pub async fn ask(&self, limits: &[(&Limit, Whom)]) -> Result<Asked> {
        let now = self.0.clock.now()?;
        let counted = self.0.counted(limits)?;
        let levels: Vec<Level> = counted.iter().map(|(_, level)| level.clone()).collect();
        let rows: Vec<RecordKey> = levels.iter().map(|level| level.fine.0.clone()).collect();
        let refused = |over: Over| {
            let limit = counted.get(over.index).and_then(|(of, _)| limits.get(*of));
            let (limit, _) = limit.ok_or_else(unknown)?;
            Ok(Asked::Refused(Refused::new(limit, over.retry_at, now)))
        };
        let known = &self.0.known;
        if let Some(over) = known.of(&rows, now) {
            return refused(over);
        }
        match self.0.tally.reserve(&levels, now).await? {
            Tallied::Admitted { ticket, used } => Ok(Asked::Admitted(Admitted {
                standing: standing(limits, &counted, (ticket.keys(), &used), now),
                limiter: self.clone(),
                rows,
                ticket,
            })),
            Tallied::Refused { index, retry_at } => {
                let over = Over::said(now, retry_at, index);
                known.note(&rows, over);
                refused(over)
            }
        }
    }

    /// How much of each limit is used, in their order, to show it to whom it is of. Counts nothing, and
    /// admits nothing: between this and a request, others come. What was counted with others, while the
    /// table had no room, is not in it.
    ///
    /// # Errors
    /// As [`Limiter::ask`].
    pub async fn look(&self, limits: &[(&Limit, Whom)]) -> Result<Vec<Standing>> {
        let now = self.0.clock.now()?;
        let counted = self.0.counted(limits)?;
        let rows: Vec<_> = counted
            .iter()
            .map(|(_, level)| level.fine.clone())
            .collect();
        let used = self.0.tally.attempts().used(&rows, now).await?;
        let keys: Vec<RecordKey> = rows.into_iter().map(|(key, _)| key).collect();
        Ok(standing(limits, &counted, (&keys, &used), now))
    }

    /// How many of the rows, 64 for each limit, in which is counted what finds no room, found none
    /// themselves: above 0, the table's quota is too small for these limits, or it was full when they
    /// were first asked for. They are made as soon as there is room; until then, who has no row of his
    /// own and finds none is refused as `Unavailable` ([`reason::FULL`]). Say so to the operator.
    #[must_use]
    pub fn lacks(&self) -> usize {
        self.0.tally.lacks()
    }

    /// Removes at most `limit` rows whose requests have all left their windows, and says how many. The
    /// limiter does it itself where it finds no room; an application that does it now and then keeps
    /// the table small.
    ///
    /// # Errors
    /// `Unavailable` if the table cannot be written.
    pub async fn purge(&self, limit: usize) -> Result<u64> {
        let now = self.0.clock.now()?;
        self.0.tally.purge(limit, now).await
    }
}

impl Inner {
    /// Where a request is counted: with each level, the index of its limit.
    fn counted(&self, limits: &[(&Limit, Whom)]) -> Result<Vec<(usize, Level)>> {
        if !(1..=LIMITS).contains(&limits.len()) {
            return Err(Error::misuse("1 to 4 limits are asked at once"));
        }
        let mut all = Vec::new();
        for (index, (limit, whom)) in limits.iter().enumerate() {
            if !self.limits.contains(limit) {
                return Err(Error::misuse(
                    "tell the limiter's builder of each limit that is asked: it has rows to make",
                ));
            }
            let own = self.names.names(limit.name(), whom.bytes())?;
            let others = match whom.network() {
                Some(network) => self.names.names(limit.name(), network)?,
                None => own.clone(),
            };
            if own.is_empty() {
                return Err(Error::unavailable("there is no key to name a client under"));
            }
            for (n, name) in own.iter().take(NAMES).enumerate() {
                let share = Tally::share(others.get(n).unwrap_or(name));
                let fine = (row(&FINE, limit, &base64url(name)), limit.window());
                let shared = (shared(limit, share), limit.shared()?);
                all.push((index, Level { fine, shared }));
            }
        }
        Ok(all)
    }
}

impl LimiterBuilder {
    /// One of the limits that are asked. Its name is no other's.
    pub fn limit(mut self, limit: &Limit) -> Self {
        self.limits.push(limit.clone());
        self
    }

    /// Makes it, and the 64 rows for each limit in which is counted what finds no room
    /// ([`Limiter::lacks`]).
    ///
    /// # Errors
    /// `Misuse` if two limits have one name; `Unavailable` if the table cannot be written or the clock
    /// cannot be relied on.
    pub async fn build(self) -> Result<Limiter> {
        let now = self.clock.now()?;
        let mut rows = Vec::new();
        let mut names = BTreeSet::new();
        for limit in &self.limits {
            if !names.insert(limit.name()) {
                return Err(Error::misuse("each limit has a name of its own"));
            }
            let window = limit.shared()?;
            rows.extend((0..Tally::SHARES).map(|share| (shared(limit, share), window)));
        }
        let tally = Tally::new(self.attempts, FINE);
        tally.make_shared(&rows, now).await?;
        Ok(Limiter(Arc::new(Inner {
            tally,
            names: self.names,
            clock: self.clock,
            limits: self.limits,
            known: Known::default(),
        })))
    }
}

fn row(collection: &Collection, limit: &Limit, id: &str) -> RecordKey {
    RecordKey {
        collection: collection.clone(),
        owner: String::new(),
        id: format!("{}/{id}", limit.name()),
    }
}

fn shared(limit: &Limit, share: u8) -> RecordKey {
    row(&SHARED, limit, &share.to_string())
}

/// Of each limit what is left under the name that has least left.
fn standing(
    limits: &[(&Limit, Whom)],
    counted: &[(usize, Level)],
    (rows, used): (&[RecordKey], &[Used]),
    now: Timestamp,
) -> Vec<Standing> {
    let of = |level: &Level| {
        let found = |(key, window): &(RecordKey, Window)| {
            let (_, used) = rows.iter().zip(used).find(|(row, _)| *row == key)?;
            let left = window.most().saturating_sub(used.count);
            Some((left, used.until))
        };
        let (left, until) = found(&level.fine).or_else(|| found(&level.shared))?;
        // A row that is shared has more.
        Some((left.min(level.fine.1.most()), until))
    };
    let standing = |(index, (limit, _)): (usize, &(&Limit, Whom))| {
        let own = counted.iter().filter(|(of, _)| *of == index);
        let least = own.filter_map(|(_, level)| of(level)).min();
        let most = limit.window().most();
        let (left, until) = least.unwrap_or((most, None));
        Standing {
            limit: (*limit).clone(),
            used: most.saturating_sub(left),
            left,
            frees_in: until.map(|until| until.saturating_since(now)),
        }
    };
    limits.iter().enumerate().map(standing).collect()
}

impl Admitted {
    /// How much of each limit is used, this request included, in the order in which they were asked.
    #[must_use]
    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// Keeps it counted.
    pub fn keep(self) {}

    /// Takes it back, as after a request that turned out not to count. One that cannot be taken back
    /// stays counted.
    pub async fn give_back(self) {
        let Inner { tally, known, .. } = &*self.limiter.0;
        tally.give_back(&self.ticket).await;
        known.forget(&self.rows);
    }
}

impl Refused {
    fn new(limit: &Limit, retry_at: Timestamp, now: Timestamp) -> Self {
        // Longer only if a clock went back: nobody is told to wait for that.
        let wait = retry_at.saturating_since(now).min(limit.window().span());
        Self {
            limit: limit.clone(),
            retry_at,
            wait,
        }
    }

    /// The limit that admits the next one last; the first of those.
    #[must_use]
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// When all of the limits admit the next, if none is admitted until then.
    #[must_use]
    pub const fn retry_at(&self) -> Timestamp {
        self.retry_at
    }

    /// How long that is from now, at most the span that is held: `Retry-After`.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.wait
    }

    /// The same as an error: `Rejected` ([`reason::LIMITED`]), with when to try again.
    #[must_use]
    pub fn error(&self) -> Error {
        Error::rejected(reason::LIMITED).retry(Retry::After(self.wait))
    }
}

fn unknown() -> Error {
    Error::unavailable("the table of attempts answered what this release does not know")
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}
