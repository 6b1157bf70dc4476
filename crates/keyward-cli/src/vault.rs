//! `keyward vault`.

mod list;
mod open;
mod rewrap;
mod seal;
mod tenants;

use keyward_base::{Result, Revision};
use keyward_vault::{Expect, Slot};
use serde::Serialize;

use crate::args::{SlotArgs, Vault};
use crate::home::HomeArgs;
use crate::output;

/// Runs one of the commands.
pub(crate) async fn run(command: Vault, home_args: &HomeArgs, json: bool) -> Result<()> {
    match command {
        Vault::Seal {
            slot,
            kind,
            role,
            file,
            trim,
            new,
            if_revision,
            stdout,
        } => {
            let request = seal::Request {
                slot: slot.into(),
                kind,
                role,
                file,
                trim,
            };
            if stdout {
                return seal::detached(request, home_args, json).await;
            }
            let expect = match if_revision {
                Some(number) => Expect::Revision(Revision::new(number)),
                None if new => Expect::Absent,
                None => Expect::Any,
            };
            seal::stored(request, expect, home_args, json).await
        }
        Vault::Open {
            slot,
            role,
            value: None,
            out,
            ..
        } => open::stored(&slot.into(), &role, out.as_deref(), home_args).await,
        Vault::Open {
            slot,
            role,
            value: Some(value),
            kind,
            out,
        } => open::detached(&slot.into(), &role, kind, &value, out.as_deref(), home_args).await,
        Vault::List { tenant, verify } => list::run(&tenant, verify, home_args, json).await,
        Vault::Tenants { after, limit } => {
            tenants::run(after.as_deref(), limit, home_args, json).await
        }
        Vault::Delete { slot, if_revision } => {
            delete(&slot.into(), if_revision, home_args, json).await
        }
        Vault::Rewrap => rewrap::run(home_args, json).await,
        Vault::SetAside { row } => set_aside(&row, home_args, json).await,
    }
}

impl From<SlotArgs> for Slot {
    fn from(given: SlotArgs) -> Self {
        Self {
            tenant: given.tenant,
            place: given.at,
            record: given.id,
        }
    }
}

#[derive(Serialize)]
struct Deleted<'a> {
    tenant: &'a str,
    at: &'a str,
    id: &'a str,
}

async fn delete(
    slot: &Slot,
    if_revision: Option<u64>,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let expect = if_revision.map_or(Expect::Any, |n| Expect::Revision(Revision::new(n)));
    home_args.open().await?.vault().delete(slot, expect).await?;
    let told = Deleted {
        tenant: slot.tenant.as_str(),
        at: slot.place.as_str(),
        id: slot.record.as_str(),
    };
    if json {
        return output::json("keyward.vault.delete/1", &told);
    }
    output::note(&format!(
        "deleted {} {} of {}",
        told.at, told.id, told.tenant
    ));
    Ok(())
}

#[derive(Serialize)]
struct SetAside<'a> {
    row: &'a str,
}

/// Gives up a row that cannot be read.
async fn set_aside(row: &str, home_args: &HomeArgs, json: bool) -> Result<()> {
    drop(home_args.open().await?.vault().set_aside_row(row).await?);
    if json {
        return output::json("keyward.vault.set-aside/1", &SetAside { row });
    }
    output::note("the row was set aside: what it held is nobody's value any more");
    Ok(())
}
