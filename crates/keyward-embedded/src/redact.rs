//! Secrets of this home, masked in what the program writes.

use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::Result;
use keyward_redact::{Policy, Redactor};

use crate::home::Home;

/// The redactor of a home, once it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<Redactor>>);

impl Home {
    /// What masks every secret that this home's vault opens from now on, its columns' and detached
    /// ones included. All calls give the same one. Ask for it right after opening the home.
    ///
    /// A home that is never asked tells nobody. Asked for, it keeps what was opened in memory until
    /// the process ends, under a random pad, and not only as long as the caller does: about
    /// 0.5 KiB for a token of 40 characters, 64 MiB in all. Opening a credential for the first time
    /// takes longer by the time of its registration, and less than a microsecond after that.
    ///
    /// # Errors
    /// `Misuse` if the vault opened something before, which would not be masked; `Unavailable`
    /// without randomness.
    pub fn redactor(&self) -> Result<Redactor> {
        self.redactor_with(Policy::default())
    }

    /// The same, of which the first call decides the limits and what is masked by name.
    ///
    /// # Errors
    /// As [`Home::redactor`].
    pub fn redactor_with(&self, policy: Policy) -> Result<Redactor> {
        let Slot(slot) = &self.redactor;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(redactor) = slot.as_ref() {
            return Ok(redactor.clone());
        }
        let provider = self.keyring().provider();
        let redactor = Redactor::with_policy(policy, |bytes| provider.fill(bytes))?;
        self.vault().observe(Arc::new(redactor.clone()))?;
        *slot = Some(redactor.clone());
        Ok(redactor)
    }
}
