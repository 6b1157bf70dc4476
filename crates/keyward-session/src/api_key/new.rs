//! What is asked of a key: at first, and later.

use std::time::Duration;

use keyward_base::{Error, Reason, Result, Timestamp};

use crate::api_key::id::ApiKeyId;
use crate::api_key::policy::{LONGEST_OVERLAP, OVERLAP};
use crate::api_key::range::Ranges;
use crate::api_key::scope::Scopes;
use crate::row::SHOWN;
use crate::text::typed;

/// How long a key is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// As the policy says; of a rotation, as the key before it.
    Unsaid,
    For(Duration),
    Endless,
}

/// A key that is to be made. Without scopes it may do nothing, and without ranges it is used from
/// anywhere.
#[derive(Clone, Debug)]
#[must_use = "it makes nothing by itself"]
pub struct NewKey {
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) ranges: Ranges,
    pub(crate) life: Life,
}

impl NewKey {
    /// One of that name, by which its owner knows it: 1 to 64 bytes, for display only.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`]; [`Reason::MALFORMED`] for an empty one, or characters that
    /// are not shown.
    pub fn new(name: &str) -> Result<Self> {
        let name = typed(name.trim(), SHOWN)?;
        if name.is_empty() {
            return Err(Error::rejected(Reason::MALFORMED));
        }
        Ok(Self {
            name,
            scopes: Scopes::none(),
            ranges: Ranges::anywhere(),
            life: Life::Unsaid,
        })
    }

    /// What it may do.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Where it may be used from.
    pub fn ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = ranges;
        self
    }

    /// How long it lives; as the policy says unless told.
    pub const fn expires_in(mut self, life: Duration) -> Self {
        self.life = Life::For(life);
        self
    }

    /// It has no end of its own, if the policy allows that.
    pub const fn endless(mut self) -> Self {
        self.life = Life::Endless;
        self
    }
}

/// What becomes less of a key. What is not said stays.
#[derive(Clone, Debug, Default)]
#[must_use = "it narrows nothing by itself"]
pub struct Narrow {
    pub(crate) scopes: Option<Scopes>,
    pub(crate) ranges: Option<Ranges>,
    pub(crate) expires: Option<Timestamp>,
}

impl Narrow {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it may do from now on: some of what it may.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Where it may be used from: each range within one that it has.
    pub fn ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = Some(ranges);
        self
    }

    /// When it ends: not later than it does.
    pub const fn expires(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }
}

/// How a key is followed by another.
#[derive(Clone, Copy, Debug)]
#[must_use = "it rotates nothing by itself"]
pub struct Rotation {
    pub(crate) overlap: Duration,
    pub(crate) life: Life,
    pub(crate) replacing: Option<ApiKeyId>,
}

impl Rotation {
    /// The old key works for another day, and the new one lives as long as the old one was made to.
    pub const fn new() -> Self {
        Self {
            overlap: OVERLAP,
            life: Life::Unsaid,
            replacing: None,
        }
    }

    /// How long the old key goes on: not at all, or up to 30 days. It never lives longer than it
    /// would.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::TOO_LONG`]) for longer.
    pub fn overlap(mut self, overlap: Duration) -> Result<Self> {
        if overlap > LONGEST_OVERLAP {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        self.overlap = overlap;
        Ok(self)
    }

    /// How long the new key lives.
    pub const fn expires_in(mut self, life: Duration) -> Self {
        self.life = Life::For(life);
        self
    }

    /// For a rotation whose answer was lost: the successor that it made, which nobody has, ends in the
    /// same step. Without it a key that has a successor is not rotated again.
    pub const fn replacing(mut self, successor: ApiKeyId) -> Self {
        self.replacing = Some(successor);
        self
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self::new()
    }
}
