//! The rows of accounts in a record store, sealed under a key of the keyring: the pepper.
//!
//! One collection holds the accounts of one door. A row is sealed with AES-256-GCM under a key of its
//! tenant, bound to the realm (door and tenant), the user, the key and all that stands beside it. So
//! who reads the table learns no hash, and who writes it can plant none, move none to another user or
//! realm, and cannot enable an account, lower its revision or take a second factor away. The keys are
//! replaced by the rotation of the keyring, with nobody logging in. `docs/formats/credential.md` has
//! the bytes, `docs/passwords.md` the order in which an application comes to a pepper.

mod attach;
mod builder;
mod census;
mod decoy;
mod format;
#[cfg(feature = "login")]
mod joined;
mod pepper;
mod seal;
mod sealing;
mod walk;
mod wrap;

use std::fmt;
use std::sync::Arc;

use keyward_base::{
    BoxFuture, Clock, Door, Error, Result, Revision, SecretBytes, Subject, Tenant, Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_crypto::sealed::Header;
use keyward_keys::Barrier;
use keyward_store::{Applied, Collection, Content, Record, Stores, Version, Write};

pub use builder::CredentialRowsBuilder;
pub use census::RowsCounted;
pub use format::reread;
pub use seal::Sealing;
pub use wrap::Wrapped;

use crate::credential::{Credential, CredentialVersion, Credentials, Loaded, Swapped};
use crate::ledger::Meter;
use crate::reason;
use crate::verified::{Account, Realm};
use builder::is_sealed;
use decoy::Decoys;
use format::{Facts, Held, place, secret_of, wrong};
use pepper::Pepper;
use sealing::{Binding, of_the_key, of_the_keyring, of_the_row};

/// How often a write is tried whose barrier has moved.
const MAX_TRIES: usize = 8;

/// The accounts of one door in a record store. Clones are the same.
#[derive(Clone)]
pub struct CredentialRows(Arc<Inner>);

struct Inner {
    store: Arc<dyn Stores>,
    door: Door,
    collection: Collection,
    clock: Arc<dyn Clock>,
    trail: Trail,
    provider: Provider,
    meter: Meter,
    pepper: Option<Pepper>,
    decoys: Decoys,
}

/// What the reading of a row spent on a seal.
#[derive(Clone, Copy, Default)]
struct Spent {
    is_counted: bool,
    is_opened: bool,
}

/// What every write requires.
struct Guard {
    require: Write,
    least: u64,
}

impl CredentialRows {
    /// The accounts of `door` in `store`.
    pub fn builder(
        store: Arc<dyn Stores>,
        door: Door,
        clock: Arc<dyn Clock>,
    ) -> CredentialRowsBuilder {
        CredentialRowsBuilder::new(store, door, clock)
    }

    /// Makes the row of an account that has none, with a first revision of 48 random bits: one that
    /// was removed and came again does not go through its old revisions anew. Returns the row as it
    /// was written; none: there is one already.
    ///
    /// # Errors
    /// `Misuse` for an account of another door; `Unavailable` if a store cannot be reached.
    pub async fn insert(
        &self,
        account: &Account,
        credential: Credential,
    ) -> Result<Option<Loaded>> {
        let read_at = self.now().await?;
        let mut random = [0; 8];
        let (_, low) = random.split_at_mut(2);
        self.0.provider.fill(low)?;
        let first = Revision::new(u64::from_be_bytes(random)).max(Revision::FIRST);
        let changed = credential.changed();
        let credential = credential.at_revision(first, changed);
        match self.write(account, None, &credential).await? {
            Swapped::Changed => Ok(None),
            Swapped::Done(version) => Ok(Some(Loaded {
                credential,
                version,
                read_at,
            })),
        }
    }

    /// Removes the row that was loaded at `version`. No: somebody else wrote or removed it meanwhile.
    ///
    /// # Errors
    /// `Misuse` for an account of another door; `Unavailable` if the store cannot be reached.
    pub async fn remove(&self, account: &Account, version: CredentialVersion) -> Result<bool> {
        self.check_door(account)?;
        let delete = Write::Delete {
            key: place(&self.0.collection, account),
            version: Version::new(version.number()),
        };
        let applied = self.0.store.apply(vec![delete]).await?;
        Ok(matches!(applied, Applied::Done(_)))
    }

    fn check_door(&self, account: &Account) -> Result<()> {
        if account.door == self.0.door {
            return Ok(());
        }
        Err(Error::misuse("the account is of another door"))
    }

    /// By the store's clock where it has one.
    async fn now(&self) -> Result<Timestamp> {
        match self.0.store.time().await? {
            Some(now) => Ok(now),
            None => self.0.clock.now(),
        }
    }

    /// Whether a row that was read before may be bare.
    async fn takes_bare(&self) -> Result<bool> {
        match &self.0.pepper {
            Some(pepper) => pepper.takes_bare().await.map_err(of_the_keyring),
            None => Ok(true),
        }
    }

    /// Who has a pepper requires the barrier; who has none, that there is none.
    async fn guard(&self) -> Result<Guard> {
        let Some(pepper) = &self.0.pepper else {
            return Ok(Guard {
                require: Barrier::require_none(&self.0.collection),
                least: 0,
            });
        };
        let barrier = pepper.barrier(self.0.store.as_ref()).await?;
        Ok(Guard {
            require: barrier.require(),
            least: barrier.promoted_epoch(),
        })
    }

    fn forget_guard(&self) {
        if let Some(pepper) = &self.0.pepper {
            pepper.forget_barrier();
        }
    }

    /// What is written of a row.
    async fn content(
        &self,
        account: &Account,
        facts: Facts,
        secret: SecretBytes,
        least: u64,
    ) -> Result<Content> {
        let mut data = facts.to_bytes();
        let Some(pepper) = &self.0.pepper else {
            data.extend_from_slice(secret.expose());
            return Ok(Content {
                data,
                ..Content::default()
            });
        };
        let key = pepper.sealing_key(&account.tenant, least).await?;
        // From here on nothing waits.
        self.0.meter.seals();
        let binding = self.binding(pepper, &account.tenant, &account.subject, &data);
        let sealed = binding.seal(&key, secret.expose())?;
        Ok(Content {
            sealed,
            data,
            ..Content::default()
        })
    }

    fn binding<'a>(
        &'a self,
        pepper: &'a Pepper,
        tenant: &'a Tenant,
        subject: &'a Subject,
        facts: &'a [u8],
    ) -> Binding<'a> {
        Binding {
            purpose: &pepper.purpose,
            collection: &self.0.collection,
            tenant,
            subject,
            facts,
        }
    }

    async fn write(
        &self,
        account: &Account,
        found: Option<Version>,
        credential: &Credential,
    ) -> Result<Swapped> {
        self.check_door(account)?;
        for _ in 0..MAX_TRIES {
            let guard = self.guard().await?;
            let (facts, secret) = (Facts::of(credential), secret_of(credential)?);
            let content = self.content(account, facts, secret, guard.least).await?;
            let put = Write::put(place(&self.0.collection, account), found, content);
            match self.0.store.apply(vec![guard.require, put]).await? {
                Applied::Done(versions) => {
                    let version = versions.into_iter().flatten().next();
                    let unknown = || Error::unavailable("the store told no version");
                    let version = version.ok_or_else(unknown)?;
                    return Ok(Swapped::Done(CredentialVersion::new(version.number())));
                }
                Applied::Conflict { index: 0 } if self.0.pepper.is_none() => {
                    return Err(is_sealed());
                }
                // The barrier went up: a newer key seals.
                Applied::Conflict { index: 0 } => self.forget_guard(),
                _ => return Ok(Swapped::Changed),
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer; try again in a moment",
        ))
    }

    /// A row as it was read. `takes_bare` was asked after it was.
    async fn opened(
        &self,
        account: &Account,
        row: &Record,
        takes_bare: bool,
    ) -> Result<Credential> {
        self.opened_telling(account, row, takes_bare, &mut Spent::default())
            .await
    }

    /// The same, and what was spent on a seal.
    async fn opened_telling(
        &self,
        account: &Account,
        row: &Record,
        takes_bare: bool,
        spent: &mut Spent,
    ) -> Result<Credential> {
        let held = Held::parse(&row.content)?;
        let facts = held.facts();
        let (pepper, sealed) = match (&self.0.pepper, held) {
            (_, Held::Bare(_, secret)) if takes_bare => {
                return format::credential(facts, secret.expose());
            }
            (_, Held::Bare(..)) => return Err(wrong().because(reason::BARE)),
            (None, Held::Sealed(..)) => return Err(is_sealed()),
            (Some(pepper), Held::Sealed(_, sealed)) => (pepper, sealed),
        };
        self.0.meter.opens_seal();
        spent.is_counted = true;
        let header = Header::peek(&sealed).map_err(of_the_row)?;
        let (ring, tenant) = (&pepper.keyring, &account.tenant);
        let key = ring.opening_key(&pepper.purpose, tenant, header.key).await;
        let key = key.map_err(of_the_key)?;
        // From here on nothing waits: no hash lies in a future.
        spent.is_opened = true;
        let binding = self.binding(pepper, tenant, &account.subject, &row.data);
        let secret = binding.open(&key, &sealed)?;
        format::credential(facts, secret.expose())
    }
}

