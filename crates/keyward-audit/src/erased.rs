//! What is erased, and what says so: gone by a rule is not the same as gone.

use std::ops::Range;

use keyward_base::Timestamp;
use keyward_base::encoding::from_hex;

use crate::entry::{Entry, Typed};
use crate::leaf::{Class, Header, LogId};

/// What a record of an erasure is called.
pub const ERASE: &str = "audit.erase";

/// The class of what a log says of itself. No rule erases it, or what it erased would look like
/// what somebody took away.
pub const OWN_CLASS: &str = "audit";

/// Which entries of a log are erased: those of a class, or of all but [`OWN_CLASS`] and some
/// others, that were recorded before a day.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Rule {
    /// Of which class; none for all.
    pub class: Option<Class>,
    /// Of which classes not.
    pub except: Vec<Class>,
    /// Before which day: days since 1970-01-01 UTC.
    pub before: u32,
}

impl Rule {
    /// What was recorded more than so many whole days before `now`.
    #[must_use]
    pub fn older_than(days: u32, class: Option<Class>, now: Timestamp) -> Self {
        let before = Header::day_of(now).saturating_sub(days);
        Self {
            class,
            except: Vec::new(),
            before,
        }
    }

    /// All there is, up to now: a tenant's that asked for it.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            class: None,
            except: Vec::new(),
            before: u32::MAX,
        }
    }

    /// Whether it erases an entry of that header.
    #[must_use]
    pub fn takes(&self, header: &Header) -> bool {
        let own = header.class.as_str() == OWN_CLASS;
        let class = self.class.as_ref().is_none_or(|of| *of == header.class);
        let except = self.except.contains(&header.class);
        !own && class && !except && header.day < self.before
    }
}

/// What the record of an erasure says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told {
    /// Its own number.
    pub record: u64,
    /// By which rule.
    pub rule: Rule,
    /// Among which entries, all before it.
    pub entries: Range<u64>,
    /// How many of them.
    pub count: u64,
    /// Whether somebody asked for it; else by what is set.
    pub asked: bool,
    /// Among the entries of which log that ended; none for those of the log that the record is in.
    pub log: Option<LogId>,
}

impl Told {
    /// What entry `seq` says of an erasure; none if it is none that the log itself recorded.
    #[must_use]
    pub fn of(seq: u64, header: &Header, entry: &Entry) -> Option<Self> {
        let Followed { rule, entries, log } = Followed::of(seq, header, entry)?;
        let find = |name: &str| {
            let mut detail = entry.detail.iter();
            detail.find_map(|(held, value)| (held == name).then_some(value))
        };
        let count = match find("count") {
            Some(Typed::Number(number)) => number.0,
            _ => return None,
        };
        Some(Self {
            record: seq,
            rule,
            entries,
            count,
            asked: matches!(find("asked"), Some(Typed::Flag(true))),
            log,
        })
    }

    /// Whether it names an entry of that number and header of the log that it is in.
    #[must_use]
    pub fn takes(&self, seq: u64, header: &Header) -> bool {
        self.log.is_none() && self.entries.contains(&seq) && self.rule.takes(header)
    }
}

/// A rule that was followed, as its record says.
#[derive(Debug)]
pub(crate) struct Followed {
    rule: Rule,
    entries: Range<u64>,
    /// Of another log, which ended.
    log: Option<LogId>,
}

impl Followed {
    /// What entry `seq` says of an erasure, if it is the log's own. It tells of none that came after
    /// it.
    pub(crate) fn of(seq: u64, header: &Header, entry: &Entry) -> Option<Self> {
        if header.class.as_str() != OWN_CLASS || entry.action != ERASE {
            return None;
        }
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
        let except = entry.detail.iter().filter(|(name, _)| name == "except");
        let except = except.map(|(_, value)| match value {
            Typed::Word(class) => Class::new(class).ok(),
            _ => None,
        });
        let log = match find("log") {
            Some(Typed::Word(log)) => Some(from_hex(log).ok()?),
            Some(_) => return None,
            None => None,
        };
        let until = number("until")?;
        // In its own log, it tells of none that came after it.
        let until = if log.is_some() { until } else { until.min(seq) };
        Some(Self {
            rule: Rule {
                class,
                except: except.collect::<Option<_>>()?,
                before,
            },
            entries: number("from")?..until,
            log,
        })
    }

    /// It, if it is about that log; none: about its own.
    pub(crate) fn about(self, log: Option<&LogId>) -> Option<Self> {
        (self.log.as_ref() == log).then_some(self)
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
pub(crate) struct Gone {
    runs: Vec<(Range<u64>, Header)>,
    count: u64,
}

impl Gone {
    /// Takes note of an entry that was erased. In their order.
    pub(crate) fn note(&mut self, seq: u64, header: &Header) {
        self.count = self.count.saturating_add(1);
        let end = seq.saturating_add(1);
        let last = self.runs.last_mut();
        match last.filter(|(run, of)| run.end == seq && of == header) {
            Some((run, _)) => run.end = end,
            None => self.runs.push((seq..end, header.clone())),
        }
    }

    /// Of how many runs.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// How many they are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The first that none of these rules took.
    pub(crate) fn by_no_rule(&self, followed: &[Followed]) -> Option<u64> {
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
