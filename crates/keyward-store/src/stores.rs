//! One store that carries all four, and batches over them.

use keyward_base::{BoxFuture, Result, Timestamp};

use crate::attempts::Attempts;
use crate::log::Log;
use crate::once::{Begun, Claim, FencingToken, Once};
use crate::record::{RecordKey, Version};
use crate::records::{Records, Write};

/// One step of a batch over several stores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// [`Log::append`].
    Append {
        /// The log.
        log: RecordKey,
        /// How many entries the log must have now.
        expected: u64,
        /// What to append.
        entries: Vec<Vec<u8>>,
    },
    /// [`Once::begin`]. Anything but a lease refuses the batch.
    Begin {
        /// The key to begin.
        key: RecordKey,
        /// The claim.
        claim: Claim,
        /// The time it is judged at.
        now: Timestamp,
    },
    /// [`Once::begin`] and [`Once::finish`] in one: what the claim is for is done by the other
    /// steps of the batch, so that no lease is ever out. Anything but a lease refuses the batch.
    Complete {
        /// The key that is begun and finished.
        key: RecordKey,
        /// The digest of the request, as [`Claim::digest`].
        digest: [u8; 32],
        /// The result to record.
        result: Vec<u8>,
        /// Until when the result is kept. After `now`.
        keep_until: Timestamp,
        /// The time it is judged at.
        now: Timestamp,
    },
    /// [`Log::erase_entries`]: with what must still be so for it as another step of the batch.
    EraseEntries {
        /// The log.
        log: RecordKey,
        /// From this place on.
        from: u64,
        /// Below this place.
        until: u64,
        /// How many bytes of each entry stay.
        keep: usize,
    },
    /// [`Once::finish`]. A lease that was lost refuses the batch.
    Finish {
        /// The key that was begun.
        key: RecordKey,
        /// The fencing token of the lease.
        token: FencingToken,
        /// The result to record.
        result: Vec<u8>,
        /// Until when the result is kept.
        keep_until: Timestamp,
    },
    /// A write of [`Records::apply`].
    Write(Write),
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stepped {
    /// The entries were appended.
    Appended {
        /// How many entries the log has now.
        head: u64,
    },
    /// The lease was given.
    Begun(FencingToken),
    /// The bytes were erased.
    Erased {
        /// Of how many entries.
        count: u64,
    },
    /// The result is recorded, of a claim that was begun before or in this step.
    Finished,
    /// The write was made: the new version of an insert or swap.
    Written(Option<Version>),
}

/// Why a step was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The log does not have the expected number of entries.
    Append {
        /// How many entries the log has.
        head: u64,
    },
    /// The claim did not begin: it is in flight, done, or another's.
    Begin(Begun),
    /// The lease was lost.
    Finish,
    /// The condition of the write did not hold.
    Write,
}

/// How a batch over several stores ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a batch that was refused wrote nothing"]
pub enum Committed {
    /// All was done, durably. One entry for each step.
    Done(Vec<Stepped>),
    /// Nothing was done.
    Refused {
        /// The step that was refused, counted from 0.
        index: usize,
        /// Why that step was refused.
        because: Refusal,
    },
}

/// All four stores as one: a batch may hold steps of several of them.
pub trait Stores: Attempts + Log + Once + Records {
    /// Does all steps, or none. Each sees those before it. At most
    /// [`StoreLimits::BATCH`](crate::StoreLimits::BATCH).
    ///
    /// Fails with `Unavailable` and `Misuse` as the stores do. After `Unavailable` it may or may
    /// not have been done, as a whole.
    fn commit(&self, steps: Vec<Step>) -> BoxFuture<'_, Result<Committed>>;

    /// The store's own time, where it has one that all its users share; none where it lies with
    /// the process and the process's clock is as good.
    fn time(&self) -> BoxFuture<'_, Result<Option<Timestamp>>>;
}
