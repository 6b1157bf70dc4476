//! Reading on from the record, and telling what the rules reach.

use std::collections::{BTreeMap, VecDeque};

use keyward_base::{Error, ErrorKind, Result, Timestamp};
use keyward_store::Place;

use super::{AHEAD, AlertRule, Anomaly, Watch, time};
use crate::audit::{Audit, Kept, Of};
use crate::leaf::LogId;

/// Entries of a page, and how many are read at one look, about.
const PAGE: usize = 1024;
const MOST: u64 = 16_384;

/// The most logs that ended between two looks, or within a window, and are read: each is an older
/// database that somebody accepted.
const MOST_ENDED: usize = 64;

/// How far the logs were read: for each its id, and the number to go on from. A number is of one
/// log: after a restore another goes on in its place, with numbers of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position(BTreeMap<Of, (LogId, u64)>);

impl Position {
    /// One of these logs and numbers.
    #[must_use]
    pub fn new(numbers: impl IntoIterator<Item = (Of, LogId, u64)>) -> Self {
        let numbers = numbers.into_iter();
        Self(numbers.map(|(of, log, next)| (of, (log, next))).collect())
    }

    /// The logs and numbers, to be kept until the next start.
    pub fn iter(&self) -> impl Iterator<Item = (&Of, &LogId, u64)> {
        self.0.iter().map(|(of, (log, next))| (of, log, *next))
    }
}

/// What a look found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Looked {
    /// What the rules reached.
    pub anomalies: Vec<Anomaly>,
    /// The logs that cannot be read, and why: one that is not what was written costs itself only.
    pub failed: Vec<(Of, Error)>,
    /// Whether there is more to read.
    pub more: bool,
}

/// Follows the logs of a service, and counts by rules.
///
/// One that is started at the [`Position`] of another that ended counts as if it had gone on: what
/// the open windows had is read again without being told. So between them each window of a rule is
/// told once, if the position is kept together with what was told; where an older one was kept, what
/// came after it is told again, with the same rule, key and window. What was erased is not counted.
///
/// Where another log goes on in the place of one, after a restore, the one is read to its end and the
/// other from its beginning, and so is each that began and ended between two looks; what had ended
/// before the follower began is not read.
#[derive(Debug)]
pub struct Follower {
    audit: Audit,
    watch: Watch,
    seen: BTreeMap<Of, (LogId, u64)>,
    /// What was reached and not told yet.
    untold: Vec<Anomaly>,
    /// What windows reached that ended before, somebody else told.
    told_before: u64,
    /// The log to begin with, so that each has its turn.
    first: Option<Of>,
    /// Logs that ended, and are not read to their end.
    ended: Vec<Of>,
    /// Up to where the logs were looked through that nothing says grew.
    swept: Option<Place>,
}

/// How far a log was read.
enum Read {
    /// To its end.
    Whole,
    /// There is more.
    Part,
    /// Not: it is another one now, and what ended is to be read first.
    Ended,
}

impl Follower {
    /// One that begins with what comes from now on.
    ///
    /// # Errors
    /// As [`AlertRule::check`]; `Unavailable` if the store or the keyring cannot be relied on.
    pub async fn new(audit: Audit, rules: &[AlertRule]) -> Result<Self> {
        let mut follower = Self::with(audit, rules)?;
        for of in follower.audit.logs().await? {
            match follower.audit.head(&of).await {
                Ok(Some(head)) => {
                    follower.seen.insert(of, (head.log, head.size()));
                }
                Ok(None) => {}
                Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
                // Each look tells of it.
                Err(_) => {}
            }
        }
        Ok(follower)
    }

    /// One that goes on where another was. Reads what the windows had that are open, at most what was
    /// recorded in a day.
    ///
    /// # Errors
    /// As [`Follower::new`]; `Corrupt` if a log is not what was written.
    pub async fn at(audit: Audit, rules: &[AlertRule], position: &Position) -> Result<Self> {
        let mut follower = Self::with(audit, rules)?;
        let mut read = Vec::new();
        for (of, log, next) in position.iter() {
            let mut head = follower.audit.head(of).await?;
            let mut of = of.clone();
            if head.as_ref().is_none_or(|head| head.log != *log) {
                let ended = of.ended(*log);
                follower.goes_on(&of, &ended).await?;
                of = ended;
                head = follower.audit.head(&of).await?;
            }
            // One that was put back has fewer: the next look tells.
            let size = head.map_or(0, |head| head.size());
            read.push((of.clone(), next.min(size)));
            follower.seen.insert(of, (*log, next));
        }
        // The windows that are open at the latest time that was seen, of whatever log, but at none
        // that is still to come.
        let mut latest = 0;
        for (of, next) in &read {
            latest = latest.max(follower.time_before(of, *next).await?);
        }
        let now = follower.audit.clock().now()?;
        let since = follower
            .watch
            .since(Timestamp::from_millis(latest).min(now));
        for (of, next) in &read {
            follower.count_again(of, *next, since.as_millis()).await?;
        }
        Ok(follower)
    }

