//! What the commands that mask know: secrets by name, and what is said of them.

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Result};
use keyward_crypto::Provider;
use keyward_redact::policy::LEAST_LEN;
use keyward_redact::{Name, Redactor};

use crate::output;

/// A redactor that is being told.
pub(crate) struct Secrets<'a> {
    redactor: Redactor,
    /// The variables that are masked whatever their values are.
    anyway: &'a [String],
    told: Vec<String>,
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(anyway: &'a [String]) -> Result<Self> {
        Ok(Self {
            redactor: Redactor::new(|bytes| Provider::default().fill(bytes))?,
            anyway,
            told: Vec::new(),
        })
    }

    /// The value of `variable`, whose mask is called `name`. What is not masked is said, by the
    /// name of the variable.
    pub(crate) fn add(&mut self, variable: &str, name: &str, value: &[u8]) -> Result<()> {
        self.told.push(variable.to_owned());
        if value.len() < LEAST_LEN {
            output::note(&format!(
                "{variable} is shorter than {LEAST_LEN} bytes and not masked (--mask-anyway {variable} masks it)"
            ));
        }
        self.redactor.add(&Name::new(name)?, value)
    }

    /// The root keys in `text`, as `KEYWARD_ROOT` and a root file hold them: as text, and the bytes
    /// that it stands for.
    pub(crate) fn add_root(&mut self, text: &[u8]) -> Result<()> {
        let name = Name::new("KEYWARD_ROOT")?;
        for entry in text.split(|b| *b == b',') {
            let entry = entry.trim_ascii();
            let colon = entry.iter().position(|b| *b == b':');
            let key = colon.and_then(|at| entry.get(at.saturating_add(1)..));
            let key = key.unwrap_or(entry);
            self.redactor.add(&name, key)?;
            let read = std::str::from_utf8(key).ok().map(from_base64);
            if let Some(Ok(bytes)) = read {
                self.redactor.add(&name, bytes.expose())?;
            }
        }
        Ok(())
    }

    /// The redactor, that now knows all.
    ///
    /// # Errors
    /// `Misuse` if a variable is to be masked anyway that there is not.
    pub(crate) fn into_redactor(self) -> Result<Redactor> {
        let unknown = |name: &&String| !self.told.contains(name);
        match self.anyway.iter().find(unknown) {
            Some(_) => Err(Error::misuse(
                "--mask-anyway names a variable that is not in the set: `keyward vault list` shows its names",
            )),
            None => Ok(self.redactor),
        }
    }
}
