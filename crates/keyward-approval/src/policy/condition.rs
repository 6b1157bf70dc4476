//! What a case asks of an argument. Each condition has an answer for whatever is there, and one for
//! what is not.

use std::fmt;

use crate::action::{Argument, Type, Value};

/// A text, a number or a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(String),
}

impl Scalar {
    pub(super) const fn of_type(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Integer(_) => Type::Integer,
            Self::Text(_) => Type::Text,
        }
    }

    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Bool(own), Value::Bool(other)) => own == other,
            (Self::Integer(own), Value::Integer(other)) => own == other,
            (Self::Text(own), Value::Text(other)) => own == other,
            _ => false,
        }
    }
}

/// What is asked of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// One of these, which are of one type.
    OneOf(Vec<Scalar>),
    /// A list of which each item is one of these.
    EveryOf(Vec<Scalar>),
    /// A whole number from the one to the other.
    Range(i64, i64),
    /// A text that begins with this.
    StartsWith(String),
}

/// What is said of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// There is no such argument.
    Absent,
    /// It is of another type than the one that is asked for, or a secret.
    Mistyped,
}

impl Condition {
    /// The type of what it is about.
    pub(super) fn about(&self) -> Type {
        match self {
            Self::OneOf(of) => of.first().map_or(Type::Text, Scalar::of_type),
            Self::EveryOf(_) => Type::List,
            Self::Range(..) => Type::Integer,
            Self::StartsWith(_) => Type::Text,
        }
    }

    pub(super) fn ask(&self, argument: Option<&Argument>) -> Answer {
        let Some(argument) = argument else {
            return Answer::Absent;
        };
        argument
            .plain()
            .map_or(Answer::Mistyped, |value| self.ask_value(value))
    }

    pub(super) fn ask_text(&self, text: &str) -> Answer {
        match self {
            Self::StartsWith(front) => Answer::of(text.starts_with(front.as_str())),
            Self::OneOf(of) if self.about() == Type::Text => Answer::of(
                of.iter()
                    .any(|one| matches!(one, Scalar::Text(one) if one == text)),
            ),
            _ => Answer::Mistyped,
        }
    }

    fn ask_value(&self, value: &Value) -> Answer {
        if value.of_type() != self.about() {
            return Answer::Mistyped;
        }
        match (self, value) {
            (Self::StartsWith(front), Value::Text(text)) => {
                Answer::of(text.starts_with(front.as_str()))
            }
            (Self::Range(least, most), Value::Integer(number)) => {
                Answer::of((least..=most).contains(&number))
            }
            (Self::OneOf(of), value) => Answer::of(of.iter().any(|one| one.is(value))),
            (Self::EveryOf(of), Value::List(items)) => {
                let about = of.first().map_or(Type::Text, Scalar::of_type);
                if items.iter().any(|item| item.of_type() != about) {
                    return Answer::Mistyped;
                }
                // Of none, nothing is said; to many a target an empty list means all.
                if items.is_empty() {
                    return Answer::Mistyped;
                }
                let known = |item: &Value| of.iter().any(|one| one.is(item));
                Answer::of(items.iter().all(known))
            }
            _ => Answer::Mistyped,
        }
    }
}

impl Answer {
    const fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }

    /// Whether nothing can be said.
    pub(super) const fn is_unknown(self) -> bool {
        matches!(self, Self::Absent | Self::Mistyped)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Fails => "does not hold",
            Self::Absent => "is about an argument that is not there",
            Self::Mistyped => "is about an argument of another type",
        })
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(is) => write!(f, "{is}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, of: &[Scalar]| {
            of.iter().enumerate().try_for_each(|(index, one)| {
                let between = if index > 0 { ", " } else { "" };
                write!(f, "{between}{one}")
            })
        };
        match self {
            Self::OneOf(of) => {
                f.write_str("is one of ")?;
                list(f, of)
            }
            Self::EveryOf(of) => {
                f.write_str("has only items of ")?;
                list(f, of)
            }
            Self::Range(least, i64::MAX) => write!(f, "is at least {least}"),
            Self::Range(i64::MIN, most) => write!(f, "is at most {most}"),
            Self::Range(least, most) => write!(f, "is {least} to {most}"),
            Self::StartsWith(front) => write!(f, "begins with {front:?}"),
        }
    }
}
