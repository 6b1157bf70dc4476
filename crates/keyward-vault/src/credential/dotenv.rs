//! A set of environment variables, read from a dotenv file as its loader reads it. Nothing is
//! expanded.
//!
//! There is no one grammar: what begins a variable for one loader lies inside a value for another.
//! So the file is read as each of the common [loaders](Loader) reads it. It is taken if at least
//! one of them understands all of it, and a name is a name only if no other that does so takes it
//! for a part of a value. Where a piece of a value could pass for a name (a quote that never ends,
//! a wrapped line, a value below its name) the file is refused: names are shown, and values never.
//!
//! | form | npm | Python | containers |
//! |---|---|---|---|
//! | `NAME=value` | up to `#`, trimmed | up to white space and `#`, trimmed | to the end of the line |
//! | `NAME="value"` | over lines; `\n` `\r` | over lines; `\n` `\t` `\"` `\\` and others | with its quotes |
//! | `NAME='value'` | over lines | over lines; `\'` `\\` | with its quotes |
//! | `` NAME=`value` `` | over lines | with its quotes | with its quotes |
//! | `export NAME=value` | the same | the same | refused |
//! | `NAME: value` | the same as with `=` | refused | refused |
//! | `NAME` | skipped | skipped | skipped |
//!
//! An escape that a loader does not know stays as it stands.

mod container;
mod doubt;
mod npm;
mod python;
mod reading;
mod words;

use std::collections::BTreeMap;
use std::fmt;

use keyward_base::{Error, Result, SecretBytes};

pub(super) use self::doubt::is_name;
use self::reading::{Reading, Trouble};
use super::{Facts, Note};

/// The most variables of one set.
pub(super) const MAX_VARS: usize = 1000;

/// One of the programs that load dotenv files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loader {
    /// `dotenv` of npm, and what follows it.
    Npm,
    /// `python-dotenv`.
    Python,
    /// `docker run --env-file` and `podman run --env-file`: no quotes, one line each.
    Container,
}

impl Loader {
    /// All of them, in the order in which a set is read.
    pub const ALL: [Self; 3] = [Self::Npm, Self::Python, Self::Container];

    fn read(self, text: &str) -> Result<Reading, Trouble> {
        match self {
            Self::Npm => npm::read(text),
            Self::Python => python::read(text),
            Self::Container => container::read(text),
        }
    }
}

/// One variable. Its value is wiped on drop.
pub struct EnvVar {
    pub(super) name: String,
    pub(super) value: SecretBytes,
}

impl EnvVar {
    /// Its name: 1 to 255 letters, digits, `_`, `-` and `.`, at least one of them a letter or `_`.
    /// One of 12 bytes or more is made of words, such as `DATABASE_URL`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a variable of this name decides what code a program runs, such as `LD_PRELOAD`,
    /// `PATH`, `BASH_ENV` or `NODE_OPTIONS`: whoever starts a program with a set that somebody else
    /// gave refuses those. Names of loaders, shells, interpreters, Git and the like are known; a
    /// program may have others of its own.
    #[must_use]
    pub fn steers_programs(&self) -> bool {
        super::steering::steers(&self.name)
    }

    /// Its value.
    #[must_use]
    pub const fn value(&self) -> &SecretBytes {
        &self.value
    }
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvVar({})", self.name)
    }
}

/// A set of environment variables, in the order of their names' first places, each name once.
#[derive(Debug)]
pub struct EnvSet {
    vars: Vec<EnvVar>,
    notes: Vec<Note>,
}

