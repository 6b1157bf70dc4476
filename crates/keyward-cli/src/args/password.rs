//! The words of `keyward password`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use keyward_base::{Error, Result};

/// `keyward password`: no home is opened, and nothing is kept.
#[derive(Debug, Subcommand)]
pub(crate) enum Password {
    /// Hash a password, and print the string to store
    ///
    /// The password comes by standard input; one newline at its end (`\n` or `\r\n`) is dropped, all
    /// else counts. It has at least 15 characters and is not made of the words that the options
    /// name; --breach-file looks it up. What the rules refuse exits with 1.
    Hash(HashArgs),

    /// Check a password against a stored string, or a file of them
    ///
    /// The password comes by standard input and may be empty (but not from /dev/null), the string
    /// lies in a file; of both, one newline at the end (`\n` or `\r\n`) is dropped. Exits with 0 for
    /// `match`, 1 for `mismatch`, 5 for `unsupported` (no known scheme, not whole, or its context is
    /// missing) and 6 for `refused` (it asks for too much work, holds the password itself, is locked,
    /// or may be read in two ways): of the last two nothing was computed, and neither is an answer
    /// about the password.
    ///
    /// A line of a batch looks like {"scheme": "django", "password": "...", "encoded": "..."};
    /// docs/formats/command.md has every field. A batch exits with 0 whatever its verdicts are,
    /// and ends with 2 at the first line that is malformed.
    Verify(VerifyArgs),

    /// Measure which parameters of Argon2id this machine affords
    ///
    /// Without --target, the quickest of OWASP's equally strong rows; with it, as much memory and
    /// then as many passes as it allows. Run it while the machine does nothing else.
    Calibrate {
        /// The longest that one hash may take, in milliseconds
        #[arg(long, value_name = "MS", value_parser = millis)]
        target: Option<Duration>,

        /// Threads that hash at once [default: processors less one]
        #[arg(long, value_name = "COUNT")]
        workers: Option<NonZeroUsize>,

        /// Memory that they may take together, in MiB [default: 256]
        #[arg(long, value_name = "MIB")]
        memory: Option<u32>,
    },

    /// Count what a table of stored strings holds, weakest first, and how long it takes to wrap them
    ///
    /// Each line of the file is a stored string, or a line of a batch without a password, such as
    /// {"scheme": "django", "encoded": "..."}. Nothing is written to the table: what wrapping is
    /// stands in docs/passwords.md. What it takes is measured here, while it reads nothing.
    Census(CensusArgs),

    /// Show every label that --scheme takes, and every key of a context
    Schemes,
}

/// Which rules a new password has to meet, and how it is hashed.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("policy").args(["hardened", "bcrypt", "pbkdf2"])))]
#[allow(clippy::struct_excessive_bools)] // Each is a word of the command line.
pub(crate) struct HashArgs {
    /// Argon2id with 64 MiB, 3 passes and 4 lanes (RFC 9106) [default: 19 MiB, 2 passes, 1 lane
    /// (OWASP)]
    #[arg(long)]
    pub(crate) hardened: bool,

    /// bcrypt with cost 12: refuses more than 72 bytes, and a NUL
    #[arg(long)]
    pub(crate) bcrypt: bool,

    /// PBKDF2-HMAC-SHA-256 with 600,000 rounds, for FIPS 140
    #[arg(long)]
    pub(crate) pbkdf2: bool,

    /// 8 characters are enough: a second factor is asked for as well
    #[arg(long)]
    pub(crate) second_factor: bool,

    /// The name of the service, of which the password may not be made
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// The e-mail address of whose password it is
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,

    /// The name of whose password it is
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// A file of breached passwords (docs/formats/breach-file.md) to look it up in
    #[arg(long, value_name = "FILE")]
    pub(crate) breach_file: Option<PathBuf>,

    /// Also if it is short, made of known words or breached: nothing is looked at, up to 4,096 bytes
    #[arg(long, conflicts_with_all = ["second_factor", "service", "email", "name", "breach_file"])]
    pub(crate) even_unfit: bool,
}

/// What is checked, against what.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The file that holds the stored string
    #[arg(required_unless_present = "batch")]
    pub(crate) file: Option<PathBuf>,

    /// What the string is: a label of `keyward password schemes` [default: the string says so]
    #[arg(long, value_name = "LABEL")]
    pub(crate) scheme: Option<String>,

    /// What its scheme keeps elsewhere, such as a pepper: a file with a JSON object of the keys that
    /// `keyward password schemes` shows
    #[arg(long, value_name = "FILE")]
    pub(crate) context: Option<PathBuf>,

    /// Check one password for each line of JSON in this file ('-' is standard input), and write one
    /// verdict in JSON for each, in their order
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "scheme", "context"])]
    pub(crate) batch: Option<PathBuf>,
}

/// What is counted.
#[derive(Debug, Args)]
pub(crate) struct CensusArgs {
    /// The file of stored strings, one a line ('-' is standard input)
    pub(crate) file: PathBuf,

    /// What the strings are that do not come with a scheme of their own: a label of `keyward
    /// password schemes` [default: the string says so]
    #[arg(long, value_name = "LABEL")]
    pub(crate) scheme: Option<String>,

    /// What their scheme keeps elsewhere, for those without a context of their own: a file with a
    /// JSON object of the keys that `keyward password schemes` shows
    #[arg(long, value_name = "FILE")]
    pub(crate) context: Option<PathBuf>,
}

fn millis(text: &str) -> Result<Duration> {
    match text.parse::<u32>() {
        Ok(millis @ 1..=60_000) => Ok(Duration::from_millis(millis.into())),
        _ => Err(Error::misuse("a target has 1 to 60,000 milliseconds")),
    }
}
