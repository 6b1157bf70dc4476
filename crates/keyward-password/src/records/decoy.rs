//! What is opened where there is no row to open.
//!
//! Whoever logs in must not learn by the work whether there is a row: so where there is none, or one
//! that comes to no opening, a row of nobody's is opened in its place.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyward_base::{ErrorKind, KeyId, Result, Subject, Tenant, Timestamp};

use super::format::{Facts, secret_of};
use super::sealing::{of_the_key, of_the_keyring};
use super::{CredentialRows, Pepper, Spent};
use crate::credential::Credential;

/// Realms that have one. A service has a handful; what names more takes none of the memory.
const MOST: usize = 1_024;

/// As long as a string of the default policy.
const TEXT: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The rows of nobody's, by the tenant of their realm.
#[derive(Debug, Default)]
pub(super) struct Decoys(Mutex<HashMap<Tenant, (KeyId, String)>>);

impl Decoys {
    fn of(&self, tenant: &Tenant) -> Option<(KeyId, String)> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(tenant).cloned()
    }

    fn put(&self, tenant: &Tenant, key: KeyId, sealed: String) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST {
            held.clear();
        }
        held.insert(tenant.clone(), (key, sealed));
    }
}

impl CredentialRows {
    /// Asks for the realm's key, and sees to it that there is a row of nobody's under it.
    pub(super) async fn ready_for(&self, tenant: &Tenant) -> Result<()> {
        let Some(pepper) = &self.0.pepper else {
            return Ok(());
        };
        let key = pepper
            .sealing_key(tenant, 0)
            .await
            .map_err(of_the_keyring)?;
        if self
            .0
            .decoys
            .of(tenant)
            .is_some_and(|held| held.0 == key.id())
        {
            return Ok(());
        }
        let credential = Credential::new(TEXT, Timestamp::from_millis(0))?;
        let facts = Facts::of(&credential).to_bytes();
        let secret = secret_of(&credential)?;
        let nobody = nobody()?;
        let binding = self.binding(pepper, tenant, &nobody, &facts);
        let sealed = binding.seal(&key, secret.expose())?;
        self.0.decoys.put(tenant, key.id(), sealed);
        Ok(())
    }

    /// Opens the row of nobody's where no other was, if [`CredentialRows::ready_for`] made one.
    pub(super) async fn even_out(
        &self,
        pepper: &Pepper,
        tenant: &Tenant,
        spent: Spent,
    ) -> Result<()> {
        if spent.is_opened {
            return Ok(());
        }
        let Some((id, sealed)) = self.0.decoys.of(tenant) else {
            return Ok(());
        };
        let key = pepper
            .keyring
            .opening_key(&pepper.purpose, tenant, id)
            .await;
        let key = match key.map_err(of_the_key) {
            Ok(key) => key,
            // It was disabled or destroyed since: nothing is owed to nobody.
            Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(()),
            Err(e) => return Err(e),
        };
        if !spent.is_counted {
            self.0.meter.opens_seal();
        }
        let credential = Credential::new(TEXT, Timestamp::from_millis(0))?;
        let facts = Facts::of(&credential).to_bytes();
        let nobody = nobody()?;
        let binding = self.binding(pepper, tenant, &nobody, &facts);
        let opened = binding.open(&key, &sealed)?;
        std::hint::black_box(super::format::credential(
            Facts::of(&credential),
            opened.expose(),
        )?);
        Ok(())
    }
}

fn nobody() -> Result<Subject> {
    Subject::new("nobody")
}
