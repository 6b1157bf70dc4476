//! What is said of secrets that are masked, or not: by name, never by value.

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Result, SecretBytes};
use keyward_redact::policy::LEAST_LEN;
use keyward_redact::{Name, Policy, Redactor, What};

use crate::output;

/// The limits of a redactor that masks these variables whatever their values are.
pub(crate) fn policy(anyway: &[String]) -> Policy {
    let masked = |policy: Policy, name: &String| policy.mask_anyway(name);
    anyway.iter().fold(Policy::default(), masked)
}

/// The root keys in `text`, as `KEYWARD_ROOT` and a root file hold them: as text, and the bytes
/// that it stands for.
pub(crate) fn add_root(redactor: &Redactor, text: &[u8]) -> Result<()> {
    let name = Name::new("KEYWARD_ROOT")?;
    for entry in text.split(|b| *b == b',') {
        let entry = entry.trim_ascii();
        let colon = entry.iter().position(|b| *b == b':');
        let key = colon.and_then(|at| entry.get(at.saturating_add(1)..));
        let key = key.unwrap_or(entry);
        redactor.add(&name, key)?;
        let read = std::str::from_utf8(key).ok().map(from_base64);
        if let Some(Ok(bytes)) = read {
            redactor.add(&name, bytes.expose())?;
        }
    }
    Ok(())
}

/// Refuses a variable that is to be masked anyway and that there is not.
pub(crate) fn check_anyway(anyway: &[String], variables: &[&str]) -> Result<()> {
    let known = |name: &String| variables.contains(&name.as_str());
    if anyway.iter().all(known) {
        return Ok(());
    }
    Err(Error::misuse(
        "--mask-anyway names a variable that is not in the set: write its name as the set has it",
    ))
}

/// Says what is not masked. `front` is what names begin with before that of the variable. `long`
/// are the variables of which a reading has 8 bytes or more: that another is shorter is said with
/// the words `elsewhere`, or not at all.
pub(crate) fn warn(redactor: &Redactor, front: &str, long: &[&str], elsewhere: Option<&str>) {
    for warning in redactor.warnings() {
        let name = warning.name.as_str();
        let variable = name.strip_prefix(front).unwrap_or(name).trim_start();
        let what = match warning.what {
            What::TooShort if long.contains(&variable) => match elsewhere {
                Some(said) => said,
                None => continue,
            },
            What::TooShort => "is shorter than 8 bytes and is not masked",
            What::CommonWord => "is a common word and is not masked",
            What::ShortPassword => {
                "has a password in it that is shorter than 8 bytes and is not masked by itself"
            }
            _ => {
                output::note(&warning.to_string());
                continue;
            }
        };
        output::note(&format!(
            "{variable} {what}: --mask-anyway {variable} masks it"
        ));
    }
}

/// Whether a value of a variable is long enough to be masked.
pub(crate) fn is_long(value: &SecretBytes) -> bool {
    value.expose().trim_ascii().len() >= LEAST_LEN
}
