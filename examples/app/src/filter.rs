//! Which events of the audit trail are shown.

use serde::Deserialize;

use crate::journal::Line;
use crate::section::Section;
use crate::view::address;

/// What the form of the audit page asks for. An empty field asks for nothing; a word that is not
/// one of the choices is met by no event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// `vault`, `keys`, `webhook` or `deploy`: what was acted on.
    pub(crate) what: String,
    /// The path of a section, without its slash.
    pub(crate) section: String,
    /// A record's id, or a part of it.
    pub(crate) record: String,
    /// `good` or `bad`: how it ended.
    pub(crate) ended: String,
    before: Option<u64>,
}

impl Filter {
    /// From where in the trail on.
    pub(crate) const fn before(&self) -> Option<u64> {
        self.before
    }

    /// Whether anything is asked for.
    pub(crate) fn asks(&self) -> bool {
        [&self.what, &self.section, &self.record, &self.ended]
            .iter()
            .any(|field| !field.is_empty())
    }

    /// Whether a line is asked for.
    pub(crate) fn meets(&self, line: &Line) -> bool {
        let area = line.action.split('.').next().unwrap_or_default();
        let place = Section::of(&self.section).map(Section::column);
        let record = line.record.as_deref().unwrap_or_default();
        (self.what.is_empty() || self.what == area)
            && (self.section.is_empty() || (place.is_some() && place == line.place.as_deref()))
            && (self.record.is_empty() || record.contains(self.record.trim()))
            && match self.ended.as_str() {
                "" => true,
                "good" => line.went_well(),
                "bad" => !line.went_well(),
                _ => false,
            }
    }

    /// The address of the part before `before`.
    pub(crate) fn older(&self, before: u64) -> String {
        let mut out = format!("/audit?before={before}");
        for (name, value) in [
            ("what", &self.what),
            ("section", &self.section),
            ("record", &self.record),
            ("ended", &self.ended),
        ] {
            if !value.is_empty() {
                out.push_str(&format!("&{name}={}", address(value)));
            }
        }
        out
    }

    /// The choices of what was acted on.
    pub(crate) const fn areas(&self) -> [(&'static str, &'static str); 4] {
        [
            ("vault", "Values"),
            ("keys", "Keys"),
            ("webhook", "Webhooks"),
            ("deploy", "Deployments"),
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
