//! A round of checkpoints: the root log takes the heads that changed, and the anchors take its own.

use std::collections::HashMap;

use keyward_base::{Error, ErrorKind, Result};
use keyward_keys::Pin;
use keyward_store::{Committed, Record, RecordKey, Refusal, Scan, Step, Version, Write};

use super::append::{off, put};
use super::lane::Known;
use super::root::{View, entry};
use super::{Audit, CHANGED, HEADS, Of, contended, costs_itself, put_back};
use crate::erased::OWN_CLASS;
use crate::head::Head;
use crate::leaf::{Class, Leaf, LogId};
use crate::tree::Hash;

/// The most heads of one entry of the root log: some 27 KiB of text.
const AT_ONCE: usize = 256;

/// How many heads a round looks at that nothing says changed: whoever writes to the store can take
/// a mark away.
const SWEPT: usize = 512;

/// How often a batch is tried anew that others were faster than.
pub(super) const MAX_TRIES: u32 = 100;

/// From which try on a head is noted as it was read, though its log may have grown since.
const AS_READ: u32 = 2;

/// The most logs of one round that are named because they cannot be vouched for.
const MOST_BAD: usize = 64;

/// What became of a round.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Round {
    /// How many heads the root log took.
    pub noted: u64,
    /// Logs that it could not vouch for, 64 at most, and why: their heads are not noted, and nothing
    /// of them is signed.
    pub bad: Vec<(Of, Error)>,
    /// Logs with intents that were open when it noted them.
    pub(super) open: Vec<Of>,
}

/// What is written of one log.
struct Change {
    of: Of,
    head: Head,
    version: Version,
    /// The mark that it changed, to be taken away.
    mark: Option<Version>,
    /// Whether nothing may have been appended meanwhile.
    strict: bool,
}

impl Audit {
    /// Makes a round of checkpoints: the root log takes the head of each log that grew since the
    /// last, if it goes on from what the root log has of it; then every anchor takes the root log's.
    /// A log that does not go on costs itself only. Tells `progress` how many were noted.
    ///
    /// Reads the logs that changed, and 512 more, so that each is looked at sooner or later.
    ///
    /// # Errors
    /// `Corrupt` if the root log is not what was written, or does not go on from what an anchor has
    /// of it: an older database was put back; nothing is noted then. `Unavailable` if a store, an
    /// anchor or the keyring cannot be relied on: what was noted stays.
    pub async fn round(&self, progress: impl FnMut(u64) + Send) -> Result<Round> {
        let mut view = self.0.root.lock().await;
        self.round_of(&mut view, progress).await
    }

