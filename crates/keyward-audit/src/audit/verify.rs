//! Whether the entries are those that the head vouches for.

use keyward_base::{Error, Result};

use super::read::{edited, is_of};
use super::retention::Followed;
use super::{Audit, Of};
use crate::head::Head;
use crate::leaf::Header;
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
        let (mut tree, mut day) = (Frontier::new(), 0);
        let (mut erased, mut followed) = (Vec::new(), Vec::new());
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
                if kept.body.is_none() {
                    erased.push((seq, header.clone()));
                }
                followed.extend(Followed::of(kept)?);
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
        // Gone by a rule is not the same as gone.
        let by_rule = |(seq, header): &&(u64, Header)| {
            let took = |rule: &Followed| rule.took(*seq, header);
            !followed.iter().any(took)
        };
        if let Some((seq, _)) = erased.iter().find(by_rule) {
            return Err(Error::corrupt(format!(
                "entry {seq} of an audit log was erased, and no rule says so"
            )));
        }
        Ok(Some(Verified {
            head,
            erased: u64::try_from(erased.len()).unwrap_or(u64::MAX),
        }))
    }
}
