//! Which entries of the record are shown.

use keyward_audit::entry::Entry;
use keyward_base::Timestamp;
use serde::Deserialize;

use crate::logs::{Line, Log, What};
use crate::section::Section;
use crate::view::{address, from_utc};

/// What the form of the audit page asks for. An empty field asks for nothing; a word that is not
/// one of the choices is met by no event, and a time that is none is not asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// `vault`, `approval` and so on: what was acted on, the first part of an action's name.
    pub(crate) what: String,
    /// A part of an action's name.
    pub(crate) action: String,
    /// Who acted, or on whose behalf.
    pub(crate) who: String,
    /// `yes`: acts of the service's own people.
    pub(crate) staff: String,
    /// The path of a section, without its slash.
    pub(crate) section: String,
    /// A record's id, or a part of it.
    pub(crate) record: String,
    /// `good` or `bad`: how it ended.
    pub(crate) ended: String,
    /// From when on, and before when: `2027-01-31T12:00`, UTC.
    pub(crate) from: String,
    pub(crate) to: String,
    before: Option<u64>,
}

impl Filter {
    /// From where in the log on.
    pub(crate) const fn before(&self) -> Option<u64> {
        self.before
    }

    /// Before when.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        time(&self.to)
    }

    /// The fields, by their names.
    fn fields(&self) -> [(&'static str, &str); 9] {
        [
            ("what", &self.what),
            ("action", &self.action),
            ("who", &self.who),
            ("staff", &self.staff),
            ("section", &self.section),
            ("record", &self.record),
            ("ended", &self.ended),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }

    /// Whether anything is asked for.
    pub(crate) fn asks(&self) -> bool {
        let mut fields = self.fields().into_iter();
        fields.any(|(_, value)| !value.is_empty())
    }

    /// Whether a line, and with it each before it, is of a day before what is asked for.
    pub(crate) fn is_past(&self, line: &Line) -> bool {
        let day = match &line.what {
            What::Said(_, leaf) | What::Erased(leaf) => leaf.day,
            What::Edited => return false,
        };
        time(&self.from).is_some_and(|from| day < keyward_audit::Header::day_of(from))
    }

    /// Whether a line is asked for. One that says nothing is met by each filter that could have
    /// met it: what was edited is not to hide.
    pub(crate) fn meets(&self, line: &Line) -> bool {
        match &line.what {
            What::Said(entry, _) => self.meets_entry(entry),
            What::Erased(_) => !self.asks(),
            What::Edited => true,
        }
    }

    fn meets_entry(&self, entry: &Entry) -> bool {
        let area = entry.action.split('.').next().unwrap_or_default();
        let place = Section::of(&self.section).map(Section::column);
        let record = entry.record.as_deref().unwrap_or_default();
        let actor = entry.actor.as_ref();
        let at = Timestamp::from_millis(entry.at.0);
        let acted = |name: &str| {
            actor.is_some_and(|who| who.subject == name || who.for_whom.as_deref() == Some(name))
        };
        (self.what.is_empty() || self.what == area)
            && entry.action.contains(self.action.trim())
            && (self.who.is_empty() || acted(self.who.trim()))
            && (self.section.is_empty() || (place.is_some() && place == entry.place.as_deref()))
            && (self.record.is_empty() || record.contains(self.record.trim()))
            && time(&self.from).is_none_or(|from| at >= from)
            && time(&self.to).is_none_or(|to| at < to)
            && match self.staff.as_str() {
                "" => true,
                "yes" => actor.is_some_and(|who| who.staff),
                _ => false,
            }
            && match self.ended.as_str() {
                "" => true,
                "good" => went_well(entry),
                "bad" => !went_well(entry),
                _ => false,
            }
    }

    /// The address of the part of a log before `before`.
    pub(crate) fn older(&self, log: Log, before: u64) -> String {
        let mut out = format!("{}?before={before}", log.path());
        for (name, value) in self.fields() {
            if !value.is_empty() {
                out.push_str(&format!("&{name}={}", address(value)));
            }
        }
        out
    }

    /// The choices of what was acted on.
    pub(crate) const fn areas(&self) -> [(&'static str, &'static str); 10] {
        [
            ("vault", "Values"),
            ("keys", "Keys"),
            ("webhook", "Webhooks"),
            ("deploydesk", "Deployments"),
            ("approval", "Approvals"),
            ("login", "Log-ins"),
            ("session", "Sessions"),
            ("api-key", "API keys"),
            ("account", "Accounts"),
            ("audit", "The record itself"),
        ]
    }

    /// The choices of where.
    pub(crate) fn sections(&self) -> [(&'static str, &'static str); 3] {
        Section::ALL.map(|section| {
            let words = section.words();
            (words.path.trim_start_matches('/'), words.title)
        })
    }

    /// The choices of how it ended.
    pub(crate) const fn ends(&self) -> [(&'static str, &'static str); 2] {
        [("good", "As asked"), ("bad", "Otherwise")]
    }
}

/// Whether it ended as it was asked for.
pub(crate) fn went_well(entry: &Entry) -> bool {
    matches!(entry.outcome.as_str(), "done" | "granted")
}

/// As a field for a date and a time holds it.
fn time(text: &str) -> Option<Timestamp> {
    let time = text.parse::<jiff::civil::DateTime>();
    time.ok().and_then(from_utc)
}