    pub(super) async fn round_of(
        &self,
        view: &mut View,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Round> {
        let mut round = Round::default();
        self.check_pins(view).await?;
        self.note_changed(view, &mut round, &mut progress).await?;
        self.pin(view).await?;
        Ok(round)
    }

    /// Notes what changed.
    pub(super) async fn note_changed(
        &self,
        view: &mut View,
        round: &mut Round,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let marks = Scan::of(CHANGED).after(after).limit(AT_ONCE);
            let page = self.0.store.scan(marks).await?;
            let logs = page.items.iter().filter_map(|mark| Of::by(mark).ok());
            let logs: Vec<Of> = logs.collect();
            self.note(view, &logs, round).await?;
            progress(round.noted);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.sweep(view, round).await
    }

    /// The head of a log as it is now, once the root log and every anchor stand for it; none if
    /// nothing was ever recorded.
    ///
    /// # Errors
    /// As [`Audit::round`], and `Corrupt` if the log does not go on from what the root log has.
    pub(super) async fn vouched(&self, of: &Of) -> Result<Option<Head>> {
        for anew in [false, true] {
            if anew {
                self.fence(true).await?;
            }
            let known = match self.in_era(of).await? {
                Some(known) => known,
                None => self.read_head(of).await?,
            };
            let Some(head) = self.head_from(of, known).await? else {
                return Ok(None);
            };
            let mut view = self.0.root.lock().await;
            if !self.0.anchors.is_empty() {
                self.check_pins(&mut view).await?;
            }
            let head = self.vouched_by(&mut view, of, head).await?;
            let is_of_era = head.era == view.era;
            drop(view);
            match of {
                Of::Earlier(_) => return self.seen(of, head).await.map(Some),
                _ if is_of_era => return Ok(Some(head)),
                // It was accepted since this process looked.
                _ => {}
            }
        }
        Err(put_back())
    }

    async fn vouched_by(&self, view: &mut View, of: &Of, head: Head) -> Result<Head> {
        if *of == Of::Root {
            let provider = self.0.keyring.provider();
            let pinned = |head: &Head| Some((head.size(), head.tree.root(provider)));
            for _ in 0..MAX_TRIES {
                let now = self.read_root(view).await?.head;
                if view.pinned == pinned(&now) || self.0.anchors.is_empty() {
                    return Ok(now);
                }
                self.pin(view).await?;
            }
            return Err(contended());
        }
        let mut round = Round::default();
        let noted = self
            .note(view, std::slice::from_ref(of), &mut round)
            .await?
            .pop();
        if let Some((_, e)) = round.bad.pop() {
            return Err(e);
        }
        self.pin(view).await?;
        // It was there a moment ago.
        noted.ok_or_else(|| off(head.size(), 0))
    }

    /// Notes the heads of those logs in one entry of the root log, [`AT_ONCE`] at most; gives those
    /// that it has now.
    async fn note(&self, view: &mut View, logs: &[Of], round: &mut Round) -> Result<Vec<Head>> {
        if logs.is_empty() {
            return Ok(Vec::new());
        }
        let mut first: HashMap<Of, Version> = HashMap::new();
        let (mut barrier, known_bad) = (self.barrier(false).await?, round.bad.len());
        for nth in 0..MAX_TRIES {
            round.bad.truncate(known_bad);
            // Before the heads: whoever notes one later has read a later one.
            let root = self.read_root(view).await?;
            let changes = self.changes(view, logs, round).await?;
            let (mut named, mut changed) = (Vec::new(), Vec::new());
            for mut change in changes {
                let seen = first.entry(change.of.clone()).or_insert(change.version);
                change.strict = nth < AS_READ || *seen == change.version;
                let now = self.now(&change.head);
                let has = view.heads.get(&change.head.log);
                if has.is_none_or(|has| has.head() != now) {
                    named.push((change.head.log, now));
                }
                changed.push(change);
            }
            let steps = self.steps(&barrier, root, &named, &changed).await?;
            let heads = changed.iter().map(|change| change.head.clone());
            let heads: Vec<Head> = heads.collect();
            let open = changed.iter();
            let open = open.filter(|change| change.head.settled < change.head.size());
            let open: Vec<Of> = open.map(|change| change.of.clone()).collect();
            if steps.len() > 2 {
                match self.0.store.commit(steps).await? {
                    Committed::Done(_) => {}
                    Committed::Refused {
                        because: Refusal::Append { head },
                        ..
                    } => return Err(off(head, view.size())),
                    Committed::Refused { index: 0, .. } => {
                        barrier = self.barrier(true).await?;
                        continue;
                    }
                    // Another was faster.
                    _ => continue,
                }
            }
            if !named.is_empty() {
                self.read_root(view).await?;
            }
            let noted = u64::try_from(named.len()).unwrap_or(u64::MAX);
            round.noted = round.noted.saturating_add(noted);
            round.open.extend(open);
            return Ok(heads);
        }
        Err(contended())
    }

    /// What lies under those keys: all at once, unless one of them cannot be read, which costs the
    /// others nothing.
    async fn fetch_each(&self, keys: &[RecordKey]) -> Result<Vec<Result<Option<Record>>>> {
        let store = &self.0.store;
        match store.fetch_many(keys).await {
            Ok(found) => return Ok(found.into_iter().map(Ok).collect()),
            Err(e) if e.kind() == ErrorKind::Corrupt => {}
            Err(e) => return Err(e),
        }
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(store.fetch(key).await);
        }
        Ok(found)
    }

