//! Logs that go on under a new name, once somebody accepted an older database.
//!
//! What was signed of a log after that backup is lost, and whatever is appended now would be signed
//! beside it under the same name. So an acceptance begins another *era*: a random id that stands in
//! the head of the root log, which the anchors have, and in that of each log. A log of an era before
//! ends where it is, and one of a new id goes on from it, when it is next appended to, signed or asked
//! for its key. Its first entry names the one before, with size and root.

use keyward_base::encoding::{from_base64_array, from_hex, hex};
use keyward_base::{Error, ErrorKind, Result};
use keyward_keys::Barrier;
use keyward_store::{Committed, Refusal, Step};

use super::append::{mark, put};
use super::lane::Known;
use super::root::named;
use super::state::write;
use super::tiles::Tiles;
use super::{
    Audit, CHANGED, HEADS, OWN_CLASS, Of, ROOT, STATES, contended, costs_itself, put_back,
};
use crate::checkpoint::number;
use crate::entry::{Entry, Typed};
use crate::head::Head;
use crate::leaf::{Class, Leaf, LogId};
use crate::tree::{Frontier, Hash, path, prove};

/// What the first entry of a log is called that goes on from another.
pub const GOES_ON: &str = "audit.goes-on";

/// How often what others were faster with is tried anew.
const MAX_TRIES: u32 = 100;

/// What is hashed with the id of a log that ended and the era for the id of the one that goes on.
const NEXT: &[u8] = b"keyward/v1/audit-next";

/// The step of the batch in which a log goes on that writes the head of the one that ended.
const ENDED_STEP: usize = 2;

/// What a log goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Before {
    /// The id of the log that ended.
    pub log: LogId,
    /// How many entries it had.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Before {
    /// What the first entry of a log says of the one before it; none if it says nothing.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        if entry.action != GOES_ON {
            return None;
        }
        let [(log, Typed::Word(head))] = entry.detail.as_slice() else {
            return None;
        };
        let (size, root) = head.split_once(' ')?;
        Some(Self {
            log: from_hex(log).ok()?,
            size: number(size)?,
            root: from_base64_array(root).ok()?,
        })
    }
}

/// The head of a log that is begun in that era.
fn begun(log: LogId, era: LogId) -> Head {
    let mut head = Head::new(log);
    (head.era, head.apart) = (era, true);
    head
}

