//! What is not masked as one may expect: by name, never by value.

use std::collections::BTreeSet;
use std::fmt;

use crate::name::Name;
use crate::policy::{LEAST_LEN, PIECE_LEN};

/// The most warnings that are kept. What comes after is counted.
pub const MAX_WARNINGS: usize = 1000;

/// That a secret is not masked as one may expect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Warning {
    /// What the secret is called.
    pub name: Name,
    /// What is with it.
    pub what: What,
}

/// What is with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum What {
    /// It is shorter than 8 bytes, and not masked: it would be found in words that are no secret.
    TooShort,
    /// It is a common word, and not masked.
    CommonWord,
    /// It has a password in it, as a URL may, that is shorter than 8 bytes: it is masked, but the
    /// password by itself is not.
    ShortPassword,
    /// It contains the character of masks, and what stands before and after it is masked apart, as
    /// far as that is 8 bytes long.
    MaskCharacter,
    /// It is long, and masked in pieces: one that is cut short is found up to its last whole piece.
    InPieces,
    /// It was not opened for longest when room was needed, and is no longer masked. Opened again,
    /// it is masked again.
    Evicted,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, what } = self;
        match what {
            What::TooShort => write!(
                f,
                "{name} is shorter than {LEAST_LEN} bytes and is not masked: make it longer, or \
                 have it masked anyway by its name"
            ),
            What::CommonWord => write!(
                f,
                "{name} is a common word and is not masked: change it, or have it masked anyway \
                 by its name"
            ),
            What::ShortPassword => write!(
                f,
                "{name} has a password in it that is shorter than {LEAST_LEN} bytes, which is not \
                 masked where it stands by itself: make it longer, or have the value masked anyway \
                 by its name"
            ),
            What::MaskCharacter => write!(
                f,
                "{name} contains the character of masks, and is masked in pieces of {LEAST_LEN} \
                 bytes and more around it"
            ),
            What::InPieces => write!(
                f,
                "{name} is longer than {PIECE_LEN} bytes, and is masked in pieces of that length"
            ),
            What::Evicted => write!(
                f,
                "{name} was not opened for longest when room was needed, and is not masked until \
                 it is opened again: raise the budget"
            ),
        }
    }
}

/// The warnings of a redactor.
#[derive(Default)]
pub(crate) struct Warnings {
    said: BTreeSet<Warning>,
    unsaid: u64,
    evicted: u64,
    forgotten: u64,
}

impl Warnings {
    /// Adds one, once.
    pub(crate) fn add(&mut self, name: Name, what: What) {
        let warning = Warning { name, what };
        if self.said.contains(&warning) {
            return;
        }
        if self.said.len() < MAX_WARNINGS {
            self.said.insert(warning);
        } else {
            self.unsaid = self.unsaid.saturating_add(1);
        }
    }

    /// Adds that a secret went.
    pub(crate) fn evict(&mut self, name: Name) {
        self.evicted = self.evicted.saturating_add(1);
        self.add(name, What::Evicted);
    }

    /// Takes one back: it is no longer true.
    pub(crate) fn take_back(&mut self, name: &Name, what: What) {
        let name = name.clone();
        self.said.remove(&Warning { name, what });
    }

    /// Takes back that a value of that name is not masked: it is judged anew.
    pub(crate) fn judged(&mut self, name: &Name) {
        self.take_back(name, What::TooShort);
        self.take_back(name, What::CommonWord);
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Takes back what was said of a name.
    pub(crate) fn forget(&mut self, name: &Name, known: bool) {
        self.forgotten = self.forgotten.saturating_add(u64::from(known));
        self.said.retain(|warning| warning.name != *name);
    }

    pub(crate) fn all(&self) -> Vec<Warning> {
        self.said.iter().cloned().collect()
    }

    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(crate) const fn unsaid(&self) -> u64 {
        self.unsaid
    }
}
