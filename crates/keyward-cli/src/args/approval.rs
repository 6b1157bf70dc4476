//! The words of `keyward approval`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use keyward_approval::{GateId, State};
use keyward_base::Tenant;

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

        /// Write the bytes of its action instead, as docs/formats/action.md has them
        #[arg(long)]
        bytes: bool,
    },

    /// Say what a policy says of an action, and why. Opens no home
    Explain {
        /// The policy, TOML
        policy: PathBuf,

        /// The bytes of an action, as `keyward approval show --bytes` writes them
        action: PathBuf,
    },
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
