//! One value, whichever column it lies in: current, moved, or why not.

use keyward_base::{Error, ErrorKind, KeyId, Purpose, Reason, Result, Tenant};
use keyward_crypto::sealed::Header;

use crate::keyring::Keyring;
use crate::reason;
use crate::tenant::TenantKey;

/// What became of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resealed<T = String> {
    /// It does not open, and is itself at fault.
    Bad(Reason),
    /// It is sealed under a key that is new enough.
    Current,
    /// The value under a newer key.
    Moved(T),
    /// It is not at fault, and cannot be moved now: its key is missing or disabled, its owner's key
    /// record is damaged, or only a newer release knows its suite or its form.
    Skipped(Option<Reason>),
}

impl Keyring {
    /// Seals the value whose text is `sealed` anew, if its key was issued before `promoted_epoch`:
    /// `reseal` gets the key that opens it and the one that seals, and gives the value under the
    /// latter, or none if only a newer release can read it. For whoever writes a
    /// [`Reseal`](crate::Reseal) of its own.
    ///
    /// # Errors
    /// `Unavailable` if a store or the keyring cannot be reached.
    pub async fn reseal_value<T>(
        &self,
        purpose: &Purpose,
        tenant: Result<Tenant>,
        sealed: &str,
        promoted_epoch: u64,
        reseal: impl FnOnce(&TenantKey, &TenantKey) -> Result<Option<T>> + Send,
    ) -> Result<Resealed<T>> {
        let tried = self.try_reseal(purpose, tenant, sealed, promoted_epoch, reseal);
        match tried.await {
            Ok(done) => Ok(done),
            Err(e) => sorted(e),
        }
    }

    async fn try_reseal<T>(
        &self,
        purpose: &Purpose,
        tenant: Result<Tenant>,
        sealed: &str,
        promoted_epoch: u64,
        reseal: impl FnOnce(&TenantKey, &TenantKey) -> Result<Option<T>> + Send,
    ) -> Result<Resealed<T>> {
        let header = match Header::peek(sealed) {
            Ok(header) => header,
            // A suite that only a newer release knows: the row is sound, and not ours to judge.
            Err(e) if e.reason().is_none() => return Ok(Resealed::Skipped(None)),
            Err(e) => return Err(e),
        };
        let tenant = tenant?;
        let keys = self.keys_of(purpose, &tenant, header.key, promoted_epoch);
        let Some((old, new)) = keys.await.map_err(of_the_keys)? else {
            return Ok(Resealed::Current);
        };
        // From here on nothing waits: no plaintext lies in a future.
        Ok(match reseal(&old, &new)? {
            Some(moved) => Resealed::Moved(moved),
            None => Resealed::Skipped(None),
        })
    }

    /// The key that opens a value and the one that seals it anew; none: it is current.
    async fn keys_of(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
        promoted_epoch: u64,
    ) -> Result<Option<(TenantKey, TenantKey)>> {
        let old = self.find_key(purpose, tenant, id, false).await?;
        if old.issued_epoch() >= promoted_epoch {
            return Ok(None);
        }
        let new = self.resealing_key(purpose, tenant, promoted_epoch).await?;
        Ok(Some((old, new)))
    }
}

/// What is damaged where keys lie is told of no value.
fn of_the_keys(error: Error) -> Error {
    let tenants = error.reason() == Some(reason::DAMAGED_KEYS);
    if error.kind() != ErrorKind::Corrupt || tenants {
        return error;
    }
    Error::unavailable(
        "the keyring cannot be read: nothing is sealed anew; `keyward doctor` says why",
    )
    .with_source(error)
}

/// Sorts an error by whose fault it is: a bad value is told as that, a missing key leaves the value
/// alone, and anything else ends the run.
fn sorted<T>(error: Error) -> Result<Resealed<T>> {
    match error.reason() {
        Some(
            reason
            @ (Reason::NOT_AUTHENTIC | Reason::MALFORMED | Reason::TOO_LONG | Reason::DAMAGED),
        ) => Ok(Resealed::Bad(reason)),
        Some(
            reason @ (reason::UNKNOWN_KEY
            | reason::PENDING_KEY
            | reason::DISABLED_KEY
            | reason::DESTROYED_KEY
            // Its owner's key record is at fault, not the row: `keyward doctor` names it.
            | reason::DAMAGED_KEYS),
        ) => Ok(Resealed::Skipped(Some(reason))),
        _ if error.kind() == ErrorKind::Corrupt => Ok(Resealed::Bad(Reason::MALFORMED)),
        _ => Err(error),
    }
}