    /// One that begins with the windows which are open at `at`, or later: what they reached is told
    /// anew. Reads some entries of each log, to find where that is.
    ///
    /// # Errors
    /// As [`Follower::new`].
    pub async fn since(audit: Audit, rules: &[AlertRule], at: Timestamp) -> Result<Self> {
        let mut follower = Self::with(audit, rules)?;
        follower.told_before = at.as_millis();
        let from = follower.watch.since(at).as_millis();
        for of in follower.audit.logs().await? {
            match follower.first_at(&of, from).await {
                Ok(Some(first)) => {
                    follower.seen.insert(of.clone(), first);
                    if first.1 == 0 {
                        follower.ended_since(of, from).await?;
                    }
                }
                Ok(None) => {}
                Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
                // Each look tells of it.
                Err(_) => {}
            }
        }
        Ok(follower)
    }

    /// Takes those up that a log goes on from and that ended within the windows.
    async fn ended_since(&mut self, mut of: Of, from: u64) -> Result<()> {
        for _ in 0..MOST_ENDED {
            let Some(ended) = self.before(&of).await? else {
                break;
            };
            let Some((log, first)) = self.first_at(&ended, from).await? else {
                break;
            };
            self.seen.insert(ended.clone(), (log, first));
            self.ended.push(ended.clone());
            if first > 0 {
                break;
            }
            of = ended;
        }
        Ok(())
    }

    /// The log that one goes on from; none of one whose first entry cannot be read.
    async fn before(&self, of: &Of) -> Result<Option<Of>> {
        match self.audit.before(of).await {
            Ok(before) => Ok(before.map(|before| of.ended(before.log))),
            Err(e) if e.kind() == ErrorKind::Unavailable => Err(e),
            Err(_) => Ok(None),
        }
    }

    /// Takes up one that ended while it was read, and those that went on from it and ended since, if
    /// the one that goes on leads to it.
    async fn goes_on(&mut self, of: &Of, ended: &Of) -> Result<()> {
        self.ended.push(ended.clone());
        let (mut between, mut of) = (Vec::new(), of.clone());
        while between.len() < MOST_ENDED {
            match self.before(&of).await? {
                None => return Ok(()),
                Some(before) if before == *ended => break,
                Some(before) => {
                    between.push(before.clone());
                    of = before;
                }
            }
        }
        for of in between {
            if let Of::Earlier(earlier) = &of {
                self.seen.insert(of.clone(), (*earlier.log(), 0));
            }
            self.ended.push(of);
        }
        Ok(())
    }

    fn with(audit: Audit, rules: &[AlertRule]) -> Result<Self> {
        Ok(Self {
            audit,
            watch: Watch::new(rules)?,
            seen: BTreeMap::new(),
            untold: Vec::new(),
            told_before: 0,
            first: None,
            ended: Vec::new(),
            swept: None,
        })
    }

