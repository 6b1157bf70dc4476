//! The key that rows are sealed under, and whether every row is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::{Clock, Purpose, Result, Tenant, Timestamp, Trail};
use keyward_keys::{Barrier, ColumnId, Keyring, RecordColumn, Registered, TenantKey};
use keyward_store::{Collection, Records, StoreId, Stores};

use super::sealing::Rows;

/// How the mark begins that says since when every row of a collection is sealed: milliseconds follow.
const MARK: &str = "sealed@";

/// What the rows of a collection are sealed under.
#[derive(Debug)]
pub(super) struct Pepper {
    pub(super) keyring: Keyring,
    pub(super) purpose: Purpose,
    store: StoreId,
    collection: Collection,
    /// The application says that no row is bare.
    is_strict: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    barrier: Option<Barrier>,
    /// For good, once it was seen.
    since: Option<Timestamp>,
}

impl Pepper {
    pub(super) fn new(
        keyring: Keyring,
        purpose: Purpose,
        store: StoreId,
        collection: Collection,
        is_strict: bool,
    ) -> Self {
        Self {
            keyring,
            purpose,
            store,
            collection,
            is_strict,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The barrier, from memory unless it was forgotten.
    pub(super) async fn barrier(&self, store: &dyn Stores) -> Result<Barrier> {
        let held = self.known().barrier.clone();
        if let Some(barrier) = held {
            return Ok(barrier);
        }
        let store: &dyn Records = store;
        let barrier = Barrier::claim(store, &self.collection, &self.purpose).await?;
        self.known().barrier = Some(barrier.clone());
        Ok(barrier)
    }

    pub(super) fn forget_barrier(&self) {
        self.known().barrier = None;
    }

    pub(super) async fn sealing_key(&self, tenant: &Tenant, least: u64) -> Result<TenantKey> {
        self.keyring.sealing_key(&self.purpose, tenant, least).await
    }

    /// Whether a row that was read *before* this was asked may be bare. The stricter of the
    /// application and the mark decides. The mark is read from the key store each time until it was
    /// seen: so the last bare row that counts was read before the mark was there, in any process.
    ///
    /// # Errors
    /// `Unavailable` if the key store cannot be reached; `Corrupt` if the registry of columns is not
    /// what was written, so that a mark may be missing.
    pub(super) async fn takes_bare(&self) -> Result<bool> {
        Ok(!self.is_strict && self.since().await?.is_none())
    }

    /// Since when every row is sealed, by the ring.
    pub(super) async fn since(&self) -> Result<Option<Timestamp>> {
        let held = self.known().since;
        if held.is_some() {
            return Ok(held);
        }
        let since = self.marked(&self.keyring.registered().await?);
        self.known().since = since;
        Ok(since)
    }

    /// The earliest mark that counts here, of whatever purpose: the stricter wins.
    ///
    /// Another store's counts too, unless the rows of this one were registered before it. A store says
    /// itself which it is, so that whoever writes to it can make it another one; but not one that the
    /// ring has known for longer, since its registry only grows.
    fn marked(&self, registered: &[Registered]) -> Option<Timestamp> {
        let mut is_known = false;
        let mut since: Option<Timestamp> = None;
        for column in registered.iter().map(|entry| &entry.column) {
            let is_here = *column.store() == self.store;
            is_known |= is_here && column.name() == self.collection.as_str();
            let mark = time_of(&self.collection, column.name());
            if let Some(mark) = mark.filter(|_| is_here || !is_known) {
                since = Some(since.map_or(mark, |since| since.min(mark)));
            }
        }
        since
    }

    /// Says for good that every row is sealed.
    pub(super) async fn mark(&self, now: Timestamp) -> Result<()> {
        let name = format!("{}/{MARK}{}", self.collection.as_str(), now.as_millis());
        let mark = ColumnId::new(self.store.clone(), &name, self.purpose.clone())?;
        self.keyring.register(&mark, true).await
    }
}

/// The time in a mark of `collection`. One whose time cannot be read is a mark all the same.
fn time_of(collection: &Collection, name: &str) -> Option<Timestamp> {
    let millis = name
        .strip_prefix(collection.as_str())?
        .strip_prefix('/')?
        .strip_prefix(MARK)?;
    Some(Timestamp::from_millis(millis.parse().unwrap_or_default()))
}

/// The rows of `collection` as a column, counted and sealed anew for `purpose`, with its marks.
pub(super) fn column(
    store: Arc<dyn Stores>,
    collection: Collection,
    purpose: Purpose,
    clock: Arc<dyn Clock>,
    trail: Trail,
) -> Result<RecordColumn> {
    let records: Arc<dyn Records> = store;
    let column = RecordColumn::new(records, collection, purpose.clone())?.marked(MARK);
    column.resealed_by(Arc::new(Rows {
        purpose,
        clock,
        trail,
    }))
}
