//! What a rotation of the keys of the home's logs needs beside: checkpoints that the old and the new
//! key sign, and heads under the new one.

use keyward_audit::audit::{HEAD_PURPOSE, SIGN_PURPOSE};
use keyward_base::{Purpose, Result};
use keyward_embedded::Home;

use crate::output;
use crate::progress::Progress;

/// Makes the key that is to come, and has it sign the checkpoints of all logs beside the one before:
/// for whoever pinned that one. Nothing for any other purpose.
pub(super) async fn run(home: &Home, purpose: &Purpose) -> Result<Vec<String>> {
    let Ok(audit) = home.audit() else {
        return Ok(Vec::new());
    };
    let keyring = home.keyring();
    let ends = keyring.status().keys;
    // A rotation that goes on has handed over.
    let ends = ends.iter().any(|key| key.purpose == *purpose && key.ending);
    if purpose.as_str() != SIGN_PURPOSE || ends {
        return Ok(Vec::new());
    }
    keyring.admin().rotate(purpose).await?;
    let progress = Progress::count("logs");
    let signed = audit.checkpoints(progress.counter()).await?;
    progress.end();
    // A key is replaced all the same: of what is not what was written, nothing is handed over.
    for (of, e) in &signed.bad {
        output::note(&format!("nothing is signed of {of}: {e}"));
    }
    let checkpoints = signed.checkpoints.into_iter();
    Ok(checkpoints.map(|(_, signed)| signed).collect())
}

/// Writes them to standard output, as `keyward audit head` does.
pub(super) fn put(checkpoints: &[String]) -> Result<()> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    output::note(
        "each checkpoint is signed by the old and the new key: hand them to who pinned the old one",
    );
    output::put(checkpoints.join("\n").as_bytes())
}

/// MACs the heads of the logs anew, so that the key before may go. Says whether there were any.
pub(super) async fn renew(home: &Home, purpose: &Purpose) -> Result<bool> {
    match home.audit() {
        Ok(audit) if purpose.as_str() == HEAD_PURPOSE => Ok(audit.renew().await?.renewed > 0),
        _ => Ok(false),
    }
}