impl EnvSet {
    /// Reads a dotenv file as the first of [`Loader::ALL`] that understands all of it: at most
    /// 1000 variables, UTF-8, no NUL. Of a name that stands twice the last value holds.
    ///
    /// # Errors
    /// `Misuse` with the number of the line; nothing of the file is quoted.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes, None)
    }

    /// Reads a dotenv file as `loader` does.
    ///
    /// # Errors
    /// As [`EnvSet::parse`], and `Misuse` if this loader does not understand all of it.
    pub fn parse_as(bytes: &[u8], loader: Loader) -> Result<Self> {
        Self::read(bytes, Some(loader))
    }

    fn read(bytes: &[u8], wanted: Option<Loader>) -> Result<Self> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| wrong("the dotenv file is not UTF-8: save it as UTF-8"))?;
        if text.contains('\0') {
            return Err(wrong("the dotenv file holds a NUL: take it out"));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let unix = with_unix_line_ends(text);
        let text = match &unix {
            Some(copy) => std::str::from_utf8(copy.expose()).unwrap_or_default(),
            None => text,
        };
        let reading = understand(text, wanted).map_err(|trouble| trouble.in_words(text))?;
        Self::of(text, &reading)
    }

    fn of(text: &str, reading: &Reading) -> Result<Self> {
        let mut vars: Vec<EnvVar> = Vec::new();
        let mut notes = Vec::new();
        let mut places = BTreeMap::new();
        let mut lines = Lines::of(text);
        for entry in &reading.entries {
            let name = entry.name(text);
            let line = lines.number(entry.name.start);
            let Some(value) = entry.value(text) else {
                notes.push(Note::NameWithoutValue { line });
                continue;
            };
            let place = *places.entry(name).or_insert(vars.len());
            if let Some(earlier) = vars.get_mut(place) {
                earlier.value = value;
                notes.push(Note::NameTwice {
                    name: name.to_owned(),
                    line,
                });
                continue;
            }
            if vars.len() >= MAX_VARS {
                let what = "more than 1000 variables: take some out";
                return Err(Trouble::at(entry.name.start, what).in_words(text));
            }
            vars.push(EnvVar {
                name: name.to_owned(),
                value,
            });
        }
        if vars.is_empty() {
            return Err(wrong("the dotenv file sets no variable: write NAME=value"));
        }
        Ok(Self { vars, notes })
    }

    /// The variables, in their order.
    #[must_use]
    pub fn vars(&self) -> &[EnvVar] {
        &self.vars
    }

    pub(super) fn into_vars(self) -> Vec<EnvVar> {
        self.vars
    }

    /// What a person should know of how it was read.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            names: self.vars.iter().map(|var| var.name.clone()).collect(),
            ..Facts::default()
        }
    }
}

fn wrong(what: &'static str) -> Error {
    Error::misuse(what)
}

/// The readings that understand all of the file and leave no doubt; of those, the first (or the
/// wanted one) whose names no other takes for a part of a value.
fn understand(text: &str, wanted: Option<Loader>) -> Result<Reading, Trouble> {
    let mut sound = Vec::new();
    let mut trouble: Option<Trouble> = None;
    for loader in Loader::ALL {
        let read = loader.read(text).and_then(|reading| {
            doubt::check(text, &reading)?;
            Ok(reading)
        });
        match read {
            Ok(reading) => sound.push((loader, reading)),
            // Whoever came furthest understood most of it.
            Err(new) => {
                let further = trouble.as_ref().is_none_or(|old| old.at < new.at);
                if wanted.map_or(further, |wanted| wanted == loader) {
                    trouble = Some(new);
                }
            }
        }
    }
    let mut conflict = None;
    for at in 0..sound.len() {
        let Some((loader, reading)) = sound.get(at) else {
            break;
        };
        if wanted.is_some_and(|wanted| wanted != *loader) {
            continue;
        }
        let others = sound.iter().filter(|(other, _)| other != loader);
        match others
            .filter_map(|(_, other)| other.takes_for_value(reading))
            .min()
        {
            None => return Ok(sound.swap_remove(at).1),
            at => conflict = conflict.or(at),
        }
    }
    if let Some(at) = conflict {
        return Err(Trouble::at(at, doubt::NAME_OR_VALUE));
    }
    Err(trouble.unwrap_or(Trouble::at(0, reading::NO_ASSIGNMENT)))
}

/// A copy with `\n` for `\r\n` and for a lone `\r`, if there is one, as the loaders make it before
/// they read.
fn with_unix_line_ends(text: &str) -> Option<SecretBytes> {
    if !text.contains('\r') {
        return None;
    }
    let mut copy = SecretBytes::new(Vec::with_capacity(text.len()));
    let mut pieces = text.split('\r');
    copy.push(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        if !piece.starts_with('\n') {
            copy.push(b"\n");
        }
        copy.push(piece.as_bytes());
    }
    Some(copy)
}

/// Numbers of lines, asked for at rising places.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    const fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    fn number(&mut self, at: usize) -> usize {
        let between = self.text.get(self.at..at).unwrap_or_default();
        self.line = self.line.saturating_add(between.matches('\n').count());
        self.at = at;
        self.line
    }
}
