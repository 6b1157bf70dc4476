//! Sealed values that lie in no column we can count.

use keyward_base::audit::Outcome;
use keyward_base::encoded::Encoded;
use keyward_base::{
    Context, CredentialKind, KeyId, OpenedSecret, Result, Revision, Role, SecretBytes,
};
use keyward_crypto::sealed::{self, Header, Parsed};

use crate::credential::{Credential, Kind};
use crate::sealed::Sealed;
use crate::slot::Slot;
use crate::vault::Vault;

/// The domain of values that are in no column.
const DETACHED: &str = "kw1/detached";

/// What else an observer is told of a value.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) collection: [u8; 8],
    pub(crate) revision: Revision,
    pub(crate) kind: Option<Kind>,
}

impl Vault {
    /// Seals a credential that is kept in no column we can count. The tenant key is marked, so
    /// that its ring key is not destroyed by mistake. Its facts are not kept with it.
    ///
    /// # Errors
    /// `Unavailable` if the keyring or the audit cannot be reached.
    pub async fn seal_detached(
        &self,
        slot: &Slot,
        role: &Role,
        credential: &Credential,
    ) -> Result<Sealed> {
        let key = self
            .keyring()
            .sealing_key(self.purpose(), &slot.tenant, 0)
            .await?;
        self.keyring()
            .mark_unregistered(self.purpose(), &slot.tenant, key.id())
            .await?;
        let header = Header {
            suite: key.suite(),
            key: key.id(),
            hint: credential.hint().clone(),
        };
        let kind = credential.kind().id()?;
        let context = |header: &[u8]| {
            self.detached_context(slot, role, &kind)
                .encode(DETACHED, header)
        };
        let plaintext = credential.bytes().expose();
        let text = sealed::seal(key.body(), &header, context, plaintext)?;
        let sealed = Sealed::new(text, None);
        self.made("vault.seal-detached", slot, key.id()).await?;
        Ok(sealed)
    }

    /// Opens what [`Vault::seal_detached`] sealed for the same slot, role and kind.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open_detached(
        &self,
        slot: &Slot,
        role: &Role,
        kind: Kind,
        value: &Sealed,
    ) -> Result<SecretBytes> {
        let id = kind.id()?;
        let context = |header: &[u8]| {
            self.detached_context(slot, role, &id)
                .encode(DETACHED, header)
        };
        let told = Told {
            collection: self.inner.named,
            revision: Revision::FIRST,
            kind: Some(kind),
        };
        self.open_recorded("vault.open-detached", slot, value, told, context)
            .await
    }

    fn detached_context<'a>(
        &'a self,
        slot: &'a Slot,
        role: &'a Role,
        kind: &'a CredentialKind,
    ) -> Context<'a> {
        Context {
            purpose: self.purpose(),
            tenant: &slot.tenant,
            role,
            place: &slot.place,
            record: &slot.record,
            kind,
            metadata: None,
            revision: Revision::FIRST,
        }
    }

    /// Opens `value`, recorded before it is decrypted; that it was refused is recorded too.
    pub(crate) async fn open_recorded(
        &self,
        action: &'static str,
        slot: &Slot,
        value: &Sealed,
        told: Told,
        context: impl FnOnce(&[u8]) -> Result<Encoded> + Send,
    ) -> Result<SecretBytes> {
        let result = self
            .try_open_recorded(action, slot, value, told, context)
            .await;
        if let Err(e) = &result {
            self.refuse(action, slot, value.key().ok(), e).await;
        }
        result
    }

    async fn try_open_recorded(
        &self,
        action: &'static str,
        slot: &Slot,
        value: &Sealed,
        told: Told,
        context: impl FnOnce(&[u8]) -> Result<Encoded> + Send,
    ) -> Result<SecretBytes> {
        let parsed = Parsed::parse(value.as_str())?;
        let id = parsed.header().key;
        let opening = || self.keyring().opening_key(self.purpose(), &slot.tenant, id);
        drop(opening().await?);
        self.grant(action, slot, id).await?;
        // Asked anew: the trail may have taken long, and the key been withdrawn meanwhile.
        let bytes = parsed.open(opening().await?.body(), context)?;
        let whole = OpenedSecret {
            collection: told.collection,
            tenant: &slot.tenant,
            place: &slot.place,
            record: &slot.record,
            revision: told.revision,
            part: None,
            value: bytes.expose(),
        };
        self.tell(&whole, told.kind)?;
        Ok(bytes)
    }

    /// Records that a value was sealed, before it is handed out.
    pub(crate) async fn made(&self, action: &'static str, slot: &Slot, key: KeyId) -> Result<()> {
        let mut event = self.event(action, slot, Outcome::Done)?;
        event.key = Some(key);
        self.trail.require(event).await
    }
}
