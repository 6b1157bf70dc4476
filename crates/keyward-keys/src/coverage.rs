//! Counting what a key still protects.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use keyward_base::{Error, Purpose, Result};
use keyward_store::{BoxFuture, Collection, DamagedRow, Records, StoreId};

use crate::barrier::Barrier;
use crate::key_use::Algorithm;
use crate::reseal::{Pass, QUARANTINE, Reseal, ResealRow, Rows, reseal_records};

/// The longest name of a column in bytes.
const NAME: usize = 300;

/// Which column of sealed values it is: in which store, under what name, sealed for what purpose.
/// Two columns of one name in two stores, or of two purposes, are two columns.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId {
    store: StoreId,
    name: Box<str>,
    purpose: Purpose,
}

impl ColumnId {
    /// The column `name` of `store`, whose values are sealed for `purpose`.
    ///
    /// # Errors
    /// `Misuse` unless the name is 1 to 300 bytes of visible ASCII.
    pub fn new(store: StoreId, name: &str, purpose: Purpose) -> Result<Self> {
        let fits = (1..=NAME).contains(&name.len());
        if !fits || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::misuse(
                "a column's name must be 1 to 300 bytes of visible ASCII",
            ));
        }
        Ok(Self {
            store,
            name: name.into(),
            purpose,
        })
    }

    /// The store it lies in.
    #[must_use]
    pub const fn store(&self) -> &StoreId {
        &self.store
    }

    /// Its name: a collection, or `table.column`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values are sealed for.
    #[must_use]
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }
}

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (of store {})", self.name, self.store)
    }
}

impl fmt::Debug for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColumnId({}/{}/{})", self.store, self.name, self.purpose)
    }
}

/// A column of sealed values that can be counted by key.
pub trait Coverage: fmt::Debug + Send + Sync {
    /// Which column it is.
    fn id(&self) -> &ColumnId;

    /// Whether [`Coverage::close`] keeps every process from writing under an old key, however
    /// slow it was. An application's own table has none: between disabling and destroying a key
    /// lies a minimum age instead ([`Policy::minimum_age`](crate::Policy::minimum_age)).
    fn has_barrier(&self) -> bool;

    /// Whether it answers for the registered column `id` too: itself, and what is registered about
    /// it in the registry of columns and holds no value.
    fn answers_for(&self, id: &ColumnId) -> bool {
        id == self.id()
    }

    /// Which algorithm its barrier is for, where that is known: a purpose of another is not
    /// registered with it, since those who write under its keys do not require that barrier.
    fn algorithm(&self) -> Option<Algorithm> {
        None
    }

    /// Sees to it that from now on no value is written under a key that was issued before
    /// `promoted_epoch`, not even by a process that holds such a key and was slow, and that what
    /// [`Coverage::count`] goes by, such as an index, lost no row. Called before the values are
    /// counted to destroy a key. A column without a barrier does the second only.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached; `Corrupt` if an index and its table differ.
    fn close(&self, promoted_epoch: u64) -> BoxFuture<'_, Result<()>>;

    /// How many of its values begin with `prefix`, byte by byte; empty counts all.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>>;

    /// The rows of it that cannot be read, or may be of it: what they need is not known, so that no
    /// key is destroyed while there are any. An application's own table has none that keyward knows.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// How its values are sealed anew, if this process can do that. None: they are counted only,
    /// and keep their key until whoever can has moved them.
    fn as_reseal(&self) -> Option<&dyn Reseal> {
        None
    }
}

/// The columns that a process can count. Every crate that keeps sealed values adds its own; one
/// set belongs to each [`Keyring`](crate::Keyring). A cheap clone of the same set.
#[derive(Clone, Default)]
pub struct Coverages(Arc<RwLock<Vec<Arc<dyn Coverage>>>>);

impl Coverages {
    /// Adds a column; one of the same [`Coverage::id`] is replaced.
    pub fn add(&self, column: Arc<dyn Coverage>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.id() != column.id());
        held.push(column);
    }

    /// All of them, in the order they were added.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<dyn Coverage>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Those whose values are sealed for `purpose`.
    #[must_use]
    pub fn of(&self, purpose: &Purpose) -> Vec<Arc<dyn Coverage>> {
        let mut all = self.all();
        all.retain(|column| column.id().purpose() == purpose);
        all
    }

    /// Whether the column `id` is among them.
    #[must_use]
    pub fn has(&self, id: &ColumnId) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|column| column.answers_for(id))
    }
}

