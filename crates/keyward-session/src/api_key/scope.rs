//! What a key may do, in words of the application.

use std::borrow::Cow;
use std::fmt;

use keyward_base::{Error, Reason, Result};

/// Bytes of a scope.
const LEN: usize = 64;

/// One thing that a key may do, in a word of the application such as `deployments:write`: 1 to 64
/// lower-case letters, digits and `:._-/`, a letter first. None implies another, and there are no
/// wild cards. It is a scope of RFC 6749, section 3.3.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Cow<'static, str>);

impl Scope {
    /// A scope that is named in the program, for a constant.
    ///
    /// # Panics
    /// For a word that is none; in a constant, when it is compiled.
    #[must_use]
    pub const fn named(word: &'static str) -> Self {
        assert!(
            fits(word.as_bytes()),
            "a scope is 1 to 64 lower-case letters, digits and :._-/, a letter first"
        );
        Self(Cow::Borrowed(word))
    }

    /// Reads a scope.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for a word that is none.
    pub fn new(word: &str) -> Result<Self> {
        if !fits(word.as_bytes()) {
            return Err(Error::rejected(Reason::MALFORMED));
        }
        Ok(Self(Cow::Owned(word.to_owned())))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn fits(mut word: &[u8]) -> bool {
    if word.len() > LEN {
        return false;
    }
    let mut is_first = true;
    while let [byte, rest @ ..] = word {
        let is_letter = byte.is_ascii_lowercase();
        let follows = byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_' | b'-' | b'/');
        if !is_letter && (is_first || !follows) {
            return false;
        }
        is_first = false;
        word = rest;
    }
    !is_first
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:?})", &*self.0)
    }
}

/// At most 64 scopes, each once: what a key may do, or a role.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Scopes(
    /// In order, with a space between them.
    Box<str>,
);

impl Scopes {
    /// The most scopes that a key, or a role, has.
    pub const MOST: usize = 64;

    /// No scope: such a key proves whose it is, and nothing else.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These scopes.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::TOO_LONG`]) for more than 64.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self> {
        let mut all = Vec::new();
        for scope in scopes {
            if !all.contains(&scope) {
                if all.len() >= Self::MOST {
                    return Err(Error::rejected(Reason::TOO_LONG));
                }
                all.push(scope);
            }
        }
        all.sort();
        let words: Vec<&str> = all.iter().map(Scope::as_str).collect();
        Ok(Self(words.join(" ").into()))
    }

    /// Reads scopes with spaces between them (RFC 6749, section 3.3), in any order.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`] for a word that is none, [`Reason::TOO_LONG`] for more than
    /// 64.
    pub fn parse(text: &str) -> Result<Self> {
        let words = text.split(' ').filter(|word| !word.is_empty());
        let mut scopes = Vec::new();
        for word in words {
            if scopes.len() >= Self::MOST {
                return Err(Error::rejected(Reason::TOO_LONG));
            }
            scopes.push(Scope::new(word)?);
        }
        Self::new(scopes)
    }

    /// Reads what `Display` wrote, and nothing else.
    pub(crate) fn parse_exact(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::none());
        }
        let mut before = "";
        for (count, word) in text.split(' ').enumerate() {
            if count >= Self::MOST || !fits(word.as_bytes()) || word <= before {
                return None;
            }
            before = word;
        }
        Some(Self(text.into()))
    }

    /// Whether `scope` is one of them.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.words().any(|word| word == scope.as_str())
    }

    /// Whether each of them is one of `others`.
    #[must_use]
    pub fn is_within(&self, others: &Self) -> bool {
        self.words().all(|word| others.words().any(|of| of == word))
    }

    /// Their words, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As `Display` writes them.
    pub(crate) const fn as_str(&self) -> &str {
        &self.0
    }
}

/// In order, with a space between them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({:?})", &*self.0)
    }
}
