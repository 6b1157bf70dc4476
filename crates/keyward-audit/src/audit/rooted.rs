//! The logs of a home against what the root log has of them.

use std::collections::HashSet;
use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::{Error, ErrorKind, Result};
use keyward_store::Scan;

use super::anchored::Anchored;
use super::lost::{Lost, LostLogs};
use super::root::{Heads, View};
use super::state::Found;
use super::{Audit, CHANGED, HEADS, Of, costs_itself};
use crate::head::Head;
use crate::leaf::LogId;

/// What the root log says, as far as every anchor agrees.
pub struct Rooted {
    audit: Audit,
    head: Option<Head>,
    heads: Arc<Heads>,
    lost: Arc<LostLogs>,
    /// Each anchor, and how many entries of the root log it has.
    anchors: Vec<(String, Option<u64>)>,
}

/// A log that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dropped {
    /// The root log has one of that id, with so many entries.
    Noted {
        /// Its id.
        log: LogId,
        /// How many entries it had.
        size: u64,
    },
    /// Entries were recorded in it since the last round, and its head is gone.
    Marked(Of),
    /// A record lies among the heads and is that of no log: somebody put it there, or moved it.
    Stray {
        /// Whose it is, as the store has it: nobody checked it.
        owner: String,
        /// Its id there.
        id: String,
    },
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Noted { log, size } => write!(
                f,
                "the root log has keyward-log/{} at {size} entries, and no log here is that one: it was dropped, or another was put in its place",
                hex(log)
            ),
            Self::Marked(of) => write!(
                f,
                "entries were recorded in {of}, and its head is gone: it was dropped"
            ),
            Self::Stray { owner, id } => write!(
                f,
                "a record of owner {owner:?} and id {id:?} lies among the heads of logs and is that of none: it was put there, or moved"
            ),
        }
    }
}

impl std::fmt::Debug for Rooted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rooted")
            .field("logs", &self.heads.len())
            .field("anchors", &self.anchors)
            .finish_non_exhaustive()
    }
}

impl Audit {
    /// Reads the root log, and checks that it goes on from what every anchor has of it. Writes
    /// nothing. Takes memory for each log that it names, some 100 bytes.
    ///
    /// # Errors
    /// `Corrupt` if it is not what was written, was dropped, or does not go on from an anchor: an
    /// older database was put back; `Unavailable` if a store, the keyring or an anchor cannot be
    /// relied on.
    pub async fn rooted(&self) -> Result<Rooted> {
        let mut view = self.0.root.lock().await;
        let held = self.check_pins(&mut view).await?;
        let root = self.read_root(&mut view).await?;
        let names = self.0.anchors.iter().map(|anchor| anchor.describe());
        let sizes = held.into_iter().map(|held| held.map(|pin| pin.counter));
        Ok(Rooted {
            audit: self.clone(),
            head: root.version.map(|_| root.head),
            heads: Arc::clone(&view.heads),
            lost: Arc::clone(&view.lost),
            anchors: names.zip(sizes).collect(),
        })
    }
}

