//! `keyward keys set-aside` and `remove-replica`: the ways out that `keyward doctor` names.

use keyward_base::Result;
use keyward_embedded::Home;
use serde::Serialize;

use crate::output::{self, counted};

#[derive(Serialize)]
struct SetAside<'a> {
    tenant: &'a str,
    records: u64,
}

/// Gives up the key records of a tenant that cannot be read.
pub(super) async fn set_aside(home: &Home, tenant: &str, json: bool) -> Result<()> {
    let records = home.keyring().admin().set_aside(tenant).await?;
    if json {
        return output::json("keyward.keys.set-aside/1", &SetAside { tenant, records });
    }
    let moved = counted(records, "key record was", "key records were");
    output::note(&format!(
        "{moved} set aside: the tenant begins with new keys, and what was sealed before does not open"
    ));
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
