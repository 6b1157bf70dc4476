//! What the pages of the record show.

use askama::Template;
use keyward_audit::alert::{AlertRule, Anomaly, Kind};
use keyward_audit::entry::Entry;
use keyward_base::Timestamp;
use keyward_base::encoding::hex;

use crate::filter::{Filter, went_well};
use crate::logs::{Leaf, Line, Log, What};
use crate::verdict::{Found, Good, Verdict};
use crate::view::{Fact, Page, iso, moment};

/// What is said of an entry of which the leaf is left. Whether a rule erased it, a record behind it
/// says, which the badge goes by.
const GONE: &str = "its text is gone";

/// One entry, as listed.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub(crate) path: String,
    pub(crate) at: String,
    pub(crate) shown: String,
    pub(crate) action: String,
    pub(crate) actor: String,
    pub(crate) staff: bool,
    pub(crate) place: String,
    pub(crate) outcome: String,
    pub(crate) tone: &'static str,
}

impl EventRow {
    pub(crate) fn of(line: Line, log: Log) -> Self {
        let mut row = Self {
            path: path(log, line.seq),
            at: String::new(),
            shown: format!("entry {}", line.seq),
            action: String::new(),
            actor: String::new(),
            staff: false,
            place: String::new(),
            outcome: String::new(),
            tone: "",
        };
        match line.what {
            What::Said(entry, _) => row.says(*entry),
            What::Erased(leaf) => {
                row.shown = day(&leaf);
                row.outcome = GONE.to_owned();
            }
            What::Edited => {
                row.outcome = "not what was written".to_owned();
                row.tone = "bad";
            }
        }
        row
    }

    fn says(&mut self, entry: Entry) {
        let at = Timestamp::from_millis(entry.at.0);
        self.at = iso(at);
        self.shown = moment(at, "%Y-%m-%d %H:%M:%S");
        self.tone = if went_well(&entry) { "good" } else { "bad" };
        self.outcome = ended(&entry);
        self.place = match (entry.place, entry.record, entry.key) {
            (Some(place), Some(record), _) => format!("{place} {record}"),
            (Some(place), None, _) => place,
            (None, _, Some(key)) => format!("key {key}"),
            (None, Some(record), None) => format!("{} {record}", sort(&entry.action)),
            _ => match entry.detail.first() {
                Some((name, value)) if name == "endpoint" => format!("endpoint {}", value.shown()),
                _ => String::new(),
            },
        };
        self.action = entry.action;
        if let Some(who) = entry.actor {
            self.staff = who.staff;
            self.actor = match who.for_whom {
                Some(whom) => format!("{} for {whom}", who.subject),
                None => who.subject,
            };
        }
    }
}

/// What the record of an event is that names no place.
fn sort(action: &str) -> &'static str {
    match action.split('.').next() {
        Some("session") => "session",
        Some("account" | "login" | "password") => "person",
        _ => "endpoint",
    }
}

fn path(log: Log, seq: u64) -> String {
    format!("{}/{seq}", log.path())
}

fn day(leaf: &Leaf) -> String {
    let millis = u64::from(leaf.day).saturating_mul(24 * 60 * 60 * 1000);
    moment(Timestamp::from_millis(millis), "%Y-%m-%d")
}

/// How it ended: of a failure, its kind and its reason.
fn ended(entry: &Entry) -> String {
    match (&entry.error, &entry.reason) {
        (Some(error), Some(reason)) => format!("{error}: {reason}"),
        (Some(error), None) => error.clone(),
        (None, _) => entry.outcome.clone(),
    }
}

/// Whether the log is what was written, in words.
#[derive(Debug)]
pub(crate) struct Badge {
    pub(crate) tone: &'static str,
    pub(crate) word: &'static str,
    /// What was found, and against what.
    pub(crate) said: String,
    /// When.
    pub(crate) at: String,
}

impl Badge {
    pub(crate) fn of(verdict: Option<&Verdict>) -> Self {
        let badge = |tone, word, said: &str| Self {
            tone,
            word,
            said: said.to_owned(),
            at: String::new(),
        };
        let Some(Verdict { at, found }) = verdict else {
            return badge(
                "warn",
                "Being checked",
                "Every entry is read and compared: load this page again.",
            );
        };
        let mut badge = match found {
            Found::Nothing => badge("", "Empty", "Nothing is in this log yet."),
            Found::Good(good) => badge("good", "As written", &in_words(good)),
            Found::Bad(said) => badge("bad", "Not as written", said),
            Found::NotNow => badge(
                "warn",
                "Not checked",
                "Something that it needs cannot be reached now.",
            ),
        };
        badge.at = moment(*at, "%Y-%m-%d %H:%M:%S");
        badge
    }
}

