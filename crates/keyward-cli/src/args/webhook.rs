//! The words of `keyward webhook`.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use keyward_base::{Error, Result, Timestamp};

/// `keyward webhook`: no home is opened, and nothing is kept.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Check a captured request, or a file of them
    ///
    /// Exits with 0 if it is verified, with 1 if it is rejected, and says why. A batch exits with
    /// 0 whatever its verdicts are. A line of a batch names a provider by itself and looks like
    /// {"provider": "github", "secrets": ["..."], "headers": {"x-hub-signature-256": "sha256=..."},
    /// "body": "...", "now": 1795680000}; docs/formats/command.md has every field. Empty lines are
    /// passed over.
    #[command(group(ArgGroup::new("what").required(true).args(["request", "batch"])))]
    Verify {
        /// Whose request it is: a name of `keyward webhook providers`
        #[arg(required_unless_present_any = ["scheme", "batch"])]
        provider: Option<String>,

        /// A scheme of one's own in place of a provider: JSON as `keyward webhook providers --json`
        /// shows it
        #[arg(long, value_name = "FILE", conflicts_with = "provider")]
        scheme: Option<PathBuf>,

        /// The request as it came over the connection: request line, headers, empty line, body
        #[arg(long, value_name = "FILE", requires = "secret_file")]
        request: Option<PathBuf>,

        /// The secrets as the provider shows them, one on each line; 'base64:' begins the bytes of
        /// a key
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,

        /// The time to check at, in seconds since 1970 [default: now]
        ///
        /// An old capture verifies at the time at which it was captured.
        #[arg(long, value_name = "UNIX", value_parser = seconds)]
        now: Option<Timestamp>,

        /// Check one request for each line of JSON in this file ('-' is standard input), and write
        /// one verdict for each
        #[arg(long, value_name = "FILE",
              conflicts_with_all = ["provider", "scheme", "secret_file", "now"])]
        batch: Option<PathBuf>,
    },

    /// Write a request as the provider would send it, for your own tests
    Sign {
        /// Whose request: a name of `keyward webhook providers`
        #[arg(required_unless_present = "scheme")]
        provider: Option<String>,

        /// A scheme of one's own in place of a provider
        #[arg(long, value_name = "FILE", conflicts_with = "provider")]
        scheme: Option<PathBuf>,

        /// The secret, in the first line of this file
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,

        /// The body ('-' or nothing reads standard input)
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,

        /// The id of the delivery [default: random, if the scheme signs one]
        #[arg(long)]
        id: Option<String>,

        /// The time of signing, in seconds since 1970 [default: now]
        #[arg(long, value_name = "UNIX", value_parser = seconds)]
        now: Option<Timestamp>,

        /// The path in the first line
        #[arg(long, default_value = "/", value_parser = path)]
        path: String,
    },

    /// Show the schemes that are known, and what each of them covers
    Providers,
}

/// Seconds since 1970, at most 12 digits.
fn seconds(text: &str) -> Result<Timestamp> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(seconds) if plain => Ok(Timestamp::from_millis(seconds.saturating_mul(1000))),
        _ => Err(Error::misuse(
            "a time is a number of seconds since 1970, as `date +%s` shows it",
        )),
    }
}

fn path(text: &str) -> Result<String> {
    let plain = text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic());
    if plain && text.len() <= 1024 {
        return Ok(text.to_owned());
    }
    Err(Error::misuse(
        "a path begins with / and has at most 1,024 visible ASCII characters",
    ))
}
