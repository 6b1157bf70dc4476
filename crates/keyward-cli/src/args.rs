//! The words of the command line. Nothing here does anything.

mod apikey;
mod approval;
mod audit;
mod password;
mod run;
mod vault;
mod webhook;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use keyward_base::{Error, KeyId, Purpose, Result, Tenant, Timestamp};

pub(crate) use apikey::{ApiKey, Of as ApiKeysOf};
pub(crate) use approval::{Approval, GateOf};
pub(crate) use audit::{Audit, End, Format as AuditFormat, Log as AuditLog, Only};
pub(crate) use password::{CensusArgs, HashArgs, Password, VerifyArgs};
pub(crate) use run::{RedactArgs, RunArgs};
pub(crate) use vault::{SlotArgs, Vault};
pub(crate) use webhook::Webhook;

/// Keeps other people's credentials: sealed, listed by hint, rotated to the end.
#[derive(Debug, Parser)]
#[command(
    name = "keyward",
    version,
    max_term_width = 100,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 rejected, 2 misuse, 3 unavailable, 4 corrupt;\n\
        of `keyward run`: the command's, or 125 to 127; of `keyward password verify` 5 and 6 too.\n\
        Secrets enter by standard input or --file, never as an argument.\n\n\
        KEYWARD_HOME    folder of the stores (keys.db, data.db) and of the root file\n\
        KEYWARD_ROOT    root keys, v2:<base64>,v1:<base64>: the highest version seals\n\
        KEYWARD_ANCHOR  file that remembers the newest keyring seen\n\
        NO_COLOR        no colour, wherever the output goes"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Folder of the stores [default: $KEYWARD_HOME, else the user's data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) home: Option<PathBuf>,

    /// Write JSON with a versioned "format" field
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,

    /// Tell on standard error what was done and why something was refused (never a secret)
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) debug: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The keyring: make it, look at it, rotate it
    #[command(subcommand)]
    Keys(Keys),

    /// The credentials: seal, open, list
    #[command(subcommand)]
    Vault(Vault),

    /// API keys: make one, list, narrow, rotate, revoke, check
    #[command(subcommand, name = "apikey")]
    ApiKey(ApiKey),

    /// Approvals: what waits, what was decided, what a policy says of an action
    #[command(subcommand)]
    Approval(Approval),

    /// Who did what: check the logs, export them, look at them
    #[command(subcommand)]
    Audit(Audit),

    /// Webhooks of others: check a capture, sign one for a test, show the schemes
    #[command(subcommand)]
    Webhook(Webhook),

    /// Passwords: hash one, check one against what any service stored, measure, list the schemes
    #[command(subcommand)]
    Password(Password),

    /// Run a command with the variables of a sealed set, and mask them in what it writes
    ///
    /// The set lies over this process's environment, without KEYWARD_*. Both output streams are
    /// masked each by itself and as they come; standard input is the command's. Its exit code is
    /// passed on, 128 and the number of the signal that ended it; SIGHUP, SIGINT, SIGQUIT, SIGTERM,
    /// SIGUSR1, SIGUSR2 and SIGWINCH are passed on to it. 125: keyward itself failed; 126: the
    /// command cannot be executed; 127: it is not there.
    ///
    /// Masked are the values of the set and the root key, in every form of docs/formats/redact.md.
    /// Not masked: values shorter than 8 bytes and common words, which are named; what the command
    /// compresses or encrypts, or writes anywhere but to its two streams.
    Run(RunArgs),

    /// Mask the secrets of a file in what comes by standard input
    ///
    /// Writes all else as it is, as it comes. With --json, standard input is JSON, one document or
    /// one on each line: strings are decoded before they are matched, and it stays JSON.
    Redact(RedactArgs),

    /// Draw the bytes of a sealed value or a token: key, id, hint, sizes. Opens nothing
    ///
    /// A kw1. value may be given as the argument. Tokens (kwd_, kwk_, kwl_, kwm_, kwr_, kws_, and API
    /// keys with a prefix of the application's) and internal secrets may be secret themselves, so they
    /// come by standard input only, and so does a mailed link that has one. What may be secret of them
    /// is not shown, and nothing is said of whether they are good.
    Explain {
        /// A kw1. value; '-' or nothing reads standard input
        value: Option<String>,
    },

    /// Look for what is wrong with this home, and say what mends it
    ///
    /// Every line says ok, warn or fail. Exits with 0 unless one says fail.
    Doctor,

    /// Write the completions of a shell to standard output
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make the home and its first keyring
    ///
    /// Without KEYWARD_ROOT, a root file (mode 0600) is made in the home. Refused if a keyring,
    /// an anchor or sealed data exist: a second ring would open nothing of the first.
    Init,

    /// Draw the life of every key
    ///
    /// A key is a ring key; its rows are the sum over the tenant keys it wrapped.
    Status {
        /// Show the keys of this tenant instead
        #[arg(long, value_parser = Tenant::new)]
        tenant: Option<Tenant>,
    },

    /// Add a new key and make it the active one
    ///
    /// Waits until every serving process has acknowledged the new key, so that none meets a value
    /// it cannot open. May be interrupted and repeated: a key that is still pending is promoted
    /// then, no second one is added.
    Rotate {
        /// Go on until the old keys are destroyed: seal every value anew, disable, destroy
        ///
        /// Interrupted, the same command goes on where it was. A key that somebody disabled by
        /// hand is left as it is.
        #[arg(long, conflicts_with = "no_wait")]
        to_end: bool,

        /// Leave the new key pending; the next rotate, or a serving process, promotes it
        #[arg(long)]
        no_wait: bool,

        /// What the key is for
        #[arg(long, default_value = "vault", value_parser = Purpose::new)]
        purpose: Purpose,
    },

    /// Wrap the tenant keys anew under the active key and the newest root
    ///
    /// Hygiene: no value is touched. A key that may have leaked needs `keyward vault rewrap`.
    Rewrap,

    /// Refuse a key from now on, reversibly
    ///
    /// Refused while columns are registered that this command cannot count: their values may
    /// need the key.
    Disable {
        /// The id of a ring key, as `keyward keys status` shows it
        #[arg(value_parser = KeyId::parse)]
        key: KeyId,

        /// Also if columns are registered that this command cannot count: values of theirs that
        /// need the key do not open until it is enabled again
        #[arg(long)]
        even_uncounted: bool,
    },

    /// Take back `disable`
    Enable {
        /// The id of a ring key
        #[arg(value_parser = KeyId::parse)]
        key: KeyId,
    },

    /// Remove the material of a disabled key for good
    ///
    /// Refused while rows need it. Waits until every serving process knows that the key is
    /// disabled. May be interrupted and repeated. At a terminal it asks first.
    Destroy {
        /// The id of a ring key
        #[arg(value_parser = KeyId::parse)]
        key: KeyId,

        /// Look for values of the key in this SQLite database too, and refuse if there are any
        #[arg(long, value_name = "FILE")]
        db: Vec<PathBuf>,

        /// Do not ask
        #[arg(long)]
        yes: bool,

        /// Also if values were sealed with it that no store of this home holds
        /// (`vault seal --stdout`): they can never be opened again
        #[arg(long, conflicts_with = "before_expiry")]
        even_unregistered: bool,

        /// Also if tokens and records that it authenticates have not expired: all of them are
        /// refused from then on
        #[arg(long)]
        before_expiry: bool,
    },

    /// Make keys for another purpose
    ///
    /// Nothing is changed if there are some; but what they authenticate may be given a longer life.
    AddPurpose {
        /// What the keys are for: 1 to 32 lower-case letters, digits, '-', '.' and '_'
        #[arg(value_parser = Purpose::new)]
        purpose: Purpose,

        /// What they do, for good
        #[arg(long, value_enum, default_value = "seal")]
        algorithm: AlgorithmArg,

        /// With --algorithm mac: the longest that a token or record lives which they authenticate,
        /// in seconds. A longer one that the purpose has stays
        #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "endless")]
        longest_life: Option<Duration>,

        /// With --algorithm mac: something that they authenticate has no end. For good
        #[arg(long)]
        endless: bool,

        /// With --algorithm sign: they sign bytes of a format from elsewhere, such as signed notes,
        /// and not who follows them
        #[arg(long)]
        raw: bool,
    },

    /// Print the public keys of a purpose that signs, destroyed ones too
    Public {
        /// What the keys are for
        #[arg(value_parser = Purpose::new)]
        purpose: Purpose,
    },

    /// Replace the key that authenticates the keyring and the records of all tenants
    ///
    /// May be interrupted and repeated.
    RotateMac,

    /// Give up the key records of a tenant that cannot be read, as `keyward doctor` names them
    ///
    /// They are kept aside in the key store. The tenant begins with new keys; what was sealed for
    /// it before does not open. Restore the record from a backup of keys.db if there is one.
    #[command(group = ArgGroup::new("what").required(true))]
    SetAside {
        /// The tenant, as `keyward doctor --json` shows it
        #[arg(group = "what")]
        tenant: Option<String>,

        /// Where no tenant can be named: the row of keys.db, as `keyward doctor` shows it
        #[arg(long, value_name = "ROW", group = "what")]
        row: Option<String>,
    },

    /// Remove a record of a serving process that is not authentic, as `keyward doctor` names it
    RemoveReplica {
        /// The record, as `keyward doctor --json` shows it
        replica: String,
    },

    /// Look for the values of a key in databases that nobody registered
    ///
    /// Looks through every text and blob column of SQLite databases, inside JSON too, or through
    /// the text dump of a PostgreSQL or MySQL database on standard input: as it is, escaped, in
    /// hexadecimal, in UTF-16 or in base64. Says table, column and number, and no value. A
    /// database is opened for reading only, and none of its SQL runs; an application that uses no
    /// write-ahead log waits with its writes meanwhile.
    ///
    /// Not seen: what is compressed, encrypted or cut into pieces; and in a copy of a database that
    /// keeps a write-ahead log, what is in that log, unless FILE-wal was copied with FILE.
    Find {
        /// The id of a ring key (its values are those of all tenant keys below it) or of a tenant
        /// key
        #[arg(value_parser = KeyId::parse)]
        key: KeyId,

        /// A SQLite database; may be given again. Without it a dump is read from standard input
        #[arg(long, value_name = "FILE")]
        db: Vec<PathBuf>,
    },

    /// Accept a keyring restored from a backup, which is older than the anchor remembers
    ///
    /// Keys made or destroyed since that backup are forgotten. Read docs/runbook.md first.
    AcceptRestore,
}

/// What keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AlgorithmArg {
    /// Seal values, through keys of each tenant
    Seal,
    /// Authenticate tokens and records, by HMAC-SHA-256
    Mac,
    /// Sign, by Ed25519
    Sign,
}

fn seconds(text: &str) -> Result<Duration> {
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::misuse(
            "a life is a number of seconds, from 1 on: a day is 86400",
        )),
    }
}

/// A day such as 2026-11-26, which begins in UTC, or a time such as 2026-11-26T15:00:00Z.
fn time(text: &str) -> Option<Timestamp> {
    let time = match text.parse::<jiff::civil::Date>() {
        Ok(day) if text.len() == 10 => day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
        _ => text.parse::<jiff::Timestamp>().ok()?,
    };
    let millis = u64::try_from(time.as_millisecond()).ok()?;
    Some(Timestamp::from_millis(millis))
}
