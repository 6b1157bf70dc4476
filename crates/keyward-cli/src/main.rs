//! The `keyward` command.

mod args;
mod doctor;
mod exit;
mod explain;
mod home;
mod input;
mod keys;
mod output;
mod progress;
mod ruler;
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
            Some(error) => return exit::report(&error, false),
            // Help and version: to the stream, and with the code, that clap gives them.
            None => wrong.exit(),
        },
    };
    let debug = cli.global.debug;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, debug),
    }
}

fn run(cli: Cli) -> Result<()> {
    let Cli { global, command } = cli;
    let home_args = HomeArgs::new(global.home.clone(), global.debug);
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Error::unavailable("the command cannot start").with_source(e))?
        .block_on(async move {
            match command {
                Command::Keys(command) => keys::run(command, &home_args, global.json).await,
                Command::Vault(command) => vault::run(command, &home_args, global.json).await,
                Command::Webhook(command) => webhook::run(command, global.json),
                Command::Doctor => doctor::run(&home_args, global.json).await,
                Command::Explain { value } => explain::run(value, &home_args, global.json).await,
                Command::Completions { shell } => completions(shell),
            }
        })
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyward", &mut script);
    output::put(&script)
}
