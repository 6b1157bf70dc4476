//! Which kinds of action a service knows, and which arguments each has.

use std::collections::BTreeMap;

use keyward_base::{Error, Result};

use super::step::StepBuilder;
use super::{Type, Value, limits};
use crate::word::{ActionKind, ArgumentName};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Presence {
    Must,
    May,
    Default(Value),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    of: Type,
    presence: Presence,
}

/// A kind of action and its arguments: their types, and what holds where one is not given. What
/// an executor would do by itself for one that is missing belongs here, as a default: then it stands
/// in the bytes, is shown, and is what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    kind: ActionKind,
    fields: BTreeMap<ArgumentName, Field>,
}

impl Shape {
    /// A kind without arguments.
    ///
    /// # Errors
    /// `Misuse` for what is no kind ([`ActionKind::new`]).
    pub fn new(kind: &str) -> Result<Self> {
        Ok(Self {
            kind: ActionKind::new(kind)?,
            fields: BTreeMap::new(),
        })
    }

    /// With an argument that is always given.
    ///
    /// # Errors
    /// `Misuse` for what is no name ([`ArgumentName::new`]), one that is there, and beyond 64.
    pub fn must(self, name: &str, of: Type) -> Result<Self> {
        self.with(name, of, Presence::Must)
    }

    /// With an argument that may be absent; and absent is not the same as any value of it.
    ///
    /// # Errors
    /// As [`Shape::must`].
    pub fn may(self, name: &str, of: Type) -> Result<Self> {
        self.with(name, of, Presence::May)
    }

    /// With an argument that has this value where none is given.
    ///
    /// # Errors
    /// As [`Shape::must`]; and for a default beyond the limits of a value.
    pub fn or(self, name: &str, default: impl Into<Value>) -> Result<Self> {
        let default = default.into();
        default.bounded(&mut limits::VALUES.clone())?;
        self.with(name, default.of_type(), Presence::Default(default))
    }

    fn with(mut self, name: &str, of: Type, presence: Presence) -> Result<Self> {
        if self.fields.len() >= limits::ARGUMENTS {
            return Err(Error::misuse("a kind of action has at most 64 arguments"));
        }
        let (name, field) = (ArgumentName::new(name)?, Field { of, presence });
        if self.fields.insert(name, field).is_some() {
            return Err(Error::misuse(format!(
                "an argument of {} is declared twice",
                self.kind
            )));
        }
        Ok(self)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> &ActionKind {
        &self.kind
    }

    /// The argument of that name, and its type.
    pub(crate) fn find(&self, name: &str) -> Option<(&ArgumentName, Type)> {
        let found = self.fields.iter().find(|(own, _)| own.as_str() == name);
        found.map(|(name, field)| (name, field.of))
    }

    /// What must be there, with its default if it has one.
    pub(super) fn defaults(&self) -> impl Iterator<Item = (&ArgumentName, Option<&Value>)> {
        self.fields
            .iter()
            .filter_map(|(name, field)| match &field.presence {
                Presence::Must => Some((name, None)),
                Presence::Default(value) => Some((name, Some(value))),
                Presence::May => None,
            })
    }
}

/// The kinds of action that a service knows. Nothing else is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(BTreeMap<ActionKind, Shape>);

impl Catalogue {
    /// Without a kind.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// With a kind more.
    ///
    /// # Errors
    /// `Misuse` for a kind that is there.
    pub fn with(mut self, shape: Shape) -> Result<Self> {
        if self.0.contains_key(shape.kind()) {
            return Err(Error::misuse(format!("{} is declared twice", shape.kind())));
        }
        self.0.insert(shape.kind().clone(), shape);
        Ok(self)
    }

    /// A step of that kind, done to `target`: 1 to 1,024 bytes of text.
    ///
    /// # Errors
    /// `Misuse` for a kind that is not of the service, and a target of another length.
    pub fn step(&self, kind: &str, target: &str) -> Result<StepBuilder> {
        let shape = self.find(kind).ok_or_else(|| {
            Error::misuse("the service has no such kind of action: its catalogue says which it has")
        })?;
        StepBuilder::new(shape, target)
    }

    /// What the kind of that name takes.
    #[must_use]
    pub fn find(&self, kind: &str) -> Option<&Shape> {
        let found = self.0.iter().find(|(own, _)| own.as_str() == kind);
        found.map(|(_, shape)| shape)
    }

    /// All kinds, in the order of their names.
    pub fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.0.values()
    }
}
