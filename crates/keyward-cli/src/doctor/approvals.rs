//! Whether the gates of a home are what was written, what of them a person has to see to, and what
//! would not be seen if they were put back.

use keyward_approval::gate::Survey;
use keyward_approval::view::{Visible, Where};
use keyward_base::{Error, Result};
use keyward_embedded::Home;

use super::Check;
use crate::approval;
use crate::output::counted;

/// The check's name.
const APPROVAL: &str = "approval";

/// How many gates are looked at: a year of a busy service.
const MOST: u64 = 100_000;

/// How many are read at once.
const PAGE: usize = 1_024;

/// How many of a sort are named.
const NAMED: usize = 5;

/// Looks at all gates, and changes none.
pub(super) async fn checks(home: &Home) -> Result<Vec<Check>> {
    let Some(gates) = approval::of(home).await? else {
        return Ok(Vec::new());
    };
    let (mut all, mut more) = (Survey::default(), true);
    while more && all.seen < MOST {
        let page = gates.survey(all.next.take(), PAGE).await?;
        all.seen = all.seen.saturating_add(page.seen);
        all.waits = all.waits.saturating_add(page.waits);
        all.indeterminate.extend(page.indeterminate);
        all.unreviewed.extend(page.unreviewed);
        all.executors.extend(page.executors);
        all.damaged.extend(page.damaged);
        all.next = page.next;
        more = all.next.is_some();
    }
    let mut checks = Vec::new();
    for (tenant, id) in all.damaged.iter().take(NAMED) {
        let (tenant, id) = (
            Visible::of(tenant, Where::Mail),
            Visible::of(id, Where::Mail),
        );
        let (tenant, id) = (tenant.as_str(), id.as_str());
        let says = format!(
            "gate \"{id}\" of \"{tenant}\" is not what was written: it decides and runs nothing; restore it, \
             or ask anew"
        );
        checks.push(Check::fail(APPROVAL, &Error::corrupt(says)));
    }
    for (tenant, id) in all.indeterminate.iter().take(NAMED) {
        checks.push(Check::warn(
            APPROVAL,
            format!("nobody knows whether gate {id} ran: look, and say so at the service"),
            format!("keyward approval show {tenant} {id}"),
        ));
    }
    for (tenant, id) in all.unreviewed.iter().take(NAMED) {
        checks.push(Check::warn(
            APPROVAL,
            format!("the glass was broken for gate {id}, and nobody has reviewed that"),
            format!("keyward approval show {tenant} {id}"),
        ));
    }
    let whole = if more { "at least " } else { "" };
    let seen = counted(all.seen, "gate is whole", "gates are whole");
    let mut says = format!("{whole}{seen}, {} wait for a decision", all.waits);
    if !all.executors.is_empty() {
        let names: Vec<_> = all
            .executors
            .iter()
            .take(NAMED)
            .map(|n| n.as_str())
            .collect();
        says.push_str(&format!(
            "; that a whole database put back runs nothing twice only the anchor of each executor shows \
             ({}): it lies outside the database, and is not looked at here",
            names.join(", ")
        ));
    }
    checks.push(Check::ok(APPROVAL, says));
    Ok(checks)
}
