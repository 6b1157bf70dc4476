//! A record: where it lies, and what it holds.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use keyward_base::{Error, Result, Timestamp};

use crate::limits::StoreLimits;

/// A set of records of one sort, such as `vault`. 1 to 64 bytes of visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collection(Cow<'static, str>);

impl Collection {
    /// A collection named in the program.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A collection named at run time.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 64 bytes of visible ASCII.
    pub fn new(name: &str) -> Result<Self> {
        Self::check(name)?;
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// What [`Collection::named`] cannot refuse when it is compiled, every store refuses.
    pub(crate) fn check(name: &str) -> Result<()> {
        let fits = (1..=StoreLimits::COLLECTION).contains(&name.len());
        if fits && name.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(());
        }
        Err(Error::misuse(
            "a collection must be 1 to 64 bytes of visible ASCII",
        ))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a record lies. Ordered by collection, owner, id, each by its bytes. Owner and id are any
/// text without a NUL; nothing is trimmed, folded or normalised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct RecordKey {
    /// The set it is in.
    pub collection: Collection,
    /// Whose it is: a tenant, or empty for the system's own. At most 128 bytes.
    pub owner: String,
    /// Its id within owner and collection. At most 300 bytes.
    pub id: String,
}

/// The store's swap token for one state of one record.
///
/// It changes on every write. A store never uses a version twice, not even for a record that was
/// deleted and inserted again: a swap against a stale version always loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// A version of that number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What a record holds: what a write gives, and a read gives back. Nothing in it is secret:
/// secrets are sealed before they come here.
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Content {
    /// Sealed text (`kw1.…`), or empty; without a NUL. Its first 16 bytes name the key it was
    /// sealed with: the record's first key tag, taken from the text, so that it cannot disagree.
    pub sealed: String,
    /// Public bytes beside it, in the owner's own format.
    pub data: Vec<u8>,
    /// When [`Records::purge`](crate::Records::purge) may remove it. None: never.
    pub expires: Option<Timestamp>,
    /// The tag of the key that MACed the record: at most 16 bytes of visible ASCII, written as the
    /// first 16 bytes of sealed text are. Empty: none.
    pub mac_key: String,
    /// The tag, written alike, of a key that something issued for the record still needs, such as
    /// a token. Sealing the record anew does not free that key. Empty: none.
    pub token_key: String,
    /// A word to find the record by, such as a user, a state or a due time: at most 128 bytes,
    /// without a NUL, compared by its bytes. Numbers and times are written in a fixed width.
    /// Empty: none.
    pub word: String,
}

impl Content {
    /// The three key tags: as sealed text begins, [`Content::mac_key`], [`Content::token_key`].
    fn tags(&self) -> [&[u8]; 3] {
        let sealed = self.sealed.as_bytes();
        let front = sealed.get(..StoreLimits::PREFIX).unwrap_or(sealed);
        [front, self.mac_key.as_bytes(), self.token_key.as_bytes()]
    }

    /// Whether any of its key tags begins with `prefix`: what [`Records::count`](crate::Records::count) counts.
    #[must_use]
    pub fn needs_key(&self, prefix: &str) -> bool {
        let prefix = prefix.as_bytes();
        self.tags().iter().any(|tag| tag.starts_with(prefix))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("sealed", &format_args!("{} bytes", self.sealed.len()))
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("expires", &self.expires)
            .field("mac_key", &self.mac_key)
            .field("token_key", &self.token_key)
            .field("word", &format_args!("{} bytes", self.word.len()))
            .finish()
    }
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Record {
    /// The collection, owner and id of the record.
    pub key: RecordKey,
    /// The version that this content is of.
    pub version: Version,
    /// The content of the record.
    pub content: Content,
}

impl Deref for Record {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}
