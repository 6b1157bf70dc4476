//! `keyward audit tail --rules`: what the rules of a file reach, as it is recorded.

use std::path::Path;
use std::time::Duration;

use keyward_audit::alert::{AlertRule, Anomaly, Follower, MAX_LEN};
use keyward_base::Result;
use keyward_embedded::Home;
use serde_json::Value;

use crate::input;
use crate::output;
use crate::timeline::rfc3339;
use keyward_base::Timestamp;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The rules of a file.
pub(super) fn rules(file: &Path) -> Result<Vec<AlertRule>> {
    AlertRule::parse(&input::bytes(file, MAX_LEN)?)
}

/// Tells anomalies, one a line, until it is stopped or nobody reads.
pub(super) async fn run(home: &Home, rules: &[AlertRule], json: bool) -> Result<()> {
    let mut follower = Follower::new(home.audit()?.clone(), rules).await?;
    let (mut dropped, mut failed) = (0, Vec::new());
    loop {
        let looked = follower.look().await?;
        for anomaly in &looked.anomalies {
            if !tell(anomaly, json)? {
                return Ok(());
            }
        }
        for (of, e) in looked.failed {
            // Once, not at each look.
            if !failed.contains(&of) {
                output::complain(&format!("keyward: {of}: {e}"));
                failed.push(of);
            }
        }
        if follower.dropped() > dropped {
            dropped = follower.dropped();
            output::complain(&format!(
                "keyward: {dropped} windows were given up: too many actors or endpoints at once"
            ));
        }
        if !looked.more {
            tokio::time::sleep(LOOK).await;
            // Keys that were withdrawn meanwhile vouch for nothing.
            home.keyring().refresh().await?;
        }
    }
}

/// Tells one; says whether anybody reads.
fn tell(anomaly: &Anomaly, json: bool) -> Result<bool> {
    if json {
        return output::json_line("keyward.audit.anomaly/1", anomaly);
    }
    let word = |value: Option<Value>| value.and_then(|v| v.as_str().map(str::to_owned));
    let kind = word(serde_json::to_value(anomaly.rule.kind).ok()).unwrap_or_default();
    let since = rfc3339(Timestamp::from_millis(anomaly.since));
    output::say_if_read(&format!(
        "{since}  {kind}: {} or more of {} within {} s, at entry {}#{}",
        anomaly.rule.count,
        anomaly.key,
        anomaly.rule.seconds,
        anomaly.tenant.as_deref().unwrap_or("(service)"),
        anomaly.seq,
    ))
}