    /// Those of the logs that go on from what the root log has of them; the others are bad.
    async fn changes(&self, view: &View, logs: &[Of], round: &mut Round) -> Result<Vec<Change>> {
        let keys = [HEADS, CHANGED].into_iter();
        let keys = keys.flat_map(|of| logs.iter().map(move |log| log.key(of.clone())));
        let keys: Vec<_> = keys.collect();
        let mut found = self.fetch_each(&keys).await?;
        let marks = found.split_off(logs.len().min(found.len()));
        let mut changes = Vec::new();
        for ((of, head), mark) in logs.iter().zip(found).zip(marks) {
            let change = async {
                let (record, mark) = (head?.ok_or_else(dropped)?, mark?);
                let Known { head, .. } = self.known(of, &record).await?;
                self.goes_on(view, of, &head).await?;
                Ok::<_, Error>(Change {
                    of: of.clone(),
                    head,
                    version: record.version,
                    mark: mark.map(|mark| mark.version),
                    strict: true,
                })
            };
            match change.await {
                Ok(change) => changes.push(change),
                Err(e) if costs_itself(&e) => {
                    if round.bad.len() < MOST_BAD || logs.len() == 1 {
                        round.bad.push((of.clone(), e));
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(changes)
    }

    /// Checks that a log goes on from what the root log has of it.
    pub(super) async fn goes_on(&self, view: &View, of: &Of, head: &Head) -> Result<()> {
        let Some(has) = view.heads.get(&head.log) else {
            return Ok(());
        };
        // Whoever wrote the head knew it, and went on from there.
        if head.noted == Some(has.head()) {
            return Ok(());
        }
        let held = Pin {
            id: head.log,
            counter: has.size,
            digest: has.root,
        };
        self.follows(of, head, &self.checkpoint_of(head)?, &held)
            .await
    }

    /// One batch: the barrier, the root log's head and entry, and for each log that nothing may have
    /// been appended to, its head as noted, without the mark.
    async fn steps(
        &self,
        barrier: &keyward_keys::Barrier,
        root: Known,
        named: &[(LogId, (u64, Hash))],
        changed: &[Change],
    ) -> Result<Vec<Step>> {
        let mac = self.mac(barrier).await?;
        let mut steps = vec![Step::Write(barrier.require())];
        let Known {
            head: mut grown,
            version,
            ..
        } = root;
        let era = grown.era;
        let expected = grown.size();
        if named.is_empty() {
            steps.push(Step::Write(Write::Require {
                key: Of::Root.key(HEADS),
                version,
            }));
        } else {
            let entry = entry(self.0.keyring.clock().now()?, named);
            let class = Class::new(OWN_CLASS)?;
            let salt = Leaf::salt(self.0.keyring.provider())?;
            let bytes = self.push(&mut grown, &entry, &entry.text()?, &class, &salt)?;
            grown.settle(Some(grown.size()));
            steps.push(Step::Write(put(&Of::Root, &grown, version, &mac)));
            steps.push(Step::Append {
                log: Of::Root.entries(&grown),
                expected,
                entries: vec![bytes],
            });
        }
        for change in changed.iter().filter(|change| change.strict) {
            let mut head = change.head.clone();
            // One of an era before goes on elsewhere: up to where it was noted then, it was seen.
            let goes_on = head.era == era && !head.ended;
            let now = if goes_on {
                Some(self.now(&head))
            } else {
                head.noted
            };
            if head.noted == now && !head.marked && change.mark.is_none() {
                continue;
            }
            (head.noted, head.marked) = (now, false);
            steps.push(Step::Write(put(
                &change.of,
                &head,
                Some(change.version),
                &mac,
            )));
            steps.extend(change.mark.map(|version| {
                Step::Write(Write::Delete {
                    key: change.of.key(CHANGED),
                    version,
                })
            }));
        }
        Ok(steps)
    }

    /// Notes the heads of all logs.
    pub(crate) async fn note_all(&self) -> Result<()> {
        let mut view = self.0.root.lock().await;
        view.swept = None;
        self.check_pins(&mut view).await?;
        let mut round = Round::default();
        self.note_changed(&mut view, &mut round, |_| ()).await?;
        while view.swept.is_some() {
            self.sweep(&mut view, &mut round).await?;
        }
        self.pin(&mut view).await
    }

    /// Looks at some heads that nothing says changed, and notes those that did.
    async fn sweep(&self, view: &mut View, round: &mut Round) -> Result<()> {
        let scan = Scan::of(HEADS).after(view.swept.take()).limit(SWEPT);
        let page = self.0.store.scan(scan).await?;
        let mut changed = Vec::new();
        for record in &page.items {
            let Ok(of) = Of::by(record) else { continue };
            // One that is damaged is told of by `verify`, and when it grows.
            let Ok(Known { head, .. }) = self.known(&of, record).await else {
                continue;
            };
            let has = view.heads.get(&head.log);
            // Of what is bad by its mark, it is known.
            if round.bad.iter().any(|(bad, _)| *bad == of) {
                continue;
            }
            if *of.whose() != Of::Root && has.map(|has| has.head()) != Some(self.now(&head)) {
                changed.push(of);
            }
        }
        for logs in changed.chunks(AT_ONCE) {
            self.note(view, logs, round).await?;
        }
        view.swept = page.next;
        Ok(())
    }

    pub(super) fn now(&self, head: &Head) -> (u64, Hash) {
        (head.size(), head.tree.root(self.0.keyring.provider()))
    }
}

fn dropped() -> Error {
    Error::corrupt("entries were recorded in it, and its head is gone: it was dropped")
}
