//! Erasing: the entries' texts and salts go, their leaves stay, and a record of it stands in the log.
//!
//! An erasure is recorded first, with its numbers, and in the same batch put down in the log's state
//! as one that goes on; then a checkpoint over the record is signed; then the texts go, a page at a
//! time, each in a batch that requires the state as it was read; then the store's files are cleared,
//! and the erasure is put down as done. Whoever finds one that goes on goes on with it: so it is
//! recorded once, however many erase at once and wherever one of them was killed. A hold changes the
//! state, so that no batch erases after it.

use std::ops::Range;

use keyward_base::encoding::hex;
use keyward_base::{Error, ErrorKind, Result, Timestamp};
use keyward_store::{Committed, Erased, Step};

use super::state::{Change, Found, STOP, stop};
use super::{Audit, Of, contended};
use crate::entry::{Entry, Number, Typed};
pub use crate::erased::{ERASE, OWN_CLASS, Rule};
use crate::head::Head;
use crate::keep::{Erasing, Keep};
use crate::leaf::{LEN, LogId};

/// Entries of a page that is looked through.
const PAGE: usize = 4096;

/// Entries that one batch erases, at most.
const AT_ONCE: usize = 1024;

/// How often what others were faster with is tried anew.
const MAX_TRIES: u32 = 100;

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasure {
    /// By which rule.
    pub rule: Rule,
    /// Among which entries.
    pub entries: Range<u64>,
    /// How many of them.
    pub count: u64,
    /// The number of the record of it.
    pub record: u64,
    /// A checkpoint over that record, signed before anything was erased.
    pub receipt: String,
    /// What went before it in the same call: erasures that had been recorded and were cut short.
    pub before: Vec<Self>,
}

/// What is set of all logs, by which one of them is erased at a time.
pub(super) struct Terms {
    now: Timestamp,
    keeps: Vec<Keep>,
    /// That they are still so; none of the log whose own they are.
    require: Option<Step>,
}

/// What is to be erased.
pub(super) struct Plan<'a> {
    pub(super) rule: &'a Rule,
    /// Whether somebody asks for it.
    pub(super) asked: bool,
    /// Among the entries from this one on, and at most so many.
    pub(super) from: u64,
    pub(super) span: u64,
    /// The records of erasures that go on, which are seen to.
    pub(super) seen_to: &'a [u64],
}

/// What comes of a plan.
pub(super) enum Claimed {
    /// This one, which is recorded now.
    Erasing(Erasing),
    /// One that was found.
    GoesOn(Erasing),
    Nothing {
        /// Up to here there is nothing to erase; none at the end of what the rule can take.
        next: Option<u64>,
        /// How many entries were looked at.
        read: u64,
    },
}

impl Audit {
    /// Erases what `rule` takes of a log, of those entries before which there is no open intent:
    /// first a record of it, then a checkpoint over that, then the texts, in the store's files too.
    /// None if there was nothing. What an earlier call left that was cut short goes first, by its own
    /// record; then what else there is by now: [`Erasure::before`] has the former. That of a log that
    /// ended stands in the log that goes on from it.
    ///
    /// # Errors
    /// `Misuse`, naming the hold, if the log is under legal hold; `Unavailable` if a hold was set
    /// meanwhile, or somebody uses the store's file all the while, so that the texts may still lie
    /// in its free pages; else as [`Audit::checkpoint`]: what was recorded may then not be erased
    /// yet.
    pub async fn erase(&self, of: &Of, rule: &Rule) -> Result<Option<Erasure>> {
        let terms = self.terms(of, self.0.keyring.clock().now()?).await?;
        let mut before: Vec<Erasure> = Vec::new();
        let plan = Plan {
            rule,
            asked: true,
            from: 0,
            span: u64::MAX,
            seen_to: &[],
        };
        for _ in 0..MAX_TRIES {
            let (erasing, was_found) = match self.claim(of, &terms, &plan).await? {
                Claimed::Erasing(erasing) => (erasing, false),
                Claimed::GoesOn(erasing) => (erasing, true),
                Claimed::Nothing { .. } => {
                    let last = before.pop();
                    return Ok(last.map(|last| Erasure { before, ..last }));
                }
            };
            // None: another saw to it, or a hold stopped it that is lifted again.
            let texts = self.erase_texts(of, &terms, &erasing).await;
            // What went until a hold stopped it goes from the files too.
            let cleared = self.clear_files().await;
            let Some(done) = texts? else {
                cleared?;
                continue;
            };
            cleared?;
            self.finish(of, &erasing).await?;
            if !was_found {
                return Ok(Some(Erasure { before, ..done }));
            }
            before.push(done);
        }
        Err(contended())
    }

    /// By what that log is erased now.
    pub(super) async fn terms(&self, of: &Of, now: Timestamp) -> Result<Terms> {
        let found = self.found_of_all().await?;
        Ok(Terms {
            now,
            require: (*of.whose() != Of::Service).then(|| found.require(&Of::Service)),
            keeps: found.state.keeps,
        })
    }

