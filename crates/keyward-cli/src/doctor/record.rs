//! Whether the home's logs are there, and what would not be seen if they were put back.

use keyward_base::{Error, ErrorKind, Result};
use keyward_embedded::Home;

use super::Check;
use crate::audit::said;
use crate::output::counted;

/// The check's name.
const AUDIT: &str = "audit";

/// Looks at the root log, and at the heads of all logs; `keyward audit verify` looks at their entries
/// too.
pub(super) async fn checks(home: &Home) -> Result<Vec<Check>> {
    let Ok(audit) = home.audit() else {
        let says = "no log is kept, and nothing is recorded: `keyward audit init` begins one";
        return Ok(vec![Check::ok(AUDIT, says)]);
    };
    let failed = |says: String| Check::fail(AUDIT, &Error::corrupt(says));
    // Before the logs: what it says of them they are past.
    let rooted = match audit.rooted().await {
        Ok(rooted) => rooted,
        Err(e) if e.kind() == ErrorKind::Corrupt => {
            return Ok(vec![failed(format!("the root log: {e}"))]);
        }
        Err(e) => return Err(e),
    };
    let logs = audit.logs().await?;
    let (mut checks, mut unknown) = (Vec::new(), 0_u64);
    for of in &logs {
        match rooted.check(of).await {
            Ok(known) => {
                if known.iter().all(|anchored| anchored.size.is_none()) {
                    unknown = unknown.saturating_add(1);
                }
            }
            Err(e) if e.kind() == ErrorKind::Corrupt => checks.push(failed(format!("{of}: {e}"))),
            Err(e) => return Err(e),
        }
    }
    let dropped = rooted.dropped().await?.into_iter();
    checks.extend(dropped.map(|dropped| failed(dropped.to_string())));
    // What somebody accepted is no fault, and stays known.
    let lost = rooted.lost().into_iter();
    checks.extend(lost.map(|lost| Check::ok(AUDIT, said(&lost))));
    let many = u64::try_from(logs.len()).unwrap_or(u64::MAX);
    let kept = counted(many, "log is kept", "logs are kept");
    checks.push(if unknown > 0 {
        Check::warn(
            AUDIT,
            format!(
                "{kept}; the anchor knows nothing of {unknown} of them, and an older database put back would go unnoticed"
            ),
            "keyward audit head",
        )
    } else {
        Check::ok(AUDIT, format!("{kept}, and the anchor knows them"))
    });
    Ok(checks)
}
