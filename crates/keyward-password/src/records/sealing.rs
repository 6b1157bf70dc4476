//! What a row is sealed under, and how it is sealed anew.

use std::sync::Arc;

use keyward_base::audit::{Event, Outcome};
use keyward_base::encoded::Encoded;
use keyward_base::{
    BoxFuture, Clock, Domain, Error, ErrorKind, Hint, Purpose, Reason, Result, SecretBytes,
    Subject, Tenant, Trail,
};
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_keys::reason::DISABLED_KEY;
use keyward_keys::{ResealRow, TenantKey};
use keyward_store::{Collection, Record};

use super::format::{Held, owner_of, record_of, wrong};

/// The header of the sealed value, what its key is for, the realm (the collection, which is the
/// door's, and the tenant), whose it is, and the facts beside it.
type Fields<'a> = (
    &'a [u8],
    &'a Purpose,
    &'a str,
    &'a Tenant,
    &'a Subject,
    &'a [u8],
);

const CREDENTIAL: Domain<Fields<'_>> = Domain::new("kw1/credential");

/// What one row is bound to.
pub(super) struct Binding<'a> {
    pub(super) purpose: &'a Purpose,
    pub(super) collection: &'a Collection,
    pub(super) tenant: &'a Tenant,
    pub(super) subject: &'a Subject,
    pub(super) facts: &'a [u8],
}

impl Binding<'_> {
    fn encode(&self, header: &[u8]) -> Result<Encoded> {
        CREDENTIAL.encode(&(
            header,
            self.purpose,
            self.collection.as_str(),
            self.tenant,
            self.subject,
            self.facts,
        ))
    }

    pub(super) fn seal(&self, key: &TenantKey, secret: &[u8]) -> Result<String> {
        let header = Header {
            suite: key.suite(),
            key: key.id(),
            hint: Hint::none(),
        };
        sealed::seal(key.body(), &header, |header| self.encode(header), secret)
    }

    pub(super) fn open(&self, key: &TenantKey, sealed: &str) -> Result<SecretBytes> {
        let parsed = Parsed::parse(sealed).map_err(of_the_row)?;
        parsed
            .open(key.body(), |header| self.encode(header))
            .map_err(of_the_row)
    }
}

/// Whatever is wrong with a stored value is the store's fault, not that of who logs in.
pub(super) fn of_the_row(e: Error) -> Error {
    match (e.kind(), e.reason()) {
        (ErrorKind::Rejected, Some(reason)) => wrong().because(reason),
        _ => e,
    }
}

/// A key that is gone, or was disabled, is this row's matter: who logs in is told what all are told.
/// Damage where keys lie is everybody's, and no row's.
pub(super) fn of_the_key(e: Error) -> Error {
    match (e.kind(), e.reason()) {
        (ErrorKind::Unavailable, Some(reason @ DISABLED_KEY)) => wrong().because(reason),
        (ErrorKind::Corrupt, _) => of_the_keyring(e),
        _ => of_the_row(e),
    }
}

/// Nothing that is read of the keyring is a row's fault.
pub(super) fn of_the_keyring(e: Error) -> Error {
    if e.kind() != ErrorKind::Corrupt {
        return e;
    }
    let all = "the keyring cannot be read: nobody logs in; `keyward doctor` says why";
    let all = Error::unavailable(all);
    match e.reason() {
        Some(reason) => all.because(reason),
        None => all,
    }
    .with_source(e)
}

/// The rows of a collection, as rotation sees them. It holds no keyring, which holds it.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) purpose: Purpose,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trail: Trail,
}

impl ResealRow for Rows {
    fn tenant(&self, row: &Record) -> Result<Tenant> {
        owner_of(&row.key).map(|(tenant, _)| tenant)
    }

    fn reseal(&self, row: &Record, old: &TenantKey, new: &TenantKey) -> Result<Option<String>> {
        let (tenant, subject) = owner_of(&row.key)?;
        match Held::parse(&row.content) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Unavailable => return Ok(None),
            Err(e) => return Err(e),
        }
        let binding = Binding {
            purpose: &self.purpose,
            collection: &row.key.collection,
            tenant: &tenant,
            subject: &subject,
            facts: &row.data,
        };
        let secret = binding.open(old, &row.sealed)?;
        binding.seal(new, secret.expose()).map(Some)
    }

    /// While a collection is being sealed. Afterwards no bare row is read, and none needs a key.
    fn is_bare(&self, row: &Record) -> bool {
        row.sealed.is_empty()
    }

    fn note_bad<'a>(&'a self, row: &'a Record, reason: Reason) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let outcome = Outcome::Failed(ErrorKind::Corrupt, Some(reason));
            let mut event = Event::new(self.clock.now()?, "password.quarantine", outcome);
            if let Ok((tenant, subject)) = owner_of(&row.key) {
                event.record = record_of(&subject);
                event.tenant = Some(tenant);
            }
            self.trail.note(event).await;
            Ok(())
        })
    }
}
