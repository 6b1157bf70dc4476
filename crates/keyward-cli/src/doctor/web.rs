//! What the web layer recorded: proxies that nobody named, spoofs, panics, limits that were not read.
//! An operator would not see it otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_audit::entry::Entry;
use keyward_audit::{Audit, Of};
use keyward_base::{Clock as _, ErrorKind, Result, SystemClock};
use keyward_embedded::Home;
use keyward_http::Finding;

use super::Check;
use crate::output::counted;

/// The check's name.
const WEB: &str = "web";

/// How far back is looked: what was mended is a warning for no longer.
const BACK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Entries of a page.
const PAGE: u64 = 1024;

/// The most pages that are read, from the end: at one event a minute of a reason, seven days of one have
/// ten.
const PAGES: u32 = 64;

/// The events that an operator does something about.
const ACTIONS: [&str; 3] = ["web.forwarded", "web.limit", "web.panic"];

/// Warns of each reason in the service's log, with what to do about it.
pub(super) async fn checks(home: &Home) -> Result<Vec<Check>> {
    let Ok(audit) = home.audit() else {
        return Ok(Vec::new());
    };
    let found = match recorded(audit).await {
        Ok(found) => found,
        // The check of the logs has said so.
        Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let warnings = found.into_iter().filter_map(|(reason, count)| {
        let fix = Finding::fix_of(&reason)?;
        let requests = counted(count, "request", "requests");
        let says = format!("{requests} of the last 7 days: {reason}");
        Some(Check::warn(WEB, says, fix))
    });
    Ok(warnings.collect())
}

/// Of how many requests the web layer recorded something lately, by the reason.
async fn recorded(audit: &Audit) -> Result<BTreeMap<String, u64>> {
    let back = u64::try_from(BACK.as_millis()).unwrap_or(u64::MAX);
    let since = SystemClock::new().now()?.as_millis().saturating_sub(back);
    let mut found = BTreeMap::new();
    let mut end = audit
        .head(&Of::Service)
        .await?
        .map_or(0, |head| head.size());
    for _ in 0..PAGES {
        let start = end.saturating_sub(PAGE);
        let (mut next, mut is_recent) = (Some(start), false);
        // A page may be cut short by its bytes.
        while let Some(from) = next.filter(|from| *from < end) {
            let left = usize::try_from(end.saturating_sub(from)).unwrap_or(1);
            let page = audit.entries(&Of::Service, from, left.max(1)).await?;
            for kept in &page.entries {
                // One that was erased says nothing any more.
                let entry = kept.entry()?.filter(|entry| entry.at.0 >= since);
                is_recent |= entry.is_some();
                if let Some((reason, count)) = entry.as_ref().and_then(of_web) {
                    let sum: &mut u64 = found.entry(reason.to_owned()).or_default();
                    *sum = sum.saturating_add(count);
                }
            }
            next = page.next;
        }
        end = start;
        if !is_recent {
            break;
        }
    }
    Ok(found)
}

/// The reason of an event of the web layer, and for how many requests it speaks.
fn of_web(entry: &Entry) -> Option<(&str, u64)> {
    let reason = entry.reason.as_deref()?;
    if !ACTIONS.contains(&entry.action.as_str()) {
        return None;
    }
    let mut detail = entry.detail.iter();
    let (_, count) = detail.find(|(name, _)| name == "count")?;
    Some((reason, count.shown().parse().ok()?))
}
