//! What a person should know of how a credential was read. It never decides whether it is taken.

use std::fmt;

/// One such remark. It holds nothing of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// API key: the value ends in a line end, which was kept.
    EndsInLineEnd,
    /// OAuth: a field that is optional was not understood, and left out of the facts.
    LeftOut {
        /// The field's name, as the specification or its providers write it.
        field: &'static str,
    },
    /// Opaque: the value looks like an OpenSSH private key, which has a kind of its own.
    LooksLikeSshKey,
    /// SSH: line ends, blanks or text around the key were mended, so that OpenSSH loads it.
    Mended,
    /// Environment: a name is set again, and the last value holds.
    NameTwice {
        /// The name.
        name: String,
        /// The line of the later one, from 1.
        line: usize,
    },
    /// Environment: a name without a value was skipped.
    NameWithoutValue {
        /// Its line, from 1.
        line: usize,
    },
    /// SSH: an Ed25519 secret ends in another public key than its file. OpenSSH loads such a key,
    /// and nobody accepts its signatures.
    OtherPublicHalf,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsInLineEnd => f.write_str(
                "the value ends in a line end, which is kept; if that is no part of the key, give it without",
            ),
            Self::LeftOut { field } => write!(
                f,
                "{field} is not of the form it has elsewhere, and is left out of what is shown; the token is kept whole"
            ),
            Self::LooksLikeSshKey => f.write_str(
                "the value looks like an OpenSSH private key: as kind ssh-key it is checked, and shown by its fingerprint",
            ),
            Self::Mended => f.write_str(
                "line ends, blanks or text around the ssh-key were mended, so that OpenSSH loads it",
            ),
            Self::NameTwice { name, line } => {
                write!(f, "line {line} sets {name} again: the last value holds")
            }
            Self::NameWithoutValue { line } => write!(
                f,
                "line {line} names a variable without a value: it is skipped"
            ),
            Self::OtherPublicHalf => f.write_str(
                "the ssh-key's secret ends in another public key: its signatures are not accepted; make a new key",
            ),
        }
    }
}
