//! Erasing what a rule says: the entries' texts and salts go, their leaves stay, and a record of it
//! stands in the log.

use std::ops::Range;

use keyward_base::audit::Outcome;
use keyward_base::{Event, Result};

use super::{Audit, Of};
use crate::entry::{Entry, Number, Typed};
pub use crate::erased::{ERASE, OWN_CLASS, Rule};
use crate::leaf::{Class, LEN};

/// Entries of a page.
const PAGE: usize = 4096;

/// Entries that one write erases.
const AT_ONCE: u64 = 1024;

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasure {
    /// Among which entries.
    pub entries: Range<u64>,
    /// How many of them.
    pub count: u64,
    /// The number of the record of it.
    pub record: u64,
    /// The checkpoint over that record, signed before anything was erased: the receipt.
    pub receipt: String,
}

impl Audit {
    /// Erases what `rule` takes of a log: first a record of it, then a checkpoint over that, then the
    /// texts, in the store's files too. None if there was nothing. Done again after it was cut short,
    /// it goes on.
    ///
    /// # Errors
    /// As [`Audit::checkpoint`]; what was recorded may then not be erased yet.
    pub async fn erase(&self, of: &Of, rule: &Rule) -> Result<Option<Erasure>> {
        let Some(head) = self.head(of).await? else {
            return Ok(None);
        };
        let mut runs: Vec<Range<u64>> = Vec::new();
        let (mut count, mut next) = (0_u64, Some(0));
        while let Some(from) = next {
            let page = self.entries(of, from, PAGE).await?;
            next = page.next;
            for kept in &page.entries {
                // Days never go back.
                if kept.leaf.header.day >= rule.before || kept.seq >= head.size() {
                    next = None;
                    break;
                }
                if !rule.takes(&kept.leaf.header) || kept.body.is_none() {
                    continue;
                }
                count = count.saturating_add(1);
                let end = kept.seq.saturating_add(1);
                match runs.last_mut().filter(|run| run.end == kept.seq) {
                    Some(run) => run.end = end,
                    None => runs.push(kept.seq..end),
                }
            }
        }
        let ends = runs.first().zip(runs.last());
        let Some(entries) = ends.map(|(first, last)| first.start..last.end) else {
            return Ok(None);
        };
        let record = self.record_of(rule, &entries, count)?;
        let record = self
            .append_entry(of, record, Class::new(OWN_CLASS)?)
            .await?;
        let receipt = self.checkpoint(of).await?.unwrap_or_default();
        let store = &self.0.store;
        let log = of.key(super::ENTRIES);
        for run in runs {
            // Some at a time: others append meanwhile.
            let mut from = run.start;
            while from < run.end {
                let until = from.saturating_add(AT_ONCE).min(run.end);
                store.erase_entries(&log, from, until, LEN).await?;
                from = until;
            }
        }
        let _files: keyward_store::Erased = store.erase().await?;
        Ok(Some(Erasure {
            entries,
            count,
            record,
            receipt,
        }))
    }

    fn record_of(&self, rule: &Rule, entries: &Range<u64>, count: u64) -> Result<Entry> {
        let now = self.0.keyring.clock().now()?;
        let event = Event::new(now, ERASE, Outcome::Done);
        let mut entry = Entry::of(&event, now);
        let class = rule.class.iter();
        let class = class.map(|of| ("class", Typed::Word(of.as_str().to_owned())));
        let numbers = [
            ("before", u64::from(rule.before)),
            ("from", entries.start),
            ("until", entries.end),
            ("count", count),
        ];
        let numbers = numbers.map(|(name, number)| (name, Typed::Number(Number(number))));
        let detail = class.chain(numbers);
        entry.detail = detail
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Ok(entry)
    }
}
