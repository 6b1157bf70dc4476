//! `keyward password verify`: one password.

use std::path::Path;
use std::process::ExitCode;

use keyward_base::{Error, ErrorKind, Reason, Result, SecretBytes};
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
/// `Misuse` for an input that is wrong or is not there; `Unavailable` if there is no memory.
pub(super) fn run(wanted: &VerifyArgs, json: bool) -> Result<ExitCode> {
    let passwords = super::door(Policy::default())?;
    let context = match &wanted.context {
        Some(file) => context(file)?,
        None => Context::default(),
    };
    let Some(file) = &wanted.file else {
        return Err(Error::misuse("the file of the stored string is missing"));
    };
    let mut encoded = beside(file)?;
    input::trim_newline(&mut encoded);
    let encoded = text(&encoded)?;
    let typed = input::stdin("the password")?;
    // An empty password may be right or wrong; none at all is a mistake of the caller.
    if input::is_null(&typed) {
        return Err(Error::misuse(
            "there is no password, since standard input is closed or /dev/null: \
             pipe it in, as in `printf %s \"$PASSWORD\" | keyward password verify FILE`",
        ));
    }
    let password = match SecretBytes::read(typed, LONGEST) {
        Ok(mut password) => {
            input::trim_newline(&mut password);
            Some(password)
        }
        // No hash is of anything so long.
        Err(e) if e.kind() == ErrorKind::Misuse => None,
        Err(e) => return Err(e),
    };

    let label = wanted.scheme.as_deref();
    note_unknown(label);
    let asked = match password {
        Some(password) => Asked::of(&passwords, (label, encoded), &context, password)?,
        None => Asked::Refused(Reason::TOO_LONG),
    };
    let verdict = asked.told()?;
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

/// Says that a label is none.
pub(super) fn note_unknown(label: Option<&str>) {
    if label.is_some_and(|label| Scheme::from_label(label).is_none()) {
        output::note(
            "no scheme has that label, so the string has to say what it is: \
             `keyward password schemes` shows them",
        );
    }
}

/// A context from its file.
///
/// # Errors
/// `Misuse` for one that cannot be read.
pub(super) fn context(file: &Path) -> Result<Context> {
    Context::from_json(text(&beside(file)?)?)
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
