//! The names that a service gives what it does: words that every reader sees alike.

use std::fmt;

use keyward_base::{Error, Result};

/// The most bytes of a word: what a person reads at one glance, and a line of a log holds.
pub const WORD_LEN: usize = 64;

fn is_word(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let part = |part: &str| !part.is_empty() && part.bytes().all(plain);
    text.len() <= WORD_LEN
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('.').all(part)
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=WORD_LEN).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(plain)
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $fits:ident, $said:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Box<str>);

            impl $name {
                #[doc = concat!("Checks ", $said, ", 1 to 64 bytes.")]
                ///
                /// # Errors
                /// `Misuse` for anything else.
                pub fn new(text: &str) -> Result<Self> {
                    if $fits(text) {
                        return Ok(Self(text.into()));
                    }
                    Err(Error::misuse(concat!($what, " is 1 to 64 bytes: ", $said)))
                }

                /// The text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({:?})", stringify!($name), &*self.0)
                }
            }

            impl keyward_base::field::Field for $name {
                fn with_bytes<R>(&self, to: impl FnOnce(&[u8]) -> R) -> R {
                    to(self.0.as_bytes())
                }
            }
        )*
    };
}

words! {
    /// What sort of thing is to be done, such as `server.delete`.
    ActionKind, "a kind of action", is_word,
    "lower-case letters, digits, '-' and '_', a letter first, in parts with '.' between them";
    /// The program that runs an action once it is approved, such as `worker`.
    ExecutorName, "the name of an executor", is_word,
    "lower-case letters, digits, '-' and '_', a letter first, in parts with '.' between them";
    /// A rule of a policy, such as `two-admins`.
    RuleName, "the name of a rule", is_word,
    "lower-case letters, digits, '-' and '_', a letter first, in parts with '.' between them";
    /// The service that asks, such as `deploydesk`: what is approved for one is nothing to another.
    ServiceName, "the name of a service", is_word,
    "lower-case letters, digits, '-' and '_', a letter first, in parts with '.' between them";
    /// What an argument of a step is called, such as `region`.
    ArgumentName, "the name of an argument", is_name,
    "letters, digits, '-' and '_', a letter or '_' first";
}
