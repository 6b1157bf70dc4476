//! Writes of a credential that go in one batch with others of the same store.

use std::sync::Arc;

use keyward_base::{Door, Result, Revision};
use keyward_store::{RecordKey, Stores, Version, Write};

use super::CredentialRows;
use super::format::{Facts, place, secret_of};
use crate::credential::{Credential, CredentialVersion};
use crate::verified::Account;

impl CredentialRows {
    pub(crate) fn store(&self) -> &Arc<dyn Stores> {
        &self.0.store
    }

    pub(crate) fn door(&self) -> Door {
        self.0.door
    }

    /// The writes that put `credential` over what was found, or where there was none. One of them
    /// requires what the pepper's barrier is: [`CredentialRows::forget_barrier`] when a batch did not
    /// hold.
    pub(crate) async fn putting(
        &self,
        account: &Account,
        found: Option<CredentialVersion>,
        credential: &Credential,
    ) -> Result<[Write; 2]> {
        self.check_door(account)?;
        let guard = self.guard().await?;
        let (facts, secret) = (Facts::of(credential), secret_of(credential)?);
        let content = self.content(account, facts, secret, guard.least).await?;
        let found = found.map(|version| Version::new(version.number()));
        let put = Write::put(self.place_of(account), found, content);
        Ok([guard.require, put])
    }

    /// That nobody has changed the row meanwhile.
    pub(crate) fn unchanged(&self, account: &Account, version: CredentialVersion) -> Write {
        Write::Require {
            key: self.place_of(account),
            version: Some(Version::new(version.number())),
        }
    }

    /// Whether there is a row, whatever it holds.
    pub(crate) async fn exists(&self, account: &Account) -> Result<bool> {
        let found = self.0.store.fetch(&self.place_of(account)).await?;
        Ok(found.is_some())
    }

    pub(crate) fn forget_barrier(&self) {
        self.forget_guard();
    }

    /// The same in a first revision of 48 random bits: an account that was removed and came again does
    /// not go through its old revisions anew.
    pub(crate) fn in_first_revision(&self, credential: Credential) -> Result<Credential> {
        let mut random = [0; 8];
        let (_, low) = random.split_at_mut(2);
        self.0.provider.fill(low)?;
        let first = Revision::new(u64::from_be_bytes(random)).max(Revision::FIRST);
        let changed = credential.changed();
        Ok(credential.at_revision(first, changed))
    }

    fn place_of(&self, account: &Account) -> RecordKey {
        place(&self.0.collection, account)
    }
}