    /// Finds an erasure that goes on, or records one as planned.
    pub(super) async fn claim(&self, of: &Of, terms: &Terms, plan: &Plan<'_>) -> Result<Claimed> {
        self.go_on(of.whose()).await?;
        self.settle(of).await?;
        for _ in 0..MAX_TRIES {
            let found = self.found(of).await?;
            let target = match of {
                Of::Earlier(_) => self.read_head(of).await?.head,
                _ => found.known.head.clone(),
            };
            let (here, log) = (found.known.head.log, target_of(of));
            let nothing = Claimed::Nothing {
                next: None,
                read: 0,
            };
            if found.known.version.is_none() {
                return Ok(nothing);
            }
            found.state.check_free()?;
            let due = terms.due(&found);
            let is_due = |rule: &Rule| {
                let same = |due: &&Rule| due.class == rule.class && due.except == rule.except;
                due.iter().filter(same).any(|due| due.before >= rule.before)
            };
            let goes_on = found.state.erasing.iter();
            let mut goes_on =
                goes_on.filter(|one| one.log == log && !plan.seen_to.contains(&one.record));
            if let Some(erasing) = goes_on.next() {
                if erasing.asked || is_due(&erasing.rule) {
                    return Ok(Claimed::GoesOn(erasing.clone()));
                }
                self.stop_erasing(of).await?;
                continue;
            }
            if !plan.asked && !is_due(plan.rule) {
                return Ok(nothing);
            }
            let taken = self.taken(of, &target, plan).await?;
            let Some((entries, count)) = taken.entries else {
                let Taken { next, read, .. } = taken;
                return Ok(Claimed::Nothing { next, read });
            };
            let erasing = |record| Erasing {
                record,
                rule: plan.rule.clone(),
                from: entries.start,
                until: entries.end,
                count,
                asked: plan.asked,
                log,
            };
            let planned = found.version;
            let make = |found: &Found| {
                // Whoever erased meanwhile, or set something, changed that.
                if found.version != planned || found.known.head.log != here {
                    return Ok(None);
                }
                let erasing = erasing(found.known.head.size());
                let mut state = found.state.clone();
                let entry = self.record_of(&erasing)?;
                state.erasing.push(erasing);
                let mut change = Change::said(state, entry);
                let require = terms.require.clone();
                change.requires.extend(require.filter(|_| !plan.asked));
                Ok(Some(change))
            };
            if let Some(record) = self.change(of.whose(), make).await? {
                return Ok(Claimed::Erasing(erasing(record)));
            }
        }
        Err(contended())
    }

    /// Among which entries the rule takes some, and how many.
    async fn taken(&self, of: &Of, head: &Head, plan: &Plan<'_>) -> Result<Taken> {
        let end = head.settled.min(plan.from.saturating_add(plan.span));
        let (mut taken, mut next) = (Taken::default(), plan.from);
        let log = of.entries(head);
        while next < end {
            let page = self.entries_at(&log, next, PAGE).await?;
            for kept in page.entries.iter().filter(|kept| kept.seq < end) {
                // Days never go back.
                if kept.leaf.header.day >= plan.rule.before {
                    return Ok(taken);
                }
                taken.read = taken.read.saturating_add(1);
                if plan.rule.takes(&kept.leaf.header) && kept.body.is_some() {
                    taken.note(kept.seq);
                }
            }
            next = page.next.unwrap_or(end);
        }
        taken.next = (end < head.settled).then_some(end);
        Ok(taken)
    }

    /// Signs a checkpoint over the record, and erases what it names. None if it does not go on any
    /// more: others saw to it, or what is set of all logs is other than it was.
    pub(super) async fn erase_texts(
        &self,
        of: &Of,
        terms: &Terms,
        erasing: &Erasing,
    ) -> Result<Option<Erasure>> {
        let receipt = self.checkpoint_beside(of.whose()).await?;
        let log = of.entries(&self.read_head(of).await?.head);
        let mut found = self.found(of).await?;
        let (mut next, mut tries) = (erasing.from, 0..MAX_TRIES);
        while next < erasing.until {
            if !found.state.erasing.contains(erasing) {
                found.state.check_free().map_err(held_meanwhile)?;
                return Ok(None);
            }
            let page = self.entries_at(&log, next, AT_ONCE).await?;
            let mut runs: Vec<Range<u64>> = Vec::new();
            for kept in page.entries.iter().filter(|kept| kept.seq < erasing.until) {
                if !erasing.rule.takes(&kept.leaf.header) || kept.body.is_none() {
                    continue;
                }
                let until = kept.seq.saturating_add(1);
                match runs.last_mut().filter(|run| run.end == kept.seq) {
                    Some(run) => run.end = until,
                    None => runs.push(kept.seq..until),
                }
            }
            let after = page.next.unwrap_or(erasing.until);
            if runs.is_empty() {
                next = after;
                continue;
            }
            let mut steps = vec![found.require(of)];
            steps.extend(terms.require.clone().filter(|_| !erasing.asked));
            steps.extend(runs.into_iter().map(|run| Step::EraseEntries {
                log: log.clone(),
                from: run.start,
                until: run.end,
                keep: LEN,
            }));
            match self.0.store.commit(steps).await? {
                Committed::Done(_) => next = after,
                Committed::Refused { index: 0, .. } => {
                    if tries.next().is_none() {
                        return Err(contended());
                    }
                    found = self.found(of).await?;
                }
                // What is set of all logs was changed.
                _ => return Ok(None),
            }
        }
        Ok(Some(Erasure {
            rule: erasing.rule.clone(),
            entries: erasing.from..erasing.until,
            count: erasing.count,
            record: erasing.record,
            receipt,
            before: Vec::new(),
        }))
    }

