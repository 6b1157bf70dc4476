//! The vault: credentials in, credentials out.

mod act;
mod at;
mod builder;
mod damage;
mod delete;
mod listing;
mod observers;
mod open;
mod opened;
mod place;
mod put;
mod rows;
mod tell;
mod tenants;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::Timestamp;
use keyward_base::encoded::Encoded;
use keyward_base::{
    Actor, Clock, Context, CredentialKind, Error, Purpose, Result, Revision, Role, SecretBytes,
    Trail,
};
use keyward_crypto::Provider;
use keyward_crypto::sealed::Parsed;
use keyward_keys::{Barrier, Keyring, RecordColumn};
use keyward_store::{Collection, Record, RecordKey, Records};

pub(crate) use act::REWRAP;
pub use at::{AtPlace, AtRecord, OfTenant};
pub use builder::VaultBuilder;
pub use listing::{Listed, Page, Refused, UnverifiedHint};
pub use opened::Opened;
pub(crate) use rows::{Whereabouts, note_bad};
pub use tenants::Tenants;

use self::observers::Observers;
use crate::credential::{Credential, Kind};
use crate::metadata::Metadata;
use crate::slot::Slot;

/// The domain of values in records of the vault.
const DOMAIN: &str = "kw1/record";

/// How often a put that lost a race it may repeat is tried again.
const MAX_TRIES: usize = 64;

/// Keeps other people's credentials. A cheap clone.
#[derive(Clone)]
pub struct Vault {
    pub(crate) inner: Arc<Inner>,
    pub(crate) trail: Trail,
}

pub(crate) struct Inner {
    pub(crate) keyring: Keyring,
    pub(crate) store: Arc<dyn Records>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) purpose: Purpose,
    pub(crate) collection: Collection,
    /// What the ids of its acts begin with.
    pub(crate) named: [u8; 8],
    barrier: Mutex<Option<Barrier>>,
    /// When to look again for what other runs left open in the trail.
    look_again: Mutex<Option<Timestamp>>,
    column: RecordColumn,
    observers: Observers,
}

impl Vault {
    /// Starts a vault on `store`, sealed with the keys of `keyring`.
    pub fn builder(keyring: Keyring, store: Arc<dyn Records>) -> VaultBuilder {
        VaultBuilder::new(keyring, store)
    }

    /// The keyring it seals with.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    /// The store it keeps its records in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Records> {
        &self.inner.store
    }

    /// The collection of the store that its records lie in.
    #[must_use]
    pub fn collection(&self) -> &Collection {
        &self.inner.collection
    }

    /// What its keys are for.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.inner.purpose
    }

    /// The same vault, whose acts are recorded as `actor`'s.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            trail: self.trail.acting_as(actor),
        }
    }

    /// Where its events go.
    #[must_use]
    pub const fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Checks `bytes` as a credential of `kind`, with the vault's own clock and provider.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn credential(&self, kind: Kind, bytes: SecretBytes) -> Result<Credential> {
        Credential::parse(
            kind,
            bytes,
            self.inner.keyring.provider(),
            self.inner.clock.now()?,
        )
    }

    async fn barrier(&self) -> Result<Barrier> {
        let held = self
            .inner
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(barrier) = held {
            return Ok(barrier);
        }
        let (store, purpose) = (self.inner.store.as_ref(), &self.inner.purpose);
        let barrier = Barrier::claim(store, &self.inner.collection, purpose).await?;
        *self
            .inner
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(barrier.clone());
        Ok(barrier)
    }

    fn forget_barrier(&self) {
        *self
            .inner
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn binding<'a>(
        &'a self,
        slot: &'a Slot,
        role: &'a Role,
        metadata: &Metadata,
        data: &[u8],
    ) -> Result<Binding<'a>> {
        let (purpose, provider) = (&self.inner.purpose, self.inner.keyring.provider());
        Binding::of(purpose, provider, slot, role, metadata, data)
    }

    /// Where the record of `slot` lies in the store.
    pub(crate) fn place_of(&self, slot: &Slot) -> RecordKey {
        slot.key_in(&self.inner.collection)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("keyring", &self.inner.keyring)
            .finish_non_exhaustive()
    }
}

/// What a record of the vault is bound to.
pub(crate) struct Binding<'a> {
    purpose: &'a Purpose,
    slot: &'a Slot,
    role: &'a Role,
    kind: CredentialKind,
    digest: [u8; 32],
    revision: Revision,
}

impl<'a> Binding<'a> {
    fn of(
        purpose: &'a Purpose,
        provider: &Provider,
        slot: &'a Slot,
        role: &'a Role,
        metadata: &Metadata,
        data: &[u8],
    ) -> Result<Self> {
        Ok(Self {
            purpose,
            slot,
            role,
            kind: metadata.kind().id()?,
            digest: provider.sha256(&[data]),
            revision: metadata.revision(),
        })
    }

    pub(crate) fn encode(&self, header: &[u8]) -> Result<Encoded> {
        Context {
            purpose: self.purpose,
            tenant: &self.slot.tenant,
            role: self.role,
            place: &self.slot.place,
            record: &self.slot.record,
            kind: &self.kind,
            metadata: Some(&self.digest),
            revision: self.revision,
        }
        .encode(DOMAIN, header)
    }
}

/// Reads a stored sealed value. That it is malformed is the store's fault, not the caller's.
pub(crate) fn parse_stored(record: &Record) -> Result<Parsed> {
    Parsed::parse(&record.sealed).map_err(|e| match e.reason() {
        Some(reason) => Error::corrupt("a sealed value is damaged").because(reason),
        None => e,
    })
}

/// The vault's collection as a column to be counted.
impl Vault {
    /// The vault's own records as a column. It is among [`Keyring::coverages`] from the moment
    /// that the vault is built.
    #[must_use]
    pub fn coverage(&self) -> &RecordColumn {
        &self.inner.column
    }
}
