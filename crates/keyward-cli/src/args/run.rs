//! The words of `keyward run` and `keyward redact`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keyward_base::{Error, Result, Role};

use super::SlotArgs;

/// `keyward run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) slot: SlotArgs,

    /// The role that opens it
    #[arg(long, default_value = "", hide_default_value = true, value_parser = Role::new)]
    pub(crate) role: Role,

    /// Give a credential that is no set of variables as this one variable
    ///
    /// Of an oauth-token the access token, of an api-key the key without a line end, of the other
    /// kinds the bytes that were sealed.
    #[arg(long = "as", value_name = "NAME", value_parser = variable)]
    pub(crate) variable: Option<String>,

    /// Mask the value of this variable though it is short or a common word; may be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) mask_anyway: Vec<String>,

    /// Let this variable of the set through though it decides what code programs run, as PATH and
    /// LD_PRELOAD do; may be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) allow: Vec<String>,

    /// Masks carry the name of what they stand for
    #[arg(long)]
    pub(crate) named: bool,

    /// How long to take what processes write that the command has left behind
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = span)]
    pub(crate) grace: Duration,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `keyward redact`.
#[derive(Debug, Args)]
pub(crate) struct RedactArgs {
    /// The secrets: the values of this dotenv file, as each loader that understands it reads them
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets_file: PathBuf,

    /// Mask the value of this variable though it is short or a common word; may be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) mask_anyway: Vec<String>,

    /// Masks carry the name of what they stand for
    #[arg(long)]
    pub(crate) named: bool,
}

/// POSIX, environment variables: letters, digits and `_`, not beginning with a digit.
fn variable(text: &str) -> Result<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if text.starts_with(|c: char| c.is_ascii_digit()) || text.is_empty() || !text.bytes().all(fits)
    {
        return Err(Error::misuse(
            "the name of a variable is letters, digits and '_', and begins with no digit",
        ));
    }
    Ok(text.to_owned())
}

fn span(text: &str) -> Result<Duration> {
    let seconds = text.parse::<u32>();
    seconds
        .map(|seconds| Duration::from_secs(seconds.into()))
        .map_err(|_| Error::misuse("a time is a number of seconds, from 0 on"))
}