impl Audit {
    /// What is set of all logs, in the service's log: that which the root log has, or one that goes
    /// on from there. One that was put back, or left out, would have the default stand for what was
    /// set.
    ///
    /// # Errors
    /// As [`Audit::rooted`]; `Corrupt` if the service's log is another one, or is gone.
    pub(super) async fn found_of_all(&self) -> Result<Found> {
        // The root log first: whoever notes a head later has read a later one.
        let (heads, lost) = {
            let mut view = self.0.root.lock().await;
            self.check_pins(&mut view).await?;
            (Arc::clone(&view.heads), Arc::clone(&view.lost))
        };
        let found = self.found(&Of::Service).await?;
        let head = &found.known.head;
        if found.known.version.is_some() {
            self.goes_on(&View::of_heads(&heads), &Of::Service, head)
                .await?;
        }
        // A log that was noted beside this one was never the service's.
        let first = heads.get(&head.log).map_or(u64::MAX, |has| has.first);
        let before = heads.iter().filter(|(_, has)| has.by < first);
        let before = before.filter(|(log, _)| !lost.contains_key(*log));
        let mut before: HashSet<LogId> = before.map(|(log, _)| *log).collect();
        let (mut after, mut disabled) = (None, None);
        while !before.is_empty() {
            let page = self.0.store.scan(Scan::of(HEADS).after(after)).await?;
            for record in &page.items {
                let Ok(of) = Of::by(record) else { continue };
                match self.known(&of, record).await {
                    Ok(known) => {
                        before.remove(&known.head.log);
                    }
                    Err(e) if e.kind() == ErrorKind::Corrupt => {}
                    // It may be one of those, or none: nobody vouches for what it says.
                    Err(e) if costs_itself(&e) => disabled = Some(e),
                    Err(e) => return Err(e),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if before.is_empty() {
            return Ok(found);
        }
        Err(disabled.unwrap_or_else(|| Error::corrupt(
            "the root log has a log that is not here, and that may be the service's, with what is set of all logs: nothing is erased; `keyward audit verify` says which, and `keyward audit accept-loss` is for who knows that it is lost",
        )))
    }
}

impl Rooted {
    /// The head of the root log; none if there was no round yet.
    #[must_use]
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// How many entries the log of that id had when the root log took its head last; none if it
    /// never did.
    #[must_use]
    pub fn noted(&self, log: &LogId) -> Option<u64> {
        self.heads.get(log).map(|has| has.size)
    }

    /// The logs that somebody accepted as lost ([`accept_loss`](crate::danger::accept_loss)), in the
    /// order in which that was recorded; one that is here again too, until a round notes it anew.
    #[must_use]
    pub fn lost(&self) -> Vec<Lost> {
        let mut lost: Vec<Lost> = self.lost.values().cloned().collect();
        lost.sort_by_key(|lost| (lost.record, lost.log));
        lost
    }

    /// Checks that a log goes on from what the root log has of it, and says how many of its entries
    /// each anchor stands for.
    ///
    /// # Errors
    /// `Corrupt` if it does not: it was put back, or another history was written; else as
    /// [`Audit::head`].
    pub async fn check(&self, of: &Of) -> Result<Vec<Anchored>> {
        let Some(head) = self.audit.head(of).await? else {
            return Ok(Vec::new());
        };
        let stands = |by: Option<u64>, size| {
            let known = self.anchors.iter().map(|(anchor, pinned)| Anchored {
                anchor: anchor.clone(),
                size: pinned
                    .filter(|pinned| by.is_some_and(|by| by < *pinned))
                    .map(|pinned| if *of == Of::Root { pinned } else { size }),
            });
            Ok(known.collect())
        };
        if *of == Of::Root {
            return stands(Some(0), head.size());
        }
        let Some(has) = self.heads.get(&head.log).copied() else {
            return stands(None, 0);
        };
        let view = View::of_heads(&self.heads);
        self.audit.goes_on(&view, of, &head).await?;
        stands(Some(has.by), has.size)
    }

    /// The logs that the root log has and that are not here, but for those that somebody accepted
    /// as lost ([`Rooted::lost`]); those that changed since and have no
    /// head, and what is no head of any. While heads cannot be read, as many as these are not told
    /// of: they may be those.
    ///
    /// # Errors
    /// `Unavailable` if a store or the keyring cannot be relied on.
    pub async fn dropped(&self) -> Result<Vec<Dropped>> {
        let (mut here, mut owners) = (HashSet::new(), HashSet::new());
        let (mut unread, mut after, mut strays) = (0_usize, None, Vec::new());
        let store = &self.audit.0.store;
        loop {
            let page = store.scan(Scan::of(HEADS).after(after)).await?;
            // It may be that of a log, too.
            unread = unread.saturating_add(page.damaged.len());
            strays.extend(page.damaged.into_iter().map(|row| Dropped::Stray {
                owner: row.owner.unwrap_or_default(),
                id: row.id.unwrap_or_default(),
            }));
            for record in &page.items {
                let Ok(of) = Of::by(record) else {
                    strays.push(Dropped::Stray {
                        owner: record.key.owner.clone(),
                        id: record.key.id.clone(),
                    });
                    continue;
                };
                match self.audit.known(&of, record).await {
                    Ok(known) => {
                        here.insert(known.head.log);
                    }
                    Err(e) if costs_itself(&e) => unread = unread.saturating_add(1),
                    Err(e) => return Err(e),
                }
                owners.insert(of);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let gone = self.heads.iter();
        let gone = gone.filter(|(log, _)| !here.contains(*log) && !self.lost.contains_key(*log));
        let mut dropped: Vec<Dropped> = gone
            .map(|(log, has)| Dropped::Noted {
                log: *log,
                size: has.size,
            })
            .collect();
        if dropped.len() <= unread {
            dropped.clear();
        }
        dropped.append(&mut strays);
        let mut after = None;
        loop {
            let page = store.scan(Scan::of(CHANGED).after(after)).await?;
            for mark in &page.items {
                let Ok(of) = Of::by(mark) else { continue };
                if owners.contains(&of) {
                    continue;
                }
                // A mark is written with a head, and after it was read here with one.
                match store.fetch(&of.key(HEADS)).await {
                    Ok(None) => dropped.push(Dropped::Marked(of)),
                    Ok(Some(_)) => {}
                    // One that cannot be read is told of already.
                    Err(e) if e.kind() == ErrorKind::Corrupt => {}
                    Err(e) => return Err(e),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(dropped);
            }
        }
    }
}
