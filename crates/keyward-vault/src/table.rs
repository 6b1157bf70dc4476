//! An application's own table, as rotation sees it.

use keyward_base::Result;
use keyward_keys::Coverage;
use keyward_store::BoxFuture;

use crate::sealed::{Cell, Sealed};

/// One value of an application's table.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // Made by applications.
pub struct Row {
    /// Where [`Table::rows`] goes on after this row: the table's own words, in its own order.
    pub cursor: String,
    /// What the value is bound to.
    pub cell: Cell,
    /// The value.
    pub value: Sealed,
}

/// A table with a column of sealed values, so that rotation finds them.
///
/// [`Coverage::id`] is [`Column::id`](crate::Column::id), and it has no barrier. Values of a key
/// are found by the half-open range of text that begins with its 16-byte prefix, under a binary collation, never with `LIKE`.
pub trait Table: Coverage {
    /// At most `limit` rows after `after`, in a stable order; all rows come by in the end. Fewer
    /// are as good, and none is the end: a table of large values may bound what it reads in bytes.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached.
    fn rows<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Row>>>;

    /// Replaces the value of `row` by `next`, if it is still `row.value`, in one statement, and
    /// says whether it was. Nothing else of the row may change.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be reached.
    fn swap<'a>(&'a self, row: &'a Row, next: &'a Sealed) -> BoxFuture<'a, Result<bool>>;
}
