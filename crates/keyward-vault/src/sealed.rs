//! Sealed values that an application keeps itself: in a column of its own table, or detached.

use std::fmt;
use std::str::FromStr;

use keyward_base::audit::Outcome;
use keyward_base::context::Encoded;
use keyward_base::{
    Context, CredentialKind, Error, ErrorKind, Hint, KeyId, Place, Reason, RecordId, Result,
    Revision, Role, SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_keys::{ColumnId, TenantKey};
use keyward_store::StoreId;

use crate::credential::{Credential, Kind};
use crate::slot::Slot;
use crate::vault::Vault;

/// The domain of values in an application's own column.
const COLUMN: &str = "kw1/column";
/// The domain of values that are in no column.
const DETACHED: &str = "kw1/detached";

/// A sealed value as text: `kw1.` and base64url. Shown, it is its hint; [`Sealed::as_str`] is what
/// goes into the column.
///
/// One that was sealed a moment ago is to be stored soon ([`Sealed::use_by`]); one that was read
/// from a column is as old as it is. Two of the same text are equal.
#[derive(Clone)]
pub struct Sealed {
    text: String,
    use_by: Option<Timestamp>,
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Sealed {}

impl Sealed {
    const fn new(text: String, use_by: Option<Timestamp>) -> Self {
        Self { text, use_by }
    }

    /// The text to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Until when a value that [`Column::seal`] gave may be stored: the time of sealing and
    /// [`Policy::seal_use`](keyward_keys::Policy::seal_use), 60 seconds. None for a value that was
    /// read from its text, or sealed detached.
    ///
    /// A table of the application has no barrier of ours, so that a value in hand could be written
    /// long after its key was disabled. A key is therefore destroyed only when whatever was sealed
    /// before it was disabled is stored, or too old to be.
    #[must_use]
    pub const fn use_by(&self) -> Option<Timestamp> {
        self.use_by
    }

    /// Whether it may still be stored: to be asked in the transaction that stores it, as late as
    /// can be.
    ///
    /// # Errors
    /// `Unavailable` from [`Sealed::use_by`] on: seal it anew.
    pub fn check_use(&self, now: Timestamp) -> Result<()> {
        match self.use_by {
            Some(until) if now >= until => Err(Error::unavailable(
                "the value was sealed too long ago to be stored: seal it anew",
            )),
            _ => Ok(()),
        }
    }

    /// The key it says it is sealed with.
    ///
    /// # Errors
    /// As its parsing; a value that was parsed does not fail.
    pub fn key(&self) -> Result<KeyId> {
        Header::peek(&self.text).map(|header| header.key)
    }

    fn hint(&self) -> Hint {
        Header::peek(&self.text).map_or_else(|_| Hint::none(), |header| header.hint)
    }
}

impl FromStr for Sealed {
    type Err = Error;

    /// Reads what [`Sealed::as_str`] gave. Nothing in it is verified.
    fn from_str(text: &str) -> Result<Self> {
        Parsed::parse(text)?;
        Ok(Self::new(text.to_owned(), None))
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hint().fmt(f)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.hint())
    }
}

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
    place: Place,
    id: ColumnId,
}

impl Vault {
    /// The column `place` of an application's own table in the database `store`. Registered for
    /// good: from now on no key is destroyed by a process that cannot count it. Give a
    /// [`Table`](crate::Table) of it to [`Rewrap`](crate::Rewrap), and to whatever destroys keys.
    ///
    /// # Errors
    /// `Unavailable` if the key store cannot be reached.
    pub async fn column(&self, store: StoreId, place: Place) -> Result<Column> {
        let id = ColumnId::new(store, place.as_str(), self.purpose().clone())?;
        self.keyring().register(&id, false).await?;
        Ok(Column {
            vault: self.clone(),
            place,
            id,
        })
    }

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
        let kind = kind.id()?;
        let context = |header: &[u8]| {
            self.detached_context(slot, role, &kind)
                .encode(DETACHED, header)
        };
        self.open_recorded("vault.open-detached", slot, value, context)
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
    async fn open_recorded(
        &self,
        action: &'static str,
        slot: &Slot,
        value: &Sealed,
        context: impl FnOnce(&[u8]) -> Result<Encoded> + Send,
    ) -> Result<SecretBytes> {
        let result = self.try_open_recorded(action, slot, value, context).await;
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
        context: impl FnOnce(&[u8]) -> Result<Encoded> + Send,
    ) -> Result<SecretBytes> {
        let parsed = Parsed::parse(value.as_str())?;
        let id = parsed.header().key;
        let opening = || self.keyring().opening_key(self.purpose(), &slot.tenant, id);
        drop(opening().await?);
        self.grant(action, slot, id).await?;
        // Asked anew: the trail may have taken long, and the key been withdrawn meanwhile.
        parsed.open(opening().await?.body(), context)
    }

