//! What else an event says, in types that can hold no secret.

use std::fmt;

use crate::id::{KeyId, Revision};
use crate::timestamp::Timestamp;

/// One value of a detail. None of its forms takes bytes or text that was made at run time, so that
/// no secret gets into an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// A truth value, shown as `true` or `false`.
    Flag(bool),
    /// A key's id.
    Key(KeyId),
    /// A count, or a size in the unit that the name of the detail says.
    Number(u64),
    /// A revision.
    Revision(Revision),
    /// A time, in milliseconds since 1970-01-01 UTC.
    Time(Timestamp),
    /// A word of the program's text.
    Word(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Key(key) => key.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Revision(revision) => revision.number().fmt(f),
            Self::Time(time) => time.as_millis().fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Named values, in the order they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail(Vec<(&'static str, Value)>);

impl Detail {
    /// No values. Takes no memory.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The same, and `value` under `name`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.0.push((name, value));
        self
    }

    /// The value under `name`; the first, if there are several.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Value> {
        self.iter()
            .find_map(|(held, value)| (held == name).then_some(value))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Value)> + '_ {
        self.0.iter().copied()
    }
}
