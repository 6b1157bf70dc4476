//! What a proof says about a request, as a type: a handler that takes
//! `VerifiedWebhook<WholeBody>` cannot be given a request that signed nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

mod sealed {
    #[allow(unnameable_types)] // Nobody else may say what a proof covers.
    pub trait Sealed {}
}

/// What the proof of a scheme covers.
pub trait Coverage: sealed::Sealed + Copy + fmt::Debug + Send + Sync + 'static {
    /// The same as a value.
    fn covered(self) -> Covered;
}

/// Every byte of the body is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct WholeBody;

/// Nothing is signed: the sender showed a token, and whoever saw it can say anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct BearerToken;

/// What a proof covers, where the scheme is known at run time only. A handler that takes
/// `VerifiedWebhook<Covered>` takes what signed nothing too:
/// [`whole_body`](crate::VerifiedWebhook::whole_body) sorts that out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Covered {
    /// As [`WholeBody`].
    WholeBody,
    /// As [`BearerToken`].
    BearerToken,
}

impl Covered {
    /// The word for tables and answers of commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WholeBody => "whole-body",
            Self::BearerToken => "bearer-token",
        }
    }
}

impl sealed::Sealed for WholeBody {}
impl sealed::Sealed for BearerToken {}
impl sealed::Sealed for Covered {}

impl Coverage for WholeBody {
    fn covered(self) -> Covered {
        Covered::WholeBody
    }
}

impl Coverage for BearerToken {
    fn covered(self) -> Covered {
        Covered::BearerToken
    }
}

impl Coverage for Covered {
    fn covered(self) -> Covered {
        self
    }
}

/// What came beside the proof and is not covered by it: whoever captured a request can send it
/// again with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsigned<T>(T);

impl<T> Unsigned<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// What the request claims.
    pub fn claimed(self) -> T {
        self.0
    }
}
