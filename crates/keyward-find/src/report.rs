//! What was found.

use std::collections::BTreeMap;

/// The most places that are told apart; what lies beyond them is counted together.
const MOST: usize = 65_536;

/// Values of the keys in one column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The table, as the database or dump names it (anything may stand in a name). Empty for
    /// what lies in no table: a function's body, a comment, a default.
    pub table: String,
    /// The column; `None` where a dump does not say which it is.
    pub column: Option<String>,
    /// How many values: a JSON document may hold several.
    pub values: u64,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Each column with values of the keys, ordered by table and column.
    pub found: Vec<Found>,
    /// Virtual tables of a SQLite database. They are not asked, since that would run their
    /// code; the ordinary tables in which the built-in ones keep their content were looked
    /// through like all others.
    pub virtual_tables: Vec<String>,
    /// Whether a dump ended as `pg_dump` and `mysqldump` end theirs. `false` if it may have been
    /// cut short, or was written without comments. Always `true` for a file.
    pub complete: bool,
    /// Whether a SQLite database keeps a write-ahead log, and none lies beside it. Its application
    /// folds the log in when it ends, and all is well; but a copy that was made without the log
    /// lacks the last writes, and nothing tells the one from the other. `false` for a dump.
    pub log_missing: bool,
}

impl Report {
    /// The number of all values found.
    #[must_use]
    pub fn values(&self) -> u64 {
        let values = self.found.iter().map(|found| found.values);
        values.fold(0, u64::saturating_add)
    }
}

/// A column, as it is counted by.
type Column = (String, Option<String>);

/// Counts by table and column.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<Column, u64>,
    /// The column that was counted last, and what is not in `counts` yet: the next value mostly
    /// lies there too.
    last: Option<(Column, u64)>,
}

impl Tally {
    pub(crate) fn add(&mut self, table: &str, column: Option<&str>, values: u64) {
        if values == 0 {
            return;
        }
        match &mut self.last {
            Some(((last_table, last_column), count))
                if last_table == table && last_column.as_deref() == column =>
            {
                *count = count.saturating_add(values);
            }
            _ => {
                self.settle();
                self.last = Some(((table.to_owned(), column.map(str::to_owned)), values));
            }
        }
    }

    fn settle(&mut self) {
        let Some((mut column, values)) = self.last.take() else {
            return;
        };
        if self.counts.len() >= MOST && !self.counts.contains_key(&column) {
            column = ("(further tables)".to_owned(), None);
        }
        let count = self.counts.entry(column).or_default();
        *count = count.saturating_add(values);
    }

    pub(crate) fn into_found(mut self) -> Vec<Found> {
        self.settle();
        let found = |((table, column), values)| Found {
            table,
            column,
            values,
        };
        self.counts.into_iter().map(found).collect()
    }
}
