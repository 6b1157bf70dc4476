//! Making a vault.

use std::sync::{Arc, Mutex};

use keyward_base::audit::Discard;
use keyward_base::{Clock, ErrorKind, OpenObserver, Purpose, Result, Sink, Trail};
use keyward_crypto::Provider;
use keyward_keys::{Barrier, EphemeralRoot, Keyring, RecordColumn};
use keyward_store::{Collection, MemoryStore, Records, StoreId};

use super::observers::Observers;
use super::rows::Rows;
use super::{Inner, Vault};
use crate::slot::VAULT;

/// The purpose of a vault's keys, unless it is given another.
const PURPOSE: &str = "vault";

/// Records a vault in memory may hold.
const IN_MEMORY: usize = 100_000;

/// What a [`Vault`] is made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct VaultBuilder {
    keyring: Keyring,
    store: Arc<dyn Records>,
    clock: Arc<dyn Clock>,
    trail: Trail,
    purpose: Option<Purpose>,
    collection: Collection,
    observers: Vec<Arc<dyn OpenObserver>>,
}

impl VaultBuilder {
    pub(super) fn new(keyring: Keyring, store: Arc<dyn Records>) -> Self {
        let clock = Arc::clone(keyring.clock());
        Self {
            keyring,
            store,
            clock,
            trail: Trail::new(Arc::new(Discard::new())),
            purpose: None,
            collection: VAULT,
            observers: Vec::new(),
        }
    }

    /// Who is told of every value that is opened, its columns' and detached ones included, before
    /// the caller has it: what masks secrets, say. May be called several times; each is told, in
    /// this order, and an error of one refuses the opening.
    pub fn observer(mut self, observer: Arc<dyn OpenObserver>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Where events go. Default: nowhere.
    pub fn audit(self, audit: Arc<dyn Sink>) -> Self {
        self.trail(Trail::new(audit))
    }

    /// Where events go, and who acts unless [`Vault::acting_as`] says otherwise.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// What its keys are for, if not `vault`: the ring must have a key of that purpose.
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Where its records lie, if not in the collection `vault` of the store: a collection holds
    /// values of one purpose only, so that a second vault on a store needs one of its own, of at
    /// most 53 bytes.
    pub fn collection(mut self, collection: Collection) -> Self {
        self.collection = collection;
        self
    }

    /// Makes the vault and registers its records with the keyring, so that no key they need is
    /// destroyed. Acts that runs which are over left open in the trail are closed. If the
    /// collection's barrier cannot be read, values open, and nothing is sealed until it is mended.
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of the purpose, or the collection belongs to another;
    /// `Unavailable` if a store cannot be reached.
    pub async fn build(self) -> Result<Vault> {
        let purpose = match self.purpose {
            Some(purpose) => purpose,
            None => Purpose::new(PURPOSE)?,
        };
        self.keyring.promoted_epoch(&purpose)?;
        let trail = self.trail.in_run(self.keyring.run());
        let collection = self.collection;
        let barrier = match Barrier::claim(self.store.as_ref(), &collection, &purpose).await {
            Ok(barrier) => Some(barrier),
            // Values open without it, and whoever gives the row up needs a vault.
            Err(e) if e.kind() == ErrorKind::Corrupt => None,
            Err(e) => return Err(e),
        };
        let rows = Rows {
            purpose: purpose.clone(),
            provider: *self.keyring.provider(),
            clock: Arc::clone(&self.clock),
            trail: trail.clone(),
        };
        let store = Arc::clone(&self.store);
        let column = RecordColumn::new(store, collection.clone(), purpose.clone())?;
        let column = column.resealed_by(Arc::new(rows))?;
        self.keyring.cover(Arc::new(column.clone())).await?;
        let store = self.store.identity()?;
        let named = name_of(
            self.keyring.provider(),
            &store,
            collection.as_str(),
            &purpose,
        );
        let inner = Inner {
            keyring: self.keyring,
            store: self.store,
            clock: self.clock,
            purpose,
            collection,
            named,
            barrier: Mutex::new(barrier),
            look_again: Mutex::default(),
            column,
            observers: Observers::new(self.observers),
        };
        let vault = Vault {
            inner: Arc::new(inner),
            trail,
        };
        vault.settle().await?;
        Ok(vault)
    }
}

impl Vault {
    /// A vault in memory with real keys and real sealing, for tests: it is gone with the process.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub async fn in_memory(clock: Arc<dyn Clock>, audit: Arc<dyn Sink>) -> Result<Self> {
        let root = Arc::new(EphemeralRoot::new(&Provider::default())?);
        let keyring = Keyring::builder(Arc::new(MemoryStore::new(IN_MEMORY)), root)
            .clock(clock)
            .audit(Arc::clone(&audit))
            .create(&[Purpose::new(PURPOSE)?], &[])
            .await?;
        Self::builder(keyring, Arc::new(MemoryStore::new(IN_MEMORY)))
            .audit(audit)
            .build()
            .await
    }
}

impl Vault {
    /// What tells the values of one collection or column from all others.
    pub(crate) fn name_of(&self, store: &StoreId, collection: &str) -> [u8; 8] {
        let (keyring, purpose) = (&self.inner.keyring, &self.inner.purpose);
        name_of(keyring.provider(), store, collection, purpose)
    }
}

fn name_of(provider: &Provider, store: &StoreId, collection: &str, purpose: &Purpose) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = provider.sha256(&[
        store.as_str().as_bytes(),
        b"/",
        collection.as_bytes(),
        b"/",
        purpose.as_str().as_bytes(),
    ]);
    [a, b, c, d, e, f, g, h]
}
