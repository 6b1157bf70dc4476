//! `keyward audit show` and `tail`: entries, for people.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use keyward_audit::audit::Kept;
use keyward_audit::entry::Entry;
use keyward_audit::erased::Told;
use keyward_audit::{Audit, Of};
use keyward_base::{Result, Tenant, Timestamp};
use keyward_embedded::Home;
use serde::Serialize;

use super::line::line;
use super::tenant_of;
use crate::args::Only;
use crate::output;
use crate::timeline::rfc3339;

/// Entries of a page.
const PAGE: usize = 1024;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

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
    /// None: it was erased.
    entry: Option<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<Erased>,
}

/// An entry of which the leaf is left.
#[derive(Serialize)]
struct Erased {
    day: u32,
    class: String,
    /// The number of the entry that says by which rule; none: no rule says so.
    by: Option<u64>,
}

impl Shown {
    fn line(&self) -> String {
        let log = self.log.as_deref().unwrap_or(SERVICE);
        match (&self.entry, &self.erased) {
            (Some(entry), _) => line(log, self.seq, entry),
            (None, Some(Erased { by: Some(by), .. })) => {
                format!(
                    "{}  {log}#{}  (erased, as entry {by} says)",
                    self.at_text(),
                    self.seq
                )
            }
            (None, _) => format!(
                "{}  {log}#{}  (gone, and no rule says so: `keyward audit verify`)",
                self.at_text(),
                self.seq
            ),
        }
    }

    /// When: of one that was erased, the day.
    fn at(&self) -> u64 {
        let day = self
            .erased
            .as_ref()
            .map(|erased| u64::from(erased.day).saturating_mul(DAY));
        let at = self.entry.as_ref().map(|entry| entry.at.0);
        at.or(day).unwrap_or_default()
    }

    fn at_text(&self) -> String {
        rfc3339(Timestamp::from_millis(self.at()))
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
            entry: Some(entry),
            erased: None,
        }))
    }

    /// An entry that was erased: it is of anything, so that who looks for something sees none.
    fn gone(&self, of: &Of, kept: &Kept, told: &[Told]) -> Option<Shown> {
        let all = self.actor.is_none() && self.action.is_none();
        let all = all && self.outcome.is_none() && !self.staff;
        (all && kept.body.is_none()).then(|| Shown {
            log: tenant_of(of).map(ToString::to_string),
            seq: kept.seq,
            entry: None,
            erased: Some(Erased {
                day: kept.leaf.header.day,
                class: kept.leaf.header.class.as_str().to_owned(),
                by: told
                    .iter()
                    .find(|told| told.takes(kept.seq, &kept.leaf.header))
                    .map(|told| told.record),
            }),
        })
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
        // Of any number of logs, no more are held than are shown and what one log has.
        entries.sort_by_key(Shown::at);
        entries = entries.split_off(entries.len().saturating_sub(limit));
    }
    if json {
        return output::json("keyward.audit.show/1", &Answer { entries });
    }
    entries
        .iter()
        .try_for_each(|shown| output::say(&shown.line()))
}

/// The newest of one log: it is read from its end.
async fn newest(audit: &Audit, of: &Of, only: &Only, limit: usize) -> Result<VecDeque<Shown>> {
    let (mut found, mut told) = (VecDeque::new(), Vec::new());
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
            // The record of an erasure stands behind what it names.
            if let Some(entry) = kept.entry()? {
                told.extend(Told::of(kept.seq, &kept.leaf.header, &entry));
            }
            let shown = match only.shown(of, kept)? {
                None => only.gone(of, kept, &told),
                shown => shown,
            };
            if found.len() < limit
                && let Some(shown) = shown
            {
                found.push_front(shown);
            }
        }
        end = start;
    }
    Ok(found)
}

/// Shows entries as they come, until nobody reads them.
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
                    if let Some(shown) = only.shown(&of, kept)?
                        && !tell(&shown, json)?
                    {
                        return Ok(());
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

/// Shows one; says whether anybody reads.
fn tell(shown: &Shown, json: bool) -> Result<bool> {
    if !json {
        return output::say_if_read(&shown.line());
    }
    output::json_line("keyward.audit.entry/1", shown)
}
