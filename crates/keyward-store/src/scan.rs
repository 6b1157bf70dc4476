//! Which records to walk through, and what a page of them is.

use std::fmt;

use keyward_base::Timestamp;

use crate::damaged::DamagedRow;
use crate::limits::StoreLimits;
use crate::record::{Collection, RecordKey, Version};

/// An owner and an id: where in its order a scan is.
pub type Place = (String, String);

/// Which records to walk through, in the order of owner and id, and how much of them at a time.
///
/// ```
/// use keyward_store::{Collection, Scan};
///
/// let scan = Scan::of(Collection::named("vault")).owner("acme").limit(100);
/// # let _ = scan;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a scan reads nothing by itself"]
#[non_exhaustive]
pub struct Scan {
    /// The set to walk.
    pub collection: Collection,
    /// Only records of this owner; `None` for those of all.
    pub owner: Option<String>,
    /// Only records whose `sealed` begins with these bytes (at most 16). A record that needs the
    /// key otherwise, as [`Records::count`](crate::Records::count) counts too, is not among them.
    pub prefix: Option<String>,
    /// Only records after this owner and id.
    pub after: Option<Place>,
    /// At most so many in a page, 1 to [`StoreLimits::SCAN`], which it is unless told.
    pub limit: usize,
    /// At most so many bytes in a page: those of ids, owners, `data` and what is read of
    /// `sealed`; but one record at least. 1 to [`StoreLimits::SCAN_BYTES`], which it is unless
    /// told.
    pub bytes: usize,
}

impl Scan {
    /// All records of `collection`.
    pub const fn of(collection: Collection) -> Self {
        Self {
            collection,
            owner: None,
            prefix: None,
            after: None,
            limit: StoreLimits::SCAN,
            bytes: StoreLimits::SCAN_BYTES,
        }
    }

    /// Sets [`Scan::owner`].
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets [`Scan::prefix`].
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets [`Scan::after`]: the [`Page::next`] of the page before, or none for the first page.
    pub fn after(mut self, after: Option<Place>) -> Self {
        self.after = after;
        self
    }

    /// Sets [`Scan::limit`].
    pub const fn limit(mut self, records: usize) -> Self {
        self.limit = records;
        self
    }

    /// Sets [`Scan::bytes`].
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

/// A part of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Page<T, P = Place> {
    /// What was found, in order. Not empty unless `next` is none.
    pub items: Vec<T>,
    /// Rows that the store passed over, since it cannot give them: each in one page of a walk.
    pub damaged: Vec<DamagedRow>,
    /// Where to go on, as [`Scan::after`] or [`Find::after`](crate::Find::after); none: this is the end. A page that is shorter than
    /// asked for is no sign of the end.
    pub next: Option<P>,
}

/// A record without its sealed text, but for how that begins: what listing needs.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Outline {
    /// The collection, owner and id of the record.
    pub key: RecordKey,
    /// The version that this content is of.
    pub version: Version,
    /// The first bytes of [`Content::sealed`](crate::Content::sealed), at most as many as were
    /// asked for: whole characters.
    pub front: String,
    /// How many bytes [`Content::sealed`](crate::Content::sealed) has.
    pub sealed_len: usize,
    /// See [`Content::data`](crate::Content::data).
    pub data: Vec<u8>,
    /// See [`Content::expires`](crate::Content::expires).
    pub expires: Option<Timestamp>,
}

impl Outline {
    /// The first bytes of `sealed`, at most `most`, without a character that is cut in two.
    #[must_use]
    pub fn front_of(sealed: &str, most: usize) -> &str {
        let cut = (0..=most.min(sealed.len())).rev();
        let mut whole = cut.filter_map(|at| sealed.get(..at));
        whole.next().unwrap_or_default()
    }
}

impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline")
            .field("key", &self.key)
            .field("version", &self.version)
            .field("front", &format_args!("{} bytes", self.front.len()))
            .field("sealed_len", &self.sealed_len)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("expires", &self.expires)
            .finish()
    }
}

/// Bounds a page while a store fills it: by the number of records and by their bytes. Stores
/// share it, so that all of them end a page alike.
#[derive(Debug)]
pub struct PageBudget {
    records: usize,
    bytes: usize,
    any: bool,
}

impl PageBudget {
    /// The budget of a page of `scan`.
    #[must_use]
    pub const fn of(scan: &Scan) -> Self {
        Self::new(scan.limit, scan.bytes)
    }

    /// The budget of a page of so many records and bytes.
    #[must_use]
    pub const fn new(records: usize, bytes: usize) -> Self {
        Self {
            records,
            bytes,
            any: false,
        }
    }

    /// Takes one record of so many bytes into the page. No: the page ended before it.
    #[must_use = "a record that was not admitted is not part of the page"]
    pub const fn admit(&mut self, bytes: usize) -> bool {
        if self.records == 0 || (self.any && bytes > self.bytes) {
            return false;
        }
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.any = true;
        true
    }
}
