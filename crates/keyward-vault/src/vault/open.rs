//! Opening a credential.

use keyward_base::{Error, KeyId, OpenedSecret, Reason, Result, Role};

use super::{Opened, Vault, parse_stored};
use crate::credential::Credential;
use crate::metadata::Metadata;
use crate::slot::Slot;

const OPEN: &str = "vault.open";

impl Vault {
    /// Opens what lies in `slot`, for a caller of `role`. It is recorded before it is decrypted,
    /// and no plaintext waits for anything.
    ///
    /// # Errors
    /// `Rejected`, outward always alike, with the reason for the audit: [`Reason::NOT_FOUND`],
    /// [`crate::reason::ROLE_MISMATCH`], [`Reason::NOT_AUTHENTIC`] and those of
    /// [`Keyring::opening_key`](keyward_keys::Keyring::opening_key); `Corrupt` for a damaged
    /// value; `Unavailable` if a store or the keyring cannot be reached, or the event not
    /// recorded; whatever an [observer](crate::VaultBuilder::observer) refuses it with.
    pub async fn open(&self, slot: &Slot, role: &Role) -> Result<Opened> {
        let mut key = None;
        let result = self.try_open(slot, role, &mut key).await;
        if let Err(e) = &result {
            self.refuse(OPEN, slot, key, e).await;
        }
        result
    }

    async fn try_open(
        &self,
        slot: &Slot,
        role: &Role,
        key_id: &mut Option<KeyId>,
    ) -> Result<Opened> {
        let found = self.inner.store.fetch(&self.place_of(slot)).await?;
        let record = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        let metadata = Metadata::parse(&record.data)?;
        if metadata.role()? != *role {
            return Err(Error::rejected(crate::reason::ROLE_MISMATCH));
        }
        let parsed = parse_stored(&record)?;
        let header = parsed.header().clone();
        *key_id = Some(header.key);
        let (keyring, purpose) = (&self.inner.keyring, &self.inner.purpose);
        let opening = || keyring.opening_key(purpose, &slot.tenant, header.key);
        drop(opening().await?);
        self.grant(OPEN, slot, header.key).await?;
        // Asked anew: the trail may have taken long, and the key been withdrawn meanwhile.
        let key = opening().await?;
        let binding = self.binding(slot, role, &metadata, &record.data)?;
        let bytes = parsed.open(key.body(), |header| binding.encode(header))?;
        let (kind, revision) = (metadata.kind(), metadata.revision());
        let told = OpenedSecret {
            collection: self.inner.named,
            tenant: &slot.tenant,
            place: &slot.place,
            record: &slot.record,
            revision,
            part: None,
            value: bytes.expose(),
        };
        self.tell(&told, Some(kind))?;
        let facts = metadata.facts().clone();
        let credential = Credential::from_store(kind, bytes, header.hint, facts);
        Ok(Opened::new(credential, revision))
    }
}