impl fmt::Debug for Coverages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all();
        f.debug_list()
            .entries(all.iter().map(|column| column.id()))
            .finish()
    }
}

/// A collection of a record store as a column, with a barrier: what the vault registers.
#[derive(Clone, Debug)]
pub struct RecordColumn {
    id: ColumnId,
    store: Arc<dyn Records>,
    collection: Collection,
    algorithm: Algorithm,
    marks: Option<Box<str>>,
    resealed: Option<(Collection, Arc<dyn ResealRow>)>,
}

impl RecordColumn {
    /// The values of `collection` in `store`, sealed for `purpose`.
    ///
    /// # Errors
    /// `Unavailable` if the store does not tell its identity.
    pub fn new(store: Arc<dyn Records>, collection: Collection, purpose: Purpose) -> Result<Self> {
        Self::of(store, collection, purpose, Algorithm::Seal)
    }

    /// The records of `collection` in `store` that keys of `purpose` MACed, or that stand for a
    /// token which one of them MACed: counted by their tags
    /// ([`MacHandle::tag`](crate::MacHandle::tag)).
    ///
    /// # Errors
    /// `Unavailable` if the store does not tell its identity.
    pub fn of_macs(
        store: Arc<dyn Records>,
        collection: Collection,
        purpose: Purpose,
    ) -> Result<Self> {
        Self::of(store, collection, purpose, Algorithm::Mac)
    }

    fn of(
        store: Arc<dyn Records>,
        collection: Collection,
        purpose: Purpose,
        algorithm: Algorithm,
    ) -> Result<Self> {
        Ok(Self {
            id: ColumnId::new(store.identity()?, collection.as_str(), purpose)?,
            store,
            collection,
            algorithm,
            marks: None,
            resealed: None,
        })
    }

    /// The same column, with marks in the registry of columns: facts about it that no writer of its
    /// store takes away, each registered as a column of the same store and purpose whose name is
    /// its own, `/`, and a word that begins with `prefix`. No collection of such a name has rows.
    #[must_use]
    pub fn marked(mut self, prefix: &str) -> Self {
        self.marks = Some(format!("{}/{prefix}", self.collection.as_str()).into());
        self
    }

    /// The same column, whose rows are sealed anew by `row`.
    ///
    /// # Errors
    /// `Misuse` if the collection's name has more than 53 bytes: rows that do not open are noted in
    /// the collection `quarantine/NAME`.
    pub fn resealed_by(mut self, row: Arc<dyn ResealRow>) -> Result<Self> {
        let quarantine = Collection::new(&format!("{QUARANTINE}{}", self.collection.as_str()))?;
        self.resealed = Some((quarantine, row));
        Ok(self)
    }
}

impl Coverage for RecordColumn {
    fn id(&self) -> &ColumnId {
        &self.id
    }

    fn has_barrier(&self) -> bool {
        true
    }

    fn answers_for(&self, id: &ColumnId) -> bool {
        let is_mark = |prefix: &str| {
            (id.store(), id.purpose()) == (self.id.store(), self.id.purpose())
                && id.name().starts_with(prefix)
        };
        *id == self.id || self.marks.as_deref().is_some_and(is_mark)
    }

    fn algorithm(&self) -> Option<Algorithm> {
        Some(self.algorithm)
    }

    fn close(&self, promoted_epoch: u64) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (store, purpose) = (self.store.as_ref(), &self.id.purpose);
            let (collection, algorithm) = (&self.collection, self.algorithm);
            Barrier::raise_for(store, collection, algorithm, purpose, promoted_epoch).await?;
            // An index that lost rows would call a key unused.
            store.check_counts().await
        })
    }

    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.store.count(&self.collection, prefix)
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        Box::pin(async move {
            let rows = self.store.damaged().await?;
            Ok(DamagedRow::in_the_way(rows, &self.collection))
        })
    }

    fn as_reseal(&self) -> Option<&dyn Reseal> {
        let column: &dyn Reseal = self;
        self.resealed.as_ref().map(|_| column)
    }
}

impl Reseal for RecordColumn {
    fn reseal<'a>(&'a self, pass: &'a mut Pass<'_>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some((quarantine, row)) = &self.resealed else {
                return Ok(());
            };
            let rows = Rows {
                store: self.store.as_ref(),
                collection: &self.collection,
                purpose: &self.id.purpose,
                quarantine,
                row: row.as_ref(),
            };
            reseal_records(rows, pass).await?;
            pass.passed_over(self.damaged().await?.len());
            Ok(())
        })
    }
}
