//! The keys below a ring key.

use keyward_base::{Error, KeyId, Result};

use super::Admin;

impl Admin {
    /// The ids that values may name which need the ring key `id`: its own, and those of all
    /// tenant keys it wraps. Reads every tenant's record.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached; `Corrupt` if a tenant's record cannot be read.
    pub async fn ids_under(&self, id: KeyId) -> Result<Vec<KeyId>> {
        let mut ids = vec![id];
        let damaged = self
            .keyring
            .each_tenant_key(None, &[], |found| {
                if found.wrapped_by == id {
                    ids.push(found.key);
                }
            })
            .await?;
        match damaged.first() {
            None => Ok(ids),
            Some(record) => Err(Error::corrupt(record.says.clone())),
        }
    }
}
