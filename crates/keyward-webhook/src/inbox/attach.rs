//! Rows of an inbox as a column of the keyring.

use std::sync::Arc;

use keyward_base::{Clock, Purpose, Result, Trail};
use keyward_crypto::Provider;
use keyward_keys::{Keyring, RecordColumn};
use keyward_store::{Records, Stores};

use super::Inbox;
use super::row::INBOX;
use super::sealing::Rows;

/// The rows of `store`, counted and sealed anew for `purpose`.
pub(super) fn column(
    store: Arc<dyn Stores>,
    purpose: Purpose,
    crypto: Provider,
    clock: Arc<dyn Clock>,
    trail: Trail,
) -> Result<RecordColumn> {
    let records: Arc<dyn Records> = store;
    let column = RecordColumn::new(records, INBOX, purpose.clone())?;
    column.resealed_by(Arc::new(Rows {
        purpose,
        crypto,
        clock,
        trail,
    }))
}

impl Inbox {
    /// Lets a process that keeps no inbox count the rows of the one in `store`, and seal them
    /// anew: for a command that ends rotations. Where no inbox was ever made there, nothing is
    /// done, and nothing is written in any case.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached; `Corrupt` if the registry of columns is not what
    /// was written.
    pub async fn attach(keyring: &Keyring, store: Arc<dyn Stores>, trail: Trail) -> Result<()> {
        let identity = store.identity()?;
        let trail = trail.in_run(keyring.run());
        for entry in keyring.registered().await? {
            let of = entry.column;
            if *of.store() != identity || of.name() != INBOX.as_str() {
                continue;
            }
            let store: Arc<dyn Stores> = Arc::clone(&store);
            let (crypto, clock) = (*keyring.provider(), Arc::clone(keyring.clock()));
            let column = column(store, of.purpose().clone(), crypto, clock, trail.clone())?;
            keyring.coverages().add(Arc::new(column));
        }
        Ok(())
    }
}
