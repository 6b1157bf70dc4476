//! Kinds of entries that are an application's own: declared as data, and checked before anything is
//! written.
//!
//! ```
//! use keyward_audit::{Given, Kind, Kinds, Type};
//! use keyward_base::audit::Outcome;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let kinds = Kinds::new("shop")?.with(
//!     Kind::new("shop.refund")
//!         .must("order", Type::Id(64))
//!         .must("cents", Type::Number)
//!         .may("why", Type::words(["damaged", "late"])),
//! )?;
//! let refund = [("order", Given::Id("A-17")), ("cents", Given::Number(1999))];
//! let event = kinds.event("shop.refund", Outcome::Done, &refund)?;
//! // `Audit::require_own(event)` records it before it goes on, `Audit::note_own(event)` as well as can be.
//! assert!(kinds.event("shop.refund", Outcome::Done, &refund[..1]).is_err());
//! # Ok(()) }
//! ```

mod approval;
mod file;
mod own;

use std::collections::BTreeMap;

use keyward_base::audit::Outcome;
use keyward_base::encoding::hex;
use keyward_base::{Error, Result, Timestamp};

pub use file::MAX_LEN;
pub use own::OwnEvent;

use crate::entry::{Number, Typed};

/// What the names of the crates' own kinds begin with: no application has one of them.
const TAKEN: [&str; 14] = [
    "api-key", "approval", "audit", "column", "command", "danger", "keys", "limit", "login",
    "redact", "root", "session", "vault", "webhook",
];

/// The most bytes of a kind's name.
const MAX_NAME: usize = 64;

/// The most bytes of an application's name, of a field's and of a word.
const MAX_WORD: usize = 32;

/// The most bytes of an id.
const MAX_ID: u8 = 128;

/// The most kinds, fields of a kind, and words of a field.
const MOST: usize = 256;

/// The type of a field. None takes bytes or free text: what an application has of that, it keeps
/// elsewhere, and names it by an id or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// A truth value.
    Flag,
    /// 0 to 2^64 - 1. The field's name says the unit.
    Number,
    /// A time, in milliseconds.
    Time,
    /// SHA-256 of something that is kept elsewhere.
    Digest,
    /// An id that the application gave: 1 up to so many bytes (at most 128) of visible ASCII. An id
    /// says which one it is, and is no secret: no token, and nothing that must not be logged.
    Id(u8),
    /// One of these: [`Type::words`].
    Words(Vec<String>),
}