    /// How far it is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.seen.clone())
    }

    /// See [`Watch::dropped`].
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.watch.dropped()
    }

    /// Reads what was recorded since, about 16,384 entries at most, and gives what the rules reach
    /// by it. Takes memory for one page, the windows and the names of the logs. It looks at the logs
    /// that grew since the last round of checkpoints, and at 512 others in their turn: of more logs
    /// than that, what came just before a round may be seen some looks later.
    ///
    /// # Errors
    /// `Unavailable` if the store or the keyring cannot be relied on: what was reached until then is
    /// told by the next look.
    pub async fn look(&mut self) -> Result<Looked> {
        let mut looked = Looked::default();
        let (mut logs, swept) = self.audit.may_have_grown(self.swept.clone()).await?;
        logs.extend(self.ended.iter().cloned());
        let first = self.first.take();
        logs.sort();
        logs.dedup();
        let at = logs.partition_point(|of| first.as_ref().is_some_and(|first| of < first));
        logs.rotate_left(at);
        let (mut logs, mut left) = (VecDeque::from(logs), MOST);
        while let Some(of) = logs.pop_front() {
            if left == 0 {
                self.first = Some(of);
                looked.more = true;
                break;
            }
            match self.read_on(&of, &mut left).await {
                Ok(Read::Whole) => self.ended.retain(|ended| *ended != of),
                Ok(Read::Ended) => {
                    logs.extend(self.ended.iter().cloned());
                    logs.push_back(of);
                }
                Ok(Read::Part) => looked.more = true,
                Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
                Err(e) => looked.failed.push((of, e)),
            }
        }
        if !looked.more {
            self.swept = swept;
        }
        looked.anomalies = std::mem::take(&mut self.untold);
        Ok(looked)
    }

    async fn read_on(&mut self, of: &Of, left: &mut u64) -> Result<Read> {
        let Some(head) = self.audit.head(of).await? else {
            // One that was read and is gone: the root log tells.
            return Ok(Read::Whole);
        };
        let (size, log) = (head.size(), head.log);
        let mut next = match self.seen.get(of).copied() {
            Some((seen, next)) if seen == log => next,
            Some(before) => {
                // Another goes on in its place. The numbers are not its.
                let ended = of.ended(before.0);
                self.goes_on(of, &ended).await?;
                self.seen.insert(of.clone(), (log, 0));
                self.seen.insert(ended, before);
                return Ok(Read::Ended);
            }
            // One that had ended before it was followed is of the past.
            None if matches!(of, Of::Earlier(_)) => size,
            None => 0,
        };
        if next > size {
            return Err(Error::corrupt(
                "a log has fewer entries than were read of it: older rows were put back",
            ));
        }
        self.seen.insert(of.clone(), (log, next));
        while next < size && *left > 0 {
            let page = self.audit.entries(of, next, PAGE).await?;
            for kept in &page.entries {
                if let Some(entry) = kept.entry()? {
                    let reached = self.watch.see(of, kept.seq, &entry).into_iter();
                    let before = self.told_before;
                    self.untold
                        .extend(reached.filter(|reached| reached.until() > before));
                }
                next = kept.seq.saturating_add(1);
                self.seen.insert(of.clone(), (log, next));
            }
            *left = left.saturating_sub(PAGE as u64);
            next = page.next.unwrap_or(size.max(next));
        }
        let whole = next >= size;
        Ok(if whole { Read::Whole } else { Read::Part })
    }

    /// The number of an entry before which none counts from a time on, and in which log. None where
    /// there is no log.
    async fn first_at(&self, of: &Of, from: u64) -> Result<Option<(LogId, u64)>> {
        let Some(head) = self.audit.head(of).await? else {
            return Ok(None);
        };
        let first = self.begin(of, head.size(), from).await?;
        Ok(Some((head.log, first)))
    }

    /// The number of an entry before which none counts from a time on, of those before `end`.
    ///
    /// What a log knew of the time never goes back, as the times of its entries may: so it is what is
    /// gone by, but for a clock that was far ahead of this one. Behind that, each entry is looked at,
    /// from the newest on, until of a page of them none counts.
    async fn begin(&self, of: &Of, end: u64, from: u64) -> Result<u64> {
        let now = self.audit.clock().now()?.as_millis();
        let ahead = self.first_of(of, end, now.saturating_add(AHEAD)).await?;
        let first = self.first_of(of, ahead, from).await?;
        if first < ahead {
            return Ok(first);
        }
        let mut first = end;
        while first > ahead {
            let page = first.saturating_sub(PAGE as u64).max(ahead);
            let (mut at, mut counts) = (page, false);
            while at < first && !counts {
                let read = self.audit.entries(of, at, PAGE).await?;
                for kept in read.entries.iter().filter(|kept| kept.seq < first) {
                    counts |= kept.entry()?.is_some_and(|entry| time(&entry) >= from);
                }
                at = read.next.unwrap_or(first);
            }
            if !counts {
                break;
            }
            first = page;
        }
        Ok(first)
    }

    /// The number of the first entry, of those before `end`, at which the log knew a time that is not
    /// before `from`; `end` if there is none.
    async fn first_of(&self, of: &Of, end: u64, from: u64) -> Result<u64> {
        // Most logs of many are not in use: their newest entry tells.
        let (mut low, mut high) = (0, end);
        let mut middle = end.saturating_sub(1);
        while low < high {
            let page = self.audit.entries(of, middle, 1).await?;
            let latest = page.entries.first().map(latest).transpose()?;
            if latest.is_some_and(|latest| latest < from) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
            middle = low.midpoint(high);
        }
        Ok(low)
    }

    /// The time of the newest entry before that number.
    async fn time_before(&self, of: &Of, next: u64) -> Result<u64> {
        let mut end = next;
        while let Some(seq) = end.checked_sub(1) {
            let page = self.audit.entries(of, seq, 1).await?;
            match page.entries.first().map(|kept| kept.entry()).transpose()? {
                Some(Some(entry)) => return Ok(time(&entry)),
                // What was erased counts no more, and all before it neither.
                _ => end = seq.min(end.saturating_sub(PAGE as u64)),
            }
        }
        Ok(0)
    }

    /// Counts the entries of a log again that are before a number, and not before a time.
    async fn count_again(&mut self, of: &Of, next: u64, since: u64) -> Result<()> {
        let mut from = self.begin(of, next, since).await?;
        while from < next {
            let page = self.audit.entries(of, from, PAGE).await?;
            for kept in page.entries.iter().filter(|kept| kept.seq < next) {
                if let Some(entry) = kept.entry()?.filter(|entry| time(entry) >= since) {
                    let _told_before = self.watch.see(of, kept.seq, &entry);
                }
            }
            from = page.next.unwrap_or(next);
        }
        Ok(())
    }
}

/// The latest time that a log knew at an entry; of one that was erased, the end of its day.
fn latest(kept: &Kept) -> Result<u64> {
    let day = u64::from(kept.leaf.header.day).saturating_add(1);
    let end = day.saturating_mul(24 * 60 * 60 * 1000);
    let entry = kept.entry()?;
    Ok(entry.map_or(end, |entry| {
        let behind = entry.behind.map_or(0, |behind| behind.0);
        entry.at.0.saturating_add(behind)
    }))
}
