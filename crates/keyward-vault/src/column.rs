//! A column of sealed values in an application's own table.

use std::sync::Arc;

use keyward_base::encoded::Encoded;
use keyward_base::{
    Context, CredentialKind, Error, Hint, Place, Purpose, RecordId, Result, Revision, Role,
    SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_keys::{ColumnId, TenantKey};
use keyward_store::StoreId;

use crate::credential::Kind;
use crate::detached::Told;
use crate::sealed::Sealed;
use crate::slot::Slot;
use crate::table::{Attached, Table};
use crate::vault::Vault;

/// The domain of values in an application's own column.
const COLUMN: &str = "kw1/column";

/// What a value in an application's own table is bound to. Every field must be given: one that is
/// forgotten does not compile.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // A new field must break every caller.
pub struct Cell {
    /// The tenant that the value belongs to.
    pub tenant: Tenant,
    /// The id of its row.
    pub record: RecordId,
    /// The role it opens for.
    pub role: Role,
    /// What sort of value it is, in the application's own words.
    pub kind: CredentialKind,
    /// The row's own version; [`Revision::FIRST`] for a value that never changes.
    pub revision: Revision,
}

/// A column of sealed values in an application's own table, registered with the keyring.
#[derive(Clone, Debug)]
pub struct Column {
    vault: Vault,
    values: Values,
    id: ColumnId,
    /// What an observer tells it from others by.
    named: [u8; 8],
}

impl Vault {
    /// The column `place` of an application's own table in the database `store`. Registered for
    /// good: from now on no key is destroyed by a process that cannot count it, as one can that
    /// [attached](Column::attach) its table.
    ///
    /// # Errors
    /// `Unavailable` if the key store cannot be reached.
    pub async fn column(&self, store: StoreId, place: Place) -> Result<Column> {
        let id = ColumnId::new(store, place.as_str(), self.purpose().clone())?;
        self.keyring().register(&id, false).await?;
        let purpose = self.purpose().clone();
        let named = self.name_of(id.store(), place.as_str());
        Ok(Column {
            vault: self.clone(),
            values: Values { purpose, place },
            id,
            named,
        })
    }
}

impl Column {
    /// What it was registered as.
    #[must_use]
    pub const fn id(&self) -> &ColumnId {
        &self.id
    }

    /// Where its values lie.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.values.place
    }

    /// From now on this process counts the values of the column through `table`, and seals them
    /// anew in every rotation.
    ///
    /// A table that holds a [`Column`] or a [`Vault`] itself keeps both, and their keys, in memory
    /// for as long as the process runs.
    pub fn attach(&self, table: Arc<dyn Table>) {
        let column = Attached {
            id: self.id.clone(),
            values: self.values.clone(),
            clock: Arc::clone(&self.vault.inner.clock),
            trail: self.vault.trail.clone(),
            table,
        };
        self.vault.keyring().coverages().add(Arc::new(column));
    }

    /// Seals `plaintext` for `cell`, with a hint of it. Store the result at once: not later than
    /// [`Sealed::use_by`], which [`Sealed::check_use`] holds.
    ///
    /// # Errors
    /// `Misuse` for a value that is empty or white space only, and beyond 1 MiB; `Unavailable` if
    /// the keyring cannot be reached, or the event not recorded.
    pub async fn seal(&self, cell: &Cell, plaintext: &SecretBytes) -> Result<Sealed> {
        check_plaintext(plaintext)?;
        let hint = Hint::of(plaintext.expose().trim_ascii_end());
        // Before the key is asked for: whoever disables it later waits for this value.
        let use_by = self.use_by()?;
        let keyring = self.vault.keyring();
        let key = keyring
            .sealing_key(self.vault.purpose(), &cell.tenant, 0)
            .await?;
        let text = self.values.seal(&key, cell, &hint, plaintext)?;
        let sealed = Sealed::new(text, Some(use_by));
        let slot = self.values.slot(cell);
        self.vault.made("column.seal", &slot, key.id()).await?;
        // The trail may have taken long.
        sealed.check_use(keyring.clock().now()?)?;
        Ok(sealed)
    }

    /// Whether `value` may still be stored, by the keyring's clock: to be asked in the transaction
    /// that stores it, as late as can be.
    ///
    /// # Errors
    /// As [`Sealed::check_use`].
    pub fn check_use(&self, value: &Sealed) -> Result<()> {
        value.check_use(self.vault.keyring().clock().now()?)
    }

    /// Opens what was sealed for the same cell. It is recorded before it is decrypted.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open(&self, cell: &Cell, value: &Sealed) -> Result<SecretBytes> {
        let context = |header: &[u8]| self.values.context(cell, header);
        let slot = self.values.slot(cell);
        let told = Told {
            collection: self.named,
            revision: cell.revision,
            // The application's own word, which may be one of ours.
            kind: Kind::parse(cell.kind.as_str()).ok(),
        };
        self.vault
            .open_recorded("column.open", &slot, value, told, context)
            .await
    }

    /// Until when what is sealed from now on may be stored.
    fn use_by(&self) -> Result<Timestamp> {
        let keyring = self.vault.keyring();
        let now = keyring.clock().now()?;
        Ok(now.saturating_add(keyring.policy().seal_use))
    }
}

/// The values of a column, and what each is bound to.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    purpose: Purpose,
    place: Place,
}

impl Values {
    fn seal(
        &self,
        key: &TenantKey,
        cell: &Cell,
        hint: &Hint,
        plaintext: &SecretBytes,
    ) -> Result<String> {
        let header = Header {
            suite: key.suite(),
            key: key.id(),
            hint: hint.clone(),
        };
        let context = |header: &[u8]| self.context(cell, header);
        sealed::seal(key.body(), &header, context, plaintext.expose())
    }

    /// The same value under another key.
    pub(crate) fn reseal(
        &self,
        cell: &Cell,
        value: &str,
        old: &TenantKey,
        new: &TenantKey,
    ) -> Result<String> {
        let parsed = Parsed::parse(value)?;
        let hint = parsed.header().hint.clone();
        let plaintext = parsed.open(old.body(), |header| self.context(cell, header))?;
        self.seal(new, cell, &hint, &plaintext)
    }

    fn context(&self, cell: &Cell, header: &[u8]) -> Result<Encoded> {
        Context {
            purpose: &self.purpose,
            tenant: &cell.tenant,
            role: &cell.role,
            place: &self.place,
            record: &cell.record,
            kind: &cell.kind,
            metadata: None,
            revision: cell.revision,
        }
        .encode(COLUMN, header)
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn slot(&self, cell: &Cell) -> Slot {
        Slot {
            tenant: cell.tenant.clone(),
            place: self.place.clone(),
            record: cell.record.clone(),
        }
    }
}

/// An empty form field is no secret.
fn check_plaintext(plaintext: &SecretBytes) -> Result<()> {
    if plaintext.expose().trim_ascii().is_empty() {
        return Err(Error::misuse(
            "the value is empty: leave the column NULL where there is no secret",
        ));
    }
    Ok(())
}
