//! The words of `keyward apikey`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use keyward_base::{Error, Result, Tenant, Timestamp};
use keyward_session::api_key::{ApiKeyId, Ranges, Scope, Scopes};

use super::time;

/// `keyward apikey`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKey {
    /// Make a key for a tenant, and write it to standard output: nothing shows it again
    ///
    /// Who makes it is on record before it is made, and the key says of itself that an operator made
    /// it: no role bounds what it may do. In a service, a person makes keys by his own session. It lives
    /// at most as long as any key of the service may. A tenant has at most 1,000 keys by this command,
    /// whatever number the service allows.
    ///
    /// The first one in a home adds the purpose api-key to the keyring.
    New {
        #[command(flatten)]
        of: Of,

        /// By what its owner knows it, 1 to 64 bytes
        #[arg(long)]
        name: String,

        /// What it may do, such as servers:read; may be given again. Without, it proves whose it is
        /// and nothing else
        #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
        scopes: Vec<Scope>,

        /// Where it may be used from: addresses and networks such as 192.0.2.0/24, with commas
        /// [default: anywhere]
        #[arg(long, value_name = "RANGES", value_parser = ranges)]
        ranges: Option<Ranges>,

        /// How long it lives, such as 30d or 12h [default: 90d]
        #[arg(long, value_name = "SPAN", value_parser = span)]
        life: Option<Duration>,
    },

    /// List the keys of a tenant: nothing of them is secret
    List {
        #[command(flatten)]
        of: Of,
    },

    /// Take scopes, ranges or time from a key; nothing can be added
    #[command(group = ArgGroup::new("what").required(true).multiple(true))]
    Narrow {
        #[command(flatten)]
        of: Of,

        #[command(flatten)]
        which: Which,

        /// All that it may do from now on, with spaces: some of what it may; '' for nothing
        #[arg(long, value_name = "SCOPES", group = "what", value_parser = scopes)]
        scopes: Option<Scopes>,

        /// Where it may be used from, each within a range that it has
        #[arg(long, value_name = "RANGES", group = "what", value_parser = ranges)]
        ranges: Option<Ranges>,

        /// When it ends, no later than it does: 2027-01-31, or 2027-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", group = "what", value_parser = moment)]
        expires: Option<Timestamp>,
    },

    /// Make the successor of a key, and write it to standard output; both work for a while
    ///
    /// Of the same name, scopes and ranges. A key has one successor.
    Rotate {
        #[command(flatten)]
        of: Of,

        #[command(flatten)]
        which: Which,

        /// How long the old key goes on, at most 30d; 0s ends it at once
        #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = span)]
        overlap: Duration,

        /// How long the new key lives [default: as the old one was made to, without an end if it had none]
        #[arg(long, value_name = "SPAN", value_parser = span)]
        life: Option<Duration>,

        /// The successor that it has, which nobody got to see: it ends, and another is made
        #[arg(long, value_name = "ID", value_parser = ApiKeyId::parse)]
        replacing: Option<ApiKeyId>,
    },

    /// End a key for good, at once and in every process
    Revoke {
        #[command(flatten)]
        of: Of,

        #[command(flatten)]
        which: Which,
    },

    /// Say whose a key is and what it may do, and whether it is good now
    ///
    /// The key comes by standard input or --file. Exits with 1 if it is not good.
    Check {
        /// Read the key from this file instead of standard input
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,

        /// Where it is used from: a key with ranges is refused without
        #[arg(long, value_name = "ADDRESS")]
        from: Option<IpAddr>,

        /// Only if it may do this, too
        #[arg(long, value_parser = scope)]
        scope: Option<Scope>,
    },
}

/// Whose keys.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The tenant whose key it is
    #[arg(long, value_parser = Tenant::new)]
    pub(crate) tenant: Tenant,

    /// The application's own prefix, such as acme_live_, if its keys have one [default: kwk_]
    #[arg(long)]
    pub(crate) prefix: Option<String>,
}

/// Which of them.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The key's id, as `keyward apikey list` shows it
    // 22 characters of base64url, of which the first may be a hyphen.
    #[arg(allow_hyphen_values = true, value_parser = id)]
    pub(crate) id: ApiKeyId,
}

fn id(text: &str) -> Result<ApiKeyId> {
    ApiKeyId::parse(text).map_err(|_| {
        Error::misuse(
            "an id has 22 characters, as `keyward apikey list` shows it; it is not the key",
        )
    })
}

fn scope(text: &str) -> Result<Scope> {
    Scope::new(text).map_err(|_| wrong_scope())
}

fn scopes(text: &str) -> Result<Scopes> {
    Scopes::parse(text).map_err(|_| wrong_scope())
}

fn wrong_scope() -> Error {
    Error::misuse(
        "a scope is 1 to 64 lower-case letters, digits and :._-/, a letter first, and a key has at \
         most 64",
    )
}

fn ranges(text: &str) -> Result<Ranges> {
    let read = Ranges::parse(text).map_err(|_| ());
    read.ok().filter(|ranges| !ranges.is_anywhere()).ok_or_else(|| {
        Error::misuse(
            "ranges are 1 to 32 of 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, without a bit behind \
             the length",
        )
    })
}

fn moment(text: &str) -> Result<Timestamp> {
    time(text)
        .ok_or_else(|| Error::misuse("a time is a day such as 2027-01-31, or 2027-01-31T12:00:00Z"))
}

/// `90d`, `12h`, `30m`, `10s`.
fn span(text: &str) -> Result<Duration> {
    let read = || {
        let unit = match text.as_bytes().last()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 60 * 60,
            b'd' => 24 * 60 * 60,
            _ => return None,
        };
        let digits = text.get(..text.len().checked_sub(1)?)?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let count: u32 = digits.parse().ok().filter(|_| plain)?;
        Some(Duration::from_secs(u64::from(count).checked_mul(unit)?))
    };
    read().ok_or_else(|| Error::misuse("a span is a number and s, m, h or d, such as 90d or 12h"))
}
