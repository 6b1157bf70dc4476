//! What the keys of a purpose are for.

use std::time::Duration;

use keyward_base::{Error, Purpose, Result, Suite};

/// What a key does. A purpose has one algorithm for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Seals and opens, through the keys of tenants.
    Seal,
    /// Authenticates, by HMAC-SHA-256.
    Mac,
    /// Signs, by Ed25519.
    Sign,
}

impl Algorithm {
    /// A stable word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Seal => "seal",
            Self::Sign => "sign",
        }
    }

    /// The byte that names it.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Seal => 1,
            Self::Mac => 2,
            Self::Sign => 3,
        }
    }
}

/// What the keys of a new purpose are for: see [`Admin::add_purpose`](crate::Admin::add_purpose).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyUse {
    /// They seal values, through the keys of tenants. Values are sealed anew at a rotation.
    Seal,
    /// They authenticate tokens and records. What was authenticated is left to expire at a
    /// rotation.
    Mac(Life),
    /// They sign, for who has only the public key.
    Sign(Signs),
}

/// The longest that anything lives which the MAC keys of a purpose authenticate, counted from when
/// it was made: a key that retired is needed so long. It may be raised later, and not lowered, so
/// that nothing which was issued outlives its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// This long, at most; rounded up to whole seconds. A purpose that has a longer life keeps it.
    AtMost(Duration),
    /// Something has no end; then only the registered columns say whether a key is needed. For
    /// good.
    Endless,
    /// As the purpose has it; one that is new has to say.
    Unchanged,
}

impl KeyUse {
    /// Which algorithm it takes.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Mac(_) => Algorithm::Mac,
            Self::Seal => Algorithm::Seal,
            Self::Sign(_) => Algorithm::Sign,
        }
    }
}

/// What the signing keys of a purpose sign. Never both: bytes of one form could be read as the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signs {
    /// A domain and fields. Each key also signs who follows it.
    Fields,
    /// Bytes of a format from elsewhere, as signed notes are. The keyring signs nothing of its own
    /// with them, so that nobody has signed who follows: whoever owns the format says it there.
    Raw,
}

/// What the ring holds of a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PurposeRules {
    pub(crate) purpose: Purpose,
    pub(crate) rules: Rules,
}

/// What holds for all keys of a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Seal(Suites),
    Mac { longest_life: Option<Duration> },
    Sign(Signs),
}

/// The suites of a purpose that seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // A new setting must break every caller.
pub struct Suites {
    /// What new keys seal in.
    pub write: Suite,
    /// The oldest whose values open. Older ones are refused.
    pub oldest: Suite,
}

impl Suites {
    /// Whether values of `suite` open.
    #[must_use]
    pub const fn open(&self, suite: Suite) -> bool {
        suite.to_byte() >= self.oldest.to_byte()
    }
}

impl Default for Suites {
    /// New keys seal in suite 2, whose derivation takes half the time where the processor has SHA
    /// instructions; values of suite 1 open.
    fn default() -> Self {
        Self {
            write: Suite::Chunked2,
            oldest: Suite::Chunked1,
        }
    }
}

impl Rules {
    /// What holds for a new purpose.
    ///
    /// # Errors
    /// `Misuse` if it does not say how long what is MACed lives.
    pub(crate) fn of(what: KeyUse) -> Result<Self> {
        Ok(match what {
            KeyUse::Seal => Self::Seal(Suites::default()),
            KeyUse::Mac(Life::AtMost(longest)) => Self::Mac {
                longest_life: Some(whole_seconds(longest)),
            },
            KeyUse::Mac(Life::Endless) => Self::Mac { longest_life: None },
            KeyUse::Mac(Life::Unchanged) => {
                return Err(Error::misuse(
                    "a new purpose of keys that authenticate has to say how long that lives: Life::AtMost (--longest-life), or Life::Endless (--endless)",
                ));
            }
            KeyUse::Sign(signs) => Self::Sign(signs),
        })
    }

    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::Mac { .. } => Algorithm::Mac,
            Self::Seal(_) => Algorithm::Seal,
            Self::Sign(_) => Algorithm::Sign,
        }
    }

    /// These rules, when somebody says once more what the purpose is for: the longest life may
    /// grow, everything else stays.
    ///
    /// # Errors
    /// `Misuse` if it is for something else.
    pub(crate) fn said_again(self, purpose: &Purpose, what: KeyUse) -> Result<Self> {
        match (self, what) {
            (Self::Seal(_), KeyUse::Seal) => Ok(self),
            (Self::Mac { longest_life: old }, KeyUse::Mac(said)) => Ok(Self::Mac {
                // None has no end: longer than any.
                longest_life: match said {
                    Life::AtMost(new) => old.map(|old| old.max(whole_seconds(new))),
                    Life::Endless => None,
                    Life::Unchanged => old,
                },
            }),
            (Self::Sign(old), KeyUse::Sign(new)) if old == new => Ok(self),
            (Self::Sign(_), KeyUse::Sign(_)) => Err(Error::misuse(format!(
                "the keys of purpose {purpose} sign bytes of another form, and for good: take another purpose"
            ))),
            (old, new) => Err(Error::misuse(format!(
                "the keys of purpose {purpose} are for {}, and for good: take another purpose for {}",
                old.algorithm().as_str(),
                new.algorithm().as_str()
            ))),
        }
    }
}

/// As the ring keeps it, rounded up.
fn whole_seconds(life: Duration) -> Duration {
    let more = u64::from(life.subsec_nanos() > 0);
    Duration::from_secs(life.as_secs().saturating_add(more).max(1))
}
