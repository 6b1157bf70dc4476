//! Sealing values anew, whichever crate keeps them: rotation that ends.
//!
//! A column that can be counted is a [`Coverage`]; one whose values can be moved is a [`Reseal`]
//! too. Records of a store are moved by [`crate::RecordColumn::resealed_by`], which asks a [`ResealRow`]
//! for each row and does the rest: the barrier goes up first, so that nobody writes under an old
//! key any more; then one scan seals anew what is old, each row by compare-and-swap, with its
//! cursor and the condition that the barrier has not moved in the same batch. A [`Pass`] goes over
//! all columns of a purpose. It may be killed at any instant and run again, beside live writers and
//! beside itself.

mod cursor;
mod pass;
mod records;
mod row;

use std::fmt;

use keyward_base::{Reason, Result, Tenant};
use keyward_store::{BoxFuture, Record};

use crate::coverage::Coverage;
use crate::tenant::TenantKey;

pub use pass::{Pass, Progress, Report};
pub(crate) use records::{QUARANTINE, Rows, reseal as reseal_records};
pub use row::Resealed;

/// A column whose values can be sealed anew.
pub trait Reseal: Coverage {
    /// Seals anew, under keys issued since the last promotion, what is sealed under older ones, and
    /// tells `pass` of each row. What does not open is left as it is.
    ///
    /// # Errors
    /// `Unavailable` if a store or the keyring cannot be reached: run it again.
    fn reseal<'a>(&'a self, pass: &'a mut Pass<'_>) -> BoxFuture<'a, Result<()>>;
}

/// How one row of a collection is sealed anew. Whoever keeps sealed records gives this to
/// [`RecordColumn::resealed_by`](crate::RecordColumn::resealed_by).
pub trait ResealRow: fmt::Debug + Send + Sync {
    /// Whose the row is.
    ///
    /// # Errors
    /// `Corrupt` for a row that lies where none should.
    fn tenant(&self, row: &Record) -> Result<Tenant>;

    /// The text of `row`, opened with `old` and sealed with `new`; everything else of the row stays
    /// as it is. It is not async, so that no plaintext lies in a future. None: only a newer release
    /// can read the row.
    ///
    /// # Errors
    /// `Rejected` or `Corrupt` for a row that does not open.
    fn reseal(&self, row: &Record, old: &TenantKey, new: &TenantKey) -> Result<Option<String>>;

    /// Whether nothing of `row` is sealed yet, so that no key is needed for it: it is passed over.
    /// Who keeps sealed rows alone has none.
    fn is_bare(&self, row: &Record) -> bool {
        let _ = row;
        false
    }

    /// Records that `row` does not open, as well as can be. It is left as it is.
    ///
    /// # Errors
    /// `Unavailable` without a clock; an event that cannot be recorded is no error.
    fn note_bad<'a>(&'a self, row: &'a Record, reason: Reason) -> BoxFuture<'a, Result<()>>;
}
