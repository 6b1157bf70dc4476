//! Listing: hints and facts, and nothing opened.

use std::fmt;

use keyward_base::{Error, Hint, KeyId, Reason, Result, Revision, Role, Tenant, Timestamp};
use keyward_crypto::sealed::Header;
use keyward_store::{Collection, Place, Record, RecordKey, Scan, StoreLimits};

use super::{Vault, parse_stored};
use crate::credential::{Facts, Kind};
use crate::metadata::Metadata;
use crate::slot::Slot;

/// Bytes of a sealed text that hold its whole header, which has 60 characters at most.
const FRONT: usize = 64;

/// A hint as it stands in the store. Whoever can write to the store may have changed it.
#[derive(Clone, PartialEq, Eq)]
pub struct UnverifiedHint(Hint);

impl UnverifiedHint {
    /// The hint, without a check.
    #[must_use]
    pub const fn as_hint(&self) -> &Hint {
        &self.0
    }
}

impl fmt::Display for UnverifiedHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for UnverifiedHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnverifiedHint({})", self.0)
    }
}

/// What may be shown of a stored credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The tenant, place and record that the value lies in.
    pub slot: Slot,
    /// The kind of the credential.
    pub kind: Kind,
    /// The masked form.
    pub hint: UnverifiedHint,
    /// The key it is sealed with.
    pub key: KeyId,
    /// The role it opens for.
    pub role: Role,
    /// Which state of the slot it is: each put gives another, and none is given twice.
    pub revision: Revision,
    /// When the slot was first put.
    pub created: Timestamp,
    /// When it was last put.
    pub updated: Timestamp,
    /// What else may be shown.
    pub facts: Facts,
}

impl Listed {
    pub(super) fn of(slot: Slot, header: Header, metadata: &Metadata, role: &Role) -> Self {
        Self {
            slot,
            kind: metadata.kind(),
            hint: UnverifiedHint(header.hint),
            key: header.key,
            role: role.clone(),
            revision: metadata.revision(),
            created: metadata.created(),
            updated: metadata.updated(),
            facts: metadata.facts().clone(),
        }
    }

    /// Reads what stands in the clear: the sealed text may be cut off after [`FRONT`] bytes.
    fn read(key: &RecordKey, sealed: &str, data: &[u8]) -> Result<Self> {
        let slot = Slot::of_key(key)?;
        let metadata = Metadata::parse(data)?;
        let header = Header::peek(sealed).map_err(|e| match e.reason() {
            Some(reason) => Error::corrupt("a sealed value is damaged").because(reason),
            None => e,
        })?;
        let role = metadata.role()?;
        Ok(Self::of(slot, header, &metadata, &role))
    }
}

/// A record that could not be listed, or did not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The record's id in the store, `table.column/record`.
    pub id: String,
    /// The reason, for the audit; it is not meant for the caller of the service.
    pub reason: Option<Reason>,
}

/// A part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The credentials, in the order of place and record.
    pub items: Vec<Listed>,
    /// Records that are not what was written. One of them does not hide the others.
    pub refused: Vec<Refused>,
    /// Where the next part begins; none after the last. A part may be shorter than asked for: the
    /// store bounds it in bytes too.
    pub next: Option<String>,
}

impl Vault {
    /// What may be shown of one slot, as [`Vault::list`] shows it; none if nothing lies there.
    ///
    /// # Errors
    /// `Corrupt` for a record that is not what was written; `Unavailable` if the store cannot be
    /// reached.
    pub async fn describe(&self, slot: &Slot) -> Result<Option<Listed>> {
        let record = self.inner.store.fetch(&self.place_of(slot)).await?;
        let listed = record.map(|found| Listed::read(&found.key, &found.sealed, &found.data));
        listed.transpose()
    }

    /// Lists a tenant's credentials, at most `limit` (1 to 4096) from `after` on, which is the
    /// [`Page::next`] of the part before. Opens nothing and needs no key: what it shows is not
    /// verified.
    ///
    /// # Errors
    /// `Misuse` for a limit out of bounds; `Unavailable` if the store cannot be reached.
    pub async fn list(&self, tenant: &Tenant, after: Option<&str>, limit: usize) -> Result<Page> {
        let scan = scan(&self.inner.collection, tenant, after, limit)?;
        let found = self.inner.store.outline(scan, FRONT).await?;
        let mut page = Page::before(found.next);
        for found in &found.items {
            match Listed::read(&found.key, &found.front, &found.data) {
                Ok(listed) => page.items.push(listed),
                Err(e) => page.refused.push(refused(&found.key, &e)),
            }
        }
        Ok(page)
    }

    /// Lists like [`Vault::list`], and checks of each credential that key, hint, metadata and
    /// place are those it was sealed with. Decrypts nothing.
    ///
    /// # Errors
    /// As [`Vault::list`], and `Unavailable` if the keyring cannot be reached.
    pub async fn list_verified(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        let scan = scan(&self.inner.collection, tenant, after, limit)?;
        let found = self.inner.store.scan(scan).await?;
        let mut page = Page::before(found.next);
        for record in &found.items {
            let listed = match Listed::read(&record.key, &record.sealed, &record.data) {
                Ok(listed) => listed,
                Err(e) => {
                    page.refused.push(refused(&record.key, &e));
                    continue;
                }
            };
            match self.verify(record, &listed).await {
                Ok(()) => page.items.push(listed),
                // Not the record's fault: nothing can be said of it now.
                Err(e)
                    if e.reason().is_none() && e.kind() == keyward_base::ErrorKind::Unavailable =>
                {
                    return Err(e);
                }
                Err(e) => page.refused.push(refused(&record.key, &e)),
            }
        }
        Ok(page)
    }

    async fn verify(&self, record: &Record, listed: &Listed) -> Result<()> {
        let metadata = Metadata::parse(&record.data)?;
        let parsed = parse_stored(record)?;
        let tenant = &listed.slot.tenant;
        let key = self
            .inner
            .keyring
            .opening_key(&self.inner.purpose, tenant, listed.key)
            .await?;
        let binding = self.binding(&listed.slot, &listed.role, &metadata, &record.data)?;
        parsed.verify(key.body(), |header| binding.encode(header))
    }
}

fn scan(
    collection: &Collection,
    tenant: &Tenant,
    after: Option<&str>,
    limit: usize,
) -> Result<Scan> {
    if !(1..=StoreLimits::SCAN).contains(&limit) {
        return Err(Error::misuse("a page holds 1 to 4096 credentials"));
    }
    let owner = tenant.as_str();
    let after = after.map(|id| (owner.to_owned(), id.to_owned()));
    Ok(Scan::of(collection.clone())
        .owner(owner)
        .after(after)
        .limit(limit))
}

impl Page {
    /// An empty page, and where the one after it begins.
    fn before(next: Option<Place>) -> Self {
        Self {
            items: Vec::new(),
            refused: Vec::new(),
            next: next.map(|(_, id)| id),
        }
    }
}

fn refused(key: &RecordKey, error: &Error) -> Refused {
    Refused {
        id: key.id.clone(),
        reason: error.reason(),
    }
}
