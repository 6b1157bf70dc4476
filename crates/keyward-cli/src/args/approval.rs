//! The words of `keyward approval`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use keyward_approval::{GateId, State};
use keyward_base::{Subject, Tenant};

/// `keyward approval`.
#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    /// List the gates of a tenant that are in a state, in the order of what they wait for
    List {
        /// The tenant
        #[arg(value_parser = Tenant::new)]
        tenant: Tenant,

        /// In which state
        #[arg(long, value_enum, default_value = "pending")]
        state: StateArg,
    },

    /// Show a gate: what was asked for, who voted, what happened to it
    Show {
        /// The tenant
        #[arg(value_parser = Tenant::new)]
        tenant: Tenant,

        /// The gate, as `keyward approval list` shows it
        #[arg(value_parser = GateId::parse)]
        gate: GateId,

        /// Write the bytes of its action instead, as docs/formats/action.md has them, to a file or a
        /// pipe: on a terminal they are refused
        #[arg(long)]
        bytes: bool,
    },

    /// Approve a gate as the user of this machine who runs it: where its rule names him, as `uid:` and
    /// his number, or where an approver lent him his vote. Never where the rule wants passkeys
    Approve {
        #[command(flatten)]
        of: GateOf,

        /// The policy that it was asked under, TOML: a file, or - for standard input
        #[arg(long)]
        policy: PathBuf,

        /// In whose place: an approver who lent you his vote on this gate
        #[arg(long = "as", value_name = "SUBJECT", value_parser = Subject::new)]
        of_whom: Option<Subject>,

        /// Why, at most 2,000 bytes
        #[arg(long, default_value = "")]
        reason: String,
    },

    /// Deny a gate as the user of this machine who runs it, whatever its rule, unless it has begun to
    /// run
    Deny {
        #[command(flatten)]
        of: GateOf,

        /// Why, at most 2,000 bytes: whoever asked is told
        #[arg(long)]
        reason: String,
    },

    /// Take a gate back that has not begun to run, for who asked, or whose program that is
    Withdraw {
        #[command(flatten)]
        of: GateOf,

        /// For whom, as the record names who asked; yourself unless told
        #[arg(long = "as", value_name = "SUBJECT", value_parser = Subject::new)]
        for_whom: Option<Subject>,

        /// Why, at most 2,000 bytes
        #[arg(long, default_value = "")]
        reason: String,
    },

    /// Say what a policy says of an action, and why. Opens no home
    Explain {
        /// The policy, TOML
        policy: PathBuf,

        /// The bytes of an action, as `keyward approval show --bytes` writes them
        action: PathBuf,
    },

    /// Check the export of a gate, and show what it proves. Opens no home
    Check {
        /// The export, as the service gives it: a file
        #[arg(value_name = "EXPORT")]
        file: PathBuf,

        /// A key that is trusted, as `keyward audit key` or a page of the service showed it when it was
        /// pinned
        #[arg(long = "key", value_name = "VKEY", required = true)]
        keys: Vec<String>,
    },

    /// Say what a policy says that nobody can have meant. Opens no home
    Lint {
        /// The policy, TOML
        policy: PathBuf,
    },
}

/// On which gate something is done.
#[derive(Debug, Args)]
pub(crate) struct GateOf {
    /// The tenant
    #[arg(value_parser = Tenant::new)]
    pub(crate) tenant: Tenant,

    /// The gate, as `keyward approval list` shows it
    #[arg(value_parser = GateId::parse)]
    pub(crate) gate: GateId,

    /// Do not ask: DIGITS are the first 8 or more of the action's digest, as `keyward approval show` has
    /// it
    #[arg(long, value_name = "DIGITS")]
    pub(crate) yes: Option<String>,
}

/// Where a gate is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StateArg {
    Staged,
    Pending,
    Approved,
    Denied,
    Expired,
    Withdrawn,
    Superseded,
    Executing,
    Executed,
    Failed,
    Indeterminate,
}

impl From<StateArg> for State {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::Staged => Self::Staged,
            StateArg::Pending => Self::Pending,
            StateArg::Approved => Self::Approved,
            StateArg::Denied => Self::Denied,
            StateArg::Expired => Self::Expired,
            StateArg::Withdrawn => Self::Withdrawn,
            StateArg::Superseded => Self::Superseded,
            StateArg::Executing => Self::Executing,
            StateArg::Executed => Self::Executed,
            StateArg::Failed => Self::Failed,
            StateArg::Indeterminate => Self::Indeterminate,
        }
    }
}
