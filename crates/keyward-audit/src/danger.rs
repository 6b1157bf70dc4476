//! What makes anchors forget.

use keyward_base::{Error, Result};

use crate::Audit;

/// Has every anchor take the root log as it is now, though it does not go on from what they have:
/// after a backup was restored and the newer logs are lost for good.
///
/// Whatever was recorded since that backup is then missed by nobody, and the logs go on under their
/// names: they do not agree with checkpoints and exports of them that were made since the backup.
/// Whoever has such a one finds out when he compares.
///
/// # Errors
/// As [`Audit::round`], but for what anchors have; `Unavailable` if another process moves a pin
/// meanwhile.
pub async fn accept_restore(audit: &Audit) -> Result<()> {
    if audit.pin_anew().await? {
        return Ok(());
    }
    Err(Error::unavailable(
        "another process wrote the anchor meanwhile: end whatever uses the home, and try again",
    ))
}
