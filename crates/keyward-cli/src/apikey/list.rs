//! `keyward apikey list`.

use keyward_base::{Error, Result};
use serde::Serialize;

use super::open;
use super::row::Row;
use crate::args::ApiKeysOf;
use crate::home::HomeArgs;
use crate::output::{self, counted};

#[derive(Serialize)]
struct Answer {
    tenant: String,
    prefix: String,
    keys: Vec<Row>,
    damaged: u64,
}

/// Lists the keys of a tenant.
///
/// # Errors
/// `Corrupt`, after the list, if some rows are not what was written.
pub(super) async fn run(of: &ApiKeysOf, home_args: &HomeArgs, json: bool) -> Result<()> {
    let home = home_args.open().await?;
    let keys = open(&home, of.prefix.as_deref()).await?;
    let mut answer = Answer {
        tenant: of.tenant.to_string(),
        prefix: keys.prefix().to_owned(),
        keys: Vec::new(),
        damaged: 0,
    };
    let mut after = None;
    loop {
        let page = keys.list(&of.tenant, after).await?;
        answer.keys.extend(page.keys.iter().map(Row::of));
        answer.damaged = answer.damaged.saturating_add(page.damaged);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if json {
        output::json("keyward.apikey.list/1", &answer)?;
    } else if answer.keys.is_empty() {
        output::note(&format!("{} has no keys {}…", of.tenant, answer.prefix));
    } else {
        for row in &answer.keys {
            output::say(&row.in_words())?;
        }
    }
    if answer.damaged > 0 {
        return Err(Error::corrupt(format!(
            "{} not what was written, and let nobody in: restore data.db from a backup, or make the \
             keys anew",
            counted(answer.damaged, "row is", "rows are")
        )));
    }
    Ok(())
}
