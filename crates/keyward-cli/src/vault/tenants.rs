//! `keyward vault tenants`: whose credentials there are.

use keyward_base::{Error, Result};
use serde::Serialize;

use crate::home::HomeArgs;
use crate::output::{self, counted};

/// Owners read at a time.
const PAGE: usize = 1000;

#[derive(Serialize)]
struct Answer {
    tenants: Vec<String>,
    strange: Vec<String>,
    next: Option<String>,
}

/// Lists at most `limit` tenants after `after`.
///
/// # Errors
/// `Corrupt`, after the list, if records belong to owners that are no tenants.
pub(super) async fn run(
    after: Option<&str>,
    limit: usize,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let home = home_args.open().await?;
    let mut answer = Answer {
        tenants: Vec::new(),
        strange: Vec::new(),
        next: after.map(str::to_owned),
    };
    let mut left = limit;
    loop {
        let from = answer.next.take();
        let page = home
            .vault()
            .tenants(from.as_deref(), left.min(PAGE))
            .await?;
        let read = page.items.len().saturating_add(page.strange.len());
        left = left.saturating_sub(read);
        answer
            .tenants
            .extend(page.items.iter().map(ToString::to_string));
        answer.strange.extend(page.strange);
        answer.next = page.next;
        if left == 0 || answer.next.is_none() {
            break;
        }
    }
    if json {
        output::json("keyward.vault.tenants/1", &answer)?;
    } else {
        answer
            .tenants
            .iter()
            .try_for_each(|tenant| output::say(tenant))?;
        if let Some(next) = &answer.next {
            output::note(&format!(
                "there may be more: `keyward vault tenants --after {next}` goes on"
            ));
        }
    }
    if answer.strange.is_empty() {
        return Ok(());
    }
    let owners = counted(answer.strange.len() as u64, "owner is", "owners are");
    Err(Error::corrupt(format!(
        "{owners} no tenant, and the vault did not write their records: --json names them, see docs/runbook.md"
    )))
}
