//! The directory in a record store, each row under a MAC.
//!
//! A row's id is the keyed hash of the identifier, so that who reads the table learns no address; its
//! MAC covers where it lies, whose it is and of which organisation, so that who writes the table gives
//! nobody another's account. `docs/formats/directory.md` has the bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::{BoxFuture, Clock, Error, Result, Subject, Tenant, Timestamp};
use keyward_keys::{Barrier, Keyring, MacHandle, RecordColumn};
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Stores, Write};

use super::format::{Facts, wrong};
use super::{Directory, Entry, Row};
use crate::identifier::{Identifier, IdentifierHash, IdentifierHasher, login_purpose};
use crate::verified::Realm;

const DIRECTORY: Collection = Collection::named("directory");

/// How often a write is tried whose barrier has moved.
const MAX_TRIES: usize = 8;

/// A directory in a record store. Clones are the same.
#[derive(Clone, Debug)]
pub struct DirectoryRows(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Stores>,
    keyring: Keyring,
    hasher: IdentifierHasher,
    clock: Arc<dyn Clock>,
    barrier: Mutex<Option<Barrier>>,
}

/// What [`DirectoryRows`] are made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct DirectoryRowsBuilder {
    store: Arc<dyn Stores>,
    keyring: Keyring,
}

impl DirectoryRowsBuilder {
    /// Makes it, and registers it with the keyring, so that no key goes under which somebody is found.
    ///
    /// # Errors
    /// `Misuse` if the ring has no purpose `login` that MACs; `Unavailable` if a store cannot be
    /// reached.
    pub async fn build(self) -> Result<DirectoryRows> {
        let purpose = login_purpose()?;
        self.keyring.mac(&purpose)?;
        let records: Arc<dyn Records> = self.store.clone();
        let column = RecordColumn::of_macs(records, DIRECTORY, purpose)?;
        self.keyring.cover(Arc::new(column)).await?;
        Ok(DirectoryRows(Arc::new(Inner {
            hasher: IdentifierHasher::new(self.keyring.clone()),
            clock: Arc::clone(self.keyring.clock()),
            store: self.store,
            keyring: self.keyring,
            barrier: Mutex::default(),
        })))
    }
}

impl DirectoryRows {
    /// The directory in `store`, which keeps the credentials too, under keys of `keyring`.
    pub fn builder(store: Arc<dyn Stores>, keyring: Keyring) -> DirectoryRowsBuilder {
        DirectoryRowsBuilder { store, keyring }
    }

    /// What hashes identifiers here.
    #[must_use]
    pub fn hasher(&self) -> &IdentifierHasher {
        &self.0.hasher
    }

    /// Says that `identifier` is of `subject`, who works with the data of `organisation`. No: it is
    /// somebody's already.
    ///
    /// For rows that are taken over from elsewhere. Whoever signs up comes by a mailed link, so that
    /// the mailbox is proved first.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached.
    pub async fn insert(
        &self,
        realm: &Realm,
        identifier: &Identifier,
        subject: &Subject,
        organisation: &Tenant,
    ) -> Result<bool> {
        let facts = self.facts(subject, organisation).await?;
        self.enter(realm, identifier, facts, None).await
    }

    /// Takes away what was found. No: somebody else changed it meanwhile.
    ///
    /// # Errors
    /// `Misuse` for an entry of another directory; `Unavailable` if the store cannot be reached.
    pub async fn remove(&self, realm: &Realm, entry: &Entry) -> Result<bool> {
        let writes = vec![leaving(realm, entry)?];
        Ok(matches!(
            self.0.store.apply(writes).await?,
            Applied::Done(_)
        ))
    }