    /// A checkpoint, also where another process signs one at the same time.
    pub(super) async fn checkpoint_beside(&self, of: &Of) -> Result<String> {
        let mut tries = 0..MAX_TRIES;
        loop {
            match self.checkpoint(of).await {
                Err(e) if e.kind() == ErrorKind::Unavailable && tries.next().is_some() => {
                    // Once another one is signed, this head is not the newest.
                    tokio::task::yield_now().await;
                }
                signed => return Ok(signed?.unwrap_or_default()),
            }
        }
    }

    /// What was erased goes from the store's files too.
    async fn clear_files(&self) -> Result<()> {
        match self.0.store.erase().await? {
            Erased::Done => Ok(()),
            _ => Err(in_use()),
        }
    }

    /// Puts an erasure down as done. Says whether it was not.
    pub(super) async fn finish(&self, of: &Of, erasing: &Erasing) -> Result<bool> {
        let make = |found: &Found| {
            let mut state = found.state.clone();
            state.erasing.retain(|one| one != erasing);
            let changed = state != found.state;
            Ok(changed.then_some(Change {
                state,
                entry: None,
                requires: Vec::new(),
            }))
        };
        Ok(self.change(of.whose(), make).await?.is_some())
    }

    /// Stops what goes on by a rule that is none any more.
    async fn stop_erasing(&self, of: &Of) -> Result<()> {
        self.change(of.whose(), |found: &Found| {
            let mut state = found.state.clone();
            let mut entry = self.own_entry(STOP)?;
            let asked = |one: &Erasing| one.asked;
            let (stays, goes): (Vec<_>, Vec<_>) = state.erasing.into_iter().partition(asked);
            if goes.is_empty() {
                return Ok(None);
            }
            state.erasing = goes;
            stop(&mut state, &mut entry);
            state.erasing = stays;
            Ok(Some(Change::said(state, entry)))
        })
        .await?;
        Ok(())
    }

    fn record_of(&self, erasing: &Erasing) -> Result<Entry> {
        let mut entry = self.own_entry(ERASE)?;
        let rule = &erasing.rule;
        let class = rule.class.iter().map(|class| ("class", class));
        let except = rule.except.iter().map(|class| ("except", class));
        let classes = class.chain(except);
        let classes = classes.map(|(name, of)| (name, Typed::Word(of.as_str().to_owned())));
        let numbers = [
            ("before", u64::from(rule.before)),
            ("from", erasing.from),
            ("until", erasing.until),
            ("count", erasing.count),
        ];
        let numbers = numbers.map(|(name, number)| (name, Typed::Number(Number(number))));
        let asked = ("asked", Typed::Flag(erasing.asked));
        let log = erasing.log.map(|log| ("log", Typed::Word(hex(&log))));
        let detail = classes.chain(numbers).chain([asked]).chain(log);
        entry.detail = detail
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Ok(entry)
    }
}

impl Terms {
    /// What is erased now of a log, by what is set of it and of all.
    pub(super) fn due(&self, found: &Found) -> Vec<Rule> {
        let own: &[Keep] = match self.require {
            Some(_) => &found.state.keeps,
            None => &[],
        };
        Keep::rules(own, &self.keeps, self.now)
    }
}

/// What a rule takes of some entries.
#[derive(Default)]
struct Taken {
    /// Among which, and how many.
    entries: Option<(Range<u64>, u64)>,
    /// Where to go on looking.
    next: Option<u64>,
    /// How many were looked at.
    read: u64,
}

impl Taken {
    fn note(&mut self, seq: u64) {
        let until = seq.saturating_add(1);
        self.entries = Some(match self.entries.take() {
            None => (seq..until, 1),
            Some((entries, count)) => (entries.start..until, count.saturating_add(1)),
        });
    }
}

/// Which log that ended is meant; none for one that goes on.
const fn target_of(of: &Of) -> Option<LogId> {
    match of {
        Of::Earlier(earlier) => Some(*earlier.log()),
        _ => None,
    }
}

/// The hold came after the record.
fn held_meanwhile(e: Error) -> Error {
    Error::unavailable("a legal hold was set meanwhile: it is not erased any further")
        .with_source(e)
}

pub(super) fn in_use() -> Error {
    Error::unavailable(
        "the texts are erased, and may still lie in the store's free pages, which another process is using: do it again",
    )
}
