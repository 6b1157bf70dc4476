//! The `keyward` command.

mod args;
mod exit;
mod explain;
mod home;
mod input;
mod output;
mod ruler;
mod timeline;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use keyward_base::{Error, Result};

use args::{Cli, Command};
use home::Home;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let debug = cli.global.debug;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, debug),
    }
}

fn run(cli: Cli) -> Result<()> {
    let Cli { global, command } = cli;
    let home = Home::new(global.home.clone());
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Error::unavailable("the command cannot start").with_source(e))?
        .block_on(async move {
            match command {
                Command::Explain { value } => explain::run(value, &home, global.json).await,
                Command::Completions { shell } => completions(shell),
                _ => Ok(()),
            }
        })
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyward", &mut script);
    output::put(&script)
}
