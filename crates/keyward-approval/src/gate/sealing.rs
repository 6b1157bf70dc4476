//! Secret arguments, sealed beside their action.

use keyward_base::encoded::Encoded;
use keyward_base::{Domain, Error, Hint, Purpose, Reason, Result, Tenant};
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_keys::Barrier;
use keyward_store::Write;

use super::Gates;
use super::held::{Held, SECRETS, secrets_place};
use super::id::GateId;
use super::row::Row;
use crate::action::{ActionDigest, Secrets};

/// The secret arguments of an action: the header of the sealed value, what its key is for, whose it
/// is, the gate, and the action.
type Bound<'a> = (&'a [u8], &'a Purpose, &'a Tenant, GateId, ActionDigest);

const BOUND: Domain<Bound<'_>> = Domain::new("kw1/approval-secret");

impl Gates {
    /// The secrets of a gate, sealed, and what their write requires.
    pub(super) async fn seal(&self, row: &Row, secrets: &Secrets) -> Result<(String, Write)> {
        let (keyring, purpose) = (&self.0.keyring, &self.0.sealing);
        let barrier = Barrier::claim(self.0.store.as_ref(), &SECRETS, purpose).await?;
        let epoch = barrier.promoted_epoch();
        let key = keyring.sealing_key(purpose, &row.tenant, epoch).await?;
        let header = Header {
            suite: key.suite(),
            key: key.id(),
            hint: Hint::none(),
        };
        let bytes = secrets.to_bytes();
        let sealed = sealed::seal(
            key.body(),
            &header,
            |header| self.bound(row, header),
            bytes.expose(),
        )?;
        Ok((sealed, barrier.require()))
    }

    fn bound(&self, row: &Row, header: &[u8]) -> Result<Encoded> {
        let digest = ActionDigest::from_bytes(row.digest);
        BOUND.encode(&(header, &self.0.sealing, &row.tenant, row.id, digest))
    }

    /// The secrets of a gate, which are those that its action is bound to.
    ///
    /// # Errors
    /// `Corrupt` if they are gone or others; `Unavailable` if a store or the keyring cannot be relied
    /// on.
    pub(crate) async fn open_secrets(&self, held: &Held) -> Result<Secrets> {
        let row = &held.row;
        if !row.has_secrets {
            return Ok(Secrets::default());
        }
        let gone = || Error::corrupt("the secrets of a gate are not what was written");
        let place = secrets_place(&row.tenant, row.id);
        let found = self.0.store.fetch(&place).await?.ok_or_else(gone)?;
        let parsed = Parsed::parse(&found.sealed).map_err(|e| gone().with_source(e))?;
        let (keyring, purpose) = (&self.0.keyring, &self.0.sealing);
        let key = keyring
            .opening_key(purpose, &row.tenant, parsed.header().key)
            .await
            .map_err(|e| match e.kind() {
                keyward_base::ErrorKind::Rejected => gone().with_source(e),
                _ => e,
            })?;
        let bytes = parsed.open(key.body(), |header| self.bound(row, header));
        let bytes = bytes.map_err(|e| match e.reason() {
            Some(Reason::NOT_AUTHENTIC | Reason::DAMAGED) => gone().with_source(e),
            _ => e,
        })?;
        Secrets::open(keyring.provider(), &held.action, &bytes)
    }
}
