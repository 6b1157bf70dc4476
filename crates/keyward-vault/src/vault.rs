//! The vault: credentials in, credentials out.

mod builder;
mod listing;
mod opened;
mod tenants;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::audit::{Event, Outcome};
use keyward_base::context::Encoded;
use keyward_base::{
    Clock, Context, CredentialKind, Error, KeyId, Purpose, Reason, Result, Revision, Scope,
    SecretBytes, Sink,
};
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_keys::{Barrier, Keyring, RecordColumn};
use keyward_store::{Applied, Content, Record, Records, Write};

pub use builder::VaultBuilder;
pub use listing::{Listed, Page, Refused, UnverifiedHint};
pub use opened::Opened;
pub use tenants::Tenants;

use crate::credential::{Credential, Kind};
use crate::metadata::Metadata;
use crate::slot::{Expect, Slot, VAULT};

/// The domain of values in records of the vault.
const DOMAIN: &str = "kw1/record";

/// How often a put that lost a race it may repeat is tried again.
const MAX_TRIES: usize = 64;

/// Keeps other people's credentials. A cheap clone.
#[derive(Clone)]
pub struct Vault(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) keyring: Keyring,
    pub(crate) store: Arc<dyn Records>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<dyn Sink>,
    pub(crate) purpose: Purpose,
    barrier: Mutex<Option<Barrier>>,
    column: RecordColumn,
}

impl Vault {
    /// Starts a vault on `store`, sealed with the keys of `keyring`.
    pub fn builder(keyring: Keyring, store: Arc<dyn Records>) -> VaultBuilder {
        VaultBuilder::new(keyring, store)
    }

