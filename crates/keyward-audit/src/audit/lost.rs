//! Logs that somebody accepted as lost: the root log has them, and they are not there. Until
//! somebody says so, one of them may be the service's, with what is set of all logs, and nothing is
//! erased. The root log says of which, by whom and when, and so does the service's log: in one batch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_base::audit::Outcome;
use keyward_base::encoding::hex;
use keyward_base::{Error, ErrorKind, Event, Result, Timestamp};
use keyward_store::{Scan, Step, Write};

use super::append::put;
use super::root::{self, Heads, Noted, View, named};
use super::state::{Change, Found};
use super::{Audit, CHANGED, Fence, HEADS, OWN_CLASS, Of, contended};
use crate::entry::{Entry, Who};
use crate::leaf::{Class, Leaf, LogId};

/// What the entry is called by which somebody accepts that logs are lost, in the root log and in the
/// service's.
pub const LOST: &str = "audit.lost";

/// The most logs that are accepted as lost at once: as many heads as an entry of the root log has.
pub const MAX_LOST: usize = 256;

/// The most acceptances that go on in a root log that is begun anew: with each goes one entry of
/// heads, 27 KiB at most of either.
const MAX_KEPT: usize = 256;

/// The most marks that go with one acceptance: each log left one, and others can be forged.
const MAX_MARKS: usize = 1024;

/// How often what others were faster with is tried anew.
const MAX_TRIES: u32 = 100;

/// A log that somebody accepted as lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Its id.
    pub log: LogId,
    /// How many entries the root log had of it: so many are lost, or more.
    pub size: u64,
    /// Who accepted it; none for the service itself.
    pub by: Option<Who>,
    /// When, by the clock of that process.
    pub at: Timestamp,
    /// The number of the root log's entry that says so.
    pub record: u64,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = self.by.as_ref();
        let by = by.map_or("the service itself", |who| who.subject.as_str());
        write!(
            f,
            "keyward-log/{}, of which the root log had {} entries, was accepted as lost by {by}",
            hex(&self.log),
            self.size
        )
    }
}

/// Those that are lost, as the root log has it.
pub(super) type LostLogs = HashMap<LogId, Lost>;

/// What an entry of the root log accepts of these heads. None if it is not one that was written.
pub(super) fn accepted(
    entry: &Entry,
    heads: &[(LogId, Noted)],
    known: &Heads,
    record: u64,
) -> Option<Vec<Lost>> {
    let lost = heads.iter().map(|(log, noted)| {
        let has = known.get(log)?;
        (has.head() == noted.head()).then(|| Lost {
            log: *log,
            size: has.size,
            by: entry.actor.clone(),
            at: Timestamp::from_millis(entry.at.0),
            record,
        })
    });
    lost.collect()
}

/// Which logs have a head here.
#[derive(Default)]
struct Here {
    logs: HashSet<LogId>,
    /// How many heads cannot be read: each may be that of any log.
    unread: u64,
}

impl Audit {
    /// See [`accept_loss`](crate::danger::accept_loss).
    pub(crate) async fn accept_loss(&self, logs: &[LogId]) -> Result<Vec<Lost>> {
        let wanted: BTreeSet<LogId> = logs.iter().copied().collect();
        if wanted.is_empty() || wanted.len() > MAX_LOST {
            return Err(Error::misuse(
                "1 to 256 logs are accepted as lost at a time, by their ids",
            ));
        }
        for _ in 0..MAX_TRIES {
            self.go_on(&Of::Service).await?;
            let fence = self.fence(true).await?;
            let mut view = self.0.root.lock().await;
            self.check_pins(&mut view).await?;
            // What the heads are compared with: written only if no round noted one since.
            let root = self.read_root(&mut view).await?;
            let todo = self.still_missed(&view, &wanted).await?;
            if todo.is_empty() {
                let lost = wanted.iter().filter_map(|log| view.lost.get(log));
                let lost = lost.cloned().collect();
                // Cut short before, the anchors do not have it yet.
                self.pin(&mut view).await?;
                drop(view);
                self.0.sweep.lock().await.again();
                return Ok(lost);
            }
            // Whoever appends to the service's log may look at the root log.
            drop(view);
            let mut entry = self.own_entry(LOST)?;
            entry.detail = todo.iter().map(|(log, has)| named(log, *has)).collect();
            let mut grown = root.head;
            let expected = grown.size();
            let salt = Leaf::salt(self.0.keyring.provider())?;
            let class = Class::new(OWN_CLASS)?;
            let bytes = self.push(&mut grown, &entry, &entry.text()?, &class, &salt)?;
            grown.settle(Some(grown.size()));
            let mac = self.mac(&fence.barrier).await?;
            let mut steps = vec![
                Step::Write(put(&Of::Root, &grown, root.version, &mac)),
                Step::Append {
                    log: Of::Root.entries(&grown),
                    expected,
                    entries: vec![bytes],
                },
            ];
            steps.extend(self.marks_of(&todo).await?);
            // Refused once, it is made anew, of what is there by then.
            let is_made = AtomicBool::new(false);
            let make = |found: &Found| {
                if !self.is_fence(&fence) || is_made.swap(true, Ordering::Relaxed) {
                    return Ok(None);
                }
                let mut change = Change::said(found.state.clone(), entry.clone());
                change.requires.clone_from(&steps);
                Ok(Some(change))
            };
            self.change(&Of::Service, make).await?;
        }
        Err(contended())
    }

    /// Whether heads are still written under that.
    fn is_fence(&self, fence: &Fence) -> bool {
        let held = self.0.fence.lock();
        let held = held.unwrap_or_else(std::sync::PoisonError::into_inner);
        let held = held.as_ref();
        held.is_some_and(|held| held.barrier == fence.barrier && held.era == fence.era)
    }