    /// Records that a value was sealed, before it is handed out.
    async fn made(&self, action: &'static str, slot: &Slot, key: KeyId) -> Result<()> {
        let mut event = self.event(action, slot, Outcome::Done)?;
        event.key = Some(key);
        self.trail.require(event).await
    }
}

impl Column {
    /// What it was registered as: what a [`Table`](crate::Table) of it gives as its id.
    #[must_use]
    pub const fn id(&self) -> &ColumnId {
        &self.id
    }

    /// Where its values lie.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
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
        let sealed = self.seal_with(&key, cell, &hint, plaintext, use_by)?;
        let slot = self.slot(cell);
        self.vault.made("column.seal", &slot, key.id()).await?;
        // The trail may have taken long.
        sealed.check_use(keyring.clock().now()?)?;
        Ok(sealed)
    }

    /// Opens what was sealed for the same cell. It is recorded before it is decrypted.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open(&self, cell: &Cell, value: &Sealed) -> Result<SecretBytes> {
        let context = |header: &[u8]| self.context(cell).encode(COLUMN, header);
        self.vault
            .open_recorded("column.open", &self.slot(cell), value, context)
            .await
    }

    /// The same value under a key issued in `promoted_epoch` or later; `None` if it is already
    /// under one.
    pub(crate) async fn reseal(
        &self,
        cell: &Cell,
        value: &Sealed,
        promoted_epoch: u64,
    ) -> Result<Option<Sealed>> {
        let parsed = Parsed::parse(value.as_str())?;
        let header = parsed.header().clone();
        let use_by = self.use_by()?;
        let keyring = self.vault.keyring();
        let purpose = self.vault.purpose();
        let held = keyring
            .admin()
            .opening_key(purpose, &cell.tenant, header.key)
            .await?;
        if held.issued_epoch() >= promoted_epoch {
            return Ok(None);
        }
        let new = keyring
            .sealing_key(purpose, &cell.tenant, promoted_epoch)
            .await?;
        let context = |header: &[u8]| self.context(cell).encode(COLUMN, header);
        let plaintext = parsed.open(held.body(), context)?;
        self.seal_with(&new, cell, &header.hint, &plaintext, use_by)
            .map(Some)
    }

    /// Records that a value of the application's table does not open.
    pub(crate) async fn note_quarantine(&self, cell: &Cell, reason: Reason) -> Result<()> {
        let outcome = Outcome::Failed(ErrorKind::Corrupt, Some(reason));
        let event = self
            .vault
            .event("vault.quarantine", &self.slot(cell), outcome)?;
        self.vault.trail.note(event).await;
        Ok(())
    }

    pub(crate) fn now(&self) -> Result<Timestamp> {
        self.vault.inner.clock.now()
    }

    /// Until when what is sealed from now on may be stored.
    fn use_by(&self) -> Result<Timestamp> {
        let keyring = self.vault.keyring();
        Ok(keyring
            .clock()
            .now()?
            .saturating_add(keyring.policy().seal_use))
    }

    fn seal_with(
        &self,
        key: &TenantKey,
        cell: &Cell,
        hint: &Hint,
        plaintext: &SecretBytes,
        use_by: Timestamp,
    ) -> Result<Sealed> {
        let header = Header {
            suite: key.suite(),
            key: key.id(),
            hint: hint.clone(),
        };
        let context = |header: &[u8]| self.context(cell).encode(COLUMN, header);
        let text = sealed::seal(key.body(), &header, context, plaintext.expose())?;
        Ok(Sealed::new(text, Some(use_by)))
    }

    fn context<'a>(&'a self, cell: &'a Cell) -> Context<'a> {
        Context {
            purpose: self.vault.purpose(),
            tenant: &cell.tenant,
            role: &cell.role,
            place: &self.place,
            record: &cell.record,
            kind: &cell.kind,
            metadata: None,
            revision: cell.revision,
        }
    }

    fn slot(&self, cell: &Cell) -> Slot {
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

/// Whether a value that does not open is at fault itself, rather than its key or the moment.
pub(crate) fn is_bad_value(error: &Error) -> bool {
    matches!(
        error.reason(),
        Some(Reason::NotAuthentic | Reason::Malformed | Reason::TooLong | Reason::Damaged)
    )
}
