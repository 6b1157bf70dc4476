//! Once: one recorded completion.
//!
//! A worker begins, does the work, and finishes with a result that everybody who begins later is
//! given. Effects happen at least once: a worker that dies between its effect and `finish` is
//! followed by another when its lease is over. Exactly one completion is recorded.

use std::fmt;

use keyward_base::{BoxFuture, Error, Result, Timestamp};

use crate::limits::StoreLimits;
use crate::record::{Collection, RecordKey};

/// What a worker claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Claim {
    /// A digest of the request: the same key with another digest is a conflict.
    pub digest: [u8; 32],
    /// When somebody else may take the work over.
    pub lease_until: Timestamp,
    /// When an unfinished claim may be forgotten. Not before `lease_until`.
    pub keep_until: Timestamp,
}

impl Claim {
    /// A claim that is finished in the step that begins it.
    #[must_use]
    pub const fn whole(digest: [u8; 32], keep_until: Timestamp) -> Self {
        Self {
            digest,
            lease_until: keep_until,
            keep_until,
        }
    }

    /// Checks the claim against the time at which it is made.
    ///
    /// # Errors
    /// `Misuse` unless `now < lease_until <= keep_until < 2^63` ms.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        StoreLimits::check_time(self.keep_until)?;
        if now < self.lease_until && self.lease_until <= self.keep_until {
            return Ok(());
        }
        Err(Error::misuse(
            "a lease must end after now, and be kept at least until it ends",
        ))
    }
}

/// The right to finish the work of a lease: a number that is higher than that of every lease
/// before it, on any key. Whoever holds a lower one than the current lease's records nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingToken(u64);

impl FencingToken {
    /// A fencing token of that number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the token.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What [`Once::begin`] found or did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "only a lease allows the work"]
pub enum Begun {
    /// The key was begun with another digest: it is not the same request.
    Conflict,
    /// It was done before, with this result.
    Done(Vec<u8>),
    /// Another worker holds the lease.
    InFlight {
        /// When it may be taken over.
        until: Timestamp,
    },
    /// The caller holds the lease, and is to do the work and finish it with this token.
    Lease(FencingToken),
}

/// What [`Once::finish`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a worker whose lease was taken over has not finished"]
pub enum Finished {
    /// The lease was taken over, abandoned or forgotten: nothing was recorded.
    Lost,
    /// The result is recorded, durably.
    Recorded,
}

/// One recorded completion for each key.
///
/// Every method fails with `Unavailable` if the store cannot be reached or is full. `finish` may
/// then have been made: call it again, the same result is recorded once.
pub trait Once: fmt::Debug + Send + Sync {
    /// Gives the lease up, so that anybody may begin at once. Says whether it was still held.
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Begins, or says what stands in the way. A lease that is over at `now` is taken over, by
    /// the same digest only; what was to be kept until `now` or earlier counts as forgotten.
    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Begun>>;

    /// Begins many, in one step, each by itself: one answer for each claim, in its order. A key
    /// that comes twice is in flight the second time.
    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Begun>>>;

    /// Forgets a claim, whatever became of it, so that the next one begins anew. Who holds its
    /// lease has lost it. Says whether there was one.
    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool>>;

    /// Records `result`, to be kept until `keep_until`, if the lease of `token` was not taken
    /// over. A lease that is over but was not taken over still finishes.
    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>>;

    /// Removes what was to be kept until `now` or earlier, at most `limit`, and says how many.
    fn purge_once<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>>;
}
