//! The root log: which heads the logs of a home had. So a log that is dropped is missed, and one
//! that was put back is seen, by what one checkpoint alone stands for.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_base::audit::Outcome;
use keyward_base::encoding::{base64, from_base64_array, from_hex, hex};
use keyward_base::{Error, Event, Result, Timestamp};

use super::lane::Known;
use super::lost::{LOST, LostLogs, accepted};
use super::read::{edited, is_of};
use super::{Audit, Of, put_back};
use crate::checkpoint::number;
use crate::entry::{Entry, Typed};
use crate::erased::OWN_CLASS;
use crate::leaf::LogId;
use crate::tree::{Frontier, Hash, leaf};

/// What an entry of the root log is called. Each of its details is a head: the id of a log, and its
/// size and root.
pub const NOTED: &str = "audit.heads";

/// What the first entry of a root log is called that was begun when an older database was accepted.
pub const ROOT: &str = "audit.root";

/// Entries of a page.
const PAGE: usize = 256;

/// The head of a log, as the root log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) size: u64,
    pub(super) root: Hash,
    /// By which of its entries.
    pub(super) by: u64,
    /// By which of its entries it had that log at all.
    pub(super) first: u64,
}

/// The last heads that the root log has.
pub(super) type Heads = HashMap<LogId, Noted>;

/// What was read of the root log: a process reads each of its entries once.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) log: Option<LogId>,
    /// Under which acceptance of an older database it is.
    pub(super) era: LogId,
    /// Another root log than the one that was read, which every anchor has.
    pub(super) trusted: Option<LogId>,
    tree: Frontier,
    pub(super) heads: Arc<Heads>,
    /// Of these, the logs that somebody accepted as lost since.
    pub(super) lost: Arc<LostLogs>,
    /// The size and the root that every anchor has, and that this is known to go on from.
    pub(super) pinned: Option<(u64, Hash)>,
    /// Up to which record of a head a round looked for those without a mark.
    pub(super) swept: Option<keyward_store::Place>,
}

impl View {
    /// One that has nothing but those heads.
    pub(super) fn of_heads(heads: &Arc<Heads>) -> Self {
        Self {
            heads: Arc::clone(heads),
            ..Self::default()
        }
    }

    /// How many entries of the root log were read.
    pub(super) const fn size(&self) -> u64 {
        self.tree.size()
    }
}

impl Noted {
    pub(super) const fn head(&self) -> (u64, Hash) {
        (self.size, self.root)
    }
}

/// The entry that notes those heads.
pub(super) fn entry(now: Timestamp, heads: &[(LogId, (u64, Hash))]) -> Entry {
    let mut entry = Entry::of(&Event::new(now, NOTED, Outcome::Done), now);
    let detail = heads.iter().map(|(log, head)| named(log, *head));
    entry.detail = detail.collect();
    entry
}

/// A head, as an entry names it.
pub(super) fn named(log: &LogId, (size, root): (u64, Hash)) -> (String, Typed) {
    (hex(log), Typed::Word(format!("{size} {}", base64(&root))))
}

/// The heads that an entry notes, or says that they are lost.
fn heads_of(entry: &Entry, by: u64) -> Option<Vec<(LogId, Noted)>> {
    let heads = entry.detail.iter().map(|(log, head)| {
        let Typed::Word(head) = head else { return None };
        let (size, root) = head.split_once(' ')?;
        let noted = Noted {
            size: number(size)?,
            root: from_base64_array(root).ok()?,
            by,
            first: by,
        };
        Some((from_hex(log).ok()?, noted))
    });
    heads
        .collect::<Option<_>>()
        .filter(|_| entry.action == NOTED || entry.action == LOST)
        .or_else(|| (entry.action == ROOT).then(Vec::new))
}

/// The heads that an entry of the root log notes ([`NOTED`]) or says that they are lost ([`LOST`]): of
/// each log its id, its size and its root. None of what is written in another way, or says something
/// else; of one that begins a root log ([`ROOT`]) there are none.
#[must_use]
pub fn heads(entry: &Entry) -> Option<Vec<(LogId, u64, Hash)>> {
    let heads = heads_of(entry, 0)?.into_iter();
    Some(heads.map(|(log, has)| (log, has.size, has.root)).collect())
}

impl Audit {
    /// Reads what the root log has more than `view`, and gives its head.
    ///
    /// # Errors
    /// `Corrupt` if it is not what was written, or less than this process read of it before.
    pub(super) async fn read_root(&self, view: &mut View) -> Result<Known> {
        let known = self.read_head(&Of::Root).await?;
        let head = &known.head;
        let is_new = known.version.is_none();
        let is_other = view.log.is_some_and(|log| is_new || log != head.log);
        if is_other && !is_new && view.trusted == Some(head.log) {
            // Somebody accepted it.
            *view = View::default();
        } else if is_other || view.tree.size() > head.size() {
            return Err(put_back());
        }
        view.era = head.era;
        if is_new {
            return Ok(known);
        }
        // Taken: what is not read to its end is read anew the next time.
        let mut read = std::mem::take(view);
        let (provider, log) = (*self.0.keyring.provider(), Of::Root.entries(head));
        while read.tree.size() < head.size() {
            let from = read.tree.size();
            let left = head.size().saturating_sub(from);
            let limit = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
            let page = self.entries_at(&log, from, limit).await?;
            if page.entries.is_empty() {
                return Err(of_root(&edited(from)));
            }
            for kept in page.entries {
                let seq = read.tree.size();
                let bad = || of_root(&edited(seq));
                let header = &kept.leaf.header;
                if kept.seq != seq
                    || !is_of(&kept.leaf, &head.log)
                    || header.class.as_str() != OWN_CLASS
                {
                    return Err(bad());
                }
                let entry = kept.entry().map_err(|_| bad())?.ok_or_else(bad)?;
                let noted = heads_of(&entry, seq).ok_or_else(bad)?;
                let hash = leaf(&provider, &kept.leaf.bytes());
                read.tree.push(&provider, hash, |_| ())?;
                if entry.action == LOST {
                    let lost = accepted(&entry, &noted, &read.heads, seq).ok_or_else(bad)?;
                    let lost = lost.into_iter().map(|lost| (lost.log, lost));
                    Arc::make_mut(&mut read.lost).extend(lost);
                    continue;
                }
                let heads = Arc::make_mut(&mut read.heads);
                for (log, mut has) in noted {
                    // It was here again: that it is lost another time, nobody accepted.
                    if read.lost.contains_key(&log) {
                        Arc::make_mut(&mut read.lost).remove(&log);
                    }
                    has.first = heads.get(&log).map_or(seq, |known| known.first);
                    heads.insert(log, has);
                }
            }
        }
        if read.tree != head.tree {
            return Err(Error::corrupt(
                "the entries of the root log are not those that its head vouches for",
            ));
        }
        read.log = Some(head.log);
        *view = read;
        Ok(known)
    }
}

fn of_root(e: &Error) -> Error {
    Error::corrupt(format!("the root log: {e}"))
}
