//! Erasing what a rule says: the entries' texts and salts go, their leaves stay, and a record of it
//! stands in the log.

use std::ops::Range;

use keyward_base::audit::Outcome;
use keyward_base::{Event, Result, Timestamp};

use super::read::Kept;
use super::{Audit, Of};
use crate::entry::{Entry, Number, Typed};
use crate::leaf::{Class, Header, LEN};

/// What a record of an erasure is called.
pub const ERASE: &str = "audit.erase";

/// The class of what a log says of itself. No rule erases it, or what it erased would look like
/// what somebody took away.
pub const OWN_CLASS: &str = "audit";

/// Entries of a page.
const PAGE: usize = 4096;

/// Entries that one write erases.
const AT_ONCE: u64 = 1024;

/// Which entries of a log are erased: those of a class, or of all but [`OWN_CLASS`], that were
/// recorded before a day.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Rule {
    /// Of which class; none for all.
    pub class: Option<Class>,
    /// Before which day: days since 1970-01-01 UTC.
    pub before: u32,
}

impl Rule {
    /// What was recorded more than so many whole days before `now`.
    #[must_use]
    pub fn older_than(days: u32, class: Option<Class>, now: Timestamp) -> Self {
        let before = Header::day_of(now).saturating_sub(days);
        Self { class, before }
    }

    /// All there is, up to now: a tenant's that asked for it.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            class: None,
            before: u32::MAX,
        }
    }

    /// Whether it erases an entry of that header.
    #[must_use]
    pub fn takes(&self, header: &Header) -> bool {
        let own = header.class.as_str() == OWN_CLASS;
        let class = self.class.as_ref().is_none_or(|of| *of == header.class);
        !own && class && header.day < self.before
    }
}

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

/// A rule that was followed, as its record says.
#[derive(Debug)]
pub(super) struct Followed {
    rule: Rule,
    entries: Range<u64>,
}

impl Followed {
    /// What an entry says of an erasure, if it is the log's own.
    pub(super) fn of(kept: &Kept) -> Result<Option<Self>> {
        if kept.leaf.header.class.as_str() != OWN_CLASS {
            return Ok(None);
        }
        let entry = kept.entry()?.filter(|entry| entry.action == ERASE);
        Ok(entry.and_then(|entry| {
            let find = |name: &str| {
                let mut detail = entry.detail.iter();
                detail.find_map(|(held, value)| (held == name).then_some(value))
            };
            let number = |name| match find(name) {
                Some(Typed::Number(number)) => Some(number.0),
                _ => None,
            };
            let class = match find("class") {
                Some(Typed::Word(class)) => Some(Class::new(class).ok()?),
                _ => None,
            };
            let before = u32::try_from(number("before")?).ok()?;
            Some(Self {
                rule: Rule { class, before },
                entries: number("from")?..number("until")?,
            })
        }))
    }

    /// Up to where it took the entries from that one on, if all are of that header.
    fn took(&self, seq: u64, header: &Header) -> Option<u64> {
        let took = self.entries.contains(&seq) && self.rule.takes(header);
        took.then_some(self.entries.end)
    }
}

/// Entries that were erased, one after the other, of one class and day. So that a whole log of them
/// takes little memory.
#[derive(Debug, Default)]
pub(super) struct Gone {
    runs: Vec<(Range<u64>, Header)>,
    count: u64,
}

impl Gone {
    /// Takes note of an entry that was erased. In their order.
    pub(super) fn note(&mut self, seq: u64, header: &Header) {
        self.count = self.count.saturating_add(1);
        let end = seq.saturating_add(1);
        let last = self.runs.last_mut();
        match last.filter(|(run, of)| run.end == seq && of == header) {
            Some((run, _)) => run.end = end,
            None => self.runs.push((seq..end, header.clone())),
        }
    }

    /// How many they are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The first that none of these rules took.
    pub(super) fn by_no_rule(&self, followed: &[Followed]) -> Option<u64> {
        self.runs.iter().find_map(|(run, header)| {
            let mut seq = run.start;
            while seq < run.end {
                let took = followed.iter().filter_map(|rule| rule.took(seq, header));
                match took.max() {
                    Some(end) => seq = end,
                    None => return Some(seq),
                }
            }
            None
        })
    }
}
