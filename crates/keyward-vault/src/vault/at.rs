//! The way to a record: whose, in which column, which.
//!
//! ```
//! # use std::sync::Arc;
//! # use keyward_base::{Result, SecretBytes, SystemClock, audit::Discard};
//! # use keyward_vault::{Credential, Vault};
//! # async fn run() -> Result<()> {
//! # let vault = Vault::in_memory(Arc::new(SystemClock::new()), Arc::new(Discard::new())).await?;
//! # let secret = |text: &[u8]| Credential::api_key(SecretBytes::copy_of(text));
//! # let (first, newer) = (secret(b"first-token-of-some-length")?, secret(b"newer-token-of-some-length")?);
//! let tokens = vault.tenant("acme")?.place("account.github_token")?;
//! let stored = tokens.record("42")?.insert(&first).await?;
//! tokens.record("42")?.replace(&newer, stored.revision).await?;
//! let opened = tokens.record("42")?.open().await?;
//! # assert_eq!(opened.bytes().expose(), newer.bytes().expose());
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
//! ```

use keyward_base::{Place, RecordId, Result, Revision, Role, Tenant};

use super::{Listed, Opened, Page, Vault};
use crate::credential::Credential;
use crate::slot::{Expect, Slot};

/// One tenant's part of a vault.
#[derive(Clone, Debug)]
pub struct OfTenant {
    vault: Vault,
    tenant: Tenant,
}

/// One column of one tenant.
#[derive(Clone, Debug)]
pub struct AtPlace {
    of: OfTenant,
    place: Place,
    role: Role,
}

/// One record of one tenant and column.
#[derive(Clone, Debug)]
#[must_use = "it names a record, and does nothing by itself"]
pub struct AtRecord {
    vault: Vault,
    slot: Slot,
    role: Role,
}

impl Vault {
    /// The part of `tenant`: 1 to 128 bytes of visible ASCII.
    ///
    /// # Errors
    /// `Misuse` if it is not well formed.
    pub fn tenant(&self, tenant: &str) -> Result<OfTenant> {
        Ok(OfTenant {
            vault: self.clone(),
            tenant: Tenant::new(tenant)?,
        })
    }
}

impl OfTenant {
    /// The column `place`: `table.column`.
    ///
    /// # Errors
    /// `Misuse` if it is not well formed.
    pub fn place(&self, place: &str) -> Result<AtPlace> {
        Ok(AtPlace {
            of: self.clone(),
            place: Place::new(place)?,
            role: Role::none(),
        })
    }

    /// As [`Vault::list`].
    ///
    /// # Errors
    /// As [`Vault::list`].
    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page> {
        self.vault.list(&self.tenant, after, limit).await
    }
}

impl AtPlace {
    /// For callers of `role` only: what is put opens for that role, and nothing that was put for
    /// another, or for none, opens. Without a role, nothing that was put for one opens.
    #[must_use]
    pub fn for_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// As [`Vault::list_place`].
    ///
    /// # Errors
    /// As [`Vault::list`].
    pub async fn list(&self, after: Option<&RecordId>, limit: usize) -> Result<Page> {
        let of = &self.of;
        of.vault
            .list_place(&of.tenant, &self.place, after, limit)
            .await
    }

    /// The record `record`: 1 to 128 bytes of visible ASCII.
    ///
    /// # Errors
    /// `Misuse` if it is not well formed.
    pub fn record(&self, record: &str) -> Result<AtRecord> {
        Ok(AtRecord {
            vault: self.of.vault.clone(),
            slot: Slot {
                tenant: self.of.tenant.clone(),
                place: self.place.clone(),
                record: RecordId::new(record)?,
            },
            role: self.role.clone(),
        })
    }
}

impl AtRecord {
    /// Where it lies.
    #[must_use]
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Seals `credential` into a record that holds nothing yet.
    ///
    /// # Errors
    /// As [`Vault::put`]; [`Reason::CONFLICT`](keyward_base::Reason::CONFLICT) if it holds
    /// something.
    pub async fn insert(&self, credential: &Credential) -> Result<Listed> {
        self.put(credential, Expect::Absent).await
    }

    /// Seals `credential` over the state that has `revision`, and over no other.
    ///
    /// # Errors
    /// As [`Vault::put`]; [`Reason::CONFLICT`](keyward_base::Reason::CONFLICT) if somebody wrote
    /// since.
    pub async fn replace(&self, credential: &Credential, revision: Revision) -> Result<Listed> {
        self.put(credential, Expect::Revision(revision)).await
    }

    /// Seals `credential` over whatever is there, or nothing. What somebody else wrote since it was
    /// last read is lost.
    ///
    /// # Errors
    /// As [`Vault::put`].
    pub async fn overwrite(&self, credential: &Credential) -> Result<Listed> {
        self.put(credential, Expect::Any).await
    }

    async fn put(&self, credential: &Credential, expect: Expect) -> Result<Listed> {
        self.vault
            .put(&self.slot, credential, &self.role, expect)
            .await
    }

    /// As [`Vault::open`].
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open(&self) -> Result<Opened> {
        self.vault.open(&self.slot, &self.role).await
    }

    /// As [`Vault::describe`].
    ///
    /// # Errors
    /// As [`Vault::describe`].
    pub async fn describe(&self) -> Result<Option<Listed>> {
        self.vault.describe(&self.slot).await
    }

    /// Deletes the state that has `revision`, and no other. [`Vault::delete`] with
    /// [`Expect::Any`] deletes whatever is there.
    ///
    /// # Errors
    /// As [`Vault::delete`].
    pub async fn delete(&self, revision: Revision) -> Result<()> {
        self.vault
            .delete(&self.slot, Expect::Revision(revision))
            .await
    }
}
