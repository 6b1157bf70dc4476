//! Making the rows of a door.

use std::sync::Arc;

use keyward_base::audit::Discard;
use keyward_base::{Clock, Door, Error, ErrorKind, Purpose, Result, Trail};
use keyward_crypto::Provider;
use keyward_keys::{Barrier, Keyring};
use keyward_store::{Collection, Records, Stores};

use super::decoy::Decoys;
use super::pepper::{Pepper, column};
use super::{CredentialRows, Inner};
use crate::ledger::Meter;

/// How the collection of every door begins.
pub(super) const PREFIX: &str = "credential/";

/// The purpose of the pepper, unless it is given another.
const PURPOSE: &str = "password";

/// What [`CredentialRows`] are made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct CredentialRowsBuilder {
    store: Arc<dyn Stores>,
    door: Door,
    clock: Arc<dyn Clock>,
    trail: Trail,
    provider: Provider,
    meter: Meter,
    pepper: Option<Keyring>,
    purpose: Option<Purpose>,
    takes_bare: bool,
}

impl CredentialRowsBuilder {
    pub(super) fn new(store: Arc<dyn Stores>, door: Door, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            door,
            clock,
            trail: Trail::new(Arc::new(Discard::new())),
            provider: Provider::default(),
            meter: Meter::default(),
            pepper: None,
            purpose: None,
            takes_bare: false,
        }
    }

    /// Seals what is written under a key of this keyring for the purpose `password`: the pepper. A row
    /// that is not sealed is refused.
    pub fn pepper(mut self, keyring: Keyring) -> Self {
        self.pepper = Some(keyring);
        self
    }

    /// With a pepper, takes rows that are not sealed yet too, until [`CredentialRows::seal_all`] has
    /// said in the keyring that there is none: for an application that had none before.
    pub const fn takes_bare(mut self) -> Self {
        self.takes_bare = true;
        self
    }

    /// What the pepper's keys are for, if not `password`: the ring must have a key of that purpose.
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Where events go. Default: nowhere.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// Where seals are counted ([`Passwords::meter`](crate::Passwords::meter)).
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// Takes the first revisions of accounts from this provider.
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// Makes them. With a pepper, it registers them with the keyring, so that no key they need is
    /// destroyed, and from then on no process without the pepper writes any.
    ///
    /// # Errors
    /// `Misuse` if the ring has no key of the purpose, the collection belongs to another, rows were
    /// sealed and there is no pepper, or the door's name has other than 1 to 42 lower-case letters,
    /// digits, `-`, `.` and `_`. `Unavailable` if a store cannot be reached.
    pub async fn build(self) -> Result<CredentialRows> {
        let collection = collection_of(self.door)?;
        let mut trail = self.trail;
        let pepper = match self.pepper {
            Some(keyring) => {
                let purpose = match self.purpose {
                    Some(purpose) => purpose,
                    None => Purpose::new(PURPOSE)?,
                };
                keyring.promoted_epoch(&purpose)?;
                trail = trail.in_run(keyring.run());
                let identity = self.store.identity()?;
                let column = column(
                    Arc::clone(&self.store),
                    collection.clone(),
                    purpose.clone(),
                    Arc::clone(&self.clock),
                    trail.clone(),
                )?;
                let is_strict = !self.takes_bare;
                let here = collection.clone();
                let pepper = Pepper::new(keyring, purpose, identity, here, is_strict);
                match pepper.barrier(self.store.as_ref()).await {
                    // Rows open without it, and none is written.
                    Err(e) if e.kind() == ErrorKind::Corrupt => {}
                    barrier => drop(barrier?),
                }
                pepper.keyring.cover(Arc::new(column)).await?;
                Some(pepper)
            }
            None => {
                let store: &dyn Records = self.store.as_ref();
                if Barrier::is_up(store, &collection).await? {
                    return Err(is_sealed());
                }
                None
            }
        };
        Ok(CredentialRows(Arc::new(Inner {
            store: self.store,
            door: self.door,
            collection,
            clock: self.clock,
            trail,
            provider: self.provider,
            meter: self.meter,
            pepper,
            decoys: Decoys::default(),
        })))
    }
}

pub(super) fn is_sealed() -> Error {
    Error::misuse("the credentials of this door are sealed: give them the keyring as pepper")
}

fn collection_of(door: Door) -> Result<Collection> {
    let name = door.as_str();
    let fits = (1..=42).contains(&name.len());
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_');
    if !fits || !name.bytes().all(plain) {
        return Err(Error::misuse(
            "a door that keeps credentials has a name of 1 to 42 lower-case letters, digits, '-', '.' and '_'",
        ));
    }
    Collection::new(&format!("{PREFIX}{name}"))
}
