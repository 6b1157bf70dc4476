//! What the commands that mask know: secrets by name, and what is said of them.

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Result};
use keyward_crypto::Provider;
use keyward_redact::warning::What;
use keyward_redact::{Name, Policy, Redactor};

use crate::output;

/// A redactor that is being told.
pub(crate) struct Secrets<'a> {
    redactor: Redactor,
    /// The variables that are masked whatever their values are.
    anyway: &'a [String],
    /// Those that there are, each with what its mask is called.
    told: Vec<(String, Name)>,
}

impl<'a> Secrets<'a> {
    /// One that knows nothing. What masks are called begins with `front`; `anyway` are variables.
    pub(crate) fn new(front: &str, anyway: &'a [String]) -> Result<Self> {
        let mut policy = Policy::default();
        for variable in anyway {
            policy = policy.mask_anyway(&called(front, variable));
        }
        Ok(Self {
            redactor: Redactor::with_policy(policy, |bytes| Provider::default().fill(bytes))?,
            anyway,
            told: Vec::new(),
        })
    }

    /// The value of `variable`, whose mask is called by `front` and it.
    pub(crate) fn add(&mut self, front: &str, variable: &str, value: &[u8]) -> Result<()> {
        let name = Name::new(&called(front, variable))?;
        self.redactor.add(&name, value)?;
        self.told.push((variable.to_owned(), name));
        Ok(())
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

    /// The redactor, that now knows all. What is not masked is said, by name.
    ///
    /// # Errors
    /// `Misuse` if a variable is to be masked anyway that there is not.
    pub(crate) fn into_redactor(self) -> Result<Redactor> {
        let unknown = |anyway: &&String| !self.told.iter().any(|(told, _)| told == *anyway);
        if self.anyway.iter().any(|anyway| unknown(&anyway)) {
            return Err(Error::misuse(
                "--mask-anyway names a variable that is not in the set: write its name as the set \
                 has it",
            ));
        }
        for warning in self.redactor.warnings() {
            let told = self.told.iter().find(|(_, name)| *name == warning.name);
            let what = match warning.what {
                What::TooShort => "is shorter than 8 bytes",
                What::CommonWord => "is a common word",
                _ => {
                    output::note(&warning.to_string());
                    continue;
                }
            };
            let variable = told.map_or("it", |(variable, _)| variable);
            output::note(&format!(
                "{variable} {what} and is not masked: --mask-anyway {variable} masks it"
            ));
        }
        Ok(self.redactor)
    }
}

/// What the mask of a variable is called.
fn called(front: &str, variable: &str) -> String {
    match front {
        "" => variable.to_owned(),
        front => format!("{front} {variable}"),
    }
}
