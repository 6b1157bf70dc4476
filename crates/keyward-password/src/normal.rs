//! The form in which a password is hashed.

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Reason, Result, SecretBytes};
use unicode_normalization::UnicodeNormalization as _;

use crate::password::{MAX_LEN, Password};

/// The form in which a password is hashed. Each stored string says which it is of, so that a change
/// of the policy locks nobody out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Normal {
    /// The bytes that were typed (ASVS 5.0, 6.2.8). The string has no mark.
    #[default]
    Exact,
    /// Unicode's NFKC (UAX 15), so that a letter which two keyboards compose otherwise is one, as NIST
    /// SP 800-63B-4 recommends. The string begins with `{nfkc}`: only keyward reads it then. What is
    /// not UTF-8 is hashed as it is.
    Nfkc,
}

const MARK: &str = "{nfkc}";

impl Normal {
    /// The form that a stored string is of, and the string without the mark.
    pub(crate) fn split(text: &str) -> (Self, &str) {
        text.strip_prefix(MARK)
            .map_or((Self::Exact, text), |rest| (Self::Nfkc, rest))
    }

    pub(crate) fn mark(self, text: String) -> String {
        match self {
            Self::Exact => text,
            Self::Nfkc => format!("{MARK}{text}"),
        }
    }

    /// The form that takes whatever either of them takes. An upgrade narrows none: who typed a letter
    /// otherwise than it was set would be locked out by it.
    pub(crate) const fn wider(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact, Self::Exact) => Self::Exact,
            _ => Self::Nfkc,
        }
    }

    /// The password in this form.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::TOO_LONG`]) if it becomes longer than any may be: NFKC makes eleven
    /// letters of some.
    pub(crate) fn apply(self, password: Password) -> Result<Password> {
        if matches!(self, Self::Exact) || password.bytes().is_ascii() {
            return Ok(password);
        }
        let Ok(text) = std::str::from_utf8(password.bytes()) else {
            return Ok(password);
        };
        let bytes = with_stack_wiped(|| {
            // Full length from the start: one that grew would leave copies behind.
            let mut out = SecretBytes::new(Vec::with_capacity(MAX_LEN));
            let mut utf8 = [0; 4];
            for c in text.nfkc() {
                let next = c.encode_utf8(&mut utf8).as_bytes();
                if out.len().saturating_add(next.len()) > MAX_LEN {
                    return Err(Error::rejected(Reason::TOO_LONG));
                }
                out.push(next);
            }
            Ok(out)
        })?;
        Password::new(bytes)
    }
}
