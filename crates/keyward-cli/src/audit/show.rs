//! `keyward audit show` and `tail`: entries, for people.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use keyward_audit::audit::Kept;
use keyward_audit::entry::Entry;
use keyward_audit::{Audit, Of};
use keyward_base::{Result, Tenant};
use keyward_embedded::Home;
use serde::Serialize;

use super::line::line;
use super::tenant_of;
use crate::args::Only;
use crate::output;

/// Entries of a page.
const PAGE: usize = 1024;

/// Between two looks of `tail`.
const LOOK: Duration = Duration::from_secs(1);

/// What an entry of the service's own log is shown under.
const SERVICE: &str = "(service)";

#[derive(Serialize)]
struct Answer {
    entries: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    log: Option<String>,
    seq: u64,
    entry: Entry,
}

impl Shown {
    fn line(&self) -> String {
        line(
            self.log.as_deref().unwrap_or(SERVICE),
            self.seq,
            &self.entry,
        )
    }
}

impl Only {
    fn takes(&self, entry: &Entry) -> bool {
        let who = entry.actor.as_ref();
        let by = |wanted: &String| {
            who.is_some_and(|who| who.subject == *wanted || who.for_whom.as_ref() == Some(wanted))
        };
        let action = |wanted: &String| {
            entry.action == *wanted || wanted.ends_with('.') && entry.action.starts_with(wanted)
        };
        self.actor.as_ref().is_none_or(by)
            && self.action.as_ref().is_none_or(action)
            && self.outcome.as_ref().is_none_or(|of| entry.outcome == *of)
            && (!self.staff || who.is_some_and(|who| who.staff))
    }

    fn shown(&self, of: &Of, kept: &Kept) -> Result<Option<Shown>> {
        let entry = kept.entry()?.filter(|entry| self.takes(entry));
        Ok(entry.map(|entry| Shown {
            log: tenant_of(of).map(ToString::to_string),
            seq: kept.seq,
            entry,
        }))
    }
}

async fn logs(audit: &Audit, tenant: Option<&Tenant>) -> Result<Vec<Of>> {
    match tenant {
        Some(tenant) => Ok(vec![Of::Tenant(tenant.clone())]),
        None => audit.logs().await,
    }
}

/// Shows the newest entries that are wanted, by their time.
pub(super) async fn run(
    audit: &Audit,
    tenant: Option<Tenant>,
    only: &Only,
    limit: u32,
    json: bool,
) -> Result<()> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    for of in logs(audit, tenant.as_ref()).await? {
        entries.extend(newest(audit, &of, only, limit).await?);
    }
    entries.sort_by_key(|shown| shown.entry.at);
    let entries = entries.split_off(entries.len().saturating_sub(limit));
    if json {
        return output::json("keyward.audit.show/1", &Answer { entries });
    }
    entries
        .iter()
        .try_for_each(|shown| output::say(&shown.line()))
}

/// The newest of one log: it is read from its end.
async fn newest(audit: &Audit, of: &Of, only: &Only, limit: usize) -> Result<VecDeque<Shown>> {
    let mut found = VecDeque::new();
    let mut end = audit.head(of).await?.map_or(0, |head| head.size());
    while end > 0 && found.len() < limit {
        let start = end.saturating_sub(PAGE as u64);
        let mut page = Vec::new();
        let mut next = Some(start);
        // A page may be cut short by its bytes.
        while let Some(from) = next.filter(|from| *from < end) {
            let count = usize::try_from(end.saturating_sub(from)).unwrap_or(PAGE);
            let read = audit.entries(of, from, count.clamp(1, PAGE)).await?;
            page.extend(read.entries);
            next = read.next;
        }
        for kept in page.iter().rev().filter(|kept| kept.seq < end) {
            if found.len() < limit
                && let Some(shown) = only.shown(of, kept)?
            {
                found.push_front(shown);
            }
        }
        end = start;
    }
    Ok(found)
}

/// Shows entries as they come.
pub(super) async fn tail(
    home: &Home,
    tenant: Option<Tenant>,
    only: &Only,
    json: bool,
) -> Result<()> {
    let audit = home.audit()?;
    let mut seen: HashMap<Of, u64> = HashMap::new();
    let mut first = true;
    loop {
        for of in logs(audit, tenant.as_ref()).await? {
            let size = audit.head(&of).await?.map_or(0, |head| head.size());
            // What was there before is not new; a log that came since is, from its beginning.
            let from = seen
                .entry(of.clone())
                .or_insert(if first { size } else { 0 });
            while *from < size {
                let page = audit.entries(&of, *from, PAGE).await?;
                for kept in &page.entries {
                    *from = kept.seq.saturating_add(1);
                    if let Some(shown) = only.shown(&of, kept)? {
                        tell(&shown, json)?;
                    }
                }
                if page.next.is_none() {
                    break;
                }
            }
        }
        first = false;
        tokio::time::sleep(LOOK).await;
        // Keys that were withdrawn meanwhile vouch for nothing.
        home.keyring().refresh().await?;
    }
}

fn tell(shown: &Shown, json: bool) -> Result<()> {
    if !json {
        return output::say(&shown.line());
    }
    output::json_line("keyward.audit.entry/1", shown)
}
