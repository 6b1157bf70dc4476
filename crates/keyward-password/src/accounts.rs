//! The accounts of one realm: who is found by what he typed, and his credential, changed together.
//!
//! Directory, credentials and mailed links lie in one store, so that whatever belongs together is one
//! atomic batch.

use std::fmt;
use std::sync::Arc;

use keyward_base::audit::{Discard, Event, Outcome};
use keyward_base::{Error, RecordId, Result, Revision, Subject, Tenant, Timestamp, Trail};
use keyward_store::{Applied, Stores, Write};

use crate::credential::{Credentials as _, Loaded};
use crate::device::{DeviceToken, Devices};
use crate::directory::{Directory as _, DirectoryRows, Entry};
use crate::identifier::Identifier;
use crate::login::is_of_the_row;
use crate::mail::Outbox;
use crate::passwords::Passwords;
use crate::records::CredentialRows;
use crate::verified::{Account, Realm};

/// How often a batch is tried that lost to another writer who changed nothing of what was decided by.
pub(crate) const MAX_TRIES: usize = 8;

/// Whose credential is read where nobody is found: as much is read then.
const NOBODY: &str = "-";

/// The accounts of one realm. Clones are the same.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    realm: Realm,
    rows: CredentialRows,
    directory: DirectoryRows,
    passwords: Passwords,
    outbox: Outbox,
    trail: Trail,
}

/// An account that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) entry: Entry,
    pub(crate) account: Account,
    pub(crate) loaded: Loaded,
}

impl Accounts {
    /// The accounts of `realm`, found by `directory`, their credentials in `rows`, both in one store;
    /// `passwords` hashes what people choose, and `outbox` takes what they are told.
    ///
    /// # Errors
    /// `Misuse` for two stores, or a realm of another door than the rows; `Unavailable` if a store
    /// does not tell its identity.
    pub fn new(
        realm: Realm,
        rows: CredentialRows,
        directory: DirectoryRows,
        passwords: Passwords,
        outbox: Outbox,
    ) -> Result<Self> {
        if rows.store().identity()? != directory.store().identity()? {
            return Err(Error::misuse(
                "the directory and the credentials lie in two stores: what changes both is one batch",
            ));
        }
        if rows.door() != realm.door {
            return Err(Error::misuse("the credentials are of another door"));
        }
        Ok(Self(Arc::new(Inner {
            realm,
            rows,
            directory,
            passwords,
            outbox,
            trail: Trail::new(Arc::new(Discard::new())),
        })))
    }

    /// Where events go, as well as can be: `password.change`, `account.create`, `account.email`,
    /// `account.factor`, `account.disable` and `account.enable`. Default: nowhere.
    #[must_use]
    pub fn trail(self, trail: Trail) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            realm: inner.realm.clone(),
            rows: inner.rows.clone(),
            directory: inner.directory.clone(),
            passwords: inner.passwords.clone(),
            outbox: inner.outbox.clone(),
            trail,
        }))
    }

    /// The realm that they are in.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.0.realm
    }

    pub(crate) fn rows(&self) -> &CredentialRows {
        &self.0.rows
    }

    pub(crate) fn directory(&self) -> &DirectoryRows {
        &self.0.directory
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(crate) fn store(&self) -> &Arc<dyn Stores> {
        self.0.rows.store()
    }

    pub(crate) async fn now(&self) -> Result<Timestamp> {
        self.0.directory.now().await
    }

    /// The account of an identifier. It reads as much whether there is one or not.
    ///
    /// # Errors
    /// `Corrupt`, or [`NEWER`](crate::reason::NEWER), for what is wrong with this account alone.
    pub(crate) async fn find(&self, identifier: &Identifier) -> Result<Option<Found>> {
        self.0.rows.ready(&self.0.realm).await?;
        let entry = self.0.directory.find(&self.0.realm, identifier).await;
        let subject = match &entry {
            Ok(Some(entry)) => entry.subject.clone(),
            Err(e) if !is_of_the_row(e) => return entry.map(|_| None),
            _ => Subject::new(NOBODY)?,
        };
        let account = self.0.realm.account(subject);
        let loaded = self.0.rows.load(&account).await;
        let Some(entry) = entry? else {
            // Nobody's, whatever it held.
            return match loaded {
                Err(e) if !is_of_the_row(&e) => Err(e),
                _ => Ok(None),
            };
        };
        let lost = || Error::corrupt("an account of the directory has no credential");
        Ok(Some(Found {
            entry,
            account,
            loaded: loaded?.ok_or_else(lost)?,
        }))
    }

    /// Whether all was written. If not, whoever decided by what was read reads it again.
    pub(crate) async fn apply(&self, writes: Vec<Write>) -> Result<bool> {
        if let Applied::Done(_) = self.store().apply(writes).await? {
            return Ok(true);
        }
        self.0.rows.forget_barrier();
        self.0.directory.forget_barrier();
        Ok(false)
    }

    /// What the browser that used a link shows at the next log-in, so that strangers who fail at the
    /// account do not keep its owner out. It stands in for no password.
    pub(crate) fn device(
        &self,
        account: &Account,
        address: &Identifier,
        revision: Revision,
    ) -> Result<DeviceToken> {
        let devices = Devices::new(self.0.directory.keyring().clone());
        devices.issue(account, address, revision, None)
    }

    /// As well as can be: what is done is done.
    pub(crate) async fn note(
        &self,
        at: Timestamp,
        action: &'static str,
        subject: &Subject,
        organisation: &Tenant,
    ) {
        let mut event = Event::new(at, action, Outcome::Done);
        event.tenant = Some(organisation.clone());
        event.record = RecordId::new(subject.as_str()).ok();
        self.0.trail.note(event).await;
    }
}

/// Every try lost to another writer.
pub(crate) fn contended() -> Error {
    Error::unavailable(
        "the data store is contended: every try lost to another writer; try again in a moment",
    )
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("realm", &self.0.realm)
            .finish_non_exhaustive()
    }
}
