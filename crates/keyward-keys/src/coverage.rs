//! Counting what a key still protects.

use std::fmt;

use keyward_base::{KeyId, Purpose, Result, Tenant};
use keyward_store::{BoxFuture, Collection, Records};

use crate::fence::Fence;

/// A column of sealed values that can be counted by key.
pub trait Coverage: fmt::Debug + Send + Sync {
    /// Its name, as it was registered. 1 to 300 bytes.
    fn name(&self) -> &str;

    /// Sees to it that from now on no value of `purpose` is written under a key whose seq is less
    /// than `least_seq`, not even by a process that holds such a key and was slow. Called before
    /// the values are counted to destroy a key. A table without a fence of its own returns `Ok`,
    /// and relies on no process writing to it that is neither a live replica nor short-lived.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    fn close<'a>(&'a self, purpose: &'a Purpose, least_seq: u64) -> BoxFuture<'a, Result<()>>;

    /// How many of its values begin with `prefix`, byte by byte; empty counts all.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>>;
}

/// A collection of a record store as a column: what the vault registers.
#[derive(Debug)]
pub struct RecordColumn<'a> {
    store: &'a dyn Records,
    collection: Collection,
}

impl<'a> RecordColumn<'a> {
    /// The sealed values of `collection` in `store`.
    #[must_use]
    pub const fn new(store: &'a dyn Records, collection: Collection) -> Self {
        Self { store, collection }
    }
}

impl Coverage for RecordColumn<'_> {
    fn name(&self) -> &str {
        self.collection.as_str()
    }

    fn close<'a>(&'a self, purpose: &'a Purpose, least_seq: u64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match Fence::read(self.store).await? {
                // Of another purpose, or of none yet: no value of this one can be written here.
                Some(fence) if fence.purpose() == purpose => {
                    Fence::raise(self.store, purpose, least_seq)
                        .await
                        .map(|_| ())
                }
                _ => Ok(()),
            }
        })
    }

    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.store.count(&self.collection, prefix)
    }
}

/// What one tenant key protects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantUsage {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is for.
    pub purpose: Purpose,
    /// The tenant key.
    pub key: KeyId,
    /// The ring key that wraps it.
    pub wrapped_by: KeyId,
    /// The ring's epoch when it was made.
    pub seq: u64,
    /// Whether it is the tenant's newest.
    pub current: bool,
    /// Values were sealed with it that no registered column counts.
    pub unregistered: bool,
    /// How many registered values it sealed.
    pub rows: u64,
}

/// What one ring key protects: itself where keys are derived, and through the tenant keys it
/// wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// The ring key.
    pub key: KeyId,
    /// How many tenant keys it wraps.
    pub tenant_keys: u64,
    /// How many registered values need it.
    pub rows: u64,
    /// Values need it, or may, that no registered column counts.
    pub unregistered: bool,
}
