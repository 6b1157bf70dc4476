//! What is set of a log: how long entries are kept, and legal holds; and the erasure that goes on in
//! it. As it lies in the store: JSON text in one form, whose SHA-256 the log's head has.

use std::fmt;
use std::time::Duration;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::entry::Number;
use crate::erased::{OWN_CLASS, Rule};
use crate::leaf::{Class, LogId};

/// The version that is written, and read.
const VERSION: u64 = 1;

/// The most holds of a log.
pub const MAX_HOLDS: usize = 32;

/// The most rules of a log.
pub const MAX_KEEPS: usize = 16;

/// For how many days entries are kept that no rule is about.
pub const DEFAULT_DAYS: u32 = 90;

/// The most days that a rule names, about a hundred years; more is for good.
pub const MAX_DAYS: u32 = 36_500;

/// What a legal hold is called, such as the number of a case: 1 to 64 bytes of visible ASCII. It
/// stands in the record and in refusals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldName(Box<str>);

impl HoldName {
    /// The most bytes of a name.
    pub const MAX_LEN: usize = 64;

    /// A name.
    ///
    /// # Errors
    /// `Misuse` for another length or another character.
    pub fn new(name: &str) -> Result<Self> {
        let visible = name.bytes().all(|b| b.is_ascii_graphic());
        if name.is_empty() || name.len() > Self::MAX_LEN || !visible {
            return Err(Error::misuse(
                "the name of a hold is 1 to 64 visible ASCII characters without spaces, such as the number of a case",
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HoldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A legal hold: while a log has one, nothing of it is erased, whatever a rule says and whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// What it is called.
    pub name: HoldName,
    /// When it was set.
    pub since: Timestamp,
}

/// For how long entries are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Keep {
    /// Those of a class; none for all that no other rule is about.
    pub class: Option<Class>,
    /// So many whole days, 1 to [`MAX_DAYS`]; none for good.
    pub days: Option<u32>,
}

impl Keep {
    /// All that no other rule is about, for so many days.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self {
            class: None,
            days: Some(days),
        }
    }

    /// Those of a class, for so many days; none for good.
    #[must_use]
    pub const fn class(class: Class, days: Option<u32>) -> Self {
        Self {
            class: Some(class),
            days,
        }
    }

    /// Checks the rules of a log.
    ///
    /// # Errors
    /// `Misuse` for more than [`MAX_KEEPS`], two about the same, days out of range, and the class of
    /// what a log says of itself, which is kept for good.
    pub fn check(all: &[Self]) -> Result<()> {
        if all.len() > MAX_KEEPS {
            return Err(Error::misuse("a log has at most 16 rules of retention"));
        }
        for (nth, keep) in all.iter().enumerate() {
            let in_range = |days: u32| (1..=MAX_DAYS).contains(&days);
            if !keep.days.is_none_or(in_range) {
                return Err(Error::misuse(
                    "entries are kept for 1 to 36500 days, or for good",
                ));
            }
            let class = keep.class.as_ref().map(Class::as_str);
            if class == Some(OWN_CLASS) {
                return Err(Error::misuse(
                    "what a log says of itself (class audit) is kept for good",
                ));
            }
            if all.iter().take(nth).any(|other| other.class == keep.class) {
                return Err(Error::misuse(
                    "two rules of retention are about the same class",
                ));
            }
        }
        Ok(())
    }

    /// What is erased at `now` of a log that has rules of its own, beside those for all logs. Its
    /// own come first, and of each those of a class; what none of them is about goes after
    /// [`DEFAULT_DAYS`].
    #[must_use]
    pub fn rules(own: &[Self], of_all: &[Self], now: Timestamp) -> Vec<Rule> {
        let for_rest = |keeps: &[Self]| keeps.iter().find(|keep| keep.class.is_none()).cloned();
        let own_rest = for_rest(own);
        // A log's own rule for all stands before one for all logs about a class.
        let general = of_all.iter().filter(|_| own_rest.is_none());
        let mut of_class: Vec<&Self> = Vec::new();
        for keep in own
            .iter()
            .chain(general)
            .filter(|keep| keep.class.is_some())
        {
            if !of_class.iter().any(|known| known.class == keep.class) {
                of_class.push(keep);
            }
        }
        let rest = own_rest.or_else(|| for_rest(of_all));
        let rest = rest.unwrap_or(Self::days(DEFAULT_DAYS));
        let except = of_class.iter().filter_map(|keep| keep.class.clone());
        let except: Vec<Class> = except.collect();
        let rest = rest.days.map(|days| Rule {
            except,
            ..Rule::older_than(days, None, now)
        });
        let of_class = of_class.into_iter().filter_map(|keep| {
            let rule = |days| Rule::older_than(days, keep.class.clone(), now);
            keep.days.map(rule)
        });
        of_class.chain(rest).collect()
    }
}

/// An erasure that was recorded, and is not done yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Erasing {
    /// The number of its record.
    pub(crate) record: u64,
    pub(crate) rule: Rule,
    /// From this entry on, and below that one.
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// How many it takes.
    pub(crate) count: u64,
    /// Whether somebody asked for it, whatever is set.
    pub(crate) asked: bool,
    /// Among the entries of which log that ended; none for those of the log that has this.
    pub(crate) log: Option<LogId>,
}