    pub(crate) fn store(&self) -> &Arc<dyn Stores> {
        &self.0.store
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// By the store's clock where it has one.
    pub(crate) async fn now(&self) -> Result<Timestamp> {
        match self.0.store.time().await? {
            Some(now) => Ok(now),
            None => self.0.clock.now(),
        }
    }

    /// The writes that enter an identifier which is nobody's: under no key there is a row of it. The
    /// first is the barrier's; [`DirectoryRows::forget_barrier`] when it did not hold.
    pub(crate) async fn entering(
        &self,
        realm: &Realm,
        identifier: &Identifier,
        subject: &Subject,
        organisation: &Tenant,
    ) -> Result<Vec<Write>> {
        let facts = self.facts(subject, organisation).await?;
        self.entering_as(realm, identifier, &facts).await
    }

    /// What is written of who gets an identifier now.
    async fn facts(&self, subject: &Subject, organisation: &Tenant) -> Result<Facts> {
        Ok(Facts {
            made: self.now().await?,
            subject: subject.clone(),
            organisation: organisation.clone(),
        })
    }

    async fn entering_as(
        &self,
        realm: &Realm,
        identifier: &Identifier,
        facts: &Facts,
    ) -> Result<Vec<Write>> {
        let hashes = self.0.hasher.all(realm, identifier)?;
        let (require, key) = self.writing_key().await?;
        let mut writes = vec![require];
        for hash in hashes {
            let at = place(realm, &hash);
            writes.push(if hash.key() == key.id() {
                Write::Insert {
                    key: at,
                    content: content(facts, &key, realm, &hash),
                }
            } else {
                Write::Require {
                    key: at,
                    version: None,
                }
            });
        }
        Ok(writes)
    }

    /// The writes that give an identifier up for another one of the same account. The first is the
    /// barrier's.
    pub(crate) async fn renaming(
        &self,
        realm: &Realm,
        entry: &Entry,
        to: &Identifier,
    ) -> Result<Vec<Write>> {
        let entering = self.entering(realm, to, &entry.subject, &entry.organisation);
        let mut writes = entering.await?;
        writes.insert(1, leaving(realm, entry)?);
        Ok(writes)
    }

    pub(crate) fn forget_barrier(&self) {
        *self.barrier() = None;
    }

    fn barrier(&self) -> MutexGuard<'_, Option<Barrier>> {
        self.0
            .barrier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The key in use, and that it still may write.
    async fn writing_key(&self) -> Result<(Write, MacHandle)> {
        let purpose = login_purpose()?;
        let held = self.barrier().clone();
        let barrier = match held {
            Some(barrier) => barrier,
            None => {
                let store: &dyn Records = self.0.store.as_ref();
                let barrier = Barrier::claim_macs(store, &DIRECTORY, &purpose).await?;
                *self.barrier() = Some(barrier.clone());
                barrier
            }
        };
        let mut key = self.0.keyring.mac(&purpose)?;
        if key.promoted_epoch() < barrier.promoted_epoch() {
            self.0.keyring.refresh().await?;
            key = self.0.keyring.mac(&purpose)?;
        }
        if key.promoted_epoch() < barrier.promoted_epoch() {
            return Err(Error::unavailable(
                "this process knows no key that may write the directory: refresh its keyring",
            ));
        }
        Ok((barrier.require(), key))
    }

    /// Enters an identifier, in place of `old` if that is given.
    async fn enter(
        &self,
        realm: &Realm,
        identifier: &Identifier,
        facts: Facts,
        old: Option<&Entry>,
    ) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            let mut writes = self.entering_as(realm, identifier, &facts).await?;
            if let Some(old) = old {
                // Before it is asked that there is no other.
                writes.insert(1, leaving(realm, old)?);
            }
            match self.0.store.apply(writes).await? {
                Applied::Done(_) => return Ok(true),
                Applied::Conflict { index: 0 } => self.forget_barrier(),
                _ => return Ok(false),
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer; try again in a moment",
        ))
    }

    async fn read(&self, realm: &Realm, hash: &IdentifierHash, data: &[u8]) -> Result<Facts> {
        // It may be Pending here and Active where the row was written.
        let purpose = login_purpose()?;
        let key = self.0.keyring.find_mac(&purpose, hash.key()).await?;
        Facts::read(data, &key, &realm.tenant, hash)
    }
}

impl Directory for DirectoryRows {
    fn find<'a>(
        &'a self,
        realm: &'a Realm,
        identifier: &'a Identifier,
    ) -> BoxFuture<'a, Result<Option<Entry>>> {
        Box::pin(async move {
            let read_at = self.now().await?;
            let hashes = self.0.hasher.all(realm, identifier)?;
            let places: Vec<_> = hashes.iter().map(|hash| place(realm, hash)).collect();
            let found = self.0.store.fetch_many(&places).await?;
            let mut entry = None;
            for (at, (hash, row)) in hashes.into_iter().zip(found).enumerate() {
                let Some(row) = row else { continue };
                let facts = self.read(realm, &hash, &row.data).await?;
                let row = Row {
                    hash,
                    version: row.version,
                    is_current: at == 0,
                };
                let found = Entry {
                    subject: facts.subject,
                    organisation: facts.organisation,
                    made: facts.made,
                    read_at,
                    row: Some(row),
                };
                // Nobody of ours writes two: one was put back.
                if entry.replace(found).is_some() {
                    return Err(wrong());
                }
            }
            Ok(entry)
        })
    }

    fn renew<'a>(
        &'a self,
        realm: &'a Realm,
        identifier: &'a Identifier,
        entry: &'a Entry,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if entry.row.as_ref().is_none_or(|row| row.is_current) {
                return Ok(());
            }
            // It is his since it was, whichever key it lies under.
            let facts = Facts {
                made: entry.made,
                subject: entry.subject.clone(),
                organisation: entry.organisation.clone(),
            };
            self.enter(realm, identifier, facts, Some(entry)).await?;
            Ok(())
        })
    }
}

/// The write that takes an entry away.
fn leaving(realm: &Realm, entry: &Entry) -> Result<Write> {
    let row = entry.row.as_ref();
    let row = row.ok_or_else(|| Error::misuse("the entry was not read of this directory"))?;
    Ok(Write::Delete {
        key: place(realm, &row.hash),
        version: row.version,
    })
}

fn content(facts: &Facts, key: &MacHandle, realm: &Realm, hash: &IdentifierHash) -> Content {
    Content {
        data: facts.write(key, &realm.tenant, hash),
        mac_key: key.tag(),
        ..Content::default()
    }
}

fn place(realm: &Realm, hash: &IdentifierHash) -> RecordKey {
    RecordKey {
        collection: DIRECTORY,
        owner: realm.tenant.as_str().to_owned(),
        id: hash.text(),
    }
}
