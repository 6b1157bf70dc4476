//! Reading: the head, and entries by their numbers.

use keyward_base::{Error, ErrorKind, Result};
use keyward_store::{Entry as Stored, RecordKey};

use super::lane::Known;
use super::{Audit, Of, contended};
use crate::entry::Entry;
use crate::head::Head;
use crate::leaf::{LEN, Leaf, LogId, SALT_LEN};

/// How often a head is read anew whose log goes on elsewhere meanwhile.
const MAX_TRIES: u32 = 100;

/// An entry of a log, as it lies in the store: its digest fits, but nothing says yet that the log's
/// head vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// Its number in the log, from 0.
    pub seq: u64,
    /// What the tree holds of it.
    pub leaf: Leaf,
    /// Its salt and its text; none if they were erased.
    pub body: Option<([u8; SALT_LEN], String)>,
}

/// Some entries, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entries {
    /// In their order.
    pub entries: Vec<Kept>,
    /// The number to go on from; none at the end.
    pub next: Option<u64>,
}

impl Kept {
    /// What the entry says; none if it was erased.
    ///
    /// # Errors
    /// `Rejected` ([`BAD_ENTRY`](crate::reason::BAD_ENTRY)) if it is of another form than ours.
    pub fn entry(&self) -> Result<Option<Entry>> {
        let text = self.body.as_ref().map(|(_, text)| Entry::parse(text));
        text.transpose()
    }
}

impl Audit {
    /// How far a log is; none if nothing was ever recorded in it.
    ///
    /// # Errors
    /// `Corrupt` if the head is not what was written, or the log has another number of entries;
    /// `Unavailable` if a store or the keyring cannot be relied on.
    pub async fn head(&self, of: &Of) -> Result<Option<Head>> {
        let first = self.read_head(of).await?;
        self.head_from(of, first).await
    }

    /// [`Audit::head`], of a log whose head was read a moment ago.
    pub(super) async fn head_from(&self, of: &Of, mut first: Known) -> Result<Option<Head>> {
        for _ in 0..MAX_TRIES {
            // The head comes with its entries: those that were there before it was read are not more
            // than it says, and those that are there after it not less.
            let log = of.entries(&first.head);
            let before = self.0.store.head(&log).await?;
            let known = self.read_head(of).await?;
            if of.entries(&known.head) != log {
                // It goes on elsewhere since.
                first = known;
                continue;
            }
            if known.version.is_none() {
                return Ok(None);
            }
            let size = known.head.size();
            if before > size {
                return Err(super::append::off(before, size));
            }
            if before < size {
                let entries = self.0.store.head(&log).await?;
                if entries < size {
                    return Err(self.missing(entries));
                }
            }
            return Ok(Some(known.head));
        }
        Err(contended())
    }

    /// Entries of a log from number `from` on, at most `limit` (1 to 4,096). Each was compared with
    /// its digest; that they are those which the head vouches for, [`Audit::verify`] says.
    ///
    /// # Errors
    /// `Corrupt`, naming the number, if one is not what was written; `Misuse` for another limit;
    /// `Unavailable` if the store cannot be reached.
    pub async fn entries(&self, of: &Of, from: u64, limit: usize) -> Result<Entries> {
        let log = match self.read_head(of).await {
            Ok(known) => of.entries(&known.head),
            // Entries are to be had, whatever became of their head.
            Err(e) if e.kind() == ErrorKind::Corrupt => of.entries(&Head::new([0; 16])),
            Err(e) => return Err(e),
        };
        self.entries_at(&log, from, limit).await
    }

    /// [`Audit::entries`], of the log that lies there.
    pub(super) async fn entries_at(
        &self,
        log: &RecordKey,
        from: u64,
        limit: usize,
    ) -> Result<Entries> {
        let page = self.0.store.read(log, from, limit).await?;
        let entries = page.items.into_iter();
        let entries = entries.map(|stored| self.kept(stored));
        Ok(Entries {
            entries: entries.collect::<Result<_>>()?,
            next: page.next,
        })
    }

    fn kept(&self, stored: Stored) -> Result<Kept> {
        let seq = stored.seq;
        let edited = || edited(seq);
        let bytes = stored.bytes.ok_or_else(edited)?;
        let (front, rest) = bytes.split_at_checked(LEN).ok_or_else(edited)?;
        let leaf = Leaf::parse(front).map_err(|_| edited())?;
        if rest.is_empty() {
            let body = None;
            return Ok(Kept { seq, leaf, body });
        }
        let (salt, text) = rest.split_first_chunk::<SALT_LEN>().ok_or_else(edited)?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| edited())?;
        let provider = self.0.keyring.provider();
        if Leaf::of(provider, leaf.header.clone(), salt, &text) != leaf {
            return Err(edited());
        }
        let body = Some((*salt, text));
        Ok(Kept { seq, leaf, body })
    }

    fn missing(&self, entries: u64) -> Error {
        Error::corrupt(format!(
            "entry {entries} of an audit log is missing: the newest were cut off"
        ))
    }
}

/// An entry that is not what was written.
pub(super) fn edited(seq: u64) -> Error {
    Error::corrupt(format!(
        "entry {seq} of an audit log is not what was written"
    ))
}

/// Whether a leaf is one of that log.
pub(super) fn is_of(leaf: &Leaf, log: &LogId) -> bool {
    leaf.header.log == *log
}