impl Type {
    /// One of these words, each 1 to 32 bytes of `a` to `z`, digits and `-`.
    #[must_use]
    pub fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Words(words.into_iter().map(str::to_owned).collect())
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Id(most) if !(1..=MAX_ID).contains(most) => {
                Err(Error::misuse("a field of ids takes 1 to 128 bytes"))
            }
            Self::Words(words) if words.is_empty() || words.len() > MOST => {
                Err(Error::misuse("a field of words lists 1 to 256 of them"))
            }
            Self::Words(words) if !words.iter().all(|word| is_word(word)) => Err(Error::misuse(
                "a word is 1 to 32 bytes of a to z, digits and hyphens",
            )),
            _ => Ok(()),
        }
    }

    /// What is written of `given`; none if it is of another type.
    fn typed(&self, given: Given<'_>) -> Option<Typed> {
        Some(match (self, given) {
            (Self::Flag, Given::Flag(flag)) => Typed::Flag(flag),
            (Self::Number, Given::Number(number)) => Typed::Number(Number(number)),
            (Self::Time, Given::Time(time)) => Typed::Time(Number(time.as_millis())),
            (Self::Digest, Given::Digest(digest)) => Typed::Digest(hex(digest)),
            (Self::Id(most), Given::Id(id)) => {
                let fits = (1..=usize::from(*most)).contains(&id.len())
                    && id.bytes().all(|b| b.is_ascii_graphic());
                fits.then(|| Typed::Id(id.to_owned()))?
            }
            (Self::Words(words), Given::Word(word)) => {
                let listed = words.iter().find(|listed| *listed == word)?;
                Typed::Word(listed.clone())
            }
            _ => return None,
        })
    }
}

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Given<'a> {
    /// Of a [`Type::Flag`].
    Flag(bool),
    /// Of a [`Type::Number`].
    Number(u64),
    /// Of a [`Type::Time`].
    Time(Timestamp),
    /// Of a [`Type::Digest`].
    Digest(&'a [u8; 32]),
    /// Of a [`Type::Id`].
    Id(&'a str),
    /// Of a [`Type::Words`].
    Word(&'a str),
}

/// A kind of entries: its name, and the fields of its detail, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a kind is one once it is among some `Kinds`"]
pub struct Kind {
    action: String,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: String,
    of: Type,
    must: bool,
}

impl Kind {
    /// A kind of that name: the application's, and one word or more behind it, joined by dots, such
    /// as `shop.refund`. At most 64 bytes.
    pub fn new(action: &str) -> Self {
        Self {
            action: action.to_owned(),
            fields: Vec::new(),
        }
    }

    /// The same with a field that each event has. Its name is a word.
    pub fn must(self, name: &str, of: Type) -> Self {
        self.field(name, of, true)
    }

    /// The same with a field that an event may have.
    pub fn may(self, name: &str, of: Type) -> Self {
        self.field(name, of, false)
    }

    fn field(mut self, name: &str, of: Type, must: bool) -> Self {
        let name = name.to_owned();
        self.fields.push(Field { name, of, must });
        self
    }

    fn check(&self) -> Result<()> {
        if self.fields.len() > MOST {
            return Err(Error::misuse("a kind has at most 256 fields"));
        }
        for (nth, field) in self.fields.iter().enumerate() {
            field.of.check()?;
            if !is_word(&field.name) {
                return Err(Error::misuse(
                    "the name of a field is 1 to 32 bytes of a to z, digits and hyphens",
                ));
            }
            let before = self.fields.iter().take(nth);
            if before.into_iter().any(|other| other.name == field.name) {
                return Err(Error::misuse("a kind has each field once"));
            }
        }
        Ok(())
    }

    /// The detail of an event, in the order of the fields.
    fn detail(&self, given: &[(&str, Given<'_>)]) -> Result<Vec<(String, Typed)>> {
        let known = |name: &str| self.fields.iter().any(|field| field.name == name);
        if !given.iter().all(|(name, _)| known(name)) {
            return Err(Error::misuse(format!("{} has no such field", self.action)));
        }
        let mut detail = Vec::with_capacity(given.len());
        for field in &self.fields {
            let name = || format!("the field {} of {}", field.name, self.action);
            let mut of = given.iter().filter(|(given, _)| *given == field.name);
            match (of.next(), of.next()) {
                (Some((_, value)), None) => {
                    let typed = field.of.typed(*value);
                    // The value is not told: it is not what was declared.
                    let wrong = || {
                        Error::misuse(format!(
                            "{} is of another type, not one of its words, or too long",
                            name()
                        ))
                    };
                    detail.push((field.name.clone(), typed.ok_or_else(wrong)?));
                }
                (None, _) if field.must => {
                    return Err(Error::misuse(format!("{} is missing", name())));
                }
                (None, _) => {}
                (Some(_), Some(_)) => {
                    return Err(Error::misuse(format!("{} is given twice", name())));
                }
            }
        }
        Ok(detail)
    }
}

/// The kinds of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    app: String,
    kinds: BTreeMap<String, Kind>,
}

impl Kinds {
    /// None yet, of the application of that name: 1 to 32 bytes of `a` to `z`, digits and `-`.
    ///
    /// # Errors
    /// `Misuse` for another form, and for a name whose kinds are keyward's own, such as `vault`.
    pub fn new(app: &str) -> Result<Self> {
        if !is_word(app) || TAKEN.contains(&app) {
            return Err(Error::misuse(
                "the name of an application is 1 to 32 bytes of a to z, digits and hyphens, and none of keyward's own areas",
            ));
        }
        Ok(Self::of(app))
    }

    fn of(app: &str) -> Self {
        let app = app.to_owned();
        let kinds = BTreeMap::new();
        Self { app, kinds }
    }

    /// The same with one more.
    ///
    /// # Errors
    /// `Misuse` for a name that does not begin with the application's, or is there already; for a
    /// field, a type or a number of them that [`Type`] and [`Kind`] do not take.
    pub fn with(mut self, kind: Kind) -> Result<Self> {
        let mut words = kind.action.split('.');
        let ours = words.next() == Some(&*self.app);
        let named = kind.action.len() > self.app.len() && words.all(is_word);
        if !ours || !named || kind.action.len() > MAX_NAME {
            return Err(Error::misuse(
                "a kind is named as its application, a dot and words joined by dots, at most 64 bytes",
            ));
        }
        kind.check()?;
        if self.kinds.len() >= MOST || self.kinds.contains_key(&kind.action) {
            return Err(Error::misuse(
                "each kind is declared once, at most 256 of them",
            ));
        }
        self.kinds.insert(kind.action.clone(), kind);
        Ok(self)
    }

    /// An event of one of them, with these fields, checked: what is not declared is not written.
    ///
    /// # Errors
    /// `Misuse` for a kind or a field that is not declared, a value of another type, a word that is
    /// not listed, an id that is too long, a field that is missing or given twice; and for
    /// [`Outcome::Intended`]: an act of the application's own is recorded as `Granted` before it is
    /// done, and as `Done` or `Failed` after, for nobody else closes what it left open.
    pub fn event(
        &self,
        action: &str,
        outcome: Outcome,
        given: &[(&str, Given<'_>)],
    ) -> Result<OwnEvent> {
        let unknown = || Error::misuse("no kind of that name is declared");
        let kind = self.kinds.get(action).ok_or_else(unknown)?;
        if outcome == Outcome::Intended {
            return Err(Error::misuse(
                "an application's own event is granted, done or failed: nobody closes an intent of its own",
            ));
        }
        let detail = kind.detail(given)?;
        Ok(OwnEvent::new(kind.action.clone(), outcome, detail))
    }
}

/// 1 to 32 bytes of `a` to `z`, digits and `-`, the first a letter.
fn is_word(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= MAX_WORD
        && text.bytes().all(known)
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}
