//! The `keyward` command.

mod apikey;
mod approval;
mod args;
mod audit;
mod doctor;
mod exit;
mod explain;
mod home;
mod input;
mod keys;
mod output;
mod password;
mod patient;
mod progress;
mod redact;
mod ruler;
mod run;
mod secrets;
mod timeline;
mod usage;
mod vault;
mod webhook;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use keyward_base::{Error, Result};

use args::{Cli, Command};
use home::HomeArgs;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(wrong) => match usage::explain(&wrong) {
            Some(error) if usage::is_run() => return run::report(&error, false),
            Some(error) => return exit::report(&error, false),
            // Help and version: to the stream, and with the code, that clap gives them.
            None => wrong.exit(),
        },
    };
    let Cli { global, command } = cli;
    let home_args = HomeArgs::new(global.home, global.debug);
    let json = global.json;
    let done = match command {
        Command::Keys(command) => wait(keys::run(command, &home_args, json)),
        Command::Vault(command) => wait(vault::run(command, &home_args, json)),
        Command::ApiKey(command) => wait(apikey::run(command, &home_args, json)),
        Command::Approval(command) => wait(approval::run(command, &home_args, json)),
        Command::Audit(command) => wait(audit::run(command, &home_args, json)),
        Command::Webhook(command) => webhook::run(command, json),
        Command::Password(command) => match password::run(command, json) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Run(wanted) => return run::run(&wanted, &home_args, global.debug),
        Command::Redact(wanted) => redact::run(&wanted, json),
        Command::Doctor => wait(doctor::run(&home_args, json)),
        Command::Explain { value } => wait(explain::run(value, &home_args, json)),
        Command::Completions { shell } => completions(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, global.debug),
    }
}

/// Waits for what opens a home.
fn wait<T>(act: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Error::unavailable("the command cannot start").with_source(e))?
        .block_on(act)
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyward", &mut script);
    output::put(&script)
}
