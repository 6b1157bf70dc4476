//! Rows of a store that are no records any more.

use keyward_base::Error;

use crate::record::Collection;

/// A row that stands in a store and that the store cannot give: a column of it holds what nobody
/// wrote through the store, such as a name that is not UTF-8, a number below zero or a value of
/// another type. It costs its owner only: scans pass it over and name it in
/// [`Page::damaged`](crate::Page::damaged).
///
/// What it needs is not known, so that no key is destroyed while it is in the way. It is restored
/// from a backup, or given up with [`Records::set_aside`](crate::Records::set_aside).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DamagedRow {
    /// Where it lies, as the store calls it: visible ASCII. Erasing what was deleted may give a row
    /// another place.
    pub place: String,
    /// The set it is in; none if that cannot be read.
    pub collection: Option<Collection>,
    /// Whose it is; none if that cannot be read.
    pub owner: Option<String>,
    /// Its id; none if that cannot be read.
    pub id: Option<String>,
    /// The first column that cannot be read.
    pub column: &'static str,
}

impl DamagedRow {
    /// The most rows that are named at once: by one page, by a walk, or of the whole store. Where so
    /// many are, there may be others behind them, of any collection.
    pub const MOST: usize = 4096;

    /// The row at `place`, of which nothing else is known yet.
    #[must_use]
    pub const fn at(place: String, column: &'static str) -> Self {
        Self {
            place,
            collection: None,
            owner: None,
            id: None,
            column,
        }
    }

    /// The error of [`Records::set_aside`](crate::Records::set_aside) where nothing is damaged.
    #[must_use]
    pub fn none() -> Error {
        Error::misuse(
            "there is no row at that place that cannot be read: nothing was set aside; `keyward doctor` names those that there are",
        )
    }

    /// Whether it is a row of `collection`, or may be one.
    #[must_use]
    pub fn may_be_in(&self, collection: &Collection) -> bool {
        self.collection.as_ref().is_none_or(|own| own == collection)
    }

    /// Those of what [`Records::damaged`](crate::Records::damaged) names that are of `collection`,
    /// or may be. If it names as many as it can, what it does not name may be of `collection`: then
    /// they are all in the way.
    #[must_use]
    pub fn in_the_way(mut rows: Vec<Self>, collection: &Collection) -> Vec<Self> {
        if rows.len() < Self::MOST {
            rows.retain(|row| row.may_be_in(collection));
        }
        rows
    }
}