impl Audit {
    /// The logs of all that ended; without root logs.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn ended(&self) -> Result<Vec<Of>> {
        let mut all = self.all_logs(None).await?;
        all.retain(|of| of.whose() != of && *of.whose() != Of::Root);
        Ok(all)
    }

    /// The logs of that owner that ended, the oldest first.
    ///
    /// # Errors
    /// `Unavailable` if a store or the keyring cannot be relied on.
    pub async fn earlier(&self, of: &Of) -> Result<Vec<Of>> {
        let mut all = self.all_logs(Some(of.owner())).await?;
        all.retain(|other| other != of && other.whose() == of);
        let mut ended = Vec::new();
        for of in all {
            let latest = match self.read_head(&of).await {
                Ok(known) => known.head.latest,
                // It costs itself only.
                Err(e) if costs_itself(&e) => keyward_base::Timestamp::from_millis(0),
                Err(e) => return Err(e),
            };
            ended.push((latest, of));
        }
        ended.sort();
        Ok(ended.into_iter().map(|(_, of)| of).collect())
    }

    /// What that log goes on from; none if it is the first.
    ///
    /// # Errors
    /// As [`Audit::entries`].
    pub async fn before(&self, of: &Of) -> Result<Option<Before>> {
        let page = self.entries(of, 0, 1).await?;
        let first = page.entries.first().filter(|kept| kept.seq == 0);
        let own = first.filter(|kept| kept.leaf.header.class.as_str() == OWN_CLASS);
        let entry = own.map(super::Kept::entry).transpose()?.flatten();
        Ok(entry.as_ref().and_then(Before::of))
    }

    /// Up to which entry a log can be signed: all of one that goes on; of one that ended, what was
    /// noted before an older database was accepted.
    ///
    /// # Errors
    /// As [`Audit::head`].
    pub async fn provable(&self, of: &Of) -> Result<Option<u64>> {
        let head = self.head(of).await?;
        Ok(head.map(|head| match of {
            Of::Earlier(_) => head.noted.map_or(0, |(size, _)| size),
            _ => head.size(),
        }))
    }

    /// Has a log go on under a new name that is of an era before.
    ///
    /// # Errors
    /// As [`Audit::go_on_from`].
    pub(super) async fn go_on(&self, of: &Of) -> Result<()> {
        self.in_era(of).await.map(|_| ())
    }

    /// [`Audit::go_on`]; gives its head.
    pub(super) async fn in_era(&self, of: &Of) -> Result<Option<Known>> {
        if *of == Of::Root || of.whose() != of {
            return Ok(None);
        }
        for _ in 0..MAX_TRIES {
            let known = self.read_head(of).await?;
            if known.version.is_none() || known.head.era == self.fence(false).await?.era {
                return Ok(Some(known));
            }
            if !self.go_on_from(of, &known).await? {
                return Ok(Some(known));
            }
        }
        Err(contended())
    }

    /// [`Audit::go_on`], of one that was read. Says whether it is to be read anew. Whoever writes to
    /// the store can put the root log back: then it does not go on from what an anchor has, and the
    /// log stays.
    ///
    /// # Errors
    /// `Unavailable` if a store, the keyring or an anchor cannot be relied on.
    pub(super) async fn go_on_from(&self, of: &Of, known: &Known) -> Result<bool> {
        let fence = self.fence(true).await?;
        let era = {
            let mut view = self.0.root.lock().await;
            match self.check_pins(&mut view).await {
                Ok(_) => view.era,
                Err(e) if costs_itself(&e) => return Ok(false),
                Err(e) => return Err(e),
            }
        };
        if era == known.head.era {
            return Ok(false);
        }
        // The fence is read anew by who is told so.
        if era != fence.era || era == [0; 16] {
            return Ok(era != fence.era && era != [0; 16]);
        }
        let found = match self.found(of).await {
            Ok(found) => found,
            // What is set of it is not what was set: it does not go on, and nobody is stopped.
            Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(false),
            Err(e) => return Err(e),
        };
        if found.known.version != known.version {
            return Ok(true);
        }
        let old = &found.known.head;
        let mut head = begun(self.next_id(&old.log, &era), era);
        head.latest = old.latest;
        let mut entry = self.own_entry(GOES_ON)?;
        entry.detail.push(named(&old.log, self.now(old)));
        // An erasure that goes on is one of what is there already.
        let mut state = found.state.clone();
        for erasing in &mut state.erasing {
            erasing.log.get_or_insert(old.log);
        }
        let text = found.version.is_some().then(|| state.text()).transpose()?;
        let text = text.map(String::into_bytes);
        let bytes = self.first(&mut head, &entry)?;
        head.state = self.digest(text.as_deref());
        head.marked = true;
        let mut ended = old.clone();
        (ended.ended, ended.marked, ended.state) = (true, false, [0; 32]);
        let mac = self.mac(&fence.barrier).await?;
        let marker = self.0.store.fetch(&of.key(CHANGED)).await?;
        let steps = vec![
            Step::Write(fence.barrier.require()),
            Step::Write(put(of, &head, known.version, &mac)),
            Step::Write(put(&of.ended(old.log), &ended, None, &mac)),
            Step::Write(mark(of, &head.log, marker.map(|found| found.version))),
            Step::Write(write(of.key(STATES), found.version, text)),
            Step::Append {
                log: of.entries(&head),
                expected: 0,
                entries: vec![bytes],
            },
        ];
        match self.0.store.commit(steps).await? {
            // The head was the one that goes on, and yet what it goes on as is there.
            Committed::Refused {
                because: Refusal::Append { .. },
                ..
            }
            | Committed::Refused {
                index: ENDED_STEP, ..
            } => Err(put_back()),
            _ => Ok(true),
        }
    }

    /// The id of the log that goes on from that one in that era. Not a random one: whoever puts the
    /// head of a log that ended back has the same log go on, which the root log knows.
    fn next_id(&self, before: &LogId, era: &LogId) -> LogId {
        let digest = self.0.keyring.provider().sha256(&[NEXT, before, era]);
        let (log, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
        *log
    }

    /// Puts an entry of its own into a log that is begun, as it is stored.
    fn first(&self, head: &mut Head, entry: &Entry) -> Result<Vec<u8>> {
        let salt = Leaf::salt(self.0.keyring.provider())?;
        let class = Class::new(OWN_CLASS)?;
        let bytes = self.push(head, entry, &entry.text()?, &class, &salt)?;
        head.settle(Some(head.size()));
        Ok(bytes)
    }

    /// Checks that the log which this entry names as the one before it is here, as it ended.
    pub(super) async fn check_before(&self, of: &Of, entry: &Entry) -> Result<()> {
        let Some(before) = Before::of(entry) else {
            return Ok(());
        };
        let known = self.read_head(&of.ended(before.log)).await?;
        if known.version.is_some() && self.now(&known.head) == (before.size, before.root) {
            return Ok(());
        }
        // Of one that is here, nobody accepts that it is another.
        if known.version.is_none() && self.is_lost(&before.log).await? {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "the log that it goes on from, keyward-log/{}, is not here as it ended: it was dropped, or put back",
            hex(&before.log)
        )))
    }

    /// The head of a log that ended, as far as it was noted before: what came after may be there
    /// twice, here and in what is lost, and is not signed.
    pub(super) async fn seen(&self, of: &Of, head: Head) -> Result<Head> {
        let (size, root) = head.noted.unwrap_or_else(|| {
            let provider = self.0.keyring.provider();
            (0, Frontier::new().root(provider))
        });
        if size == head.size() && self.now(&head) == (size, root) {
            return Ok(head);
        }
        let provider = *self.0.keyring.provider();
        let nodes: Vec<_> = path::perfect(0..size).collect();
        for anew in [false, true] {
            let mut tiles = Tiles::of(self, of, &head, anew).await?;
            let mut fetched = tiles.fetch(nodes.iter().copied()).await?;
            let roots = nodes.iter();
            let roots =
                roots.map(|(level, index)| prove::Nodes::node(&mut fetched, *level, *index));
            let tree = Frontier::from_parts(size, roots.collect::<Result<_>>()?)?;
            if tree.root(&provider) == root {
                return Ok(Head { tree, ..head });
            }
        }
        Err(put_back())
    }

    /// Whether every anchor has a pin, and the root log goes on from it.
    pub(crate) async fn is_as_anchored(&self) -> Result<bool> {
        let mut view = self.0.root.lock().await;
        match self.check_pins(&mut view).await {
            Ok(held) => Ok(!held.is_empty() && held.iter().all(Option::is_some)),
            Err(e) if e.kind() == ErrorKind::Corrupt => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Begins a new root log, and with it a new era: all other logs go on under new names. What was
    /// before is named in its first entry, as far as it can be read. Then every anchor has it.
    ///
    /// Cut short before the last anchor has it, nothing is vouched for, and it is begun anew.
    ///
    /// # Errors
    /// As [`Audit::round`], but for what the root log and the anchors say; `Unavailable` if another
    /// process writes an anchor meanwhile.
    pub(crate) async fn begin_era(&self) -> Result<()> {
        let mut view = self.0.root.lock().await;
        let mut pins = Vec::new();
        for anchor in &self.0.anchors {
            pins.push(anchor.load(&super::pins::pin_name()?)?);
        }
        let head = self.begin_root(&pins).await?;
        *view = super::root::View::default();
        let pin = self.pin_of(&head);
        for (anchor, held) in self.0.anchors.iter().zip(&pins) {
            if !anchor.replace(&super::pins::pin_name()?, held.as_ref(), &pin)? {
                return Err(Error::unavailable(
                    "another process wrote the anchor meanwhile: end whatever uses the home, and try again",
                ));
            }
        }
        self.fence(true).await?;
        Ok(())
    }

    async fn begin_root(&self, pins: &[Option<keyward_keys::Pin>]) -> Result<Head> {
        let of = Of::Root;
        for _ in 0..MAX_TRIES {
            let barrier: Barrier = self.barrier(true).await?;
            let record = self.0.store.fetch(&of.key(HEADS)).await?;
            let version = record.as_ref().map(|record| record.version);
            let old = match &record {
                Some(record) => match self.known(&of, record).await {
                    Ok(known) => Some(known.head),
                    Err(e) if e.kind() == ErrorKind::Corrupt => None,
                    Err(e) => return Err(e),
                },
                None => None,
            };
            let mut era: LogId = [0; 16];
            self.0.keyring.provider().fill(&mut era)?;
            let mut log: LogId = [0; 16];
            self.0.keyring.provider().fill(&mut log)?;
            let (mut head, mut entry) = (begun(log, era), self.own_entry(ROOT)?);
            if let Some(old) = &old {
                entry.detail.push(named(&old.log, self.now(old)));
            }
            for pin in pins.iter().flatten() {
                let (id, Typed::Word(has)) = named(&pin.id, (pin.counter, pin.digest)) else {
                    continue;
                };
                let pinned = Typed::Word(format!("{id} {has}"));
                entry.detail.push(("pinned".to_owned(), pinned));
            }
            let mut entries = vec![self.first(&mut head, &entry)?];
            // Read after the record: where another wrote it meanwhile, the batch is refused.
            if old.is_some() {
                for entry in self.kept_losses().await? {
                    entries.push(self.first(&mut head, &entry)?);
                }
            }
            let mac = self.mac(&barrier).await?;
            let mut steps = vec![
                // Whoever knows the era before is refused from now on.
                Step::Write(barrier.renew()),
                Step::Write(put(&of, &head, version, &mac)),
                Step::Append {
                    log: of.entries(&head),
                    expected: 0,
                    entries,
                },
            ];
            if let Some(mut old) = old {
                let at = of.ended(old.log);
                let lies_there = self.0.store.fetch(&at.key(HEADS)).await?;
                (old.ended, old.marked) = (true, false);
                let there = lies_there.map(|record| record.version);
                steps.push(Step::Write(put(&at, &old, there, &mac)));
            }
            if let Committed::Done(_) = self.0.store.commit(steps).await? {
                return Ok(head);
            }
        }
        Err(contended())
    }
}
