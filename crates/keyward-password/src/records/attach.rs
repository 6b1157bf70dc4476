//! Rows as columns of a keyring, for a process that keeps none.

use std::sync::Arc;

use keyward_base::{Result, Trail};
use keyward_keys::Keyring;
use keyward_store::{Collection, Stores};

use super::CredentialRows;
use super::builder::PREFIX;
use super::pepper::column;

impl CredentialRows {
    /// Lets a process that keeps no rows count those in `store`, and seal them anew: for a command
    /// that ends rotations. Where none were ever sealed there, nothing is done, and nothing is
    /// written in any case.
    ///
    /// # Errors
    /// `Unavailable` if a store cannot be reached; `Corrupt` if the registry of columns is not what
    /// was written.
    pub async fn attach(keyring: &Keyring, store: Arc<dyn Stores>, trail: Trail) -> Result<()> {
        let identity = store.identity()?;
        let trail = trail.in_run(keyring.run());
        for entry in keyring.registered().await? {
            let of = entry.column;
            let door = of.name().strip_prefix(PREFIX);
            // A mark has a `/` more.
            let is_rows = door.is_some_and(|door| !door.contains('/'));
            if *of.store() != identity || !is_rows {
                continue;
            }
            let column = column(
                Arc::clone(&store),
                Collection::new(of.name())?,
                of.purpose().clone(),
                Arc::clone(keyring.clock()),
                trail.clone(),
            )?;
            keyring.coverages().add(Arc::new(column));
        }
        Ok(())
    }
}
