//! `keyward password verify`: one password.

use std::path::Path;
use std::process::ExitCode;

use keyward_base::{Error, Result, SecretBytes};
use keyward_password::{Context, Policy, Scheme};

use super::verdict::Asked;
use crate::args::VerifyArgs;
use crate::{input, output};

/// More than any password, string or context that is checked, in bytes: what is longer is another
/// file.
const LONGEST: usize = 64 << 10;

/// Checks standard input against the string in the file.
///
/// # Errors
/// `Misuse` for an input that is wrong; `Unavailable` if there is no memory.
pub(super) fn run(wanted: &VerifyArgs, json: bool) -> Result<ExitCode> {
    let passwords = super::door(Policy::default())?;
    let context = match &wanted.context {
        Some(file) => Context::from_json(text(&beside(file)?)?)?,
        None => Context::default(),
    };
    let Some(file) = &wanted.file else {
        return Err(Error::misuse("the file of the stored string is missing"));
    };
    let mut encoded = beside(file)?;
    input::trim_newline(&mut encoded);
    let encoded = text(&encoded)?;
    let mut password = SecretBytes::read(input::stdin("the password")?, LONGEST)?;
    input::trim_newline(&mut password);

    let label = wanted.scheme.as_deref();
    if label.is_some_and(|label| Scheme::from_label(label).is_none()) {
        output::note(
            "no scheme has that label, so the string has to say what it is: \
             `keyward password schemes` shows them",
        );
    }
    let verdict = Asked::of(&passwords, (label, encoded), &context, password)?.told()?;
    if json {
        output::json("keyward.password.verify/1", &verdict)?;
    } else {
        output::say(verdict.verdict)?;
    }
    if let Some(advice) = verdict.advice() {
        output::note(&format!("{}: {advice}", verdict.verdict));
    }
    if verdict.needs_upgrade == Some(true) {
        output::note("it is weaker than a new hash would be, or made another way");
    }
    Ok(ExitCode::from(match verdict.verdict {
        "match" => 0,
        "mismatch" => 1,
        "unsupported" => 5,
        _ => 6,
    }))
}

/// A file that stands beside the password.
fn beside(file: &Path) -> Result<SecretBytes> {
    if file.as_os_str() == "-" {
        return Err(Error::misuse(
            "the stored string and --context are files: standard input is the password",
        ));
    }
    SecretBytes::read(input::reader(file)?, LONGEST)
}

fn text(bytes: &SecretBytes) -> Result<&str> {
    std::str::from_utf8(bytes.expose())
        .map_err(|_| Error::misuse("the stored string and the context are texts in UTF-8"))
}
