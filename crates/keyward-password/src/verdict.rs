//! What came of a check.

/// What came of checking a password against a stored string. Two of them are no answer about the
/// password: telling them apart is for the operator, and whoever logs in is told the same of all three
/// that are not a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a password that was checked and not looked at lets everybody in"]
#[non_exhaustive]
pub enum Verdict {
    /// It is the password.
    Match,
    /// It is not.
    Mismatch,
    /// The string is of no known scheme, or not whole: nothing was computed.
    Unsupported,
    /// The string asks for more work than the policy allows, holds the password itself, says that
    /// nobody may log in, or may be read in two ways: nothing was computed.
    Refused,
}

impl Verdict {
    /// The word by which the command and its JSON say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
        }
    }
}
