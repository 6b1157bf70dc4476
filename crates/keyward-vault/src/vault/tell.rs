//! Whoever observes is told of a value after it was decrypted, and before its caller has it.

use std::sync::{Arc, OnceLock};

use keyward_base::{OpenObserver, OpenedSecret, Result, SecretBytes};

use super::Vault;
use crate::credential::{Kind, parts};

impl Vault {
    /// From now on `observer` is told too of every value that this vault opens, and its clones,
    /// its columns and detached values: [`VaultBuilder::observer`](crate::VaultBuilder::observer)
    /// for a vault that is built already.
    ///
    /// # Errors
    /// `Misuse` once something was opened, which it would not know.
    pub fn observe(&self, observer: Arc<dyn OpenObserver>) -> Result<()> {
        self.inner.observers.add(observer)
    }

    /// Tells of `whole`, a credential of `kind`, by its parts if it has parts.
    pub(crate) fn tell(&self, whole: &OpenedSecret<'_>, kind: Option<Kind>) -> Result<()> {
        let taken_apart = OnceLock::new();
        for observer in self.inner.observers.all().iter() {
            let kind = kind.filter(|kind| kind.has_parts());
            let Some(kind) = kind else {
                observer.opened(whole)?;
                continue;
            };
            if observer.knows_parts(whole) {
                continue;
            }
            let parts = taken_apart.get_or_init(|| parts(kind, whole.value));
            let parts = parts.iter().map(|part| part_of(whole, part));
            let parts: Vec<OpenedSecret<'_>> = parts.collect();
            if parts.is_empty() {
                // What this release cannot take apart is secret all the same.
                observer.opened(whole)?;
            } else {
                observer.opened_parts(whole, &parts)?;
            }
        }
        Ok(())
    }
}

fn part_of<'a>(
    whole: &OpenedSecret<'a>,
    (name, value): &'a (String, SecretBytes),
) -> OpenedSecret<'a> {
    OpenedSecret {
        part: Some(name),
        value: value.expose(),
        ..*whole
    }
}