impl Credentials for CredentialRows {
    /// Asks for the realm's key where there is a pepper. From then on [`Credentials::load`] opens one
    /// seal whatever it finds, one of nobody's if need be.
    fn ready<'a>(&'a self, realm: &'a Realm) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.ready_for(&realm.tenant))
    }

    fn load<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Option<Loaded>>> {
        Box::pin(async move {
            self.check_door(account)?;
            let read_at = self.now().await?;
            let found = self
                .0
                .store
                .fetch(&place(&self.0.collection, account))
                .await?;
            // After the row, and whether or not there is one: it tells of no account.
            let takes_bare = self.takes_bare().await?;
            let mut spent = Spent::default();
            let opened = match &found {
                None => Ok(None),
                Some(row) => self
                    .opened_telling(account, row, takes_bare, &mut spent)
                    .await
                    .map(Some),
            };
            if let Some(pepper) = &self.0.pepper {
                self.even_out(pepper, &account.tenant, spent).await?;
            }
            let Some((credential, row)) = opened?.zip(found) else {
                return Ok(None);
            };
            Ok(Some(Loaded {
                credential,
                version: CredentialVersion::new(row.version.number()),
                read_at,
            }))
        })
    }

    fn swap<'a>(
        &'a self,
        account: &'a Account,
        version: CredentialVersion,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Swapped>> {
        let found = Some(Version::new(version.number()));
        Box::pin(self.write(account, found, credential))
    }
}

impl fmt::Debug for CredentialRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRows")
            .field("door", &self.0.door)
            .field("pepper", &self.0.pepper.is_some())
            .finish_non_exhaustive()
    }
}
