//! Rotation that ends: every value sealed anew under keys issued since the last promotion.
//!
//! How it goes stands in [`keyward_keys::reseal`]: this is the same pass, recorded as an act of the
//! vault.

use std::fmt;

use keyward_base::audit::{Event, Outcome};
use keyward_base::{ErrorKind, Result};
use keyward_keys::{Pass, Progress, Report};

use crate::vault::{REWRAP, Vault};

/// Seals every value of the vault's purpose anew under keys issued since the last promotion: its
/// own records, those of other vaults of that purpose in this process, and the tables that were
/// [attached](crate::Column::attach).
#[must_use = "a rewrap does nothing until `run`"]
pub struct Rewrap<'a> {
    vault: &'a Vault,
    pass: Pass<'a>,
}

impl<'a> Rewrap<'a> {
    /// A rewrap of all that is sealed for the vault's purpose.
    pub fn new(vault: &'a Vault) -> Self {
        Self {
            vault,
            pass: Pass::new(vault.keyring(), vault.purpose()),
        }
    }

    /// As [`Pass::batch`].
    pub fn batch(mut self, rows: usize) -> Self {
        self.pass = self.pass.batch(rows);
        self
    }

    /// Is told how far it is, after each batch.
    pub fn progress(mut self, told: impl FnMut(Progress) + Send + 'a) -> Self {
        self.pass = self.pass.progress(told);
        self
    }

    /// Does it, from where an interrupted run left off.
    ///
    /// # Errors
    /// `Unavailable` if a store, the keyring or the audit cannot be reached: run it again.
    pub async fn run(self) -> Result<Report> {
        let vault = self.vault;
        let clock = &vault.inner.clock;
        let event = Event::new(clock.now()?, REWRAP, Outcome::Intended);
        let act = vault.trail.intend(vault.event_id()?, event).await?;
        let result = self.pass.run().await;
        let outcome = match &result {
            // Some values may have moved before.
            Err(e) if e.kind() == ErrorKind::Unavailable => Outcome::Unknown,
            result => Event::outcome_of(result),
        };
        act.end(clock.as_ref(), outcome).await;
        result
    }
}

impl fmt::Debug for Rewrap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pass.fmt(f)
    }
}
