//! Secrets of this home, masked in what the program writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Event, Result};
use keyward_redact::{Policy, Redactor, Warning, What};

use crate::home::Home;

/// How many values went to make room for others, and are no longer masked.
const EVICT: &str = "redact.evict";

/// For how many names the values were forgotten by hand, and are no longer masked.
const FORGET: &str = "redact.forget";

/// For how many names values are masked however short or common they are.
const ANYWAY: &str = "redact.mask-anyway";

/// How many values are too short or too common to be masked.
const UNMASKED: &str = "redact.unmasked";

/// The redactor of a home, once it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<Asked>>);

#[derive(Debug)]
struct Asked {
    redactor: Redactor,
    /// What the record has of each action.
    told: BTreeMap<&'static str, u64>,
}

impl Asked {
    /// What is new since it was asked last: action and number.
    fn news(&mut self) -> Vec<(&'static str, u64)> {
        let bare = |warning: &&Warning| matches!(warning.what, What::CommonWord | What::TooShort);
        let warnings = self.redactor.warnings();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let counts = self.redactor.counts();
        let now = [
            (ANYWAY, count(self.redactor.policy().names_masked_anyway())),
            (EVICT, counts.evicted),
            (FORGET, counts.forgotten),
            (UNMASKED, count(warnings.iter().filter(bare).count())),
        ];
        let mut news = Vec::new();
        for (action, number) in now {
            let told = self.told.insert(action, number).unwrap_or(0);
            if number > told {
                news.push((action, number));
            }
        }
        news
    }
}

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
        if let Some(asked) = slot.as_ref() {
            return Ok(asked.redactor.clone());
        }
        let provider = self.keyring().provider();
        let redactor = Redactor::with_policy(policy, |bytes| provider.fill(bytes))?;
        self.vault().observe(Arc::new(redactor.clone()))?;
        let told = BTreeMap::new();
        *slot = Some(Asked {
            redactor: redactor.clone(),
            told,
        });
        Ok(redactor)
    }

    /// Records, as well as can be, what the redactor of this home does not mask as one may expect, as
    /// far as there is more of it than was recorded before: how many values went to make room
    /// (`redact.evict`), are too short or too common (`redact.unmasked`), for how many names values
    /// were forgotten by hand (`redact.forget`) or are masked anyway (`redact.mask-anyway`), each as `number`, since the home was opened.
    /// Which they are, [`Redactor::warnings`] says. For a process that goes on running: every minute
    /// or so. Without a redactor there is nothing to tell.
    ///
    /// # Errors
    /// `Unavailable` without a clock.
    pub async fn record_masking(&self) -> Result<()> {
        let news = {
            let Slot(slot) = &self.redactor;
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.as_mut().map(Asked::news).unwrap_or_default()
        };
        for (action, number) in news {
            let mut event = Event::new(self.keyring().clock().now()?, action, Outcome::Done);
            event.detail = Detail::none().with("number", Value::Number(number));
            self.vault().trail().note(event).await;
        }
        Ok(())
    }
}
