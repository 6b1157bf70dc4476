//! The words of `keyward vault`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use keyward_base::{Error, Place, RecordId, Result, Role, Tenant};
use keyward_vault::Kind;

/// `keyward vault`.
#[derive(Debug, Subcommand)]
pub(crate) enum Vault {
    /// Seal a secret from standard input or a file, byte for byte
    ///
    /// Sealing a slot (tenant, place, id) again replaces what lies there and raises its revision.
    /// --new refuses to replace; --if-revision N replaces only what stands at revision N.
    #[command(group = ArgGroup::new("expect").multiple(false))]
    Seal {
        #[command(flatten)]
        slot: SlotArgs,

        /// What it is: api-key, oauth-token, ssh-key, env, opaque
        #[arg(long, default_value = "opaque", value_parser = Kind::parse)]
        kind: Kind,

        /// The role it opens for
        #[arg(long, default_value = "", hide_default_value = true, value_parser = Role::new)]
        role: Role,

        /// Read the secret from this file instead of standard input
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,

        /// Leave out one final newline
        #[arg(long)]
        trim: bool,

        /// Only if the slot is empty
        #[arg(long, group = "expect")]
        new: bool,

        /// Only if the slot stands at revision N
        #[arg(long, value_name = "N", group = "expect", value_parser = revision)]
        if_revision: Option<u64>,

        /// Write the sealed value to standard output, and store nothing
        ///
        /// Rotation cannot find such a value: the key that sealed it is marked, and destroying it
        /// then asks for --even-unregistered.
        #[arg(long, group = "expect")]
        stdout: bool,
    },

    /// Open a value: writes the bytes that were sealed, nothing else
    Open {
        #[command(flatten)]
        slot: SlotArgs,

        /// The role that opens it
        #[arg(long, default_value = "", hide_default_value = true, value_parser = Role::new)]
        role: Role,

        /// Open a value made by `vault seal --stdout`, read from this file ('-' is standard input)
        #[arg(long, value_name = "PATH")]
        value: Option<PathBuf>,

        /// The kind it was sealed as; only with --value
        #[arg(long, default_value = "opaque", requires = "value", value_parser = Kind::parse)]
        kind: Kind,

        /// Write to a new file (mode 0600) instead of standard output
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
    },

    /// List what a tenant has, by hint: nothing is decrypted
    List {
        /// The tenant whose values are listed
        #[arg(long, value_parser = Tenant::new)]
        tenant: Tenant,

        /// Check that each hint is the one that was sealed; still decrypts nothing
        #[arg(long)]
        verify: bool,
    },

    /// List whose credentials there are
    Tenants {
        /// Only those after this one, as the answer before says
        #[arg(long, value_name = "TENANT")]
        after: Option<String>,

        /// How many tenants at most
        #[arg(long, value_name = "N", default_value = "1000", value_parser = limit)]
        limit: usize,
    },

    /// Delete a value
    Delete {
        #[command(flatten)]
        slot: SlotArgs,

        /// Only if it stands at revision N
        #[arg(long, value_name = "N", value_parser = revision)]
        if_revision: Option<u64>,
    },

    /// Seal every value anew, so that none needs a retired key
    ///
    /// May be interrupted at any moment and repeated, beside running writers.
    Rewrap,

    /// Give up a row of data.db that cannot be read, as `keyward doctor` names it
    ///
    /// What stands in it is kept aside in data.db, and is nobody's value any more. Restore the row
    /// from a backup if there is one.
    SetAside {
        /// The row, as `keyward doctor` shows it
        row: String,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SlotArgs {
    /// The tenant that the value belongs to
    #[arg(long, value_parser = Tenant::new)]
    pub(crate) tenant: Tenant,

    /// The column it lies in, as table.column
    #[arg(long, value_name = "TABLE.COLUMN", value_parser = Place::new)]
    pub(crate) at: Place,

    /// The record it lies in
    #[arg(long, value_parser = RecordId::new)]
    pub(crate) id: RecordId,
}

fn revision(text: &str) -> Result<u64> {
    let said = "a revision is a number, as `keyward vault list` shows it";
    text.parse().map_err(|_| Error::misuse(said))
}

fn limit(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(Error::misuse("a limit is a number from 1 on")),
    }
}
