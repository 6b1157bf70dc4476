//! Whether the entries are those that the head vouches for.

use keyward_base::{Error, Result};

use super::read::{edited, is_of};
use super::{Audit, Of};
use crate::head::Head;
use crate::tree::{Frontier, leaf};

/// Entries of a page: at 64 KiB each, a page is bounded in bytes by the store.
const PAGE: usize = 1024;

/// What a log is, if all of it is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Its head.
    pub head: Head,
    /// How many of its entries were erased.
    pub erased: u64,
}

impl Audit {
    /// Reads a whole log, and compares its root with the one that the head vouches for. Tells
    /// `progress` how many entries it has read. None if nothing was ever recorded.
    ///
    /// # Errors
    /// `Corrupt`, naming the first bad number where one is bad by itself; else as [`Audit::head`].
    pub async fn verify(
        &self,
        of: &Of,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Option<Verified>> {
        let Some(head) = self.head(of).await? else {
            return Ok(None);
        };
        let provider = *self.0.keyring.provider();
        let (mut tree, mut erased, mut day) = (Frontier::new(), 0_u64, 0);
        while tree.size() < head.size() {
            let from = tree.size();
            let left = head.size().saturating_sub(from);
            let limit = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
            let page = self.entries(of, from, limit).await?;
            for kept in &page.entries {
                let seq = tree.size();
                // In order, of this log, and of a day that is not before that of another.
                let header = &kept.leaf.header;
                if kept.seq != seq || !is_of(&kept.leaf, &head.log) || header.day < day {
                    return Err(edited(seq));
                }
                day = header.day;
                erased = erased.saturating_add(u64::from(kept.body.is_none()));
                let hash = leaf(&provider, &kept.leaf.bytes());
                tree.push(&provider, hash, |_| ())?;
            }
            if page.entries.is_empty() {
                return Err(edited(tree.size()));
            }
            progress(tree.size());
        }
        if tree != head.tree {
            return Err(Error::corrupt(format!(
                "the {} entries of an audit log are not those that its head vouches for",
                head.size()
            )));
        }
        Ok(Some(Verified { head, erased }))
    }
}
