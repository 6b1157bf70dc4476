//! Who is found by what a person types: the directory of a realm.

mod format;
mod rows;

use std::fmt;

use keyward_base::{BoxFuture, Result, Subject, Tenant, Timestamp};
use keyward_store::Version;

pub use format::reread;
pub use rows::{DirectoryRows, DirectoryRowsBuilder};

use crate::identifier::{Identifier, IdentifierHash};
use crate::verified::Realm;

/// Where it stands which account an identifier is of. An application with a table of its own
/// implements it; [`DirectoryRows`] keeps it in a record store.
pub trait Directory: fmt::Debug + Send + Sync {
    /// The account of `identifier` in `realm`; none: there is none. It reads as much in both cases.
    ///
    /// # Errors
    /// `Unavailable` if nobody could be looked up now; `Corrupt` if this entry is not what was
    /// written. Who logs in is told the same of one that is corrupt or missing.
    fn find<'a>(
        &'a self,
        realm: &'a Realm,
        identifier: &'a Identifier,
    ) -> BoxFuture<'a, Result<Option<Entry>>>;

    /// Puts an entry that was found under an old key under the one in use, as after a log-in. It does
    /// nothing if that is so already, or if somebody else changed the entry meanwhile.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached: the next log-in tries again.
    fn renew<'a>(
        &'a self,
        realm: &'a Realm,
        identifier: &'a Identifier,
        entry: &'a Entry,
    ) -> BoxFuture<'a, Result<()>>;
}

/// Whose an identifier is.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) subject: Subject,
    pub(crate) organisation: Tenant,
    pub(crate) made: Timestamp,
    pub(crate) read_at: Timestamp,
    pub(crate) row: Option<Row>,
}

/// Which state of which row an entry was read of.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) hash: IdentifierHash,
    pub(crate) version: Version,
    /// Whether the key it lies under is the one in use.
    pub(crate) is_current: bool,
}

impl Entry {
    /// For whoever keeps a table: that the identifier is of `subject`, who works with the data of
    /// `organisation`, as it was read from `read_at` on, a moment before.
    #[must_use]
    pub const fn new(subject: Subject, organisation: Tenant, read_at: Timestamp) -> Self {
        Self {
            subject,
            organisation,
            made: read_at,
            read_at,
            row: None,
        }
    }

    /// Whose it is: the account's subject in the realm.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The tenant whose data he works with. Evidence names it, and not the realm's.
    #[must_use]
    pub const fn organisation(&self) -> &Tenant {
        &self.organisation
    }

    /// When the identifier became his.
    #[must_use]
    pub const fn made(&self) -> Timestamp {
        self.made
    }

    /// A moment before it was read, by the store's clock where it has one.
    #[must_use]
    pub const fn read_at(&self) -> Timestamp {
        self.read_at
    }
}