/// What is set of a log, and goes on in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// In the order of their names.
    pub(crate) holds: Vec<Hold>,
    pub(crate) keeps: Vec<Keep>,
    /// Not done yet, in the order of their records.
    pub(crate) erasing: Vec<Erasing>,
    /// Of the service's log: the clock as retention went by it last.
    pub(crate) clock: Option<Timestamp>,
    /// Of one that is far ahead of that: how long it stays so.
    pub(crate) ahead: Option<Ahead>,
}

/// A clock that is far ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// When it was looked at last.
    pub(crate) heard: Timestamp,
    pub(crate) waited: Duration,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: Number,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holds: Vec<WrittenHold>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keep: Vec<WrittenKeep>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    erasing: Vec<WrittenErasing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ahead: Option<WrittenAhead>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAhead {
    heard: Number,
    waited: Number,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHold {
    name: String,
    since: Number,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKeep {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenErasing {
    record: Number,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    except: Vec<String>,
    before: u32,
    from: Number,
    until: Number,
    count: Number,
    asked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

impl State {
    /// Its text.
    ///
    /// # Errors
    /// None that can be reached: each state has a text.
    pub(crate) fn text(&self) -> Result<String> {
        let written = Written {
            v: Number(VERSION),
            holds: self.holds.iter().map(WrittenHold::of).collect(),
            keep: self.keeps.iter().map(WrittenKeep::of).collect(),
            erasing: self.erasing.iter().map(WrittenErasing::of).collect(),
            clock: self.clock.map(|clock| Number(clock.as_millis())),
            ahead: self.ahead.map(|ahead| WrittenAhead {
                heard: Number(ahead.heard.as_millis()),
                waited: Number(u64::try_from(ahead.waited.as_millis()).unwrap_or(u64::MAX)),
            }),
        };
        let text = serde_json::to_string(&written);
        text.map_err(|_| Error::misuse("the state of a log cannot be written"))
    }

    /// Reads what [`State::text`] writes, which the log's head vouches for.
    ///
    /// # Errors
    /// `Corrupt` for anything else; `Unavailable` for a newer version.
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let damaged = |_| Error::corrupt("the state of an audit log is not what was written");
        let written: Written = serde_json::from_slice(text).map_err(damaged)?;
        if written.v.0 != VERSION {
            return Err(Error::unavailable(
                "a newer keyward wrote this log: upgrade keyward",
            ));
        }
        let holds = written.holds.into_iter().map(|hold| {
            Ok(Hold {
                name: HoldName::new(&hold.name)?,
                since: Timestamp::from_millis(hold.since.0),
            })
        });
        let keeps = written.keep.into_iter().map(|keep| {
            Ok(Keep {
                class: class(keep.class.as_deref())?,
                days: keep.days,
            })
        });
        let erasing = written.erasing.iter().map(WrittenErasing::read);
        Ok(Self {
            holds: holds.collect::<Result<_>>()?,
            keeps: keeps.collect::<Result<_>>()?,
            erasing: erasing.collect::<Result<_>>()?,
            clock: written.clock.map(|clock| Timestamp::from_millis(clock.0)),
            ahead: written.ahead.map(|ahead| Ahead {
                heard: Timestamp::from_millis(ahead.heard.0),
                waited: Duration::from_millis(ahead.waited.0),
            }),
        })
    }

    /// Refuses what erases, naming the first hold.
    ///
    /// # Errors
    /// `Misuse` if there is a hold.
    pub(crate) fn check_free(&self) -> Result<()> {
        let Some(first) = self.holds.first() else {
            return Ok(());
        };
        let more = self.holds.len().saturating_sub(1);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Error::misuse(format!(
            "the log is under legal hold {}{more}: nothing of it is erased until the hold is lifted (`keyward audit hold --lift`)",
            first.name
        )))
    }
}

impl WrittenHold {
    fn of(hold: &Hold) -> Self {
        Self {
            name: hold.name.as_str().to_owned(),
            since: Number(hold.since.as_millis()),
        }
    }
}

impl WrittenKeep {
    fn of(keep: &Keep) -> Self {
        Self {
            class: keep.class.as_ref().map(|class| class.as_str().to_owned()),
            days: keep.days,
        }
    }
}

impl WrittenErasing {
    fn of(erasing: &Erasing) -> Self {
        let word = |class: &Class| class.as_str().to_owned();
        Self {
            record: Number(erasing.record),
            class: erasing.rule.class.as_ref().map(word),
            except: erasing.rule.except.iter().map(word).collect(),
            before: erasing.rule.before,
            from: Number(erasing.from),
            until: Number(erasing.until),
            count: Number(erasing.count),
            asked: erasing.asked,
            log: erasing.log.map(|log| hex(&log)),
        }
    }

    fn read(&self) -> Result<Erasing> {
        let except = self.except.iter().map(|class| Class::new(class));
        Ok(Erasing {
            record: self.record.0,
            rule: Rule {
                class: class(self.class.as_deref())?,
                except: except.collect::<Result<_>>()?,
                before: self.before,
            },
            from: self.from.0,
            until: self.until.0,
            count: self.count.0,
            asked: self.asked,
            log: self.log.as_deref().map(from_hex).transpose()?,
        })
    }
}

fn class(class: Option<&str>) -> Result<Option<Class>> {
    class.map(Class::new).transpose()
}
