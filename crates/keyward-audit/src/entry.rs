//! What an entry says: an event, as text that is the same wherever it is written.

use keyward_base::audit::{Outcome, Value};
use keyward_base::{Error, ErrorKind, Event, Result, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::reason::BAD_ENTRY;

/// The version that is written, and read.
const VERSION: u64 = 2;

/// The most bytes of an entry's text.
pub const MAX_LEN: usize = 64 * 1024;

/// Bytes that the texts of most entries do not pass.
const USUAL_LEN: usize = 320;

/// The largest number that every reader of JSON holds exactly: 2^53 - 1 (RFC 8259, section 6).
const EXACT: u64 = (1 << 53) - 1;

/// An entry, as it is read. Its text is JSON without white space, its members in this order, those
/// that are missing left out, strings as RFC 8785 writes them (section 3.2.2.2), numbers beyond
/// 2^53 - 1 as strings of digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Entry {
    /// The version of the form.
    v: Number,
    /// See [`Event::at`]: milliseconds since 1970-01-01 UTC.
    pub at: Number,
    /// By how many milliseconds the time is before that of an earlier entry: the clock went back, or
    /// that of another process is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Number>,
    /// See [`Event::action`].
    pub action: String,
    /// The word of [`Event::outcome`].
    pub outcome: String,
    /// The kind of a failure: `rejected`, `misuse`, `unavailable` or `corrupt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The reason of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// See [`Event::id`]: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// See [`Event::run`]: 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// See [`Event::actor`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Who>,
    /// See [`Event::tenant`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// See [`Event::place`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// See [`Event::record`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// See [`Event::key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// See [`Event::found`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Number>,
    /// See [`Event::detail`]: name, type and value of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<(String, Typed)>,
}

/// Who acted: an [`Actor`](keyward_base::Actor), as it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Who {
    /// The person or program.
    pub subject: String,
    /// Whether it is one of the service's own people. Written if so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staff: bool,
    /// On whose behalf.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_whom: Option<String>,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// A value of a detail: an object of one member, whose name is its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Typed {
    /// SHA-256 of something that is kept elsewhere: 64 hexadecimal digits.
    Digest(String),
    /// See [`Value::Flag`].
    Flag(bool),
    /// An id that the application gave: 1 to 128 bytes of visible ASCII.
    Id(String),
    /// See [`Value::Key`]: 16 hexadecimal digits.
    Key(String),
    /// See [`Value::Number`].
    Number(Number),
    /// See [`Value::Revision`].
    Revision(Number),
    /// See [`Value::Time`]: milliseconds.
    Time(Number),
    /// See [`Value::Word`].
    Word(String),
}

impl From<Value> for Typed {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(flag) => Self::Flag(flag),
            Value::Key(key) => Self::Key(key.to_string()),
            Value::Number(number) => Self::Number(Number(number)),
            Value::Revision(revision) => Self::Revision(Number(revision.number())),
            Value::Time(time) => Self::Time(Number(time.as_millis())),
            // What another kind of value will be is shown as a word.
            other => Self::Word(other.to_string()),
        }
    }
}

impl Typed {
    /// As text for people. It may hold what a terminal obeys: whoever shows it disarms that.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Digest(text) | Self::Id(text) | Self::Key(text) | Self::Word(text) => {
                text.clone()
            }
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) | Self::Revision(number) | Self::Time(number) => {
                number.0.to_string()
            }
        }
    }
}

impl Entry {
    /// That of `event`, in a log whose latest entry is of `latest`.
    #[must_use]
    pub fn of(event: &Event, latest: Timestamp) -> Self {
        let (error, reason) = match event.outcome {
            Outcome::Failed(kind, reason) => (Some(word(kind)), reason.map(|r| r.as_str())),
            _ => (None, None),
        };
        let actor = event.actor.as_ref().map(|actor| Who {
            subject: actor.subject().as_str().to_owned(),
            staff: actor.is_staff(),
            for_whom: actor.for_whom().map(|of| of.as_str().to_owned()),
            request: actor.request().map(|of| of.as_str().to_owned()),
        });
        let detail = event.detail.iter();
        Self {
            v: Number(VERSION),
            at: Number(event.at.as_millis()),
            behind: None,
            action: event.action.to_owned(),
            outcome: event.outcome.as_str().to_owned(),
            error: error.map(str::to_owned),
            reason: reason.map(str::to_owned),
            id: event.id.map(|id| id.to_string()),
            run: event.run.map(|run| run.to_string()),
            actor,
            tenant: event.tenant.as_ref().map(|of| of.as_str().to_owned()),
            place: event.place.as_ref().map(|of| of.as_str().to_owned()),
            record: event.record.as_ref().map(|of| of.as_str().to_owned()),
            key: event.key.map(|key| key.to_string()),
            found: event.found.map(Number),
            detail: detail
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
        }
        .after(latest)
    }

    /// The same, in a log whose latest entry is of `latest`.
    #[must_use]
    pub fn after(mut self, latest: Timestamp) -> Self {
        let behind = latest.as_millis().saturating_sub(self.at.0);
        self.behind = (behind > 0).then_some(Number(behind));
        self
    }

    /// Whether it is an intent: an outcome of the same id follows.
    #[must_use]
    pub fn is_intent(&self) -> bool {
        self.outcome == Outcome::Intended.as_str()
    }

    /// Its text.
    ///
    /// # Errors
    /// `Misuse` beyond [`MAX_LEN`].
    pub fn text(&self) -> Result<String> {
        // Room for what most say, so that the text grows without being moved.
        let mut text = Vec::with_capacity(USUAL_LEN);
        let written = serde_json::to_writer(&mut text, self).ok();
        let text = written.and_then(|()| String::from_utf8(text).ok());
        let text = text.ok_or_else(|| Error::misuse("an event cannot be written"))?;
        if text.len() > MAX_LEN {
            return Err(Error::misuse("an event has more than 64 KiB"));
        }
        Ok(text)
    }

    /// Reads what [`Entry::text`] writes.
    ///
    /// # Errors
    /// `Rejected` ([`BAD_ENTRY`]) for anything else, another version too.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::rejected(BAD_ENTRY);
        if text.len() > MAX_LEN {
            return Err(bad());
        }
        let entry: Self = serde_json::from_str(text).map_err(|_| bad())?;
        // One text for one entry: no white space, no other order, nothing twice.
        if entry.v != Number(VERSION) || entry.text().map_err(|_| bad())? != text {
            return Err(bad());
        }
        Ok(entry)
    }
}

/// The word of a kind of failure.
const fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Misuse => "misuse",
        ErrorKind::Rejected => "rejected",
        // No other kind is there today.
        _ => "unavailable",
    }
}

/// A number, in JSON as one up to 2^53 - 1, and as a string of digits beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs)]
pub struct Number(pub u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 <= EXACT {
            to.serialize_u64(self.0)
        } else {
            to.collect_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // As it is written: what a number becomes otherwise depends on a feature of serde_json
        // (`arbitrary_precision`) that any crate of a program may turn on.
        let raw = Box::<RawValue>::deserialize(from)?;
        let quoted = raw
            .get()
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'));
        let digits = quoted.unwrap_or_else(|| raw.get());
        let number = digits.parse().map(Self);
        number.map_err(|_| serde::de::Error::custom("not a number"))
    }
}
