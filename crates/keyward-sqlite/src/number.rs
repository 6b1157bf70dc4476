//! SQLite's signed integers, and the unsigned numbers they stand for.

use keyward_base::Timestamp;

/// A time as SQLite holds it. One beyond its range stands for the end of time.
pub(crate) fn from_time(time: Timestamp) -> i64 {
    from_u64(time.as_millis())
}

/// A number as SQLite holds it, or the greatest it can hold.
pub(crate) fn from_u64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of rows as SQLite holds it.
pub(crate) fn from_usize(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from column `column`. Below zero is not what was written.
pub(crate) fn to_u64(column: usize, number: i64) -> rusqlite::Result<u64> {
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
