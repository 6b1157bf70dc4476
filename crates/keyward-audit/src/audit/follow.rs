//! Reading on in a log, each entry vouched for by its head.

use keyward_base::{Error, Result};

use super::read::{edited, is_of};
use super::tiles::Tiles;
use super::{Audit, Kept, Of};
use crate::head::Head;
use crate::leaf::LogId;
use crate::tree::prove::Nodes;
use crate::tree::{Frontier, leaf, path};

/// Entries of a page.
const PAGE: usize = 1024;

/// How far a log was read, and what was read of it: where [`Audit::follow`] goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadTo {
    log: LogId,
    tree: Frontier,
}

impl ReadTo {
    /// The number of the next entry.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.tree.size()
    }
}

impl Audit {
    /// Reads a log from entry `from` to its end, and compares all of that with its head: none of it
    /// was changed, cut off or put in. Goes on from `read_to` where there is one, and `from` is not
    /// asked then. What `each` was told counts for nothing if this fails. None if nothing was ever
    /// recorded, or not as much as `from`; and if the log is another one than `read_to` is of, as it
    /// is after an older database was accepted.
    ///
    /// # Errors
    /// `Corrupt` if an entry is not one that the head vouches for, or the log ends before `read_to`;
    /// what `each` fails with; else as [`Audit::head`].
    pub async fn follow(
        &self,
        of: &Of,
        from: u64,
        read_to: Option<&ReadTo>,
        mut each: impl FnMut(&Kept) -> Result<()> + Send,
    ) -> Result<Option<ReadTo>> {
        let Some(head) = self.head(of).await? else {
            return Ok(None);
        };
        let mut tree = match read_to {
            Some(read_to) if read_to.log != head.log => return Ok(None),
            Some(read_to) if read_to.next() > head.size() => {
                return Err(Error::corrupt(
                    "an audit log ends before what was read of it: an older one was put back",
                ));
            }
            Some(read_to) => read_to.tree.clone(),
            None if from > head.size() => return Ok(None),
            None => self.tree_at(of, &head, from, false).await?,
        };
        let mut read = Vec::new();
        let provider = *self.0.keyring.provider();
        let log = of.entries(&head);
        while tree.size() < head.size() {
            let seq = tree.size();
            let left = head.size().saturating_sub(seq);
            let limit = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
            let page = self.entries_at(&log, seq, limit).await?;
            for kept in &page.entries {
                if kept.seq != tree.size() || !is_of(&kept.leaf, &head.log) {
                    return Err(edited(tree.size()));
                }
                let hash = leaf(&provider, &kept.leaf.bytes());
                tree.push(&provider, hash, |_| ())?;
                if read_to.is_none() {
                    read.push(hash);
                }
                each(kept)?;
            }
            if page.entries.is_empty() {
                return Err(edited(seq));
            }
        }
        if tree != head.tree && read_to.is_none() {
            // Tiles are a cache that anybody may have changed: made anew from the entries.
            tree = self.tree_at(of, &head, from, true).await?;
            for hash in read {
                tree.push(&provider, hash, |_| ())?;
            }
        }
        if tree != head.tree {
            return Err(Error::corrupt(
                "an audit log has an entry that is not what its head vouches for: `keyward doctor` says which",
            ));
        }
        Ok(Some(ReadTo {
            log: head.log,
            tree: head.tree,
        }))
    }

    /// The tree over the first entries of a log. Nothing vouches for it before what follows on it has
    /// led to the head.
    async fn tree_at(&self, of: &Of, head: &Head, size: u64, anew: bool) -> Result<Frontier> {
        let nodes: Vec<_> = path::perfect(0..size).collect();
        let mut tiles = Tiles::of(self, of, head, anew).await?;
        let mut fetched = tiles.fetch(nodes.iter().copied()).await?;
        let hashes = nodes.iter().map(|(level, at)| fetched.node(*level, *at));
        Frontier::from_parts(size, hashes.collect::<Result<_>>()?)
    }
}