fn in_words(good: &Good) -> String {
    let mut said = match good.entries {
        1 => "1 entry was read and compared".to_owned(),
        n => format!("{n} entries were read and compared"),
    };
    if good.erased > 0 {
        said.push_str(&format!(", {} of them erased by a rule", good.erased));
    }
    said.push_str(&format!(
        ". Checkpoint {} · {}, signed",
        good.size, good.root
    ));
    for (anchor, knew) in &good.anchors {
        said.push_str(&match knew {
            Some(knew) => format!("; goes on from the {knew} that the anchor “{anchor}” knew"),
            None => format!("; the anchor “{anchor}” has it from now on"),
        });
    }
    said.push('.');
    said
}

/// What a rule reached.
#[derive(Debug)]
pub(crate) struct Alarm {
    pub(crate) since: String,
    pub(crate) said: String,
    pub(crate) key: String,
    /// The entry at which it was reached.
    pub(crate) seq: u64,
    pub(crate) path: String,
}

impl Alarm {
    pub(crate) fn of(anomaly: Anomaly, log: Log) -> Self {
        let what = match anomaly.rule.kind {
            Kind::FailedVerification => "failed verifications",
            Kind::LockOut => "lock-outs",
            Kind::RefreshReuse => "tokens used again",
            Kind::Opened => "credentials opened",
            Kind::Staff => "acts of staff",
            _ => "events",
        };
        let AlertRule { count, seconds, .. } = anomaly.rule;
        Self {
            since: moment(Timestamp::from_millis(anomaly.since), "%Y-%m-%d %H:%M:%S"),
            said: format!("{count} or more {what} within {seconds} s"),
            key: anomaly.key,
            seq: anomaly.seq,
            path: path(log, anomaly.seq),
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct Audit {
    pub(crate) page: Page,
    pub(crate) log: Log,
    pub(crate) badge: Badge,
    /// What the rules reached in this log since the start, newest first.
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) older: Option<String>,
    pub(crate) filter: Filter,
    /// What an auditor pins.
    pub(crate) key: Option<String>,
}

#[derive(Template)]
#[template(path = "entry.html")]
pub(crate) struct OneEntry {
    pub(crate) page: Page,
    pub(crate) seq: u64,
    pub(crate) log: Log,
    pub(crate) edited: bool,
    pub(crate) staff: bool,
    pub(crate) facts: Vec<Fact>,
    /// The named values of its detail.
    pub(crate) detail: Vec<(String, String)>,
}

impl OneEntry {
    pub(crate) fn of(page: Page, log: Log, line: Line) -> Self {
        let mut shown = Self {
            page,
            seq: line.seq,
            log,
            edited: false,
            staff: false,
            facts: Vec::new(),
            detail: Vec::new(),
        };
        match line.what {
            What::Said(entry, leaf) => {
                shown.says(*entry);
                shown.lies(&leaf);
            }
            What::Erased(leaf) => {
                shown.facts.push(Fact::plain("What", GONE.to_owned()));
                shown.lies(&leaf);
            }
            What::Edited => shown.edited = true,
        }
        shown
    }

    fn says(&mut self, entry: Entry) {
        let at = Timestamp::from_millis(entry.at.0);
        self.staff = entry.actor.as_ref().is_some_and(|who| who.staff);
        let facts = &mut self.facts;
        facts.push(Fact::plain(
            "When (UTC)",
            moment(at, "%Y-%m-%d %H:%M:%S%.3f"),
        ));
        if let Some(behind) = entry.behind {
            let said = format!("{} ms, before an earlier entry", behind.0);
            facts.push(Fact::plain("The clock was behind by", said));
        }
        facts.push(Fact::plain("Ended", ended(&entry)));
        facts.push(Fact::code("What", entry.action));
        let actor = entry.actor;
        match &actor {
            Some(who) => facts.push(Fact::plain("Who", who.subject.clone())),
            None => facts.push(Fact::plain("Who", "the service".to_owned())),
        }
        let actor = actor.map(|who| (who.for_whom, who.request));
        let (for_whom, request) = actor.unwrap_or_default();
        let known = [
            ("On behalf of", for_whom),
            ("In the request", request),
            ("Organisation", entry.tenant),
            ("Place", entry.place),
            ("Record", entry.record),
            ("Key", entry.key),
            ("Found", entry.found.map(|found| found.0.to_string())),
            ("Same act", entry.id),
            ("Run of the process", entry.run),
        ];
        let known = known.into_iter();
        facts.extend(known.filter_map(|(name, value)| value.map(|value| Fact::code(name, value))));
        let detail = entry.detail.into_iter();
        self.detail
            .extend(detail.map(|(name, value)| (name, value.shown())));
    }

    fn lies(&mut self, leaf: &Leaf) {
        let class = leaf.class.clone();
        self.facts.push(Fact::plain("Day of the leaf", day(leaf)));
        self.facts.push(Fact::code("Class of retention", class));
        self.facts.push(Fact::code("Digest", hex(&leaf.digest)));
    }
}
