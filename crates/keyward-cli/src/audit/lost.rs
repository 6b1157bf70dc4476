//! `keyward audit accept-loss`: logs that are gone for good, and who says so.

use keyward_audit::audit::Lost;
use keyward_audit::leaf::origin;
use keyward_audit::{Audit, LogId, danger};
use keyward_base::Result;
use serde::Serialize;

use super::retain::confirm;
use crate::output::{self, counted};
use crate::timeline::rfc3339;

#[derive(Serialize)]
struct Answer {
    lost: Vec<LostLog>,
}

/// A log that was accepted as lost.
#[derive(Serialize)]
pub(super) struct LostLog {
    log: String,
    entries: u64,
    /// Null for the service itself.
    by: Option<String>,
    at: String,
    /// The number of the root log's entry that says so.
    record: u64,
}

impl LostLog {
    pub(super) fn of(lost: Lost) -> Result<Self> {
        Ok(Self {
            log: origin(&lost.log)?.to_string(),
            entries: lost.size,
            by: lost.by.map(|who| who.subject),
            at: rfc3339(lost.at),
            record: lost.record,
        })
    }
}

/// For people, what is known of it.
pub(crate) fn said(lost: &Lost) -> String {
    format!("{lost} at {}", rfc3339(lost.at))
}

/// Accepts that those logs are lost.
pub(super) async fn accept(audit: &Audit, logs: &[LogId], sure: bool, json: bool) -> Result<()> {
    if !sure {
        confirm(
            "nobody will be told any more that these logs are missed, and where one of them is the service's, entries go by what is set now",
            "lost",
        )?;
    }
    let lost = danger::accept_loss(audit, logs).await?;
    if json {
        let lost = lost.into_iter().map(LostLog::of);
        let lost = lost.collect::<Result<_>>()?;
        return output::json("keyward.audit.accept-loss/1", &Answer { lost });
    }
    for one in &lost {
        output::say(&said(one))?;
    }
    output::note(&format!(
        "{} accepted as lost: `keyward audit verify` says so from now on",
        counted(lost.len() as u64, "log is", "logs are")
    ));
    Ok(())
}
