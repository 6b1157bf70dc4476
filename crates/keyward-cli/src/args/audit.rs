//! The words of `keyward audit`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use keyward_audit::{Class, HoldName, LogId};
use keyward_base::encoding::from_hex;
use keyward_base::{Error, Result, Tenant, Timestamp};

/// `keyward audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Begin the logs of this home: whatever is done in it from then on is recorded
    ///
    /// Adds two purposes to the keyring. A process that serves goes on as it was until it is
    /// started anew. Repeated, it does nothing.
    Init,

    /// Check every entry of the logs, or an export
    ///
    /// Exits with 4 if an entry is not what was written, or a log does not go on from what the
    /// anchor remembers; the line names the first bad number. With --file no home is needed.
    Verify {
        /// The log of this tenant alone
        #[arg(long, value_parser = Tenant::new)]
        tenant: Option<Tenant>,

        /// Check that the logs go on from the checkpoints in this file: what `keyward audit head`
        /// wrote once
        #[arg(long, value_name = "CHECKPOINT", conflicts_with = "tenant")]
        since: Option<PathBuf>,

        /// Check this export instead ('-' is standard input)
        #[arg(long, value_name = "EXPORT", requires = "keys", conflicts_with_all = ["tenant", "since"])]
        file: Option<PathBuf>,

        /// A key that is trusted, as `keyward audit key` showed it when it was pinned
        #[arg(long = "key", value_name = "VKEY")]
        keys: Vec<String>,
    },

    /// Write entries to standard output, as a file that proves itself
    Export {
        #[command(flatten)]
        log: Log,

        /// From this number on, or from the first entry at or after this time
        #[arg(long, value_name = "N|TIME", value_parser = end)]
        from: Option<End>,

        /// Up to and without this number, or the last entry before this time
        #[arg(long, value_name = "N|TIME", value_parser = end)]
        to: Option<End>,

        /// As what
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },

    /// Show entries, the newest last
    ///
    /// Each is compared with its own digest; whether all of them are there, `verify` says.
    Show {
        /// The log of this tenant alone
        #[arg(long, value_parser = Tenant::new)]
        tenant: Option<Tenant>,

        #[command(flatten)]
        only: Only,

        /// How many, at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },

    /// Show entries as they are recorded, until it is stopped
    Tail {
        /// The log of this tenant alone
        #[arg(long, value_parser = Tenant::new)]
        tenant: Option<Tenant>,

        #[command(flatten)]
        only: Only,

        /// Tell instead what the alert rules in this file reach, one line each
        #[arg(long, value_name = "FILE", conflicts_with_all = ["tenant", "actor", "action", "outcome", "staff"])]
        rules: Option<PathBuf>,
    },

    /// Erase what is older than is set (90 days), of all logs but those under legal hold
    ///
    /// The record of it and a checkpoint over that come first; leaves stay, so the logs verify as
    /// before. May be interrupted and repeated. At a terminal it asks first.
    Retain {
        /// Do not ask
        #[arg(long)]
        yes: bool,

        /// Erase by the clock of this machine, though it leapt ahead by more than 7 days
        #[arg(long)]
        clock_is_right: bool,
    },

    /// Show or set for how many days entries are kept
    ///
    /// Without --days, --for-good and --unset it shows what is set. A tenant's own rules stand
    /// before those for all logs.
    Keep {
        /// Of this tenant's log [default: of all logs]
        #[arg(long, value_parser = Tenant::new)]
        tenant: Option<Tenant>,

        /// Entries of this class [default: those that no other rule is about]
        #[arg(long, value_parser = Class::new)]
        class: Option<Class>,

        /// So many whole days
        #[arg(long, group = "kept", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,

        /// Never erase them
        #[arg(long, group = "kept")]
        for_good: bool,

        /// Take the rule away
        #[arg(long, group = "kept")]
        unset: bool,
    },

    /// Set a legal hold on a tenant's log, or lift it: while there is one, nothing of it is erased
    ///
    /// Without --name it shows the holds.
    Hold {
        /// The tenant
        #[arg(value_parser = Tenant::new)]
        tenant: Tenant,

        /// What the hold is called, such as the number of a case
        #[arg(long, value_parser = HoldName::new)]
        name: Option<HoldName>,

        /// Lift it
        #[arg(long, requires = "name")]
        lift: bool,
    },

    /// Erase all entries of a tenant's log who asked for it
    ///
    /// Refused under legal hold. Leaves stay, so the log verifies as before. May be interrupted and
    /// repeated. At a terminal it asks first.
    Erase {
        /// The tenant
        #[arg(long, value_parser = Tenant::new)]
        tenant: Tenant,

        /// Write the receipt into this new file: an export of the record of it
        /// (`keyward audit verify --file`)
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },

    /// Accept that logs are lost which the root log has and that are not here: retention goes on then
    ///
    /// Give those that `keyward audit verify` names, and no other. The loss stays known: the root
    /// log and the service's say who accepted it, and `verify` and `doctor` tell of it from then on.
    /// Where the service's log is lost, what was set of all logs is gone: set it anew first
    /// (`keyward audit keep`). At a terminal it asks first.
    AcceptLoss {
        /// The names of the logs that are lost
        #[arg(required = true, value_name = "keyward-log/ID", value_parser = log_id)]
        logs: Vec<LogId>,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },

    /// Write a proof that an entry is in the log, for whoever pinned its key (c2sp.org/tlog-proof)
    Prove {
        /// The number of the entry
        seq: u64,

        #[command(flatten)]
        log: Log,
    },

    /// Sign the heads of all logs, after the anchor has them, and write the checkpoints
    ///
    /// Keep them elsewhere: `verify --since` checks a log against them.
    Head,

    /// Write the key that verifies a log's exports and proofs, to be pinned
    Key {
        #[command(flatten)]
        log: Log,
    },
}

/// Which log.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// The log of this tenant [default: the service's own]
    #[arg(long, value_parser = Tenant::new)]
    pub(crate) tenant: Option<Tenant>,

    /// That of the same which ended when an older database was accepted
    #[arg(long, value_name = "keyward-log/ID")]
    pub(crate) earlier: Option<String>,
}

/// Which entries.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Only {
    /// Of this actor, or on its behalf
    #[arg(long)]
    pub(crate) actor: Option<String>,

    /// Of this action, such as vault.open; 'vault.' takes all that begin with it
    #[arg(long)]
    pub(crate) action: Option<String>,

    /// That ended so: intended, granted, done, failed, not-done, unknown
    #[arg(long)]
    pub(crate) outcome: Option<String>,

    /// Of the service's own people
    #[arg(long)]
    pub(crate) staff: bool,
}

/// As what entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines of JSON with what proves them: `keyward audit verify --file`
    Jsonl,
    /// A table for people. It proves nothing
    Csv,
}

/// An end of a run of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Number(u64),
    Time(Timestamp),
}

fn log_id(text: &str) -> Result<LogId> {
    let id = text.strip_prefix("keyward-log/").unwrap_or(text);
    from_hex(id).map_err(|_| {
        Error::misuse(
            "a log is named as `keyward audit verify` does: keyward-log/ and 32 lower-case hexadecimal digits",
        )
    })
}

fn end(text: &str) -> Result<End> {
    let wrong = || {
        Error::misuse(
            "an end is the number of an entry, a day such as 2026-11-26, or a time such as 2026-11-26T15:00:00Z",
        )
    };
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(End::Number).map_err(|_| wrong());
    }
    super::time(text).map(End::Time).ok_or_else(wrong)
}
