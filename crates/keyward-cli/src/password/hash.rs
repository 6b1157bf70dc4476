//! `keyward password hash`: one new password.

use std::path::Path;
use std::sync::Arc;

use keyward_base::{Error, ErrorKind, Reason, Result, SecretBytes};
use keyward_password::people::{self, Words};
use keyward_password::{
    BreachFile, Judged, Passwords, Policy, Rules, Unfit, danger, password, reason,
};
use serde::Serialize;

use crate::args::HashArgs;
use crate::exit::Advice;
use crate::{input, output};

const UNFIT: Reason = Reason::new("password-unfit");

#[derive(Serialize)]
struct Answer {
    encoded: String,
}

/// Judges and hashes what standard input holds.
///
/// # Errors
/// `Rejected` if the rules refuse it; `Misuse` for no password or one that is too long.
pub(super) fn run(wanted: &HashArgs, json: bool) -> Result<()> {
    let passwords = super::door(policy(wanted))?;
    let input = input::stdin("the password")?;
    let mut typed =
        SecretBytes::read(input, password::MAX_LEN + 2).map_err(|e| match e.kind() {
            ErrorKind::Misuse => explained(Error::rejected(Reason::TOO_LONG)),
            _ => e,
        })?;
    input::trim_newline(&mut typed);
    if typed.is_empty() {
        return Err(Error::misuse(
            "there is no password: pipe it in, as in `printf %s \"$PASSWORD\" | keyward password hash`",
        ));
    }
    let encoded = hash(&passwords, wanted, typed).map_err(explained)?;
    if json {
        return output::json("keyward.password.hash/1", &Answer { encoded });
    }
    output::say(&encoded)
}

fn policy(wanted: &HashArgs) -> Policy {
    match wanted {
        HashArgs { hardened: true, .. } => Policy::hardened(),
        HashArgs { bcrypt: true, .. } => Policy::bcrypt(),
        HashArgs { pbkdf2: true, .. } => Policy::fips(),
        _ => Policy::default(),
    }
}

fn hash(passwords: &Passwords, wanted: &HashArgs, typed: SecretBytes) -> Result<String> {
    let tenant = super::tenant()?;
    let password = keyward_password::Password::new(typed)?;
    if wanted.even_unfit {
        return danger::hash_unjudged(passwords, &tenant, password).wait();
    }
    let rules = rules(wanted)?;
    let mut words = Words::new();
    if let Some(name) = &wanted.service {
        words = words.service(name);
    }
    if let Some(address) = &wanted.email {
        words = words.email(address);
    }
    if let Some(name) = &wanted.name {
        words = words.name(name);
    }
    match crate::wait(passwords.judge(&tenant, password, &rules, &words))? {
        Judged::Fit(password) => passwords.hash(&tenant, password).wait(),
        Judged::Unfit(unfit) => Err(Error::rejected(UNFIT).with_source(Advice(said(unfit)))),
    }
}

fn rules(wanted: &HashArgs) -> Result<Rules> {
    let mut rules = Rules::new();
    if wanted.second_factor {
        rules = rules.with_second_factor();
    }
    if let Some(file) = &wanted.breach_file {
        rules = rules.breach_file(Arc::new(breach_file(file)?));
    }
    Ok(rules)
}

fn breach_file(file: &Path) -> Result<BreachFile> {
    if file.as_os_str() == "-" {
        return Err(Error::misuse(
            "--breach-file names a file: standard input is the password",
        ));
    }
    BreachFile::open(input::reader(file)?)
}

fn said(unfit: Unfit) -> String {
    let what = match unfit {
        Unfit::Breached => "it is among the passwords that were breached".to_owned(),
        Unfit::ContextWords => {
            "it is little more than what --service, --email and --name say".to_owned()
        }
        Unfit::TooLong => format!("it has more than {} bytes", people::MAX_LEN),
        Unfit::TooShort(least) => format!("it has fewer than {least} characters"),
        _ => "the rules do not allow it".to_owned(),
    };
    format!("{what}: choose another one")
}

/// The error with what mends it, where it is about the password.
fn explained(error: Error) -> Error {
    let advice = match error.reason() {
        Some(reason::BCRYPT_INPUT) => {
            "bcrypt reads 72 bytes, and none behind a NUL: choose another password, or no --bcrypt"
        }
        Some(Reason::TOO_LONG) => "it has more than 4,096 bytes: choose a shorter one",
        _ => return error,
    };
    error.with_source(Advice(advice.to_owned()))
}
