//! Where a credential lies, and what is expected to be there.

use keyward_base::{Error, Place, RecordId, Result, Revision, Tenant};
use keyward_store::{Collection, RecordKey};

/// The collection of a vault's records, unless it is given another.
pub const VAULT: Collection = Collection::named("vault");

/// Where a credential lies: whose it is, in which column, in which record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // A slot is just these three.
pub struct Slot {
    /// The tenant that the value belongs to.
    pub tenant: Tenant,
    /// In which column, `table.column`.
    pub place: Place,
    /// The record that the value lies in.
    pub record: RecordId,
}

impl Slot {
    /// A slot of checked names.
    ///
    /// # Errors
    /// `Misuse` if one of them is not well formed.
    pub fn new(tenant: &str, place: &str, record: &str) -> Result<Self> {
        Ok(Self {
            tenant: Tenant::new(tenant)?,
            place: Place::new(place)?,
            record: RecordId::new(record)?,
        })
    }

    /// The record in the store. A place holds no `/`, so the id is unambiguous.
    pub(crate) fn key_in(&self, collection: &Collection) -> RecordKey {
        RecordKey {
            collection: collection.clone(),
            owner: self.tenant.as_str().to_owned(),
            id: format!("{}/{}", self.place, self.record),
        }
    }

    pub(crate) fn of_key(key: &RecordKey) -> Result<Self> {
        let wrong = || Error::corrupt("a record of the vault lies where none should");
        let (place, record) = key.id.split_once('/').ok_or_else(wrong)?;
        Self::new(&key.owner, place, record).map_err(|_| wrong())
    }
}

/// What must be in a slot before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Nothing.
    Absent,
    /// Anything or nothing: the last writer wins.
    Any,
    /// This revision, and no other.
    Revision(Revision),
}
