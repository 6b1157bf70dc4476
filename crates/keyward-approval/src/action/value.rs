//! What an argument is.

use std::collections::BTreeMap;

use keyward_base::{Error, Result};

use super::limits;
use super::secret::Commitment;

/// A value that everybody sees. There are no floating-point numbers: the same one has many texts,
/// and one text has many readers. Write an amount in its smallest unit, or as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// Bytes that are no text; at most 1 MiB.
    Bytes(Vec<u8>),
    /// A whole number.
    Integer(i64),
    /// Values in their order; at most 1,024.
    List(Vec<Self>),
    /// Values by key, whose order is that of its bytes; at most 1,024.
    Map(BTreeMap<String, Self>),
    /// Text, as it is: nothing is trimmed or normalised. At most 1 MiB of UTF-8.
    Text(String),
}

/// What an argument is called by, in messages and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Type {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Bytes`].
    Bytes,
    /// [`Value::Integer`].
    Integer,
    /// [`Value::List`].
    List,
    /// [`Value::Map`].
    Map,
    /// [`Argument::Secret`].
    Secret,
    /// [`Value::Text`].
    Text,
}

impl Type {
    /// A stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Bytes => "bytes",
            Self::Integer => "integer",
            Self::List => "list",
            Self::Map => "map",
            Self::Secret => "secret",
            Self::Text => "text",
        }
    }
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Of which type.
    #[must_use]
    pub const fn of_type(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Bytes(_) => Type::Bytes,
            Self::Integer(_) => Type::Integer,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
            Self::Text(_) => Type::Text,
        }
    }

    /// Whether the limits allow it; takes what it holds from `left`. No deeper than [`limits::DEPTH`]
    /// is looked.
    ///
    /// # Errors
    /// `Misuse` beyond one.
    pub(crate) fn bounded(&self, left: &mut usize) -> Result<()> {
        self.bounded_at(1, left)
    }

    fn bounded_at(&self, depth: usize, left: &mut usize) -> Result<()> {
        if depth > limits::DEPTH {
            return Err(Error::misuse(
                "an argument is at most 8 lists and maps deep",
            ));
        }
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::misuse("the arguments of an action are at most 16,384 values together")
        })?;
        let deeper = depth.saturating_add(1);
        let many = || Error::misuse("a list or a map has at most 1,024 items");
        match self {
            Self::Bool(_) | Self::Integer(_) => Ok(()),
            Self::Bytes(bytes) if bytes.len() <= limits::TEXT => Ok(()),
            Self::Text(text) if text.len() <= limits::TEXT => Ok(()),
            Self::Bytes(_) | Self::Text(_) => {
                Err(Error::misuse("a text or bytes are at most 1 MiB"))
            }
            Self::List(items) if items.len() > limits::ITEMS => Err(many()),
            Self::Map(items) if items.len() > limits::ITEMS => Err(many()),
            Self::List(items) => items.iter().try_for_each(|v| v.bounded_at(deeper, left)),
            Self::Map(items) => items.iter().try_for_each(|(key, value)| {
                if key.len() > limits::KEY {
                    return Err(Error::misuse("a key of a map has at most 256 bytes"));
                }
                value.bounded_at(deeper, left)
            }),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}

/// An argument of a step, as it stands in the action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // It is shown, or it is not.
pub enum Argument {
    /// A value that everybody sees.
    Plain(Value),
    /// A secret: nobody sees it, and the action is bound to it.
    Secret(Commitment),
}

impl Argument {
    /// The value, unless it is a secret.
    #[must_use]
    pub const fn plain(&self) -> Option<&Value> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Secret(_) => None,
        }
    }

    /// Of which type.
    #[must_use]
    pub const fn of_type(&self) -> Type {
        match self {
            Self::Plain(value) => value.of_type(),
            Self::Secret(_) => Type::Secret,
        }
    }
}
