//! Finding records by their word.

use crate::limits::StoreLimits;
use crate::record::Collection;

/// Which words to look for. A record without a word is never found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Words {
    /// Every word but the empty one.
    All,
    /// This word exactly.
    Is(String),
    /// From `from` on, and below `until`; none: to the end.
    Range {
        /// The least word, itself included.
        from: String,
        /// The word that ends the range, itself left out.
        until: Option<String>,
    },
}

impl Words {
    /// Whether a record with this word is found.
    #[must_use]
    pub fn hold(&self, word: &str) -> bool {
        let (word, held) = (word.as_bytes(), !word.is_empty());
        held && match self {
            Self::All => true,
            Self::Is(is) => word == is.as_bytes(),
            Self::Range { from, until } => {
                let below = |until: &String| word < until.as_bytes();
                word >= from.as_bytes() && until.as_ref().is_none_or(below)
            }
        }
    }
}

/// Where a search is: the word, owner and id of the last record found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs)]
pub struct Found {
    /// Its word.
    pub word: String,
    /// Its owner.
    pub owner: String,
    /// Its id.
    pub id: String,
}

/// Which records to find by their word, and how much of them at a time.
///
/// ```
/// use keyward_store::{Collection, Find, Words};
///
/// let due = Words::Range { from: String::new(), until: Some("2026-11-25".into()) };
/// let find = Find::of(Collection::named("job"), due).owner("acme").limit(100);
/// # let _ = find;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a search reads nothing by itself"]
#[non_exhaustive]
pub struct Find {
    /// The set to search.
    pub collection: Collection,
    /// Only records of this owner; `None` for those of all.
    pub owner: Option<String>,
    /// Which words are found.
    pub words: Words,
    /// Only records after this one, in the order that they are found in.
    pub after: Option<Found>,
    /// From the last word to the first: owners and ids of one word are turned round with it.
    pub backwards: bool,
    /// As [`Scan::limit`](crate::Scan::limit).
    pub limit: usize,
    /// As [`Scan::bytes`](crate::Scan::bytes).
    pub bytes: usize,
}

impl Find {
    /// All records of `collection` with one of these words.
    pub const fn of(collection: Collection, words: Words) -> Self {
        Self {
            collection,
            owner: None,
            words,
            after: None,
            backwards: false,
            limit: StoreLimits::SCAN,
            bytes: StoreLimits::SCAN_BYTES,
        }
    }

    /// Sets [`Find::owner`].
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets [`Find::after`]: the [`Page::next`](crate::Page::next) of the page before.
    pub fn after(mut self, after: Option<Found>) -> Self {
        self.after = after;
        self
    }

    /// Sets [`Find::backwards`].
    pub const fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// Sets [`Find::limit`].
    pub const fn limit(mut self, records: usize) -> Self {
        self.limit = records;
        self
    }

    /// Sets [`Find::bytes`].
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}
