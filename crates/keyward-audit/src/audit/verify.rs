//! Whether the entries are those that the head vouches for.

use keyward_base::{Error, Result};

use super::read::{edited, is_of};
use super::tiles::Tiles;
use super::{Audit, Of};
use crate::erased::{Followed, Gone, OWN_CLASS};
use crate::head::Head;
use crate::tree::prove::Nodes;
use crate::tree::{Frontier, leaf, node, path};

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
        if of.whose() == of {
            // Holds and rules are those that were set.
            self.found(of).await?;
        }
        let log = of.entries(&head);
        let provider = *self.0.keyring.provider();
        let (mut tree, mut day) = (Frontier::new(), 0);
        let (mut gone, mut followed) = (Gone::default(), Vec::new());
        while tree.size() < head.size() {
            let from = tree.size();
            let left = head.size().saturating_sub(from);
            let limit = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
            let page = self.entries_at(&log, from, limit).await?;
            for kept in &page.entries {
                let seq = tree.size();
                // In order, of this log, and of a day that is not before that of another.
                let header = &kept.leaf.header;
                if kept.seq != seq || !is_of(&kept.leaf, &head.log) || header.day < day {
                    return Err(edited(seq));
                }
                day = header.day;
                if kept.body.is_none() {
                    gone.note(seq, header);
                }
                if header.class.as_str() == OWN_CLASS {
                    let entry = kept.entry()?;
                    if let Some(entry) = entry.as_ref().filter(|_| seq == 0) {
                        self.check_before(of, entry).await?;
                    }
                    let rule = entry.and_then(|of| Followed::of(seq, header, &of));
                    followed.extend(rule.and_then(|rule| rule.about(None)));
                }
                let hash = leaf(&provider, &kept.leaf.bytes());
                tree.push(&provider, hash, |_| ())?;
            }
            if page.entries.is_empty() {
                return Err(edited(tree.size()));
            }
            progress(tree.size());
        }
        if tree != head.tree {
            return Err(self.first_bad(of, &head, &tree).await?);
        }
        // Gone by a rule is not the same as gone.
        if gone.by_no_rule(&followed).is_some() {
            self.followed_by(of, &head, &mut followed).await?;
        }
        if let Some(seq) = gone.by_no_rule(&followed) {
            return Err(Error::corrupt(format!(
                "entry {seq} of an audit log was erased, and no rule says so"
            )));
        }
        let erased = gone.count();
        Ok(Some(Verified { head, erased }))
    }

    /// What the logs that go on from one that ended say of erasures in it.
    async fn followed_by(&self, of: &Of, head: &Head, told: &mut Vec<Followed>) -> Result<()> {
        let Of::Earlier(earlier) = of else {
            return Ok(());
        };
        let whose = earlier.whose();
        for other in std::iter::once(whose.clone()).chain(self.earlier(whose).await?) {
            let known = self.read_head(&other).await?;
            let (log, mut next) = (other.entries(&known.head), Some(0));
            while let Some(from) = next.filter(|from| *from < known.head.size()) {
                let page = self.entries_at(&log, from, PAGE).await?;
                for kept in &page.entries {
                    let header = &kept.leaf.header;
                    let entry = kept.entry()?.filter(|_| is_of(&kept.leaf, &known.head.log));
                    let rule = entry.and_then(|entry| Followed::of(kept.seq, header, &entry));
                    told.extend(rule.and_then(|rule| rule.about(Some(&head.log))));
                }
                next = page.next;
            }
        }
        Ok(())
    }

    /// Which entries of a log are not those that its head vouches for, as near as can be told: by
    /// the perfect subtrees that the head has the roots of, and down from these by tiles that lead to
    /// them.
    async fn first_bad(&self, of: &Of, head: &Head, tree: &Frontier) -> Result<Error> {
        let provider = self.0.keyring.provider();
        let of_head = path::perfect(0..head.size()).zip(head.tree.subtrees());
        let mut bad = of_head
            .zip(tree.subtrees())
            .find_map(|((at, root), read)| (root != read).then_some((at, *root)));
        let mut said = 0..head.size();
        while let Some(((level, index), root)) = bad.take() {
            said = leaves((level, index));
            let Some(below) = level.checked_sub(1) else {
                break;
            };
            let left = (below, index.saturating_mul(2));
            let right = (below, left.1.saturating_add(1));
            let mut tiles = Tiles::of(self, of, head, false).await?;
            let mut kept = tiles.fetch([left, right]).await?;
            let (of_left, of_right) = (kept.node(left.0, left.1)?, kept.node(right.0, right.1)?);
            if node(provider, &of_left, &of_right) != root {
                break;
            }
            let mut read = Tiles::of(self, of, head, true).await?;
            bad = if read.fetch([left]).await?.node(left.0, left.1)? == of_left {
                Some((right, of_right))
            } else {
                Some((left, of_left))
            };
        }
        let last = said.end.saturating_sub(1);
        Ok(if said.start == last {
            edited(last)
        } else {
            Error::corrupt(format!(
                "among entries {} to {last} of an audit log is one that is not what its head vouches for",
                said.start
            ))
        })
    }
}

/// The entries below a node.
fn leaves((level, index): (u32, u64)) -> std::ops::Range<u64> {
    let count = 1_u64.checked_shl(level).unwrap_or(u64::MAX);
    let from = index.saturating_mul(count);
    from..from.saturating_add(count)
}