    /// Of those logs, the ones that nobody accepted as lost yet, with their heads as the root log
    /// has them.
    ///
    /// # Errors
    /// `Misuse` for one that the root log does not have, or that is here; `Corrupt` if heads cannot
    /// be read, one of which it may be.
    async fn still_missed(
        &self,
        view: &View,
        wanted: &BTreeSet<LogId>,
    ) -> Result<BTreeMap<LogId, (u64, crate::tree::Hash)>> {
        let mut todo = BTreeMap::new();
        for log in wanted {
            let Some(has) = view.heads.get(log) else {
                return Err(Error::misuse(format!(
                    "the root log has no keyward-log/{}: `keyward audit verify` names those that are lost",
                    hex(log)
                )));
            };
            if !view.lost.contains_key(log) {
                todo.insert(*log, has.head());
            }
        }
        if todo.is_empty() {
            return Ok(todo);
        }
        let here = self.here().await?;
        if let Some(log) = todo.keys().find(|log| here.logs.contains(*log)) {
            return Err(Error::misuse(format!(
                "keyward-log/{} is here, and is not lost: `keyward audit verify` names those that are",
                hex(log)
            )));
        }
        if here.unread > 0 {
            return Err(Error::corrupt(
                "the heads of some logs cannot be read, and those may be the logs that are missed: `keyward audit verify` names them",
            ));
        }
        Ok(todo)
    }

    /// Takes away the marks that those logs left, where no log is in their place: that they changed
    /// is no news of what is lost. That of the service's is taken over by the log that says so.
    async fn marks_of<T>(&self, logs: &BTreeMap<LogId, T>) -> Result<Vec<Step>> {
        let (mut steps, mut after) = (Vec::new(), None);
        loop {
            let page = self.0.store.scan(Scan::of(CHANGED).after(after)).await?;
            for mark in page.items {
                let named = LogId::try_from(mark.content.data.as_slice());
                let is_theirs = named.is_ok_and(|log| logs.contains_key(&log));
                if !is_theirs || steps.len() >= MAX_MARKS {
                    continue;
                }
                let Ok(of) = Of::by(&mark) else { continue };
                if of == Of::Service || self.0.store.fetch(&of.key(HEADS)).await?.is_some() {
                    continue;
                }
                // A log that is begun meanwhile takes the mark over: then this is refused.
                let (key, version) = (mark.key, mark.version);
                steps.push(Step::Write(Write::Delete { key, version }));
            }
            after = page.next;
            if after.is_none() {
                return Ok(steps);
            }
        }
    }

    /// What a root log that is begun now says again of losses that were accepted in the one before,
    /// as far as that is what was written and they are still not here: the heads, and then who
    /// accepted that these are lost, and when. Without it, a log that goes on from one of them could
    /// not be verified any more.
    pub(super) async fn kept_losses(&self) -> Result<Vec<Entry>> {
        let mut view = View::default();
        match self.read_root(&mut view).await {
            Ok(_) if !view.lost.is_empty() => {}
            Ok(_) => return Ok(Vec::new()),
            Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(Vec::new()),
            Err(e) => return Err(e),
        }
        // One that is here is noted as it is.
        let here = self.here().await?.logs;
        let mut by_record: BTreeMap<u64, Vec<&Lost>> = BTreeMap::new();
        for lost in view.lost.values().filter(|lost| !here.contains(&lost.log)) {
            by_record.entry(lost.record).or_default().push(lost);
        }
        let now = self.0.keyring.clock().now()?;
        let mut entries = Vec::new();
        for mut lost in by_record.into_values().take(MAX_KEPT) {
            lost.sort_by_key(|lost| lost.log);
            let heads = lost.iter().filter_map(|lost| {
                let has = view.heads.get(&lost.log)?;
                Some((lost.log, has.head()))
            });
            let heads: Vec<_> = heads.collect();
            let Some(first) = lost.first() else { continue };
            let mut entry = Entry::of(&Event::new(first.at, LOST, Outcome::Done), first.at);
            entry.actor.clone_from(&first.by);
            entry.detail = heads.iter().map(|(log, has)| named(log, *has)).collect();
            entries.extend([root::entry(now, &heads), entry]);
        }
        Ok(entries)
    }

    async fn here(&self) -> Result<Here> {
        let (mut here, mut after) = (Here::default(), None);
        loop {
            let page = self.0.store.scan(Scan::of(HEADS).after(after)).await?;
            let damaged = u64::try_from(page.damaged.len()).unwrap_or(u64::MAX);
            here.unread = here.unread.saturating_add(damaged);
            for record in &page.items {
                // Nobody finds a log by one that lies elsewhere.
                let Ok(of) = Of::by(record) else { continue };
                match self.known(&of, record).await {
                    Ok(known) => {
                        here.logs.insert(known.head.log);
                    }
                    Err(e) if e.kind() == ErrorKind::Corrupt => {
                        here.unread = here.unread.saturating_add(1);
                    }
                    Err(e) => return Err(e),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(here);
            }
        }
    }

    /// Whether somebody accepted that the log which ended as this is lost, as far as every anchor
    /// agrees.
    pub(super) async fn is_lost(&self, log: &LogId) -> Result<bool> {
        let mut view = self.0.root.lock().await;
        match self.check_pins(&mut view).await {
            Ok(_) => Ok(view.lost.contains_key(log)),
            Err(e) if e.kind() == ErrorKind::Corrupt => Ok(false),
            Err(e) => Err(e),
        }
    }
}
