//! The keys below a ring key.

use keyward_base::{KeyId, Result};

use super::Admin;

impl Admin {
    /// The ids that values may name which need the ring key `id`: its own, and those of all
    /// tenant keys it wraps. Reads every tenant's record.
    ///
    /// # Errors
    /// As [`Admin::usage`].
    pub async fn ids_under(&self, id: KeyId) -> Result<Vec<KeyId>> {
        let mut ids = vec![id];
        self.each_tenant_key(None, &[], |found| {
            if found.wrapped_by == id {
                ids.push(found.key);
            }
        })
        .await?;
        Ok(ids)
    }
}
