//! One entry, for people.

use keyward_audit::entry::Entry;
use keyward_base::Timestamp;

use crate::timeline::rfc3339;

/// The named values of an entry, as `name=value`.
fn detail(entry: &Entry) -> String {
    let shown = entry.detail.iter().map(|(name, value)| {
        let value = value.shown();
        format!("{name}={value}")
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The whole entry: when, which number of which log, what, how it ended, and by whom.
pub(super) fn line(log: &str, seq: u64, entry: &Entry) -> String {
    let at = rfc3339(Timestamp::from_millis(entry.at.0));
    let mut line = format!("{at}  {log}#{seq}  {}  {}", entry.action, entry.outcome);
    if let Some(why) = entry.reason.as_ref().or(entry.error.as_ref()) {
        line.push_str(&format!(" ({why})"));
    }
    if let Some(who) = &entry.actor {
        line.push_str(&format!("  by {}", who.subject));
        if who.staff {
            line.push_str(" (staff)");
        }
        if let Some(whom) = &who.for_whom {
            line.push_str(&format!(" for {whom}"));
        }
        if let Some(request) = &who.request {
            line.push_str(&format!(" in {request}"));
        }
    }
    for (name, value) in [
        ("at", &entry.place),
        ("record", &entry.record),
        ("key", &entry.key),
    ] {
        if let Some(value) = value {
            line.push_str(&format!("  {name}={value}"));
        }
    }
    if !entry.detail.is_empty() {
        line.push_str(&format!("  {}", detail(entry)));
    }
    line
}
