//! `keyward keys set-aside` and `remove-replica`: the ways out that `keyward doctor` names.

use keyward_base::Result;
use keyward_embedded::Home;
use serde::Serialize;

use crate::output::{self, counted};

#[derive(Serialize)]
struct SetAside<'a> {
    tenant: Option<&'a str>,
    row: Option<&'a str>,
    records: u64,
}

/// Gives up the key records of a tenant that cannot be read, or a row that no tenant can be named
/// for.
pub(super) async fn set_aside(
    home: &Home,
    tenant: Option<&str>,
    row: Option<&str>,
    json: bool,
) -> Result<()> {
    let admin = home.keyring().admin();
    let records = match (tenant, row) {
        (Some(tenant), _) => admin.set_aside(tenant).await?,
        (None, row) => {
            drop(admin.set_aside_row(row.unwrap_or_default()).await?);
            1
        }
    };
    let told = SetAside {
        tenant,
        row,
        records,
    };
    if json {
        return output::json("keyward.keys.set-aside/2", &told);
    }
    let moved = counted(records, "key record was", "key records were");
    output::note(&match tenant {
        Some(_) => format!(
            "{moved} set aside: the tenant begins with new keys, and what was sealed before does not open"
        ),
        None => "the row was set aside: what was sealed under keys in it does not open".to_owned(),
    });
    Ok(())
}

#[derive(Serialize)]
struct Removed<'a> {
    replica: &'a str,
}

/// Removes a replica record that is no lease.
pub(super) async fn remove_replica(home: &Home, replica: &str, json: bool) -> Result<()> {
    home.keyring().admin().remove_replica(replica).await?;
    if json {
        return output::json("keyward.keys.remove-replica/1", &Removed { replica });
    }
    output::note("the record is gone");
    Ok(())
}
