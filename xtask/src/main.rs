//! The project's own commands. `cargo xtask` lists them.

#![allow(clippy::print_stdout, clippy::print_stderr)] // The terminal is what they speak to.

mod advisories;
mod bench;
mod check;
mod doors;
mod features;
mod fuzz;
mod guards;
mod layers;
mod loaders;
mod mutants;
mod options;
mod promises;
mod run;
mod suite;
mod tables;
mod test;
mod tools;
mod words;
mod workspace;

use std::process::ExitCode;

use options::Options;

/// What went wrong, and what mends it.
type Outcome<T = ()> = Result<T, String>;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test  [--full] [--without NAME]...   all tests and doc tests; installs what they need
                                       (NAME: gcore, strace, python3, chromium,
                                       nginx, haproxy, caddy, go, actix,
                                       dotenv-loaders, owners, mounts)
  check [--only STEP]... [--without STEP]...
                                       format, lints, docs, layers, licences, features and more
  bench [ARGS]                         the benches, the peers too where they are set up
  fuzz  [TARGET [SECONDS]]             fuzzes one target on the nightly toolchain; lists them
  mutants [--package P]... [--shard K/N] [--at COMMIT] [--list | --report]
                                       breaks the code and sees whether a test notices; goes on
                                       where it was stopped; writes docs/assurance.md
  guards [NAME]... [--at COMMIT]       takes each guard of deploydesk out in turn and sees whether the
                                       table of its routes notices";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "test" => Options::parse(&rest).and_then(|options| test::run(&options)),
        "check" => Options::parse(&rest).and_then(|options| check::run(&options)),
        "bench" => bench::run(&rest),
        "fuzz" => fuzz::run(&rest),
        "mutants" => mutants::run(&rest),
        "guards" => guards::run(&rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
