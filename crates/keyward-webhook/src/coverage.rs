//! What a signature says about a request, as a type: a handler that takes
//! `VerifiedWebhook<WholeBody>` cannot be given a request that signed nothing.

use std::fmt;

mod sealed {
    pub trait Sealed {}
}

/// What the proof of a scheme covers.
pub trait Coverage: sealed::Sealed + Copy + fmt::Debug + Send + Sync + 'static {
    /// The word for tables and answers of commands.
    const WORD: &'static str;
    /// Whether every byte of the body is covered.
    const BODY: bool;
}

/// Every byte of the body is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct WholeBody;

/// Nothing is signed: the sender showed a token, and whoever saw it can say anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct BearerToken;

impl sealed::Sealed for WholeBody {}
impl sealed::Sealed for BearerToken {}

impl Coverage for WholeBody {
    const WORD: &'static str = "whole-body";
    const BODY: bool = true;
}

impl Coverage for BearerToken {
    const WORD: &'static str = "bearer-token";
    const BODY: bool = false;
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
