//! One thing to do.

use std::collections::BTreeMap;
use std::fmt;

use keyward_base::{Error, Result, SecretBytes};

use super::shape::Shape;
use super::{Argument, Type, Value, limits};
use crate::word::{ActionKind, ArgumentName};

/// One thing to do, as it stands in an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub(super) kind: ActionKind,
    pub(super) target: String,
    pub(super) arguments: BTreeMap<ArgumentName, Argument>,
}

impl Step {
    /// What sort of thing.
    #[must_use]
    pub const fn kind(&self) -> &ActionKind {
        &self.kind
    }

    /// What it is done to: 1 to 1,024 bytes of text.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The arguments by name, defaults among them.
    #[must_use]
    pub const fn arguments(&self) -> &BTreeMap<ArgumentName, Argument> {
        &self.arguments
    }

    /// The argument of that name.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&Argument> {
        let found = self.arguments.iter().find(|(own, _)| own.as_str() == name);
        found.map(|(_, argument)| argument)
    }
}

/// What an argument is given as.
pub(super) enum Given {
    Plain(Value),
    Secret(SecretBytes),
}

impl Given {
    const fn of_type(&self) -> Type {
        match self {
            Self::Plain(value) => value.of_type(),
            Self::Secret(_) => Type::Secret,
        }
    }
}

/// A step that is being put together: made by [`Catalogue::step`](super::Catalogue::step), so that it
/// is of a kind that the service knows and has the arguments of that kind and no others.
pub struct StepBuilder {
    shape: Shape,
    target: String,
    given: BTreeMap<ArgumentName, Given>,
}

impl StepBuilder {
    pub(super) fn new(shape: &Shape, target: &str) -> Result<Self> {
        if target.is_empty() || target.len() > limits::TARGET {
            return Err(Error::misuse("a target has 1 byte to 1,024"));
        }
        Ok(Self {
            shape: shape.clone(),
            target: target.to_owned(),
            given: BTreeMap::new(),
        })
    }

    /// The step's kind.
    #[must_use]
    pub const fn kind(&self) -> &ActionKind {
        self.shape.kind()
    }

    /// Of which type the argument of that name is; none if the kind has none of that name.
    #[must_use]
    pub fn takes(&self, name: &str) -> Option<Type> {
        self.shape.find(name).map(|(_, of)| of)
    }

    /// Gives an argument.
    ///
    /// # Errors
    /// `Misuse` for a name that the kind does not have or that was given before, and for a value of
    /// another type.
    pub fn with(self, name: &str, value: impl Into<Value>) -> Result<Self> {
        self.give(name, Given::Plain(value.into()))
    }

    /// Gives a secret argument: 1 byte to 64 KiB. What is shown masks it; it is sealed beside the
    /// action.
    ///
    /// # Errors
    /// As [`StepBuilder::with`].
    pub fn secret(self, name: &str, secret: SecretBytes) -> Result<Self> {
        self.give(name, Given::Secret(secret))
    }

    fn give(mut self, name: &str, given: Given) -> Result<Self> {
        let kind = self.shape.kind();
        let Some((name, of)) = self.shape.find(name) else {
            return Err(Error::misuse(format!("{kind} has no such argument")));
        };
        if of != given.of_type() {
            return Err(Error::misuse(format!(
                "the argument {name} of {kind} is of type {}",
                of.as_str()
            )));
        }
        if self.given.insert(name.clone(), given).is_some() {
            return Err(Error::misuse(format!(
                "the argument {name} of {kind} is given twice"
            )));
        }
        Ok(self)
    }

    /// What was given, with the defaults of what was not.
    ///
    /// # Errors
    /// `Misuse` where an argument is missing that has no default.
    pub(super) fn finish(mut self) -> Result<(ActionKind, String, BTreeMap<ArgumentName, Given>)> {
        let kind = self.shape.kind().clone();
        for (name, default) in self.shape.defaults() {
            if self.given.contains_key(name) {
                continue;
            }
            match default {
                Some(value) => {
                    let given = Given::Plain(value.clone());
                    self.given.insert(name.clone(), given);
                }
                None => {
                    return Err(Error::misuse(format!(
                        "{kind} takes the argument {name}, which is not given"
                    )));
                }
            }
        }
        Ok((kind, self.target, self.given))
    }
}

impl fmt::Debug for StepBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepBuilder({})", self.kind())
    }
}