    /// The keyring it seals with.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// The store it keeps its records in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Records> {
        &self.0.store
    }

    /// What its keys are for.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.0.purpose
    }

    /// Checks `bytes` as a credential of `kind`, with the vault's own clock and provider.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn credential(&self, kind: Kind, bytes: SecretBytes) -> Result<Credential> {
        Credential::parse(kind, bytes, self.0.keyring.provider(), self.0.clock.now()?)
    }

    /// Seals `credential` into `slot`, for callers of `scope`.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::Conflict`] if the slot does not hold what is expected;
    /// `Unavailable` if a store, the keyring or the audit cannot be reached. Nothing is
    /// half-written.
    pub async fn put(
        &self,
        slot: &Slot,
        credential: &Credential,
        scope: &Scope,
        expect: Expect,
    ) -> Result<Listed> {
        let result = self.try_put(slot, credential, scope, expect).await;
        let key = result.as_ref().ok().map(|listed| listed.key);
        self.record("vault.put", slot, key, Event::outcome_of(&result))?;
        result
    }

    async fn try_put(
        &self,
        slot: &Slot,
        credential: &Credential,
        scope: &Scope,
        expect: Expect,
    ) -> Result<Listed> {
        let place = slot.key();
        for _ in 0..MAX_TRIES {
            let found = self.0.store.fetch(&place).await?;
            let held = found
                .as_ref()
                .map(|record| Metadata::parse(&record.data))
                .transpose()?;
            check_expected(expect, held.as_ref())?;
            let now = self.0.clock.now()?;
            let (revision, created) = match &held {
                Some(held) => (held.revision().next()?, held.created()),
                None => (Revision::FIRST, now),
            };
            let metadata = Metadata::new(credential, scope, revision, created, now);
            let data = metadata.to_bytes()?;
            let barrier = self.barrier().await?;
            let key = self
                .0
                .keyring
                .sealing_key(&self.0.purpose, &slot.tenant, barrier.promoted_epoch())
                .await?;
            let header = Header {
                suite: key.suite(),
                key: key.id(),
                hint: credential.hint().clone(),
            };
            let binding = self.binding(slot, scope, &metadata, &data)?;
            let sealed = sealed::seal(
                key.body(),
                &header,
                |header| binding.encode(header),
                credential.bytes().expose(),
            )?;
            let write = match found {
                Some(found) => Write::Swap {
                    key: place.clone(),
                    version: found.version,
                    content: Content {
                        sealed,
                        data,
                        ..Content::default()
                    },
                },
                None => Write::Insert {
                    key: place.clone(),
                    content: Content {
                        sealed,
                        data,
                        ..Content::default()
                    },
                },
            };
            match self.0.store.apply(vec![barrier.require(), write]).await? {
                Applied::Done(_) => return Ok(Listed::of(slot.clone(), header, &metadata, scope)),
                // The barrier went up, or the slot changed: look again, and judge anew.
                _ => self.forget_barrier(),
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer",
        ))
    }

    /// Opens what lies in `slot`, for a caller of `scope`. It is recorded before it is handed out.
    ///
    /// # Errors
    /// `Rejected`, outward always alike, with the reason for the audit: [`Reason::NotFound`],
    /// [`Reason::ScopeMismatch`], [`Reason::NotAuthentic`] and those of
    /// [`Keyring::opening_key`]; `Corrupt` for a damaged value; `Unavailable` if a store, the
    /// keyring or the audit cannot be reached.
    pub async fn open(&self, slot: &Slot, scope: &Scope) -> Result<Opened> {
        let mut key = None;
        let result = self.try_open(slot, scope, &mut key).await;
        self.record("vault.open", slot, key, Event::outcome_of(&result))?;
        result
    }

    async fn try_open(
        &self,
        slot: &Slot,
        scope: &Scope,
        key_id: &mut Option<KeyId>,
    ) -> Result<Opened> {
        let found = self.0.store.fetch(&slot.key()).await?;
        let record = found.ok_or_else(|| Error::rejected(Reason::NotFound))?;
        let metadata = Metadata::parse(&record.data)?;
        if metadata.scope()? != *scope {
            return Err(Error::rejected(Reason::ScopeMismatch));
        }
        let parsed = parse_stored(&record)?;
        let header = parsed.header().clone();
        *key_id = Some(header.key);
        let key = self
            .0
            .keyring
            .opening_key(&self.0.purpose, &slot.tenant, header.key)
            .await?;
        let binding = self.binding(slot, scope, &metadata, &record.data)?;
        let bytes = parsed.open(key.body(), |header| binding.encode(header))?;
        let facts = metadata.facts().clone();
        let credential = Credential::from_store(metadata.kind(), bytes, header.hint, facts);
        Ok(Opened::new(credential, metadata.revision()))
    }

    /// Deletes what lies in `slot`. The sealed bytes may outlast it in the store's own files and
    /// in backups; they stay sealed.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::NotFound`], or with [`Reason::Conflict`] if the slot does not
    /// hold what is expected; `Unavailable` if the store or the audit cannot be reached.
    pub async fn delete(&self, slot: &Slot, expect: Expect) -> Result<()> {
        let result = self.try_delete(slot, expect).await;
        self.record("vault.delete", slot, None, Event::outcome_of(&result))?;
        result
    }

    async fn try_delete(&self, slot: &Slot, expect: Expect) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let found = self.0.store.fetch(&slot.key()).await?;
            let record = found.ok_or_else(|| Error::rejected(Reason::NotFound))?;
            // A value that cannot be read may still be deleted by who expects anything.
            if expect != Expect::Any {
                check_expected(expect, Some(&Metadata::parse(&record.data)?))?;
            }
            let delete = Write::Delete {
                key: record.key,
                version: record.version,
            };
            if let Applied::Done(_) = self.0.store.apply(vec![delete]).await? {
                return Ok(());
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer",
        ))
    }

    async fn barrier(&self) -> Result<Barrier> {
        let held = self
            .0
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(barrier) = held {
            return Ok(barrier);
        }
        let (store, purpose) = (self.0.store.as_ref(), &self.0.purpose);
        let barrier = Barrier::claim(store, &VAULT, purpose).await?;
        *self
            .0
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(barrier.clone());
        Ok(barrier)
    }

    pub(crate) fn forget_barrier(&self) {
        *self
            .0
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn binding<'a>(
        &'a self,
        slot: &'a Slot,
        scope: &'a Scope,
        metadata: &Metadata,
        data: &[u8],
    ) -> Result<Binding<'a>> {
        Ok(Binding {
            purpose: &self.0.purpose,
            slot,
            scope,
            kind: metadata.kind().id()?,
            digest: self.0.keyring.provider().sha256(&[data]),
            revision: metadata.revision(),
        })
    }

    pub(crate) fn record(
        &self,
        action: &'static str,
        slot: &Slot,
        key: Option<KeyId>,
        outcome: Outcome,
    ) -> Result<()> {
        let mut event = Event::new(self.0.clock.now()?, action, outcome);
        event.tenant = Some(slot.tenant.clone());
        event.place = Some(slot.place.clone());
        event.record = Some(slot.record.clone());
        event.key = key;
        self.0.audit.record(&event)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("keyring", &self.0.keyring)
            .finish_non_exhaustive()
    }
}

/// What a record of the vault is bound to.
pub(crate) struct Binding<'a> {
    purpose: &'a Purpose,
    slot: &'a Slot,
    scope: &'a Scope,
    kind: CredentialKind,
    digest: [u8; 32],
    revision: Revision,
}

impl Binding<'_> {
    pub(crate) fn encode(&self, header: &[u8]) -> Encoded {
        Context {
            purpose: self.purpose,
            tenant: &self.slot.tenant,
            scope: self.scope,
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

fn check_expected(expect: Expect, held: Option<&Metadata>) -> Result<()> {
    let fits = match expect {
        Expect::Any => true,
        Expect::Absent => held.is_none(),
        Expect::Revision(revision) => held.is_some_and(|held| held.revision() == revision),
    };
    if fits {
        Ok(())
    } else {
        Err(Error::rejected(Reason::Conflict))
    }
}

/// The vault's collection as a column to be counted.
impl Vault {
    /// The vault's own records as a column. It is among [`Keyring::coverages`] from the moment
    /// that the vault is built.
    #[must_use]
    pub fn coverage(&self) -> &RecordColumn {
        &self.0.column
    }
}
