//! `keyward run`: a command with the variables of a sealed set, and its output masked.
//!
//! | module | what it holds |
//! |---|---|
//! | [`vars`] | which variables the command gets |
//! | [`pump`] | one stream of its output: read as it comes, masked, written on |
//! | [`signals`] | which signals are passed on |
//! | [`child`] | the command, from its start to its exit code |
//!
//! A value goes into the command's environment as it is started, and nowhere else. What this leaves
//! in this process: the copies that `std::process::Command` makes, which lie in freed memory that
//! is not wiped; what the redactor knows, under a random pad; and `KEYWARD_ROOT`, where it is set,
//! in this process's own environment.

mod child;
mod pump;
mod signals;
mod vars;

use std::fs::File;
use std::process::{Command, ExitCode, Stdio};

use keyward_base::{Error, Result, SecretBytes};
use keyward_redact::Redactor;
use keyward_vault::Slot;

use crate::args::RunArgs;
use crate::exit;
use crate::home::HomeArgs;
use crate::{secrets, wait};

/// What `env`, `nohup`, `timeout` and `docker run` exit with when they fail themselves: POSIX has
/// 126 and 127 for `env`, the manual of GNU coreutils and that of docker 125 beside them.
const FAILED: u8 = 125;

/// The longest root file, in bytes.
const LONGEST_ROOT: usize = 4096;

/// Says why nothing was run.
pub(crate) fn report(error: &Error, debug: bool) -> ExitCode {
    let _ = exit::report(error, debug);
    ExitCode::from(FAILED)
}

/// Runs the command.
pub(crate) fn run(wanted: &RunArgs, home_args: &HomeArgs, debug: bool) -> ExitCode {
    let prepared = wait(prepare(wanted, home_args));
    match prepared.and_then(|(command, redactor)| child::run(command, &redactor, wanted)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => report(&error, debug),
    }
}

/// Opens the credential. The home is closed, and its keys wiped, before the command is started.
async fn prepare(wanted: &RunArgs, home_args: &HomeArgs) -> Result<(Command, Redactor)> {
    let Some((program, arguments)) = wanted.command.split_first() else {
        return Err(Error::misuse("the command is missing: it stands after --"));
    };
    let slot: Slot = wanted.slot.clone().into();
    let called = format!("{} {} {}", slot.tenant, slot.place, slot.record);
    let mut policy = secrets::policy(&wanted.mask_anyway);
    if wanted
        .variable
        .as_ref()
        .is_some_and(|name| wanted.mask_anyway.contains(name))
    {
        policy = policy.mask_anyway(&called);
    }
    let home = home_args.open().await?;
    // From here on it knows whatever is opened.
    let redactor = home.redactor_with(policy)?;
    let opened = home.vault().open(&slot, &wanted.role).await?;
    let vars = vars::of(opened.credential(), wanted)?;
    secrets::check_anyway(&wanted.mask_anyway, &vars.names())?;

    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit());
    for (name, value) in std::env::vars_os() {
        if !name.as_encoded_bytes().starts_with(b"KEYWARD_") {
            continue;
        }
        if name == "KEYWARD_ROOT" {
            let value = SecretBytes::new(value.into_encoded_bytes());
            secrets::add_root(&redactor, value.expose())?;
        }
        command.env_remove(name);
    }
    // The command may read it, as whoever runs it may.
    if let Ok(file) = File::open(home_args.dir()?.root_file()) {
        let text = SecretBytes::read(file, LONGEST_ROOT)?;
        secrets::add_root(&redactor, text.expose())?;
    }
    vars.put(&mut command);
    // What another loader would read is not what the command has.
    secrets::warn(&redactor, &called, &vars.long(), None);
    Ok((command, redactor))
}
